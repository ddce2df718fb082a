"""What follows a client's settings: the imports ahead, the observers, and the end of both."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import pytest

from standby.config.settings_source import SettingsSource
from standby.dispatch.live_routes import LiveRoutes
from standby.events import Event, Reloaded, RetryScheduled
from standby.observe.bus import EventBus
from standby.plugin import GROUP, Provider
from standby.registry.plugins import Registry


class Plugins(Registry):
    """The plugin `scripted`, which notes its imports, and the events that its observer gets."""

    def __init__(self, importing: Callable[[], object] = lambda: None) -> None:
        super().__init__([metadata.EntryPoint("scripted", "standby_scripted", GROUP)])
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
    plugins: Plugins, document: dict[str, Any], *, warm_up: bool = True
) -> tuple[LiveRoutes, EventBus]:
    bus = EventBus()
    source = SettingsSource(document, None, plugins, {}, watch=False)
    return LiveRoutes(source, plugins, bus, warm_up=warm_up), bus


def retry_event() -> Event:
    return RetryScheduled(call="c", chain="default", model="a", at=0.0, delay=0.0)


async def finish_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks)


@pytest.mark.parametrize(
    ("models", "warm_up", "imported"),
    [("ab", True, ["scripted"]), ("a", True, []), ("ab", False, [])],
)
async def test_only_a_chain_with_a_second_model_is_imported_ahead_and_only_if_wanted(
    models: str, imported: list[str], *, warm_up: bool
) -> None:
    plugins = Plugins()
    _, bus = live_routes(plugins, config(*models), warm_up=warm_up)
    bus.emit(retry_event())
    await finish_tasks()
    assert plugins.imported == imported


async def test_closing_ends_the_imports_of_its_own_loop_and_no_others() -> None:
    go_on = threading.Event()
    plugins = Plugins(lambda: go_on.wait(10))
    routes, bus = live_routes(plugins, config("a", "b"))

    bus.emit(retry_event())
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    try:
        await asyncio.to_thread(asyncio.run, routes.close())
        assert not task.cancelling()
        await routes.close()
        assert task.cancelled()
    finally:
        go_on.set()


async def test_closing_hands_the_last_events_to_the_observers() -> None:
    plugins = Plugins()
    routes, bus = live_routes(plugins, config("a", observers=["scripted"]))
    bus.emit(retry_event())
    await routes.close()
    assert plugins.observed == [retry_event()]


async def test_closing_without_observers_and_connections_needs_no_thread(
    begun: list[threading.Thread],
) -> None:
    routes, _ = live_routes(Plugins(), config("a"))
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
