"""A running client takes a changed file at once and completely, or not at all."""

import asyncio
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from standby import AsyncStandby, ConfigError, Settings, Standby, events
from standby.config import file_watcher
from standby.config.file_watcher import EVERY, FileWatcher
from standby.events import Event, Reloaded, ReloadFailed
from standby.settings import Chain

RELOADS = int(os.environ.get("STANDBY_RELOADS", "500"))
"""Races of a writer and a client; 10,000 as a campaign."""


def text(version: object, more: str = "") -> str:
    """Return a file whose one model says the version in its answer and in its disclaimer."""
    return f"""
version: 1
models:
  m:
    provider: scripted
    options: {{reply: "{version}"}}
    card: {{disclaimer: "{version}"}}
chains:
  default: {{models: [m]}}
{more}"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path_ = tmp_path / "models.yaml"
    path_.write_text(text(1), encoding="utf-8")
    return path_


@pytest.fixture
def short_interval(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let a client look at its file ten times a second; return the seconds that it may be late."""
    monkeypatch.setattr(file_watcher, "EVERY", 0.1)
    return file_watcher.EVERY


def rewrite(file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")


def reload_events(received: list[Event]) -> list[Event]:
    return [event for event in received if isinstance(event, Reloaded | ReloadFailed)]


def test_a_reload_takes_the_present_file(file: Path) -> None:
    received: list[Event] = []
    with Standby(file, environ={}, sinks=[received.append]) as client:
        assert client.chat("hi").text == "1"
        file.write_text(text(2), encoding="utf-8")
        assert client.chat("hi").text == "1"
        client.reload()
        assert client.chat("hi").text == "2"
        assert client.settings.models["m"].options == {"reply": "2"}
    assert [type(event) for event in reload_events(received)] == [Reloaded]


def test_an_invalid_file_leaves_the_old_settings_and_is_reported(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="standby")
    received: list[Event] = []
    with Standby(file, environ={}, sinks=[received.append]) as client:
        file.write_text(text(2, "chians: {}\n"), encoding="utf-8")
        with pytest.raises(ConfigError, match="unknown key 'chians'; did you mean 'chains'"):
            client.reload()
        assert client.chat("hi").text == "1"
    [event] = reload_events(received)
    assert isinstance(event, ReloadFailed)
    assert event.problems[0].startswith(f"{file}:10:1  error  unknown key 'chians'")
    assert caplog.records[0].getMessage() == (
        f"{file} has changed, but cannot be used; the old settings stay: {event.problems[0]}"
    )


async def test_a_running_call_keeps_the_settings_it_began_with(file: Path) -> None:
    rewrite(
        file,
        text(1).replace("reply:", "script: [{delay: 200ms, reply:").replace('"1"}', '"1"}]}', 1),
    )
    async with AsyncStandby(file, environ={}) as client:
        call = asyncio.create_task(client.chat("hi"))
        await asyncio.sleep(0.05)
        rewrite(file, text(2))
        client.reload()
        assert (await client.chat("hi")).text == "2"
        reply = await call
    assert (reply.text, reply.disclaimer) == ("1", "1")


DOWN = """
version: 1
models:
  down:
    provider: scripted
    options: {script: [{fail: {kind: overloaded, status: 503}}]}
    breaker: {failures: 1}
  well: {provider: scripted, options: {reply: "Lisbon."}}
chains:
  default: {models: [down, well], retry: {attempts: 1}DEADLINE}
"""


def test_what_is_known_of_a_models_health_survives(file: Path) -> None:
    file.write_text(DOWN.replace("DEADLINE", ""), encoding="utf-8")
    with Standby(file, environ={}) as client:
        client.chat("hi")
        assert client.health()["down"].state == "open"
        file.write_text(DOWN.replace("DEADLINE", ", deadline: 9s"), encoding="utf-8")
        client.reload()
        assert client.settings.chains["default"].deadline == 9
        assert client.health()["down"].state == "open"


def until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_watching_client_takes_a_changed_file(file: Path, short_interval: float) -> None:
    received: list[Event] = []
    with Standby(file, environ={}, sinks=[received.append], watch=True) as client:
        assert client.chat("hi").text == "1"
        file.write_text(text("two"), encoding="utf-8")
        until(lambda: client.chat("hi").text == "two")
        file.write_text(
            "version: 1\nchains: {default: {models: [", encoding="utf-8"
        )  # half of it is written
        until(
            lambda: (
                client.chat("hi").text == "two"
                and isinstance(reload_events(received)[-1], ReloadFailed)
            )
        )
        file.unlink()
        time.sleep(short_interval)
        assert client.chat("hi").text == "two"
        file.write_text(text("four"), encoding="utf-8")
        until(lambda: client.chat("hi").text == "four")
    assert [type(event) for event in reload_events(received)] == [Reloaded, ReloadFailed, Reloaded]


def test_a_client_that_does_not_watch_keeps_its_settings(file: Path, short_interval: float) -> None:
    with Standby(file, environ={}) as client:
        client.chat("hi")
        file.write_text(text("two"), encoding="utf-8")
        for _ in range(3):
            time.sleep(short_interval)
            assert client.chat("hi").text == "1"


def test_a_file_is_looked_at_once_a_second_at_most(file: Path) -> None:
    watcher = FileWatcher(file)
    assert not watcher.has_changed()
    file.write_text(text("another"), encoding="utf-8")
    assert not watcher.has_changed()
    time.sleep(EVERY)
    assert watcher.has_changed()
    time.sleep(EVERY)
    assert not watcher.has_changed()


def test_a_changed_account_gets_an_adapter_of_its_own(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.support.loopback import Loopback, openai_reply  # noqa: PLC0415 - only here

    def chain(url: str) -> str:
        return f"""
version: 1
providers:
  mine: {{plugin: openai, base_url: "{url}/v1"}}
chains:
  default: {{models: [mine/m]}}
"""

    with Loopback() as first, Loopback() as second:
        first.script(openai_reply("first"))
        second.script(openai_reply("second"))
        file.write_text(chain(first.url), encoding="utf-8")
        with Standby(file, environ={}) as client:
            assert client.chat("hi").text == "first"
            file.write_text(chain(second.url), encoding="utf-8")
            client.reload()
            assert client.chat("hi").text == "second"
    assert not caplog.records


def test_a_writer_and_a_client_that_reloads_never_make_a_call_fail_or_mix(file: Path) -> None:
    """The file is written in two pieces, so that it is often read half-written."""
    over = threading.Event()

    def write() -> None:
        version = 1
        while not over.is_set():
            version += 1
            content = text(version, "# " + "x" * (version % 50) + "\n")
            with file.open("w", encoding="utf-8") as out:
                out.write(content[: len(content) // 2])
                out.flush()
                time.sleep(0.0005)
                out.write(content[len(content) // 2 :])
            time.sleep(0.0005)

    mixed: list[Any] = []
    taken = 0
    writer = threading.Thread(target=write)
    with Standby(file, environ={}) as client:
        writer.start()
        try:
            for _ in range(RELOADS):
                try:
                    client.reload()
                    taken += 1
                except ConfigError:
                    pass
                reply = client.chat("hi")
                if reply.text != reply.disclaimer:
                    mixed.append(reply)
        finally:
            over.set()
            writer.join()
    assert not mixed
    assert 0 < taken < RELOADS  # both happened


def test_the_events_are_public() -> None:
    assert events.Reloaded is Reloaded


def dictionary(answer: str) -> dict[str, Any]:
    return {
        "version": 1,
        "models": {"m": {"provider": "scripted", "options": {"reply": answer}}},
        "chains": {"default": {"models": ["m"]}},
    }


def test_a_dictionary_is_copied_and_a_reload_copies_it_again() -> None:
    config, received = dictionary("1"), list[Event]()
    with Standby(config, environ={}, sinks=[received.append]) as client:
        config["models"]["m"]["options"]["reply"] = "2"
        assert client.chat("hi").text == "1"
        client.reload()
        assert client.chat("hi").text == "2"
        config["chains"]["default"]["models"].append("n/o")
        with pytest.raises(
            ConfigError, match=re.escape("chains.default.models[1]  error  no provider")
        ):
            client.reload()
        assert client.chat("hi").text == "2"
    assert [type(event) for event in reload_events(received)] == [Reloaded, ReloadFailed]
    assert {event.file for event in reload_events(received) if isinstance(event, Reloaded)} == {
        "the dictionary"
    }


async def test_in_asynchronous_code_too() -> None:
    async with AsyncStandby(dictionary("${ANSWER:-none}"), environ={"ANSWER": "yes"}) as client:
        assert (await client.chat("hi")).text == "yes"


SETTINGS = Settings(chains={"default": Chain(models=("gemini-2.5-pro",))})


@pytest.mark.parametrize("kind", [Standby, AsyncStandby])
def test_a_dictionary_and_settings_have_no_file_to_watch(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"^watch=True watches a file, not a dictionary$"):
        kind(dictionary("1"), watch=True)
    with pytest.raises(TypeError, match=r"^watch=True watches a file, not settings$"):
        kind(settings=SETTINGS, watch=True)


def test_settings_come_without_a_file_and_are_not_reloaded(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    for config in (file, dictionary("1")):
        with pytest.raises(TypeError, match=r"^give a configuration, or settings, not both$"):
            Standby(config, settings=SETTINGS)
    with Standby(settings=SETTINGS, environ={}) as client:
        with pytest.raises(
            TypeError, match=r"^this client was made from settings: there is nothing to read again$"
        ):
            client.reload()
        assert list(client.settings.models) == ["gemini-2.5-pro"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (7, "got int; give the rest by name"),
        (["models.yaml"], "got list; give the rest by name"),
        (b"models.yaml", "got bytes; give the rest by name"),
        (SETTINGS, "got Settings; give the rest by name, like settings=…"),
    ],
)
def test_what_is_neither_path_nor_dictionary_raises_a_type_error(config: Any, message: str) -> None:
    with pytest.raises(
        TypeError, match=f"^config: expected a path or a dictionary, {re.escape(message)}$"
    ):
        Standby(config)


def test_an_empty_dictionary_is_not_the_same_as_none() -> None:
    with pytest.raises(ConfigError, match="the dictionary is empty"):
        Standby({})
