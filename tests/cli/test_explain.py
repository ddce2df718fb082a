"""`standby explain`: what the chain would do, in lines that a person reads and as data."""

import base64
import gzip
from collections.abc import Callable

import pytest

from standby import plugin
from standby.config import PACKAGED
from standby.failures import Kind
from tests.cli.running import Run, process, written

FILE = """\
version: 1
models:
  first: {provider: scripted, timeout: 10s, options: {reply: a}}
  second: {provider: scripted, timeout: 20s, options: {reply: b}}
triggers:
  late: {kind: timeout, then: stop}
  busy:
    status: 5xx
    message: overloaded
    then: retry
chains:
  default: {models: [first, second], retry: {attempts: 3}, deadline: 90s}
  plain: {models: [first, second], triggers: []}
  alone: {models: [first, second], fallback: false, hedge: {after: 8s}}
  beside: {models: [first, second], hedge: {after: 2s}}
  keyed: {models: [first, gpt-6-luna], triggers: []}
"""

UNPRICED = "an unknown cost (the price of first, second is not known)"

PRICED = FILE.replace(
    "first: {", "first: {card: {price: {input: '${DOLLARS:-1.25}', output: 10}}, "
)


@pytest.fixture(autouse=True)
def _file() -> None:
    written(FILE)


def test_a_failure_is_explained_line_by_line(run: Run) -> None:
    ran = run("explain", "--status", "503", "--message", "The model is overloaded")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "first fails with 503 Service Unavailable. The model is overloaded",
        "kind: overloaded, because HTTP 503 means that",
        "trigger late (models.yaml:6) is passed over: kind: overloaded, not timeout",
        "trigger busy (models.yaml:7) fires, then retry",
        "the first time: retry first after up to 0.5s; counts towards a rest",
        "after the retry: retry first after up to 1s; counts towards a rest",
        "after retry 2: next, second; counts towards a rest",
        "in a stream that has begun: stop, the caller has the text so far",
        f"at worst: 6 attempts, 90s, {UNPRICED}; each billed for 1000 tokens in and 500 out",
    ]


def test_without_a_trigger_the_table_is_told(run: Run) -> None:
    ran = run("explain", "--kind", "unauthorized", "--chain", "plain")
    assert ran.out.splitlines()[2:-2] == [
        "no trigger fires: the default for unauthorized is next",
        "the first time: next, second; rests the model for at least 300s",
        "a person must act: an alert goes to the log and to the application",
    ]
    assert ran.out.startswith(
        "first fails; no status, code or message is known, so no trigger that looks for one can fire\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--kind", "blocked"),
            "the first time: stop, the caller gets the error; does not affect the model's health\n",
        ),
        (("--kind", "empty", "--model", "second"), "the first time: next: nobody"),
        (
            ("--kind", "rate_limited", "--retry-after", "1s"),
            "the first time: retry first after 1s; does not affect",
        ),
        (
            ("--kind", "rate_limited", "--retry-after", "34s"),
            "next, second (no retry: the stated delay of 34s is longer than 2s); rests the model for at least 34s",
        ),
        (
            ("--kind", "truncated"),
            "the first time: accept a reply, marked; without a reply: next, second; ",
        ),
        (("--kind", "timeout"), "trigger late (models.yaml:6) fires, then stop\n"),
        (
            ("--kind", "overloaded", "--after", "85s"),
            "(a pause of 0s or more does not fit into the deadline: then next)",
        ),
    ],
)
def test_what_follows_is_told(run: Run, words: tuple[str, ...], told: str) -> None:
    told = told.replace("next: nobody", "no model is left, the call fails")
    assert told in run("explain", *words).out


def test_without_a_failure_the_plan_is_told(run: Run) -> None:
    ran = run("explain")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "chain default, for at most 90s",
        "first (scripted): up to 3 attempts, 10s each; a stream's first token in 10s, the next in 10s",
        "  triggers: late, busy",
        "second (scripted): up to 3 attempts, 20s each; a stream's first token in 20s, the next in 20s",
        "  triggers: late, busy",
        "trigger late (models.yaml:6): then stop",
        "trigger busy (models.yaml:7): then retry",
        f"at worst: 6 attempts, 90s, {UNPRICED}; each billed for 1000 tokens in and 500 out",
    ]


def test_the_worst_case_is_told_in_money_for_calls_of_a_size(run: Run) -> None:
    written(PRICED)
    told = run("explain", "--tokens", "8000/1000").out.splitlines()
    assert told[2] == "  costs: $0.02 an attempt"
    assert told[-1] == (
        "at worst: 6 attempts, 90s, at least $0.06 (the price of second is not known); "
        "each billed for 8000 tokens in and 1000 out"
    )
    after = run(
        "explain", "--status", "503", "--chain", "plain", "--tokens", "8000/1000", "--json"
    ).json
    assert after["worst"]["cost"] == {"dollars": pytest.approx(0.04), "unpriced": ["second"]}
    assert after["worst"]["tokens"]["input"] == 8000


def test_a_price_may_be_a_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    written(PRICED)
    monkeypatch.setenv("DOLLARS", "2.50")
    assert "costs: $0.03 an attempt" in run("explain", "--tokens", "8000/1000").out


def test_what_is_no_size_is_a_wrong_command_line(run: Run) -> None:
    ran = run("explain", "--tokens", "much")
    assert (ran.status, ran.out) == (2, "")
    assert "'much' is not the size of a call; write tokens in and tokens out, like 1000/500" in ran.err


def test_the_plan_tells_who_is_not_asked_and_what_is_asked_beside(run: Run) -> None:
    told = run("explain", "--chain", "alone").out
    assert "second (scripted): not called, fallback is false\n" in told
    assert (
        "no hedge: after first comes no model that is called and does not rest\n" in told
    )
    beside = run("explain", "--chain", "beside", "--tokens", "8000/1000").out
    assert (
        "where a model shows no sign of life for 2s, the next one is called beside it, once in a call\n"
        in beside
    )
    assert (
        "  first gets 5s where its answer is not streamed: it thinks, and shows no sign until then\n"
        in beside
    )
    often = "1 request more in 20 calls at most (and up to 5 more to begin with)"
    assert (
        f"  that makes {often}; what each costs at most: an unknown cost (the price of second is not known)\n"
        in beside
    )


@pytest.mark.parametrize("words", [(), ("--kind", "empty")])
def test_a_missing_key_is_told(run: Run, words: tuple[str, ...]) -> None:
    told = run("explain", "--chain", "keyed", *words).out
    assert (
        "gpt-6-luna has no key here, and is skipped until it has one: set OPENAI_API_KEY\n"
        in told
    )


def test_a_delay_is_blamed_only_where_a_retry_was_due_and_it_is_too_long(run: Run) -> None:
    for words in (("rate_limited", "2s"), ("unauthorized", "34s")):
        assert (
            "no retry"
            not in run(
                "explain", "--chain", "plain", "--kind", words[0], "--retry-after", words[1]
            ).out
        )


def test_one_that_begins_resting_is_asked_once(run: Run) -> None:
    written("version: 1\nchains: {default: {models: [o3-mini, gpt-6-luna], hedge: {after: 2s}}}\n")
    plan = run("explain").out
    assert "o3-mini (openai): up to 1 attempt," in plan
    assert "no hedge: after gpt-6-luna comes no model" in plan
    assert (
        "the first time: next, gpt-6-luna"
        in run("explain", "--model", "o3-mini", "--kind", "overloaded").out
    )


def test_the_plugin_says_what_a_failure_is(run: Run) -> None:
    words = (
        "--chain",
        "keyed",
        "--model",
        "gpt-6-luna",
        "--status",
        "429",
        "--code",
        "insufficient_quota",
    )
    assert (
        "kind: quota_exhausted, because the vendor's code 'insufficient_quota' says so\n"
        in run("explain", *words).out
    )


OWN_SHAPE = """
from standby.plugin import Card, Failure, Kind, ProviderInfo, hookimpl, kind_of_status, get_object, get_str


@hookimpl
def standby_provider():
    return ProviderInfo(adapter="standby_extra:Own", stub_server="standby_extra:stub", failures="standby_extra:read")


@hookimpl
def standby_models():
    return {"own-1": Card()}


class Own:
    def __init__(self, provider):
        pass

    async def complete(self, call):
        raise AssertionError("nobody is asked")


def stub(path, asked, says):
    return {"fault": {"reason": says.code or "none", "detail": says.message}}


def read(status, headers, body):
    told = get_object(get_object(body).get("fault"))
    kind = Kind.QUOTA_EXHAUSTED if told.get("reason") == "spent" else kind_of_status(status)
    return Failure(kind=kind, status=status, code=get_str(told.get("reason")) or None, message=get_str(told.get("detail")))
"""


def test_a_plugin_is_handed_its_vendors_own_shape(run: Run, install: Callable[..., None]) -> None:
    project = {
        "name": "standby-extra",
        "version": "1",
        "entry-points": {plugin.GROUP: {"own": "standby_extra"}},
    }
    install(project, {"standby_extra.py": OWN_SHAPE})
    written(FILE + "  own: {models: [own-1, first], triggers: []}\n")
    told = run(
        "explain",
        "--chain",
        "own",
        "--status",
        "429",
        "--code",
        "spent",
        "--message",
        "It is used up.",
    ).out
    assert told.startswith(
        "own-1 fails with 429 spent. It is used up.\nkind: quota_exhausted, because the vendor's code 'spent' says so\n"
    )
    written('{"fault": {"reason": "spent", "detail": "Used up."}}', "body.json")
    told = run("explain", "--chain", "own", "--recording", "body.json", "--status", "400").out
    assert told.startswith(
        "own-1 fails with 400 spent. Used up.\nkind: quota_exhausted, because the vendor's code 'spent' says so\n"
    )


def test_files_are_read(run: Run) -> None:
    written('{"error": {"message": "slow down", "code": 503}}', "body.json")
    assert (
        "kind: overloaded, because HTTP 503 means that\n"
        in run("explain", "--recording", "body.json").out
    )
    assert (
        "kind: rate_limited, because HTTP 429 means"
        in run("explain", "--recording", "body.json", "--status", "429").out
    )
    written("httpx2.ReadTimeout: The read operation timed out\n", "raised.txt")
    told = run("explain", "--exception", "raised.txt").out
    assert told.startswith(
        "first fails with timeout: The read operation timed out\nkind: timeout, because the exception ReadTimeout says so\n"
    )
    assert (
        "kind: empty, because it was given\n"
        in run("explain", "--exception", "raised.txt", "--kind", "empty").out
    )


def test_as_json_it_is_the_same(run: Run) -> None:
    told = run("explain", "--kind", "overloaded", "--status", "503", "--json").json
    assert (told["kind"], told["next"], told["because"]) == ("overloaded", "second", "it was given")
    assert told["rules"][1]["outcome"] == "passed over"
    assert [step["then"] for step in told["steps"]] == ["retry", "next"]
    assert [model["model"] for model in run("explain", "--json").json["models"]] == [
        "first",
        "second",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--message", "it went wrong"),
            "the message alone shows no kind; give --status or --code too, or --kind",
        ),
        (
            ("--kind", "empty", "--model", "third"),
            "chain 'default' calls no model 'third'; it calls first, second",
        ),
        (("--model", "frist"), "chain 'default' calls no model 'frist'; did you mean 'first'?"),
        (
            ("--kind", "empty", "--status", "503"),
            "HTTP 503 means overloaded, not empty; give one of --status and --kind",
        ),
        (
            ("--exception", "models.yaml", "--status", "500"),
            "an exception has its own status, if it has one; omit --status",
        ),
        (
            ("--chain", "alone", "--kind", "empty", "--model", "second"),
            "calls no model 'second'; it calls first",
        ),
        (("--chain", "defualt"), "no chain is named 'defualt'; did you mean 'default'?"),
        (
            ("--exception", "models.yaml", "--message", "x"),
            "give one of --exception, --recording, and --status",
        ),
        (
            ("--recording", "models.yaml"),
            "models.yaml is no cassette: it has no list 'interactions' or",
        ),
        (("--exception", "nowhere"), "File 'nowhere' does not exist"),
        (("--retry-after", "soon"), "'soon' is not a duration"),
        (("--kind", "odd"), "'odd' is not known; write one of "),
    ],
)
def test_what_cannot_be_explained_is_told(run: Run, words: tuple[str, ...], told: str) -> None:
    ran = run("explain", *words)
    assert (ran.status, ran.out) == (2, "")
    assert told in ran.err


def test_an_error_as_json_is_one_object(run: Run) -> None:
    ran = run("explain", "--message", "x", "--json")
    assert (ran.status, ran.json["error"]["type"]) == (2, "RequestError")
    written("version: 1\nchains: {default: {models: [nonesuch]}}\n")
    ran = run("explain", "--json")
    assert (ran.status, ran.json["error"]["problems"][0]["code"]) == (2, "unknown-model")
    assert "models.yaml:2" in run("explain").err


@pytest.mark.parametrize("kind", Kind)
def test_the_chain_that_ships_is_explained_on_a_machine_without_secrets(
    run: Run, kind: Kind
) -> None:
    ran = run("explain", "--config", str(PACKAGED), "--kind", kind.value)
    assert (ran.status, ran.err) == (0, "")
    assert f"kind: {kind}, because it was given\n" in ran.out


def test_no_key_is_ever_shown() -> None:
    words = (
        "--chain",
        "keyed",
        "--model",
        "gpt-6-luna",
        "--status",
        "401",
        "--message",
        "wrong key: sk-opens-nothing",
    )
    ran = process("explain", *words, OPENAI_API_KEY="sk-opens-nothing")
    assert ran.status == 0
    assert "sk-" not in ran.out + ran.err


BLOCKED = (
    '{"candidates": [{"content": {}, "finishReason": "SAFETY"}], "modelVersion": "gemini-2.5-pro"}'
)
FINE = '{"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}], "modelVersion": "gemini-2.5-pro"}'


def test_an_answer_that_is_no_error_is_played_to_the_plugin(run: Run) -> None:
    written("version: 1\nchains: {default: {models: [gemini-2.5-pro, o3-mini]}}\n")
    written(BLOCKED, "blocked.json")
    told = run("explain", "--recording", "blocked.json")
    assert told.status == 0
    assert told.out.startswith(
        "gemini-2.5-pro fails with 200 SAFETY. the answer was blocked: SAFETY\n"
        "kind: blocked, because the plugin reads the answer so\n"
    )
    assert "the first time: stop" in told.out


def test_a_good_answer_is_no_failure(run: Run) -> None:
    written("version: 1\nchains: {default: {models: [gemini-2.5-pro, o3-mini]}}\n")
    written(FINE, "fine.json")
    told = run("explain", "--recording", "fine.json")
    words = (
        "it is an answer that the chain accepts; "
        "give --status if it was an error, or the failure's kind by --kind"
    )
    assert (told.status, told.err) == (2, f"standby: fine.json holds no failure: {words}\n")


RUBY = """---
http_interactions:
- request: {{method: post, uri: "https://api.example/v1"}}
  response:
    status: {{code: 200, message: OK}}
    headers: {{Content-Type: [application/json], Content-Encoding: [gzip]}}
    body: {{encoding: ASCII-8BIT, string: !binary {}}}
recorded_with: VCR 6.3.1
"""


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [(BLOCKED, 0, "200 SAFETY. the answer"), (FINE, 2, "no failure: it is")],
)
def test_a_packed_answer_is_played_to_the_plugin_as_it_was_meant(
    run: Run, body: str, status: int, told: str
) -> None:
    written("version: 1\nchains: {default: {models: [gemini-2.5-pro, o3-mini]}}\n")
    packed = base64.b64encode(gzip.compress(body.encode())).decode()
    written(RUBY.format(packed), "ruby.yml")
    written(
        RUBY.format(packed)
        .replace("http_interactions", "interactions")
        .replace("!binary", "!!binary"),
        "python.yaml",
    )
    for file in ("ruby.yml", "python.yaml"):
        ran = run("explain", "--recording", file)
        assert ran.status == status
        assert told in ran.out + ran.err
