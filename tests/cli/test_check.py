"""`standby check`: real questions over real sockets, and whether the chains would answer."""

import io
import os
import pty
import re
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import click
import pytest

from standby import AsyncStandby
from standby.cli.advice import ADVICE
from standby.cli.live_check import LIMIT
from standby.failures import Kind
from tests.cli.runner import Run, write
from tests.support.loopback import (
    GEMINI_503,
    GEMINI_BAD_KEY,
    OPENAI_404,
    OPENAI_429_QUOTA,
    OPENAI_500,
    OPENAI_503,
    Answer,
    Loopback,
    Received,
    both,
    garbage,
    hang,
    html,
    late,
    openai_error,
    openai_reply,
    reset,
    respond,
)

CANARY = "sk-canary-5f0c2d9e"

Servers = tuple[Loopback, Loopback]

FILE = """\
version: 1
providers:
  first: {{plugin: gemini, base_url: "{gemini}", api_key: "${{FIRST_KEY}}"}}
  second: {{plugin: openai, base_url: "{openai}/v1", api_key: "${{SECOND_KEY}}"}}
models:
  gemini-2.5-pro: {{provider: first}}
  o3-mini: {{provider: second}}
  aside: {{provider: second, model: o3-mini}}
chains:
  default: {{models: [gemini-2.5-pro, o3-mini]}}
  other: {{models: [o3-mini]}}
"""


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """Two vendors that are well, and a file that names them; both take one key."""
    monkeypatch.setenv("FIRST_KEY", CANARY)
    monkeypatch.setenv("SECOND_KEY", CANARY)
    with both() as (gemini, openai):
        write(FILE.format(gemini=gemini.url, openai=openai.url))
        yield gemini, openai


def models(result: Any) -> dict[str, dict[str, Any]]:
    return {each["model"]: each for each in result.json["models"]}


# What is sent


def test_each_model_gets_one_request_without_streaming_for_few_tokens(
    run: Run, servers: Servers
) -> None:
    gemini, openai = servers
    result = run("check")
    assert result.status == 0
    [first], [second] = gemini.requests, openai.requests  # two chains name o3-mini
    assert first.json["generationConfig"]["maxOutputTokens"] == LIMIT
    assert second.json["max_completion_tokens"] == LIMIT
    assert "single word OK" in second.json["messages"][0]["content"]


def test_a_failed_model_is_not_retried(run: Run, servers: Servers) -> None:
    gemini, _ = servers
    gemini.script(GEMINI_503)
    assert run("check").status == 0
    assert len(gemini.requests) == 1


def test_the_models_are_called_at_the_same_time(run: Run, servers: Servers) -> None:
    meeting = threading.Barrier(2)

    def meet(answer: Answer) -> Any:
        def answer_and_count(_: Received) -> Answer:
            meeting.wait(20)  # broken, and the answer a failure, unless the other is called too
            return answer

        return answer_and_count

    gemini, openai = servers
    gemini.script(meet(GEMINI_503))
    openai.script(meet(openai_reply("OK")))
    assert [each["kind"] for each in run("check", "--json").json["models"]] == ["overloaded", None]


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize(
    ("arguments", "checked"),
    [
        (("--chain", "other"), {"o3-mini"}),
        (("--chain", "other", "--chain", "default"), {"gemini-2.5-pro", "o3-mini"}),
        (("--model", "aside"), {"aside"}),
        (("--model", "aside", "--model", "o3-mini"), {"aside", "o3-mini"}),
        (("--chain", "default", "--model", "o3-mini"), {"o3-mini"}),
    ],
)
def test_chains_and_models_can_be_named(
    run: Run, arguments: tuple[str, ...], checked: set[str]
) -> None:
    assert set(models(run("check", "--json", *arguments))) == checked


def test_without_fallback_only_the_first_model_counts(run: Run, servers: Servers) -> None:
    gemini, openai = servers
    write(
        FILE.format(gemini=gemini.url, openai=openai.url).replace(
            "o3-mini]}\n", "o3-mini], fallback: false}\n", 1
        )
    )
    gemini.script(GEMINI_503)
    result = run("check", "--chain", "default", "--json")
    assert (result.status, list(models(result))) == (1, ["gemini-2.5-pro"])


def test_no_breaker_learns_of_a_check(run: Run, servers: Servers) -> None:
    gemini, _ = servers
    gemini.script(GEMINI_BAD_KEY)  # rests for minutes in a call
    assert models(run("check", "--json"))["gemini-2.5-pro"]["kind"] == "unauthorized"
    assert {
        each.state for each in AsyncStandby("models.yaml", warm_up=False).health().values()
    } == {"closed"}


# What came of it


def test_an_answer_is_shown_with_its_time_and_the_model_that_served(
    run: Run, servers: Servers
) -> None:
    _, openai = servers
    openai.script(late(0.3, openai_reply("OK")))
    check = models(run("check", "--json"))["o3-mini"]
    assert 0.3 <= check.pop("seconds") < 20
    assert check == {
        "model": "o3-mini",
        "provider": "second",
        "outcome": "answered",
        "response_model": "o3-mini-2025-01-31",
        "kind": None,
        "status": None,
        "text": "",
        "do": "",
    }


BAD_KEY = openai_error(
    401,
    f"Incorrect API key provided: {CANARY}.",
    kind="invalid_request_error",
    code="invalid_api_key",
)
THOUGHT_TO_THE_END = openai_reply("", finish="length")

OUTCOMES: Mapping[str, tuple[Answer, str, str | None, str]] = {
    "well": (openai_reply("OK"), "answered", None, ""),
    "cut": (
        openai_reply("OK, so", finish="length"),
        "answered",
        "truncated",
        f"nothing: .* limit of {LIMIT} tokens cut it",
    ),
    "thinking": (
        THOUGHT_TO_THE_END,
        "answered",
        "empty",
        f"nothing: .* limit of {LIMIT} tokens was spent",
    ),
    "silent": (openai_reply(""), "failed", "empty", "check again"),
    "overloaded": (OPENAI_503, "failed", "overloaded", "check again in some minutes"),
    "broken": (OPENAI_500, "failed", "server_error", "status page"),
    "key": (BAD_KEY, "failed", "unauthorized", r"key of provider 'second' \(SECOND_KEY\)"),
    "quota": (OPENAI_429_QUOTA, "failed", "quota_exhausted", "billing"),
    "gone": (OPENAI_404, "failed", "model_missing", "check the vendor's id 'o3-mini'"),
    "reset": (
        reset(),
        "failed",
        "connection",
        "check the network, the proxy .* base_url of provider 'second'",
    ),
    "no-http": (garbage(), "failed", "connection", "check the network"),
    "proxy": (html(200), "failed", "malformed", "base_url of provider 'second'"),
    "refused": (
        openai_error(400, "Unsupported.", kind="invalid_request_error"),
        "failed",
        "invalid_request",
        "'drop'",
    ),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_outcome_has_its_kind_and_says_what_to_do(
    run: Run, servers: Servers, name: str
) -> None:
    answer, outcome, kind, do = OUTCOMES[name]
    servers[1].script(answer)
    result = run("check", "--model", "o3-mini", "--json")
    check = models(result)["o3-mini"]
    assert (result.status, check["outcome"], check["kind"]) == (
        0 if outcome == "answered" else 1,
        outcome,
        kind,
    )
    assert bool(check["text"]) == (kind is not None)
    assert re.fullmatch(f".*{do}.*" if do else "", check["do"])


def test_a_model_that_hangs_is_cancelled_after_the_time_out(run: Run, servers: Servers) -> None:
    servers[0].script(hang())
    before = time.monotonic()
    result = run("check", "--timeout", "500ms", "--model", "gemini-2.5-pro")
    assert time.monotonic() - before < 20
    assert result.status == 1
    assert (
        "gemini-2.5-pro: timeout: no answer in 0.5s\n  to do: check again with a longer --timeout"
        in result.out
    )


def test_a_person_reads_a_table_then_what_to_do_then_the_chains(run: Run, servers: Servers) -> None:
    servers[0].script(GEMINI_503)
    result = run("check")
    head, first, second, *rest = result.out.splitlines()
    assert head.split() == ["model", "provider", "outcome", "response_model", "kind"]
    assert first.split()[:3] + first.split()[-1:] == [
        "gemini-2.5-pro",
        "first",
        "failed",
        "overloaded",
    ]
    assert second.split()[:4] == ["o3-mini", "second", "answered", "in"]
    assert rest == [
        "",
        "gemini-2.5-pro: 503 UNAVAILABLE. The model is overloaded. Please try again later.",
        f"  to do: {ADVICE[Kind.OVERLOADED]}",
        "",
        "default: answers, by o3-mini",
        "other: answers, by o3-mini",
    ]


def test_a_vendors_text_stays_on_its_line_and_moves_no_cursor(run: Run, servers: Servers) -> None:
    servers[1].script(openai_reply("OK", model="o3\x1b[2J\nfake  row"))
    result = run("check", "--model", "o3-mini")
    assert "\x1b" not in result.out + result.err
    assert "o3\\u001b[2J fake row" in result.out


# Whether it will do


def test_a_chain_without_a_model_that_answers_fails_the_check(run: Run, servers: Servers) -> None:
    servers[1].script(OPENAI_500)
    result = run("check", "--json")
    assert result.status == 1
    assert result.json["fine"] is False
    assert result.json["chains"] == {
        "default": {"answers": True, "by": "gemini-2.5-pro", "stops_at": None},
        "other": {"answers": False, "by": None, "stops_at": None},
    }
    assert "other: cannot answer: none of its models does" in run("check").out


def test_a_failure_that_stops_the_chain_fails_the_check_though_a_later_model_answers(
    run: Run, servers: Servers
) -> None:
    servers[0].script(
        respond(
            400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "Unknown field."}}
        )
    )
    result = run("check", "--chain", "default")
    assert result.status == 1
    assert (
        "default: cannot answer: gemini-2.5-pro stops it, and no other model is called"
        in result.out
    )


def test_a_named_model_must_answer_itself(run: Run, servers: Servers) -> None:
    servers[0].script(GEMINI_503)
    assert run("check", "--model", "o3-mini").status == 0
    assert run("check", "--model", "o3-mini", "--model", "gemini-2.5-pro").status == 1
    assert run("check", "--chain", "default", "--model", "gemini-2.5-pro").status == 1


# Keys


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_model_without_a_key_is_skipped_and_says_what_to_set(
    run: Run, options: tuple[str, ...]
) -> None:
    write("version: 1\nchains: {default: {models: [gemini-2.5-pro, o3-mini]}}")
    result = run("check", *options)
    assert result.status == 1
    assert (
        "set GEMINI_API_KEY or GOOGLE_API_KEY, in the environment or in a file .env" in result.out
    )
    assert result.err.count("skipped") == 2


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize(
    "answer",
    [BAD_KEY, openai_reply(CANARY, model=CANARY), html(502, f"<html>{CANARY}</html>"), reset()],
    ids=str,
)
def test_no_key_is_ever_shown(
    run: Run, servers: Servers, options: tuple[str, ...], answer: Answer
) -> None:
    servers[1].script(answer)
    result = run("check", *options)
    assert CANARY in servers[1].requests[0].headers["authorization"]
    assert CANARY not in result.out + result.err
    assert CANARY[4:] not in result.out + result.err


# What is wrong beforehand


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--chain", "defualt"),
            "models.yaml has no chain named 'defualt'; did you mean 'default'?",
        ),
        (("--chain", "xyz"), "models.yaml has no chain named 'xyz'; it has default, other"),
        (("--model", "o3mini"), "models.yaml has no model named 'o3mini'; did you mean 'o3-mini'?"),
        (
            ("--model", "aside", "--chain", "other"),
            "other has no model named 'aside'; it has o3-mini",
        ),
    ],
)
def test_an_unknown_name_is_reported_with_the_nearest(
    run: Run, servers: Servers, arguments: tuple[str, ...], message: str
) -> None:
    result = run("check", *arguments)
    assert (result.status, result.out, result.err) == (2, "", f"standby: {message}\n")
    result = run("check", "--json", *arguments)
    assert (result.status, result.json["error"]["message"]) == (2, message)
    assert not servers[1].requests


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_wrong_file_is_reported_and_no_model_is_called(
    run: Run, options: tuple[str, ...]
) -> None:
    write("version: 1\nchains: {default: {models: [parrot-9]}}")
    result = run("check", *options)
    assert result.status == 2
    assert "no model is named 'parrot-9'" in result.out + result.err


def test_a_time_out_that_is_no_duration_is_refused(run: Run) -> None:
    result = run("check", "--timeout", "soon")
    assert result.status == 2
    assert "--timeout" in result.err


# Progress


def test_without_a_terminal_each_model_is_a_line_on_standard_error(
    run: Run, servers: Servers
) -> None:
    servers[0].script(GEMINI_503)
    result = run("check", "--json")
    first, *lines = result.err.splitlines()
    assert first == f"asking 2 models, each for at most {LIMIT} tokens"
    assert sorted(line.split()[:2] for line in lines) == [
        ["gemini-2.5-pro", "failed"],
        ["o3-mini", "answered"],
    ]


@pytest.mark.usefixtures("servers")
def test_on_a_terminal_a_bar_moves_and_goes_away(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    outside, inside = pty.openpty()
    with os.fdopen(outside, "rb", buffering=0) as screen, ThreadPoolExecutor(1) as reader:
        with os.fdopen(inside, "w", encoding="utf-8") as terminal:
            reading = reader.submit(_read_all, screen)
            monkeypatch.setattr("sys.stderr", terminal)
            result = run("check", "--json")
        output = click.unstyle(reading.result(20).decode())
    assert result.status == 0
    assert "asking 2 models" in output
    assert "o3-mini  answered" not in output


def _read_all(screen: io.FileIO) -> bytes:
    """Read a terminal to its end; one read returns only what has arrived."""
    output = b""
    with suppress(OSError):  # a terminal whose programs have ended cannot be read
        while block := screen.read(65536):
            output += block
    return output
