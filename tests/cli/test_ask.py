"""`standby ask`: the answer on standard output, the trail on standard error, the exit status."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from standby.observe.log import logger
from standby.resilience import health
from tests.cli.runner import SCRIPTED, Run, mask_times, write, write_scripted
from tests.support.loopback import GEMINI_BAD_KEY, Loopback, both, openai_error

DISCLAIMER = "well: a fixed text, not a model's answer\n"


# What is shown


def test_the_answer_goes_to_standard_output_and_the_trail_to_standard_error(run: Run) -> None:
    write_scripted()
    result = run("ask", "Which city?")
    assert (result.status, result.out) == (0, "Lisbon.\n")
    assert mask_times(result.err) == (
        "gone  failed after 0.0s  model_missing: 404 Not Found. no such model  -> next "
        "(trigger retired)\n"
        f"well  answered in 0.0s\n{DISCLAIMER}"
    )


def test_a_stream_shows_the_same(run: Run) -> None:
    write_scripted()
    complete = run("ask", "Which city?")
    health.forget()  # as a process of its own would
    streamed = run("ask", "Which city?", "--stream")
    assert (streamed.status, streamed.out) == (complete.status, complete.out)
    assert mask_times(streamed.err) == mask_times(complete.err)


HOSTILE = """\
version: 1
models:
  bad:
    provider: scripted
    options: {script: [{fail: {kind: overloaded, message: "\\e[2J\\u202Eno"}}]}
  good: {provider: scripted, options: {reply: "\\e]0;title\\a a\\tb\\n\\x9B31mc \\u2066"}}
chains:
  default: {models: [bad, good], retry: {attempts: 1}}
  bad: {models: [bad], retry: {attempts: 1}}
"""
"""A failure and an answer with what a terminal obeys."""


@pytest.mark.usefixtures("log_as_it_was")
@pytest.mark.parametrize("options", [(), ("--stream",), ("-v",), ("--chain", "bad"), ("--json",)])
def test_nothing_that_a_terminal_obeys_is_shown(run: Run, options: tuple[str, ...]) -> None:
    write(HOSTILE)
    result = run("ask", "Which city?", *options)
    shown = result.out + result.err
    assert not {letter for letter in "\x1b\x07\x9b\u202e\u2066" if letter in shown}
    assert r"\u001b[2J\u202eno" in shown
    if options == ("--json",):
        assert result.json["text"] == "\x1b]0;title\x07 a\tb\n\x9b31mc \u2066"
    elif "bad" not in options:
        assert result.out == "\\u001b]0;title\\u0007 a\tb\n\\u009b31mc \\u2066\n"


def test_a_parameter_that_a_model_refuses_is_named_on_the_trail(run: Run) -> None:
    write(
        f"{SCRIPTED}  picky: {{models: [picky]}}\n".replace(
            "models:\n", f"models:\n  picky: {PICKY}\n", 1
        )
    )
    assert (
        "  without temperature\n"
        in run("ask", "Which city?", "--chain", "picky", "--temperature", "0.2").err
    )


PICKY = "{provider: scripted, options: {reply: Lisbon.}, drop: [temperature, top_p]}"


def test_as_json_it_is_the_reply_with_its_trail_and_nothing_else(run: Run) -> None:
    write_scripted()
    result = run("ask", "Which city?", "--json")
    assert (result.status, result.err) == (0, "")
    reply = result.json
    assert (reply["text"], reply["model"], reply["provider"], reply["finish"]) == (
        "Lisbon.",
        "well",
        "scripted",
        "stop",
    )
    assert [(each["model"], each["kind"], each["then"]) for each in reply["trail"]] == [
        ("gone", "model_missing", "next"),
        ("well", None, None),
    ]
    assert run("ask", "Which city?", "--json", "--stream").json["text"] == "Lisbon."


def test_the_options_are_what_is_sent(run: Run) -> None:
    with both() as (_, openai):
        write(f"""
version: 1
providers:
  mine: {{plugin: openai, base_url: "{openai.url}/v1"}}
chains:
  default: {{models: [mine/any-model]}}
  other: {{models: [mine/another-model]}}
""")
        arguments = (
            "--system",
            "Be brief.",
            "--temperature",
            "0.2",
            "--max-tokens",
            "99",
            "--chain",
            "other",
            "--deadline",
            "30s",
        )
        more = ("--top-p", "0.5", "--seed", "0", "--stop", "b", "--stop", "c")
        assert run("ask", "  Which city?\n", *arguments, *more).status == 0
        [sent] = openai.requests
    assert sent.json["model"] == "another-model"
    assert sent.json["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which city?"},
    ]
    assert [sent.json[name] for name in ("temperature", "top_p", "seed", "stop")] == [
        0.2,
        0.5,
        0,
        ["b", "c"],
    ]
    assert 99 in (sent.json.get("max_tokens"), sent.json.get("max_completion_tokens"))


def test_a_dash_reads_the_question_from_standard_input(run: Run) -> None:
    with both() as (_, openai):
        write(f"""
version: 1
providers:
  mine: {{plugin: openai, base_url: "{openai.url}/v1"}}
chains:
  default: {{models: [mine/any-model]}}
""")
        assert run("ask", "-", stdin="Que cidade é?\nSó o nome.\n".encode()).status == 0
        [sent] = openai.requests
    assert sent.json["messages"] == [{"role": "user", "content": "Que cidade é?\nSó o nome."}]


@pytest.fixture
def log_as_it_was() -> Iterator[None]:
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.usefixtures("log_as_it_was")
def test_verbose_shows_the_log_before_the_trail(run: Run) -> None:
    write_scripted()
    result = run("ask", "Which city?", "-v")
    assert (result.status, result.out) == (0, "Lisbon.\n")
    errors = re.sub(r"^2.{22} ", "", result.err, flags=re.MULTILINE)
    assert re.sub(r"rests for \d+s", "rests for 300s", mask_times(errors)).startswith(
        "WARNING default: gone failed (model_missing, trigger retired): 404 Not Found. no "
        "such model\n"
        "ERROR default: gone needs a person's attention (model_missing): 404 Not Found. no "
        "such model\n"
        "WARNING default: gone rests for 300s, after model_missing\n"
        "WARNING default: moving on from gone to well (model_missing, trigger retired)\n"
        "INFO default: well answered in 0.0s, instead of gone (a fixed text, not a model's "
        "answer)\n"
        "gone  failed after 0.0s  "
    )


# A call that fails: status 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_chain_that_fails_leaves_standard_output_empty_and_says_why(
    run: Run, *, stream: bool
) -> None:
    write_scripted()
    result = run("ask", "Which city?", "--chain", "fails", *["--stream"] * stream)
    assert (result.status, result.out) == (1, "")
    assert mask_times(result.err) == (
        "gone  failed after 0.0s  model_missing: 404 Not Found. no such model  -> next "
        "(trigger retired)\n"
        "standby: 404 Not Found. no such model\n"
    )


def test_a_failure_that_stops_a_chain_is_reported_and_no_other_model_is_called(run: Run) -> None:
    write_scripted()
    result = run("ask", "Which city?", "--chain", "stops")
    assert (result.status, result.out) == (1, "")
    assert mask_times(result.err) == (
        "blocked  failed after 0.0s  blocked: a filter said no  -> stop\n"
        "standby: a filter said no\n"
    )


def test_a_stream_that_breaks_keeps_what_was_shown_on_a_line_of_its_own(run: Run) -> None:
    write_scripted()
    result = run("ask", "Which city?", "--chain", "cut", "--stream")
    assert (result.status, result.out) == (1, "Lis\n")
    assert result.err.endswith(
        "standby: the stream broke after 3 characters: connection error: reset\n"
    )


def test_a_stream_that_restarts_names_the_model_and_starts_a_new_line(run: Run) -> None:
    write(
        SCRIPTED
        + "  anew: {models: [cut, well], retry: {attempts: 1}, stream: {on_break: restart}}\n"
    )
    result = run("ask", "Which city?", "--chain", "anew", "--stream")
    assert (result.status, result.out) == (0, "Lis\nLisbon.\n")
    assert result.err.startswith("the answer broke off; well gives another, from its beginning:\n")


@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_that_passes_is_a_failure(run: Run, *, stream: bool) -> None:
    write_scripted()
    result = run(
        "ask", "Which city?", "--chain", "hangs", "--deadline", "50ms", *["--stream"] * stream
    )
    assert (result.status, result.out) == (1, "")
    assert result.err.endswith(
        "standby: no complete reply within the deadline of 0.05s; asked: hangs (no answer yet)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "kind", "message"),
    [
        (("--chain", "fails"), 1, "ChainExhausted", "404 Not Found. no such model"),
        (("--chain", "stops"), 1, "Stopped", "a filter said no"),
        (
            ("--chain", "hangs", "--deadline", "50ms"),
            1,
            "DeadlineExceeded",
            "no complete reply within the deadline of 0.05s",
        ),
        (("--chain", "falis"), 2, "RequestError", "no chain is named 'falis'"),
        (("--max-tokens", "0"), 2, "RequestError", "max_tokens: "),
        (("--config", "nowhere.yaml"), 2, "ConfigError", "nowhere.yaml  error  cannot be read"),
    ],
)
def test_as_json_a_failure_is_one_object_on_standard_output(
    run: Run, arguments: tuple[str, ...], status: int, kind: str, message: str
) -> None:
    write_scripted()
    result = run("ask", "Which city?", "--json", *arguments)
    assert (result.status, result.err) == (status, "")
    error = result.json["error"]
    assert error["type"] == kind
    assert error["message"].startswith(message)
    assert bool(error["trail"]) is (status == 1)
    assert bool(error["problems"]) is (kind == "ConfigError")


def test_wrong_keys_are_reported_with_the_vendors_message_and_not_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-wrong-as-can-be")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-as-can-be")
    with both() as (gemini, openai):
        gemini.script(GEMINI_BAD_KEY)
        openai.script(
            openai_error(
                401,
                "Incorrect API key provided: sk-wrong-as-can-be.",
                kind="invalid_request_error",
                code="invalid_api_key",
            )
        )
        write(_two(gemini, openai))
        result = run("ask", "Which city?")
    assert (result.status, result.out) == (1, "")
    assert "gemini-2.5-pro  failed after" in result.err
    assert (
        "unauthorized: 400 INVALID_ARGUMENT. API key not valid. Please pass a valid API key. "
        " -> next"
    ) in result.err
    assert (
        "unauthorized: 401 invalid_api_key. Incorrect API key provided: ***.  -> next" in result.err
    )
    assert "wrong-as-can-be" not in result.err


def _two(gemini: Loopback, openai: Loopback) -> str:
    return f"""
version: 1
providers:
  gemini: {{plugin: gemini, base_url: "{gemini.url}"}}
  openai: {{plugin: openai, base_url: "{openai.url}/v1"}}
chains:
  default: {{models: [gemini-2.5-pro, o3-mini]}}
"""


def test_without_keys_each_model_names_the_variable_that_is_missing(run: Run) -> None:
    result = run("ask", "Which city?")
    assert (result.status, result.out) == (1, "")
    named = [line for line in result.err.splitlines() if "no key: set" in line]
    assert {line.partition("  ->")[0] for line in named if "  skipped  " in line} == {
        "gemini-2.5-pro  skipped  unavailable: no key: set GEMINI_API_KEY or GOOGLE_API_KEY",
        "o3-mini  skipped  unavailable: no key: set OPENAI_API_KEY",
        "gpt-5.6-sol  skipped  unavailable: no key: set OPENAI_API_KEY",
    }


def test_without_weights_the_embedded_model_names_the_command_that_fetches_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xllamacpp", reason="standby[local] is not installed")
    monkeypatch.setenv("STANDBY_CACHE", "empty")
    result = run("ask", "Which city?", "--chain", "demo")
    assert result.status == 1
    assert "smollm2-135m  skipped  unavailable: no weights at " in result.err
    assert result.err.endswith("run: standby local pull\n")


# A command line that is wrong: status 2, and nothing is sent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'TEXT'"),
        (
            ("",),
            'standby: TEXT is empty; write a question, or "-" to read one from standard input\n',
        ),
        ((" \n",), "standby: TEXT is empty; "),
        (("-",), "standby: standard input is empty; "),
        (
            ("two", "words"),
            (
                "standby: no file is named 'words'; if it belongs to the question, put all of "
                "that in quotes\n"
            ),
        ),
        (("now", "three", "words"), "Got unexpected extra argument (words)"),
        (("hello", "--chain", "healhty"), "standby: no chain is named 'healhty'; "),
        (("hello", "--cahin", "healthy"), "--chain"),
        (("hello", "--deadline", "3"), "Invalid value for '--deadline': '3' is not a duration; "),
        (("hello", "--deadline", "0s"), "0s"),
        (("hello", "--temperature", "hot"), "Invalid value for '--temperature': 'hot'"),
        (("hello", "--max-tokens", "many"), "Invalid value for '--max-tokens': 'many'"),
        (("hello", "--max-tokens", "0"), "standby: max_tokens: "),
    ],
)
def test_each_mistake_on_the_command_line_is_named(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    write_scripted()
    result = run("ask", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


def test_a_misspelt_chain_is_answered_with_the_nearest(run: Run) -> None:
    write_scripted()
    assert "healthy" in run("ask", "hello", "--chain", "healhty").err.partition(";")[2]


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"\xff\xfe", "standby: standard input is not utf-8 text; convert it\n"),
        (
            None,
            (
                'standby: standard input is empty; write a question, or "-" to read one from '
                "standard input\n"
            ),
        ),
    ],
    ids=["bytes", "closed"],
)
def test_standard_input_that_is_not_text_is_reported(
    run: Run, stdin: bytes | None, message: str
) -> None:
    write_scripted()
    result = run("ask", "-", stdin=stdin)
    assert (result.status, result.out, result.err) == (2, "", message)


def chain(fields: str) -> str:
    return f"version: 1\nchains: {{default: {{{fields}}}}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "models.yaml  error  the file is empty; begin with 'version: 1' and 'chains:'"),
        ("version: 1\nchains:\n\tdefault: x", "  error  this is not YAML: "),
        ("version: 1\nchains: {default: {models: [a}", "  error  this is not YAML: "),
        (chain("models: []"), "  error  chains.default.models is empty; "),
        ("version: 1\nchains: {}", "  error  chains is empty; "),
        (chain("models: [gemini-2.5-por]"), "did you mean 'gemini-2.5-pro'?"),
        (chain("models: [gemni/x]"), "is named 'gemni'; did you mean 'gemini'?"),
        (chain("models: [o3-mini], triggerz: []"), "did you mean 'triggers'?"),
        (chain("models: [o3-mini], deadline: 30"), "30s"),
    ],
)
def test_a_wrong_file_is_reported_with_its_line_and_the_remedy(
    run: Run, text: str, message: str
) -> None:
    write(text)
    result = run("ask", "hello")
    assert (result.status, result.out) == (2, "")
    assert message in result.err


def test_all_problems_are_reported_at_once(run: Run) -> None:
    write("version: 1\nchains:\n  default: {models: [o4-mni]}\n  other: {models: [openia/x]}\n")
    errors = run("ask", "hello").err
    assert [line.partition("  ")[0].rpartition(":")[0] for line in errors.splitlines()] == [
        "models.yaml:3",
        "models.yaml:4",
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            "nowhere.yaml",
            (
                "nowhere.yaml  error  cannot be read: no such file or directory; check the name "
                "and the permissions\n"
            ),
        ),
        (".", ".  error  this is a directory; name the models.yaml in it\n"),
    ],
)
def test_a_path_that_is_not_a_file_is_reported(run: Run, config: str, message: str) -> None:
    result = run("ask", "hello", "--config", config)
    assert (result.status, result.out, result.err) == (2, "", message)


# A schema

SAYS = "{provider: scripted, options: {reply: '%s'}, card: {schema: true}}"
CITY = '{"type": "object", "required": ["city"]}'


def says(text: str) -> None:
    write(
        f"version: 1\nmodels:\n  a: {SAYS % text}\nchains:\n"
        f"  default: {{models: [a], retry: {{attempts: 1}}}}\n"
    )


def test_with_a_schema_the_data_is_printed_as_json(run: Run, tmp_path: Path) -> None:
    says('{"city":   "Lisbon"}')
    (tmp_path / "city.json").write_text(CITY, encoding="utf-8")
    result = run("ask", "Which city?", "--schema", str(tmp_path / "city.json"))
    assert (result.status, result.out) == (0, '{"city":"Lisbon"}\n')


def test_an_answer_that_does_not_fit_fails(run: Run, tmp_path: Path) -> None:
    says("{}")
    (tmp_path / "city.json").write_text(CITY, encoding="utf-8")
    result = run("ask", "Which city?", "--schema", str(tmp_path / "city.json"))
    assert result.status == 1
    assert "schema_mismatch: the answer does not fit the schema" in result.err


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot be read: No such file"), ("{", "is not JSON: "), ("[]", "schema: ")],
)
def test_an_invalid_schema_is_a_wrong_command_line(
    run: Run, tmp_path: Path, text: str | None, message: str
) -> None:
    says("{}")
    if text is not None:
        (tmp_path / "city.json").write_text(text, encoding="utf-8")
    result = run("ask", "Which city?", "--schema", str(tmp_path / "city.json"))
    assert result.status == 2
    assert message in result.err


# The trail says each thing once


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        ("{kind: connection, message: 'connection error: refused'}", "connection error: refused"),
        ("{kind: timeout, message: 'timeout: late'}", "timeout: late"),
        (
            "{kind: overloaded, status: 503, message: Busy.}",
            "overloaded: 503 Service Unavailable. Busy.",
        ),
    ],
)
def test_the_kind_is_shown_where_the_text_does_not_begin_with_it(
    run: Run, fail: str, message: str
) -> None:
    model = f"{{provider: scripted, options: {{script: [{{fail: {fail}}}]}}}}"
    write(
        f"version: 1\nmodels:\n  a: {model}\nchains:\n"
        f"  default: {{models: [a], retry: {{attempts: 1}}}}\n"
    )
    assert mask_times(run("ask", "Which city?").err).startswith(
        f"a  failed after 0.0s  {message}  -> next\n"
    )
