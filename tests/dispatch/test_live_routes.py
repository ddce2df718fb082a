"""What follows a client's settings: the imports ahead, the observers, and the end of both."""

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from standby.config.settings_source import SettingsSource
from standby.dispatch.live_routes import LiveRoutes
from standby.events import AttemptEnded, AttemptStarted, Event, Reloaded, RetryScheduled
from standby.failures import Attempt
from standby.observe.bus import EventBus
from standby.plugin import GROUP, Provider
from standby.registry import warm_up
from standby.registry.plugins import Registry


class Plugins(Registry):
    """The plugin `scripted`, under two names, which notes its imports and an observer's events."""

    def __init__(self, importing: Callable[[], object] = lambda: None) -> None:
        names = ("scripted", "other")
        super().__init__(metadata.EntryPoint(name, "standby_scripted", GROUP) for name in names)
        self.importing = importing
        self.imported: list[str] = []
        self.observed: list[Event] = []

    def adapter(self, provider: Provider) -> type[Any]:
        self.imported.append(provider.reference)
        self.importing()
        return super().adapter(provider)

    def observers(self, name: str) -> Sequence[Callable[[Event], object]]:
        del name
        return [self.observed.append]


def config(*models: str, observers: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "version": 1,
        "observers": list(observers),
        "models": {name: {"provider": "scripted", "options": {"reply": name}} for name in models},
        "chains": {"default": {"models": list(models)}},
    }


def live_routes(
    plugins: Plugins,
    document: dict[str, Any] | Path,
    *,
    warm: bool = True,
    environ: Mapping[str, str] | None = None,
) -> tuple[LiveRoutes, EventBus]:
    bus = EventBus()
    source = SettingsSource(document, None, plugins, environ or {}, watch=False)
    return LiveRoutes(source, plugins, bus, warm_up=warm), bus


def retry_event() -> Event:
    return RetryScheduled(call="c", chain="default", model="a", at=0.0, delay=0.0)


def ended_event(outcome: Any) -> Event:
    attempt = Attempt(model="a", provider="scripted", outcome=outcome, start=0.0, duration=1.0)
    return AttemptEnded(call="c", chain="default", model="a", at=0.0, attempt=attempt)


def started_event() -> Event:
    return AttemptStarted(call="c", chain="default", model="a", at=0.0)


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter of the plugin is not imported yet, and a first call takes 10 ms."""
    monkeypatch.delitem(sys.modules, "standby_scripted.adapter", raising=False)
    monkeypatch.setattr(warm_up, "DELAY", 0.01)


def join_imports() -> None:
    for thread in threading.enumerate():
        if thread.name == "standby-warm-up":
            thread.join(10)


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(
    ("key", "wanted", "imported"), [("k", True, ["scripted"]), ("", True, []), ("k", False, [])]
)
def test_the_first_models_adapter_is_imported_from_construction_on(
    key: str, imported: list[str], *, wanted: bool
) -> None:
    plugins = Plugins()
    document = config("a")
    document["providers"] = {"scripted": {"plugin": "scripted", "api_key": "${KEY}"}}
    live_routes(plugins, document, warm=wanted, environ={"KEY": key})
    join_imports()
    assert plugins.imported == imported


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(
    ("models", "event", "imported"),
    [
        ("ab", ended_event("failed"), ["scripted"]),
        ("ab", ended_event("skipped"), ["scripted"]),
        ("ab", ended_event("answered"), []),
        ("ab", ended_event("cancelled"), []),
        ("a", ended_event("failed"), []),
    ],
)
async def test_what_stands_by_is_imported_at_the_first_failure(
    models: str, event: Event, imported: list[str]
) -> None:
    plugins = Plugins()
    _, bus = live_routes(plugins, config(*models))
    join_imports()
    plugins.imported.clear()
    sys.modules.pop("standby_scripted.adapter")
    for _ in range(2):
        bus.emit(event)
    join_imports()
    assert plugins.imported == imported


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(("closed", "imported"), [(False, ["scripted"]), (True, [])])
async def test_what_stands_by_is_imported_when_the_first_call_has_taken_some_time(
    imported: list[str], *, closed: bool
) -> None:
    plugins = Plugins()
    routes, bus = live_routes(plugins, config("a", "b"))
    join_imports()
    plugins.imported.clear()
    sys.modules.pop("standby_scripted.adapter")
    bus.emit(started_event())
    bus.emit(started_event())
    await asyncio.to_thread(asyncio.run, routes.close())  # another loop's
    if closed:
        await routes.close()
    assert plugins.imported == []
    await asyncio.sleep(0.05)
    join_imports()
    assert plugins.imported == imported


@pytest.mark.usefixtures("cold")
async def test_nothing_is_imported_ahead_where_that_is_not_wanted() -> None:
    plugins = Plugins()
    _, bus = live_routes(plugins, config("a", "b"), warm=False)
    bus.emit(ended_event("failed"))
    join_imports()
    assert plugins.imported == []


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(("chain", "imported"), [("default", ["other"]), ("quick", ["scripted"])])
def test_the_first_model_is_that_of_the_chain_that_calls_use_by_default(
    chain: str, imported: list[str]
) -> None:
    document = config("a", "b")
    document["models"]["b"]["provider"] = "other"
    document["chains"] = {"careful": {"models": ["a", "b"]}, chain: {"models": ["b", "a"]}}
    plugins = Plugins()
    live_routes(plugins, document)
    join_imports()
    assert plugins.imported == imported


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(
    ("chains", "imported"),
    [
        ({"default": {"models": ["a", "b", "c"]}}, ["scripted", "other"]),
        ({"default": {"models": ["a", "c"], "fallback": False}}, ["scripted"]),
        ({"quick": {"models": ["a", "c"]}}, ["scripted"]),
    ],
    ids=["each that stands by", "no fallback", "a reload has removed the chain"],
)
async def test_only_what_a_call_may_still_reach_is_imported(
    chains: dict[str, Any], imported: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document, file = config("a", "b", "c"), tmp_path / "models.yaml"
    document["models"]["c"]["provider"] = "other"
    if "default" in chains:
        document["chains"] = chains
    file.write_text(json.dumps(document), encoding="utf-8")
    plugins = Plugins()
    routes, bus = live_routes(plugins, file)
    join_imports()
    file.write_text(json.dumps(document | {"chains": chains}), encoding="utf-8")
    routes.reload()
    sys.modules.pop("standby_scripted.adapter")
    bus.emit(ended_event("failed"))
    join_imports()
    assert list(dict.fromkeys(plugins.imported)) == imported
    assert caplog.text == ""


@pytest.mark.usefixtures("cold")
async def test_a_plugin_that_cannot_be_imported_ahead_is_reported_by_the_call() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    plugins = Plugins(fail)
    routes, bus = live_routes(plugins, config("a", "b"))
    bus.emit(ended_event("failed"))
    join_imports()
    assert set(plugins.imported) == {"scripted"}
    await routes.close()


async def test_closing_hands_the_last_events_to_the_observers() -> None:
    plugins = Plugins()
    routes, bus = live_routes(plugins, config("a", observers=["scripted"]))
    bus.emit(retry_event())
    await routes.close()
    assert plugins.observed == [retry_event()]


async def test_closing_without_observers_and_connections_needs_no_thread(
    begun: list[threading.Thread],
) -> None:
    routes, _ = live_routes(Plugins(), config("a"), warm=False)
    await routes.close()
    assert begun == []


async def test_an_observer_gets_an_event_once_however_often_the_file_is_read() -> None:
    plugins = Plugins()
    routes, bus = live_routes(plugins, config("a", observers=["scripted"]))
    routes.reload()
    routes.reload()
    bus.emit(retry_event())
    await routes.close()
    assert [type(event) for event in plugins.observed] == [Reloaded, Reloaded, RetryScheduled]
