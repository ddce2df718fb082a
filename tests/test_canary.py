"""A key's value appears nowhere: not in logs, errors, tracebacks, reprs or a command's output.

One process has keys in its environment and in `.env`, and fails in every way that it can; whatever
it says is searched.
"""

import asyncio
import base64
import contextlib
import io
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from standby import AsyncStandby, Standby
from standby.cli import standby
from standby.errors import StandbyError
from standby.resilience import health
from standby.settings import Chain, Provider, Retry, Secret, Settings
from tests.support.loopback import (
    Answer,
    Answers,
    Loopback,
    Received,
    garbage,
    gemini_answers,
    hang,
    html,
    openai_answers,
    reset,
    respond,
)

ENVIRONMENT_KEY = "canary-in-the-environment-9Xq2"
DOTENV_KEY = "canary-in-the-dotenv-file-7Zk4"
CANARIES = (ENVIRONMENT_KEY, DOTENV_KEY)

FILE = """\
version: 1
providers:
  mine: {{plugin: gemini, base_url: {url}, api_key: "${{CANARY_ONE}}"}}
  yours: {{plugin: openai, base_url: {url}/v1, api_key: "${{CANARY_TWO}}"}}
  theirs: {{plugin: anthropic, base_url: {url}, api_key: "${{CANARY_ONE}}"}}
models:
  m: {{provider: mine, model: gemini-2.5-pro, timeout: 500ms}}
  y: {{provider: yours, model: gpt-x, timeout: 500ms}}
  t: {{provider: theirs, model: claude-x, timeout: 500ms}}
chains:
  default: {{models: [m, y, t], retry: {{attempts: 1}}}}
  only-m: {{models: [m], retry: {{attempts: 1}}}}
  only-y: {{models: [y], retry: {{attempts: 1}}}}
  only-t: {{models: [t], retry: {{attempts: 1}}}}
"""

CHAINS = ("default", "only-m", "only-y", "only-t")


IN_A_HEADER = 418
"""The status that comes with the key in a header; httpcore2 logs all headers at DEBUG."""

BY_RICH = ("401, default", "500, only-y", "malformed, only-t")
"""Calls of which rich draws the traceback, too: it takes half a second for each."""


def key_of(request: Received) -> str:
    headers = request.headers
    return (
        headers.get("x-goog-api-key")
        or headers.get("x-api-key")
        or headers.get("authorization", "").partition(" ")[2]
    )


def echoing(status: int, text: str) -> Answers:
    """Fail as a proxy does that repeats what it was sent."""

    def answer(request: Received) -> Answer:
        key = key_of(request)
        error = {
            "code": status,
            "status": "UNAUTHENTICATED",
            "message": text.format(key),
            "type": "authentication_error",
        }
        return respond(
            status, {"error": error}, {"x-request-id": key} if status == IN_A_HEADER else {}
        )

    return answer


def echoing_name(field: str) -> Answers:
    """Fail with the key in what should be a name."""

    def answer(request: Received) -> Answer:
        return respond(400, {"error": {field: f"bad_{key_of(request)}", "message": "no"}})

    return answer


def echoing_model(request: Received) -> Answer:
    """Answer well, but name the key as the model that answers, and as the answer's id."""
    key = key_of(request)
    if "enerateContent" in request.path:
        part = {"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}
        body: Any = {"candidates": [part], "modelVersion": key, "responseId": key}
    else:
        choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
        body = {"id": key, "model": key, "choices": [choice]}
    return respond(200, body)


def echoing_page(request: Received) -> Answer:
    return html(502, f"<html>Authorization: Bearer {key_of(request)}</html>")


FAULTS: dict[str, Answer | Answers] = {
    "401": echoing(
        401, "Incorrect API key provided: {}. You can find your key at https://example.test."
    ),
    "403, in quotes": echoing(403, "the key '{0}' (\"{0}\") may not"),
    "400": echoing(400, "API key not valid: key={}&x=1"),
    "404": echoing(404, "no such model for {}"),
    "429": echoing(429, "quota of {} is used up"),
    "500": echoing(500, "internal error near {}"),
    "in a code": echoing_name("code"),
    "in a type": echoing_name("type"),
    "in a status": echoing_name("status"),
    "as the model": echoing_model,
    "in a header": echoing(IN_A_HEADER, "no"),
    "html": echoing_page,
    "reset": reset(),
    "garbage": garbage(),
    "malformed": respond(200, b"{"),
    "another shape": respond(200, {"choices": 3, "candidates": "x", "content": {}}),
    "redirect": respond(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}),
    "hang": hang(),
}

COMMANDS: tuple[tuple[str, ...], ...] = (
    *(
        ("validate",),
        ("validate", "--json"),
        ("models",),
        ("models", "--json"),
        ("plugins",),
        ("plugins", "--json"),
    ),
    *(("schema",), ("ask", "hello"), ("ask", "hello", "--json"), ("check",), ("check", "--json")),
    *(("explain",), ("explain", "--json"), ("validate", "--strict"), ("simulate", "--json")),
)


def with_locals(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def by_rich(error: BaseException) -> str:
    from rich.console import Console  # noqa: PLC0415 - only here
    from rich.traceback import Traceback  # noqa: PLC0415 - only here

    out = io.StringIO()
    traceback_ = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_string=None,
        locals_max_length=None,
    )
    Console(file=out, width=4_000).print(traceback_)
    return out.getvalue()


class Saying:
    """Collects what is said, by what said it; the log of everybody goes along, down to DEBUG."""

    def __init__(self) -> None:
        self._log = io.StringIO()
        logging.basicConfig(
            level=logging.DEBUG,
            stream=self._log,
            format="%(name)s %(message)s %(args)s",
            force=True,
        )

    def __call__(self, label: str, text: str) -> None:
        print(json.dumps({"what": label, "text": text}))  # noqa: T201 - read by the test
        log = self._log.getvalue()
        if label.startswith("in a header"):
            log = "\n".join(line for line in log.splitlines() if not line.startswith("httpcore2"))
        self._log.seek(0)
        self._log.truncate()
        if log:
            print(json.dumps({"what": f"the log of {label}", "text": log}))  # noqa: T201 - as above

    def error(self, label: str, error: BaseException) -> None:
        self(f"{label}: the error", f"{error} {error!r} {vars(error)}")
        self(f"{label}: pickled", pickle.dumps(error).decode("latin-1"))
        self(f"{label}: its traceback", "".join(traceback.format_exception(error)))
        self(f"{label}: its traceback with locals", with_locals(error))
        if label.startswith(BY_RICH):
            self(f"{label}: rich's traceback with locals", by_rich(error))

    def object(self, label: str, thing: Any) -> None:
        self(f"the repr of {label}", f"{thing!r} {thing}")
        own = {
            name: part
            for name, part in getattr(thing, "__dict__", {}).items()
            if not isinstance(part, os._Environ)
        }
        for (
            name,
            part,
        ) in own.items():  # the environment itself is Python's own, and shows what it holds
            self(f"the repr of {label}.{name}", f"{part!r} {part}")


def fail_in_every_way() -> None:
    """Make calls that fail, whole and streamed, and tell all that can be told of them."""
    say = Saying()
    with Loopback() as server:
        Path("models.yaml").write_text(FILE.format(url=server.url), encoding="utf-8")
        with Standby() as client:
            say.object("the client", client)
            say("the settings", f"{client.settings!r} {client.settings}")
            for name, fault in FAULTS.items():
                server.script(fault)
                for chain in CHAINS:
                    _call(
                        say,
                        f"{name}, {chain}, whole",
                        lambda chain=chain: client.chat("hello", chain=chain),
                    )  # type: ignore[misc]
                    _call(
                        say,
                        f"{name}, {chain}, streamed",
                        lambda chain=chain: list(client.stream("hello", chain=chain)),
                    )  # type: ignore[misc]
            server.answer = well
            _call(say, "well", lambda: client.chat("hello"))
        asyncio.run(_look_inside(say))
    for arguments in COMMANDS:  # the server has gone, so each model refuses the connection
        say(f"the command {' '.join(arguments)}", CliRunner().invoke(standby, arguments).output)


def well(request: Received) -> Answer:
    return (
        gemini_answers("Hi")(request)
        if "enerateContent" in request.path
        else openai_answers("Hi", model="gpt-x")(request)
    )


def _call(say: Saying, label: str, call: Callable[[], Any]) -> None:
    health.forget()
    try:
        reply = call()
        say(f"{label}: the reply", repr(reply))
    except StandbyError as error:
        say.error(label, error)


async def _look_inside(say: Saying) -> None:
    """Look at the adapters and the vendors' clients in them, while they are open."""
    async with AsyncStandby() as client:
        health.forget()
        with contextlib.suppress(StandbyError):
            await client.chat("hello")
        say.object("the asynchronous client", client)
        for target in client.route().targets:
            say.object(f"the target {target.name}", target)
            say.object(f"the adapter of {target.name}", await target.adapter())


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a key in its `.env`."""
    folder = tmp_path_factory.mktemp("canary")
    (folder / ".env").write_text(
        f"CANARY_TWO={DOTENV_KEY}\nOPENAI_API_KEY={DOTENV_KEY}\n", encoding="utf-8"
    )
    (folder / "models.yaml").write_text(FILE.format(url="http://127.0.0.1:9"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def collect_texts(workplace: Path) -> list[dict[str, str]]:
    root = Path(__file__).parents[1]
    environ = {
        **os.environ,
        "CANARY_ONE": ENVIRONMENT_KEY,
        "GEMINI_API_KEY": ENVIRONMENT_KEY,
        "PYTHONPATH": str(root),
    }
    environ |= {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug", "STANDBY_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_canary"],
        cwd=workplace,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    out = done.stdout + done.stderr
    entries = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    rest = "\n".join(line for line in out.splitlines() if not line.startswith("{"))
    assert "Traceback" not in rest, rest[-3000:]
    return [*entries, {"what": "the standard error", "text": rest}]


def find_leaks(text: str) -> list[str]:
    """Return the forms in which a key is found: as it is, coded, or most of it."""
    forms = {key: key for key in CANARIES}
    forms |= {
        f"{key}, in base64": base64.b64encode(key.encode()).decode().rstrip("=") for key in CANARIES
    }
    forms |= {f"most of {key}": key[10:] for key in CANARIES}
    return [name for name, form in forms.items() if form in text]


@pytest.mark.parametrize("about", ["the repr", "the settings", "the log", "the standard error"])
def test_no_text_of_the_client_and_the_logs_has_a_key(
    collect_texts: list[dict[str, str]], about: str
) -> None:
    assert {
        entry["what"]: leaks
        for entry in collect_texts
        if entry["what"].startswith(about) and (leaks := find_leaks(entry["text"]))
    } == {}


@pytest.mark.parametrize(
    "part",
    [
        "the error",
        "pickled",
        "its traceback",
        "its traceback with locals",
        "rich's traceback with locals",
    ],
)
def test_no_text_of_a_failed_call_has_a_key(collect_texts: list[dict[str, str]], part: str) -> None:
    some = [entry for entry in collect_texts if entry["what"].endswith(f": {part}")]
    assert len(some) >= 2 * len(BY_RICH)
    assert {entry["what"]: leaks for entry in some if (leaks := find_leaks(entry["text"]))} == {}


def test_a_reply_has_no_key(collect_texts: list[dict[str, str]]) -> None:
    assert [
        entry["what"]
        for entry in collect_texts
        if entry["what"].endswith(": the reply") and find_leaks(entry["text"])
    ] == []
    assert any(entry["what"] == "well: the reply" for entry in collect_texts)


def test_the_servers_were_sent_the_keys() -> None:
    """Were they not, nothing would be shown, and nothing proved."""
    with Loopback() as server:
        server.script(FAULTS["401"])
        with Standby(settings=_settings(server.url)) as client, pytest.raises(StandbyError):
            client.chat("hello")
        assert key_of(server.requests[0]) == ENVIRONMENT_KEY


def _settings(url: str) -> Settings:
    provider = Provider(plugin="openai", base_url=f"{url}/v1", api_key=Secret(ENVIRONMENT_KEY))
    return Settings(
        providers={"p": provider},
        chains={"default": Chain(models=("p/x",), retry=Retry(attempts=1))},
    )


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_prints_a_key(
    arguments: tuple[str, ...], collect_texts: list[dict[str, str]]
) -> None:
    [out] = [
        entry["text"]
        for entry in collect_texts
        if entry["what"] == f"the command {' '.join(arguments)}"
    ]
    assert out
    assert find_leaks(out) == []


if __name__ == "__main__":
    fail_in_every_way()
