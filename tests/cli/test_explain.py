"""`standby explain`: what the chain would do, in lines that a person reads and as data."""

import base64
import gzip
from collections.abc import Callable

import pytest

from standby import plugin
from standby.config import PACKAGED
from standby.failures import Kind
from tests.cli.runner import Run, process, write

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
    write(FILE)


def test_a_failure_is_explained_line_by_line(run: Run) -> None:
    result = run("explain", "--status", "503", "--message", "The model is overloaded")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == [
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


def test_without_a_trigger_the_default_is_shown(run: Run) -> None:
    result = run("explain", "--kind", "unauthorized", "--chain", "plain")
    assert result.out.splitlines()[2:-2] == [
        "no trigger fires: the default for unauthorized is next",
        "the first time: next, second; rests the model for at least 300s",
        "a person must act: an alert goes to the log and to the application",
    ]
    assert result.out.startswith(
        "first fails; no status, code or message is known, so no trigger that looks for one "
        "can fire\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--kind", "blocked"),
            "the first time: stop, the caller gets the error; does not affect the model's health\n",
        ),
        (("--kind", "empty", "--model", "second"), "the first time: NO_MODEL_LEFT"),
        (
            ("--kind", "rate_limited", "--retry-after", "1s"),
            "the first time: retry first after 1s; does not affect",
        ),
        (
            ("--kind", "rate_limited", "--retry-after", "34s"),
            (
                "next, second (no retry: the stated delay of 34s is longer than 2s); rests the "
                "model for at least 34s"
            ),
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
def test_what_follows_is_shown(run: Run, arguments: tuple[str, ...], message: str) -> None:
    message = message.replace("NO_MODEL_LEFT", "no model is left, the call fails")
    assert message in run("explain", *arguments).out


def test_without_a_failure_the_plan_is_shown(run: Run) -> None:
    result = run("explain")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == [
        "chain default, for at most 90s",
        (
            "first (scripted): up to 3 attempts, 10s each; a stream's first token in 10s, the "
            "next in 10s"
        ),
        "  triggers: late, busy",
        (
            "second (scripted): up to 3 attempts, 20s each; a stream's first token in 20s, the "
            "next in 20s"
        ),
        "  triggers: late, busy",
        "trigger late (models.yaml:6): then stop",
        "trigger busy (models.yaml:7): then retry",
        f"at worst: 6 attempts, 90s, {UNPRICED}; each billed for 1000 tokens in and 500 out",
    ]


def test_the_worst_case_is_priced_for_calls_of_a_size(run: Run) -> None:
    write(PRICED)
    output = run("explain", "--tokens", "8000/1000").out.splitlines()
    assert output[2] == "  costs: $0.02 an attempt"
    assert output[-1] == (
        "at worst: 6 attempts, 90s, at least $0.06 (the price of second is not known); "
        "each billed for 8000 tokens in and 1000 out"
    )
    after = run(
        "explain", "--status", "503", "--chain", "plain", "--tokens", "8000/1000", "--json"
    ).json
    assert after["worst"]["cost"] == {"dollars": pytest.approx(0.04), "unpriced": ["second"]}
    assert after["worst"]["tokens"]["input"] == 8000


def test_a_price_may_be_a_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(PRICED)
    monkeypatch.setenv("DOLLARS", "2.50")
    assert "costs: $0.03 an attempt" in run("explain", "--tokens", "8000/1000").out


def test_a_wrong_size_is_a_wrong_command_line(run: Run) -> None:
    result = run("explain", "--tokens", "much")
    assert (result.status, result.out) == (2, "")
    assert (
        "'much' is not the size of a call; write tokens in and tokens out, like 1000/500"
        in result.err
    )


def test_the_plan_names_unreachable_models_and_hedges(run: Run) -> None:
    output = run("explain", "--chain", "alone").out
    assert "second (scripted): not called, fallback is false\n" in output
    assert "no hedge: after first comes no model that is called and does not rest\n" in output
    beside = run("explain", "--chain", "beside", "--tokens", "8000/1000").out
    assert (
        "where a model shows no sign of life for 2s, the next one is called beside it, once "
        "in a call\n"
    ) in beside
    assert (
        "  first gets 5s where its answer is not streamed: it thinks, and shows no sign "
        "until then\n"
    ) in beside
    often = "1 request more in 20 calls at most (and up to 5 more to begin with)"
    assert (
        f"  that makes {often}; what each costs at most: an unknown cost (the "
        "price of second is not known)\n"
    ) in beside


@pytest.mark.parametrize("arguments", [(), ("--kind", "empty")])
def test_a_missing_key_is_reported(run: Run, arguments: tuple[str, ...]) -> None:
    output = run("explain", "--chain", "keyed", *arguments).out
    assert (
        "gpt-6-luna has no key here, and is skipped until it has one: set OPENAI_API_KEY\n"
        in output
    )


def test_a_stated_delay_is_mentioned_only_where_it_prevents_a_retry(run: Run) -> None:
    for arguments in (("rate_limited", "2s"), ("unauthorized", "34s")):
        assert (
            "no retry"
            not in run(
                "explain", "--chain", "plain", "--kind", arguments[0], "--retry-after", arguments[1]
            ).out
        )


def test_a_model_that_begins_resting_gets_one_attempt(run: Run) -> None:
    write("version: 1\nchains: {default: {models: [o3-mini, gpt-6-luna], hedge: {after: 2s}}}\n")
    plan = run("explain").out
    assert "o3-mini (openai): up to 1 attempt," in plan
    assert "no hedge: after gpt-6-luna comes no model" in plan
    assert (
        "the first time: next, gpt-6-luna"
        in run("explain", "--model", "o3-mini", "--kind", "overloaded").out
    )


def test_the_plugin_says_what_a_failure_is(run: Run) -> None:
    arguments = (
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
        in run("explain", *arguments).out
    )


OWN_SHAPE = """
from standby.plugin import Card, Failure, Kind, ProviderInfo, hookimpl, kind_of_status
from standby.plugin import get_object, get_str


@hookimpl
def standby_provider():
    here = "standby_extra"
    return ProviderInfo(
        adapter=f"{here}:Own", stub_server=f"{here}:stub", failures=f"{here}:read"
    )


@hookimpl
def standby_models():
    return {"own-1": Card()}


class Own:
    def __init__(self, provider):
        pass

    async def complete(self, call):
        raise AssertionError("no model is called")


def stub(path, request, says):
    return {"fault": {"reason": says.code or "none", "detail": says.message}}


def read(status, headers, body):
    fault = get_object(get_object(body).get("fault"))
    kind = Kind.QUOTA_EXHAUSTED if fault.get("reason") == "spent" else kind_of_status(status)
    code, message = get_str(fault.get("reason")), get_str(fault.get("detail"))
    return Failure(kind=kind, status=status, code=code or None, message=message)
"""


def test_a_plugin_is_handed_its_vendors_own_shape(run: Run, install: Callable[..., None]) -> None:
    project = {
        "name": "standby-extra",
        "version": "1",
        "entry-points": {plugin.GROUP: {"own": "standby_extra"}},
    }
    install(project, {"standby_extra.py": OWN_SHAPE})
    write(FILE + "  own: {models: [own-1, first], triggers: []}\n")
    output = run(
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
    assert output.startswith(
        "own-1 fails with 429 spent. It is used up.\n"
        "kind: quota_exhausted, because the vendor's code 'spent' says so\n"
    )
    write('{"fault": {"reason": "spent", "detail": "Used up."}}', "body.json")
    output = run("explain", "--chain", "own", "--recording", "body.json", "--status", "400").out
    assert output.startswith(
        "own-1 fails with 400 spent. Used up.\n"
        "kind: quota_exhausted, because the vendor's code 'spent' says so\n"
    )


def test_files_are_read(run: Run) -> None:
    write('{"error": {"message": "slow down", "code": 503}}', "body.json")
    assert (
        "kind: overloaded, because HTTP 503 means that\n"
        in run("explain", "--recording", "body.json").out
    )
    assert (
        "kind: rate_limited, because HTTP 429 means"
        in run("explain", "--recording", "body.json", "--status", "429").out
    )
    write("httpx2.ReadTimeout: The read operation timed out\n", "raised.txt")
    output = run("explain", "--exception", "raised.txt").out
    assert output.startswith(
        "first fails with timeout: The read operation timed out\n"
        "kind: timeout, because the exception ReadTimeout says so\n"
    )
    assert (
        "kind: empty, because it was given\n"
        in run("explain", "--exception", "raised.txt", "--kind", "empty").out
    )


def test_as_json_it_is_the_same(run: Run) -> None:
    report = run("explain", "--kind", "overloaded", "--status", "503", "--json").json
    assert (report["kind"], report["next"], report["because"]) == (
        "overloaded",
        "second",
        "it was given",
    )
    assert report["rules"][1]["outcome"] == "passed over"
    assert [step["then"] for step in report["steps"]] == ["retry", "next"]
    assert [model["model"] for model in run("explain", "--json").json["models"]] == [
        "first",
        "second",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
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
            "models.yaml is not a cassette: it has no list 'interactions' or",
        ),
        (("--exception", "nowhere"), "File 'nowhere' does not exist"),
        (("--retry-after", "soon"), "'soon' is not a duration"),
        (("--kind", "odd"), "'odd' is not known; write one of "),
    ],
)
def test_what_cannot_be_explained_is_reported(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    result = run("explain", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


def test_an_error_as_json_is_one_object(run: Run) -> None:
    result = run("explain", "--message", "x", "--json")
    assert (result.status, result.json["error"]["type"]) == (2, "RequestError")
    write("version: 1\nchains: {default: {models: [nonesuch]}}\n")
    result = run("explain", "--json")
    assert (result.status, result.json["error"]["problems"][0]["code"]) == (2, "unknown-model")
    assert "models.yaml:2" in run("explain").err


@pytest.mark.parametrize("kind", Kind)
def test_the_chain_that_ships_is_explained_on_a_machine_without_secrets(
    run: Run, kind: Kind
) -> None:
    result = run("explain", "--config", str(PACKAGED), "--kind", kind.value)
    assert (result.status, result.err) == (0, "")
    assert f"kind: {kind}, because it was given\n" in result.out


def test_no_key_is_ever_shown() -> None:
    arguments = (
        "--chain",
        "keyed",
        "--model",
        "gpt-6-luna",
        "--status",
        "401",
        "--message",
        "wrong key: sk-opens-nothing",
    )
    result = process("explain", *arguments, OPENAI_API_KEY="sk-opens-nothing")
    assert result.status == 0
    assert "sk-" not in result.out + result.err


BLOCKED = (
    '{"candidates": [{"content": {}, "finishReason": "SAFETY"}], "modelVersion": "gemini-2.5-pro"}'
)
FINE = (
    '{"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}], '
    '"modelVersion": "gemini-2.5-pro"}'
)


def test_an_answer_that_is_no_error_is_played_to_the_plugin(run: Run) -> None:
    write("version: 1\nchains: {default: {models: [gemini-2.5-pro, o3-mini]}}\n")
    write(BLOCKED, "blocked.json")
    report = run("explain", "--recording", "blocked.json")
    assert report.status == 0
    assert report.out.startswith(
        "gemini-2.5-pro fails with 200 SAFETY. the answer was blocked: SAFETY\n"
        "kind: blocked, because the plugin reads the answer so\n"
    )
    assert "the first time: stop" in report.out


def test_a_good_answer_is_no_failure(run: Run) -> None:
    write("version: 1\nchains: {default: {models: [gemini-2.5-pro, o3-mini]}}\n")
    write(FINE, "fine.json")
    report = run("explain", "--recording", "fine.json")
    message = (
        "it is an answer that the chain accepts; "
        "give --status if it was an error, or the failure's kind by --kind"
    )
    assert (report.status, report.err) == (2, f"standby: fine.json holds no failure: {message}\n")


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
    ("body", "status", "message"),
    [(BLOCKED, 0, "200 SAFETY. the answer"), (FINE, 2, "no failure: it is")],
)
def test_a_packed_answer_is_unpacked_for_the_plugin(
    run: Run, body: str, status: int, message: str
) -> None:
    write("version: 1\nchains: {default: {models: [gemini-2.5-pro, o3-mini]}}\n")
    packed = base64.b64encode(gzip.compress(body.encode())).decode()
    write(RUBY.format(packed), "ruby.yml")
    write(
        RUBY.format(packed)
        .replace("http_interactions", "interactions")
        .replace("!binary", "!!binary"),
        "python.yaml",
    )
    for file in ("ruby.yml", "python.yaml"):
        result = run("explain", "--recording", file)
        assert result.status == status
        assert message in result.out + result.err
