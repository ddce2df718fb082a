"""The project's main use: Gemini fails, o3-mini answers, and the user sees one reply.

The packaged chain runs with real SDKs over real sockets: on the command line, and from Python,
blocking and asynchronous.
"""

import asyncio
import logging
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from standby import AsyncStandby, CallFailed, ChainExhausted, Kind, Reply, Standby
from standby.config import PACKAGED
from standby.failures import Attempt
from tests.support.loopback import (
    GEMINI_429,
    GEMINI_500,
    GEMINI_503,
    GEMINI_504,
    OPENAI_500,
    Answer,
    Loopback,
    both,
    cut,
    gemini_error,
    gemini_reply,
    gemini_stream,
    hang,
    html,
    reset,
)

KEYS: Mapping[str, str] = {"GEMINI_API_KEY": "a-key-of-google", "OPENAI_API_KEY": "a-key-of-openai"}
QUESTION = "What is the capital of Portugal?"
ERROR_500 = (
    "500 INTERNAL. An internal error has occurred. "
    "Please retry or report in https://developers.generativeai.google/guide/troubleshooting"
)


class WithoutPause(random.Random):
    """No pause before a retry: full jitter at its lower bound."""

    def uniform(self, a: float, b: float) -> float:
        del b
        return a


class Stage(msgspec.Struct):
    """Both vendors' servers, and a file with the packaged chain for them."""

    gemini: Loopback
    openai: Loopback
    folder: Path

    def write(self, text: str = "", more: str = "") -> Path:
        """Write models.yaml: the packaged chain or another text, with these servers' endpoints."""
        file = self.folder / "models.yaml"
        endpoints = f"""
providers:
  gemini: {{plugin: gemini, base_url: "{self.gemini.url}"}}
  openai: {{plugin: openai, base_url: "{self.openai.url}/v1"}}
"""
        file.write_text(
            (text or PACKAGED.read_text(encoding="utf-8")) + endpoints + more, encoding="utf-8"
        )
        return file

    @property
    def requests(self) -> tuple[int, int]:
        """Return the number of requests to Gemini and to OpenAI."""
        return len(self.gemini.requests), len(self.openai.requests)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.chdir(tmp_path)
    with both() as (gemini, openai):
        stage = Stage(gemini, openai, tmp_path)
        stage.write()
        yield stage


# The ways to call


class Answered(msgspec.Struct):
    """The parts of a reply that all ways have: the text, the model and the trail."""

    text: str
    model: str
    trail: list[Attempt]


Ask = Callable[..., Answered]


def blocking(environ: Mapping[str, str] = KEYS, **sampling: Any) -> Answered:
    with Standby(environ=environ, jitter=WithoutPause()) as client:
        return _read_reply(client.chat(QUESTION, **sampling))


def blocking_stream(environ: Mapping[str, str] = KEYS, **sampling: Any) -> Answered:
    with (
        Standby(environ=environ, jitter=WithoutPause()) as client,
        client.stream(QUESTION, **sampling) as chunks,
    ):
        text = "".join(chunk.text for chunk in chunks)
        assert text == chunks.reply.text
        return _read_reply(chunks.reply)


def asynchronous(environ: Mapping[str, str] = KEYS, **sampling: Any) -> Answered:
    async def ask() -> Reply:
        async with AsyncStandby(environ=environ, jitter=WithoutPause()) as client:
            return await client.chat(QUESTION, **sampling)

    return _read_reply(asyncio.run(ask()))


def asynchronous_stream(environ: Mapping[str, str] = KEYS, **sampling: Any) -> Answered:
    async def ask() -> Reply:
        async with (
            AsyncStandby(environ=environ, jitter=WithoutPause()) as client,
            client.stream(QUESTION, **sampling) as chunks,
        ):
            text = "".join([chunk.text async for chunk in chunks])
            assert text == chunks.reply.text
            return chunks.reply

    return _read_reply(asyncio.run(ask()))


def _read_reply(reply: Reply) -> Answered:
    return Answered(reply.text, reply.model, list(reply.trail))


FROM_PYTHON = pytest.mark.parametrize(
    "ask", [blocking, blocking_stream, asynchronous, asynchronous_stream]
)
STREAMED_OR_NOT = pytest.mark.parametrize("ask", [asynchronous, asynchronous_stream])


def run_command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    names = (
        *KEYS,
        "GOOGLE_API_KEY",
        "STANDBY_CONFIG",
        "PRIMARY_AI_MODEL",
        "FALLBACK_AI_MODEL",
        "ENABLE_MODEL_FALLBACK",
    )
    clean = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "standby", "ask", QUESTION, *arguments],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def strip_times(text: str) -> str:
    return re.sub(r"(in|after) \d+\.\ds", r"\1 0.0s", text)


# The fallback


@pytest.mark.parametrize("stream", [(), ("--stream",)], ids=["whole", "streamed"])
def test_on_the_command_line(stage: Stage, stream: tuple[str, ...]) -> None:
    stage.gemini.script(GEMINI_500)
    result = run_command("--temperature", "0.2", "-v", *stream, **KEYS)
    assert (result.returncode, result.stdout) == (0, "Lisbon, says OpenAI.\n")
    stderr = re.sub(
        r"^2\d{3}-.{18} ", "", strip_times(result.stderr), flags=re.MULTILINE
    )  # the log's times
    assert stderr.splitlines() == [
        f"WARNING default: gemini-2.5-pro failed (server_error, trigger outage): {ERROR_500}",
        "WARNING default: moving on from gemini-2.5-pro to o3-mini (server_error, trigger outage)",
        "INFO default: o3-mini answered in 0.0s, instead of gemini-2.5-pro",
        f"gemini-2.5-pro  failed after 0.0s  server_error: {ERROR_500}  -> next (trigger outage)",
        "o3-mini  answered in 0.0s  without temperature",
    ]
    assert stage.requests == (1, 1)


@FROM_PYTHON
def test_from_python(stage: Stage, caplog: pytest.LogCaptureFixture, ask: Ask) -> None:
    caplog.set_level(logging.INFO, logger="standby")
    stage.gemini.script(GEMINI_500)
    reply = ask(temperature=0.2, max_tokens=500)
    assert (reply.text, reply.model) == ("Lisbon, says OpenAI.", "o3-mini")
    failed, answered = reply.trail
    assert (failed.model, failed.outcome, failed.kind, failed.status) == (
        "gemini-2.5-pro",
        "failed",
        Kind.SERVER_ERROR,
        500,
    )
    assert (failed.trigger, failed.then, failed.text, failed.dropped) == (
        "outage",
        "next",
        ERROR_500,
        (),
    )
    assert (answered.model, answered.outcome, answered.dropped) == (
        "o3-mini",
        "answered",
        ("temperature",),
    )
    assert [strip_times(record.getMessage()) for record in caplog.records] == [
        f"default: gemini-2.5-pro failed (server_error, trigger outage): {ERROR_500}",
        "default: moving on from gemini-2.5-pro to o3-mini (server_error, trigger outage)",
        "default: o3-mini answered in 0.0s, instead of gemini-2.5-pro",
    ]


@FROM_PYTHON
def test_o3_mini_gets_the_request_without_the_parameters_that_it_refuses(
    stage: Stage, ask: Ask
) -> None:
    stage.gemini.script(GEMINI_500)
    ask(temperature=0.2, max_tokens=500)
    [received] = stage.openai.requests
    assert received.json["model"] == "o3-mini"
    assert received.json["messages"] == [{"role": "user", "content": QUESTION}]
    assert received.json["max_completion_tokens"] == 500
    assert {"temperature", "max_tokens"}.isdisjoint(received.json)
    assert received.headers["authorization"] == "Bearer a-key-of-openai"


def test_the_three_lines_of_the_log_match_the_ones_of_the_former_application(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Formerly: "Erro no modelo Gemini: 500 INTERNAL", "Ativando fallback", "bem-sucedido"."""
    caplog.set_level(logging.INFO, logger="standby")
    stage.gemini.script(GEMINI_500)
    blocking()
    error, switch, success = caplog.records
    assert (error.levelname, switch.levelname, success.levelname) == ("WARNING", "WARNING", "INFO")
    assert re.search(r"gemini.* failed .*: 500 INTERNAL\b", error.getMessage())
    assert re.search(r"moving on from gemini.* to o3-mini\b", switch.getMessage())
    assert re.search(r"o3-mini answered\b", success.getMessage())


@FROM_PYTHON
def test_while_gemini_is_healthy_no_request_reaches_openai_and_the_log_is_empty(
    stage: Stage, caplog: pytest.LogCaptureFixture, ask: Ask
) -> None:
    caplog.set_level(logging.DEBUG, logger="standby")
    reply = ask(temperature=0.2)
    assert (reply.text, reply.model) == ("Lisbon, says Gemini.", "gemini-2.5-pro")
    assert [(attempt.model, attempt.outcome, attempt.dropped) for attempt in reply.trail] == [
        ("gemini-2.5-pro", "answered", ())
    ]
    assert stage.requests == (1, 0)
    assert stage.openai.accepted == 0
    assert caplog.records == []
    assert stage.gemini.requests[0].json["generationConfig"]["temperature"] == 0.2


def test_while_gemini_is_healthy_the_command_line_shows_its_answer_alone(stage: Stage) -> None:
    result = run_command("-v", **KEYS)
    assert (result.returncode, result.stdout) == (0, "Lisbon, says Gemini.\n")
    assert strip_times(result.stderr) == "gemini-2.5-pro  answered in 0.0s\n"
    assert stage.requests == (1, 0)


def test_the_next_call_goes_to_gemini_again(stage: Stage) -> None:
    healthy = stage.gemini.answer
    stage.gemini.script(GEMINI_500, healthy)
    with Standby(environ=KEYS) as client:
        assert [client.chat(QUESTION).model for _ in range(3)] == [
            "o3-mini",
            "gemini-2.5-pro",
            "gemini-2.5-pro",
        ]
    assert stage.requests == (3, 1)


# Without a fallback


@FROM_PYTHON
def test_with_the_fallback_disabled_geminis_error_is_raised(stage: Stage, ask: Ask) -> None:
    stage.gemini.script(GEMINI_500)
    with pytest.raises(ChainExhausted) as caught:
        ask({**KEYS, "ENABLE_MODEL_FALLBACK": "false"})
    assert str(caught.value) == ERROR_500
    assert [attempt.model for attempt in caught.value.trail] == ["gemini-2.5-pro"]
    assert stage.requests == (1, 0)


def test_with_the_fallback_disabled_the_command_line_fails_with_geminis_error(
    stage: Stage,
) -> None:
    stage.gemini.script(GEMINI_500)
    result = run_command(**KEYS, ENABLE_MODEL_FALLBACK="false")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.endswith(f"standby: {ERROR_500}\n")
    assert stage.openai.requests == []


# Swapped models

SWAPPED = {"PRIMARY_AI_MODEL": "o3-mini", "FALLBACK_AI_MODEL": "gemini-2.5-pro"}


@FROM_PYTHON
def test_swapping_the_two_variables_swaps_the_roles(stage: Stage, ask: Ask) -> None:
    assert ask({**KEYS, **SWAPPED}).model == "o3-mini"
    assert stage.requests == (0, 1)
    stage.openai.script(OPENAI_500)
    reply = ask({**KEYS, **SWAPPED}, temperature=0.2)
    assert (reply.text, reply.model) == ("Lisbon, says Gemini.", "gemini-2.5-pro")
    assert reply.trail[0].model == "o3-mini"
    assert reply.trail[0].dropped == ("temperature",)
    assert reply.trail[-1].dropped == ()


@FROM_PYTHON
def test_swapping_the_two_lines_swaps_the_roles(stage: Stage, ask: Ask) -> None:
    stage.write(
        "version: 1\nchains:\n  default:\n    models:\n      - gemini-2.5-pro\n      - o3-mini\n"
    )
    assert ask().model == "gemini-2.5-pro"
    stage.write(
        "version: 1\nchains:\n  default:\n    models:\n      - o3-mini\n      - gemini-2.5-pro\n"
    )
    assert ask().model == "o3-mini"
    stage.openai.script(OPENAI_500)
    assert ask().model == "gemini-2.5-pro"


# A .env file of the former application

ENV = """\
# OpenAI Configuration
OPENAI_API_KEY=a-key-of-openai
# Fallback Configuration
ENABLE_MODEL_FALLBACK=true
FALLBACK_AI_MODEL=o3-mini
# Primary Model (Gemini)
PRIMARY_AI_MODEL=gemini-2.5-pro
GEMINI_API_KEY=a-key-of-google
"""


def test_the_env_file_of_the_former_application_works(stage: Stage) -> None:
    (stage.folder / ".env").write_text(ENV, encoding="utf-8")
    stage.gemini.script(GEMINI_500)
    assert blocking({}).model == "o3-mini"
    result = run_command()
    assert (result.returncode, result.stdout) == (0, "Lisbon, says OpenAI.\n")
    assert {request.headers["x-goog-api-key"] for request in stage.gemini.requests} == {
        "a-key-of-google"
    }
    assert {request.headers["authorization"] for request in stage.openai.requests} == {
        "Bearer a-key-of-openai"
    }
    assert not set(KEYS) & {name for name in os.environ if os.environ[name] in KEYS.values()}


def test_the_environment_overrides_the_env_file(stage: Stage) -> None:
    (stage.folder / ".env").write_text(ENV, encoding="utf-8")
    assert blocking({**SWAPPED}).model == "o3-mini"


# The patterns that lead to the next model

PATTERNS = {
    "500 internal": gemini_error(500, "INTERNAL", "Oh."),
    "503 service unavailable": html(503, "<html><body><p>Try later.</p></body></html>"),
    "502 bad gateway": html(502, "<html><body><p>Try later.</p></body></html>"),
    "timeout": hang(),
    "connection error": reset(),
    "server error": gemini_error(500, "UNKNOWN", "Server Error"),
    "internal error has occurred": gemini_error(500, "UNKNOWN", "An internal error has occurred."),
}
"""The seven patterns, each with an answer whose text matches only this one."""

SHORT_TIMEOUT = "models: {gemini-2.5-pro: {timeout: 300ms}}\n"


@STREAMED_OR_NOT
@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_of_the_seven_patterns_leads_to_the_next_model_at_once(
    stage: Stage, ask: Ask, pattern: str
) -> None:
    stage.write(more=SHORT_TIMEOUT)
    stage.gemini.script(PATTERNS[pattern])
    reply = ask()
    assert (reply.text, reply.model) == ("Lisbon, says OpenAI.", "o3-mini")
    assert [name for name in PATTERNS if name in reply.trail[0].text.lower()] == [pattern]
    assert (reply.trail[0].trigger, reply.trail[0].then) == ("outage", "next")
    assert stage.requests == (1, 1)


def test_the_file_has_exactly_these_seven_patterns() -> None:
    text = PACKAGED.read_text(encoding="utf-8")
    assert re.findall(r"^      - ([a-z0-9 ]+)$", text.partition("then:")[0], re.MULTILINE) == list(
        PATTERNS
    )


NOT_MATCHED: dict[str, tuple[Answer, Kind, int]] = {
    "503 UNAVAILABLE": (GEMINI_503, Kind.OVERLOADED, 2),
    "429": (GEMINI_429, Kind.RATE_LIMITED, 1),
    "504": (GEMINI_504, Kind.SERVER_ERROR, 2),
    "no such model": (
        gemini_error(404, "NOT_FOUND", "models/gemini-2.5-pro is not found."),
        Kind.MODEL_MISSING,
        1,
    ),
    "an empty answer": (gemini_reply(""), Kind.EMPTY, 1),
    "a page of a proxy": (html(200), Kind.MALFORMED, 2),
}
"""Answers that no pattern matches: with the kind and the number of requests to Gemini."""


@STREAMED_OR_NOT
@pytest.mark.parametrize("problem", NOT_MATCHED)
def test_an_answer_that_no_pattern_matches_follows_the_table(
    stage: Stage, ask: Ask, problem: str
) -> None:
    answer, kind, times = NOT_MATCHED[problem]
    stage.gemini.script(
        gemini_stream([""])
        if problem == "an empty answer" and ask is asynchronous_stream
        else answer
    )
    reply = ask()
    assert (reply.text, reply.model) == ("Lisbon, says OpenAI.", "o3-mini")
    assert {(attempt.kind, attempt.trigger) for attempt in reply.trail[:-1]} == {(kind, None)}
    assert [attempt.then for attempt in reply.trail] == [*["retry"] * (times - 1), "next", None]
    assert stage.requests == (times, 1)


@STREAMED_OR_NOT
@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_answer_that_is_cut_before_its_first_token_moves_on(
    stage: Stage, ask: Ask, how: Any
) -> None:
    response = gemini_stream(["Lisbon"]) if ask is asynchronous_stream else gemini_reply("Lisbon")
    stage.gemini.script(cut(response, 5, how))
    reply = ask()
    assert reply.model == "o3-mini"
    assert reply.trail[0].kind is Kind.CONNECTION
    assert reply.trail[0].text.startswith("connection error: ")
    assert (reply.trail[0].trigger, stage.requests) == ("outage", (1, 1))


@STREAMED_OR_NOT
def test_when_all_are_down_each_is_named_with_its_own_message(stage: Stage, ask: Ask) -> None:
    stage.gemini.script(GEMINI_500)
    stage.openai.script(OPENAI_500)
    with pytest.raises(ChainExhausted) as caught:
        ask()
    names = dict.fromkeys(attempt.model for attempt in caught.value.trail)
    assert list(names) == ["gemini-2.5-pro", "o3-mini", "gpt-5.6-sol"]
    assert all(f"{name}: 500 " in str(caught.value) for name in names)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


@STREAMED_OR_NOT
def test_a_request_that_is_wrong_everywhere_stops_at_the_first(stage: Stage, ask: Ask) -> None:
    stage.gemini.script(
        gemini_error(400, "INVALID_ARGUMENT", "Request contains an invalid argument, says timeout.")
    )
    with pytest.raises(CallFailed, match="400 INVALID_ARGUMENT"):
        ask()
    assert stage.requests == (1, 0)
