"""What an application holds: `AsyncStandby`, and `Standby`, which runs the same code on a private event loop."""

import asyncio
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from standby.config import Config, check_config, load
from standby.config.file_watcher import FileWatcher
from standby.config.resolve.models import retirement
from standby.config.resolve.resolver import resolve
from standby.dispatch.dispatcher import Walk
from standby.dispatch.policy import Route
from standby.dispatch.routes import Routes, build_routes
from standby.dispatch.stream_gate import StreamGate
from standby.errors import ConfigError
from standby.events import (
    Alert,
    AttemptEnded,
    AttemptStarted,
    Event,
    LoopBlocked,
    Reloaded,
    ReloadFailed,
)
from standby.failures import Kind
from standby.inputs.parse import CallOptions, Messages, check_deadline, parse_request
from standby.observe.log import Log, report_broken_observer, report_broken_sink
from standby.observe.observers import Observer, Observers
from standby.registry.adapters import Adapters
from standby.registry.plugins import Registry
from standby.registry.warming import delay_after, import_ahead
from standby.resilience.circuit_breaker import Health
from standby.runtime.background_loop import run
from standby.runtime.loop_watchdog import WATCHDOG
from standby.runtime.sharing import Shared
from standby.runtime.threads import blocking
from standby.settings import Settings
from standby.streams import GRACE, AsyncStream, Stream, run_within
from standby.types import Reply

Sink = Callable[[Event], None]
"""Is given every event; it must return at once. An exception that it raises is logged, and breaks no call."""


class AsyncStandby(Shared):
    """Asks the models of a chain, in order, until one answers. Safe to share between tasks, threads and event loops."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        settings: Settings | None = None,
        environ: Mapping[str, str] | None = None,
        sinks: Sequence[Sink] = (),
        jitter: random.Random | None = None,
        warm_up: bool = True,
        watch: bool = False,
    ) -> None:
        """Read models.yaml, or take `settings` made in code.

        Args:
            config: the file's path, or a dictionary of the file's form, which is copied. Left out:
                `STANDBY_CONFIG`, `./config/models.yaml`, `./models.yaml`, or the chain that ships.
            settings: typed settings, instead of a file.
            environ: stands in for the process's environment.
            sinks: are given every event.
            jitter: draws the pauses before retries.
            warm_up: import what a chain's other models need when one is to be asked again, or soon
                after the first reply.
            watch: take the file anew when it has changed; a call looks, once a second.

        Raises:
            ConfigError: the configuration cannot be used; it has every problem at once.
            TypeError: `config` is no path and no dictionary, stands beside `settings`, or has no
                file to watch.

        """
        self._registry = Registry()
        self._adapters = Adapters(self._registry.adapter, self._registry.origin)
        weakref.finalize(self, self._adapters.abandon).atexit = False
        self._sinks: tuple[Sink, ...] = (
            Log(),
            self._warm_up,
            self._tell_of_retirement,
            self._observe,
            *sinks,
        )
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._warming: dict[str, asyncio.Task[None]] = {}
        self._environ = os.environ if environ is None else environ
        self._config, self._cwd = check_config(config, settings, watch=watch), Path.cwd()
        self._watching, self._has_source = watch, settings is None
        self._changes: FileWatcher | None = None
        self._reloading = threading.Lock()
        self._told_of: set[str] = set()
        self._warms = warm_up
        self._cold: set[str] = set()
        self._observers = Observers()
        self._take(self._read() if settings is None else self._resolve(settings))

    async def chat(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Reply:
        """Return one whole reply.

        `messages`: a string, `Message`s, or OpenAI-style dictionaries. `deadline`: seconds for the
        whole call. `options`, all by name: the sampling parameters, the fields of `Sampling`;
        `tools`, what the model may ask for, `Tool`s or OpenAI-style dictionaries; `tool_choice`,
        "auto", "none", "required", or the name of the one to call; `schema`, a pydantic model, a
        msgspec.Struct or a JSON Schema: `reply.data` then fits it; `extra`, a dictionary by the
        provider's name of what goes into the request of that provider alone, as its vendor spells
        it; `strict`: rather than leave a parameter out, skip the model that must not be sent it.
        Raises `RequestError` before anything is sent, or a `CallFailed` with the trail.
        """
        return await self._prepare(messages, chain, deadline, options)().run()

    def stream(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncStream:
        """Return the reply as a stream of chunks; takes what `chat` takes, and checks it at once."""
        return AsyncStream(self._prepare(messages, chain, deadline, options))

    @property
    def settings(self) -> Settings:
        """Return the settings with nothing left implicit."""
        return self._routes.settings

    def reload(self) -> None:
        """Read the file anew, or the dictionary as it is by now, and go by it from the next call on.

        Raises `ConfigError` where it cannot be used, and keeps the old settings; both is told as an
        event. Calls under way end by what they began with, and what is known of each model's health
        stays.
        """
        if not self._has_source:
            raise TypeError("this client was made of settings: there is nothing to read anew")
        with self._reloading:
            try:
                self._take(self._read(), self._routes)
            except ConfigError as error:
                self._tell(ReloadFailed, file=self._file, problems=tuple(map(str, error.problems)))
                raise
        self._tell(Reloaded, file=self._file)

    def route(self, chain: str = "default") -> Route:
        """Return a chain as it is walked: its models with their cards, its triggers; raises `RequestError` for none."""
        return self._routes.route(chain)

    def health(self) -> dict[str, Health]:
        """Say how each model of the chains is: closed, or resting, for how long and why. All clients of a process share it."""
        now = _now()
        return {name: target.breaker.health(now) for name, target in self._routes.asked.items()}

    def forget_health(self, *models: str) -> None:
        """Forget what is known of the health of these models, for all clients of the process.

        Each is as at the beginning, and so is the budget of its retries. Without names it concerns
        every model of the chains, and the chains' budgets of hedges. Calls under way go on; what
        they learn of a model does not count. For tests, and for a person who has mended what was
        broken; otherwise models come back by themselves.

        Args:
            models: names as in `health()`.

        Raises:
            RequestError: no model of the chains has this name.
            TypeError: something is no name, like a list of them.

        """
        self._routes.forget_health(models)

    async def close(self) -> None:
        """Close the connections that belong to this event loop; a later call opens new ones.

        Other event loops close theirs when they shut down. A call that is still under way loses its
        connection, and a probe that outlived its call ends.
        """
        probes = [
            task for route in self._routes.routes.values() for task in route.background_probes
        ]
        ours = [
            task
            for task in (*probes, *self._warming.values())
            if task.get_loop() is asyncio.get_running_loop()
        ]
        for task in ours:
            task.cancel()
        if ours:
            await asyncio.wait(ours)
        await self._adapters.close()
        if self._observers:
            await blocking(self._observers.close)

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    def _prepare(
        self,
        messages: Messages,
        chain: str,
        deadline: float | None,
        options: CallOptions,
    ) -> Callable[..., Walk]:
        self._look_for_changes()
        routes = self._routes
        route = routes.route(chain)
        check_deadline(deadline)
        request = parse_request(messages, options, routes.settings.providers)

        def begin(outlet: StreamGate | None = None) -> Walk:
            return Walk(
                route,
                request,
                emit=self._emit,
                jitter=self._jitter,
                deadline=deadline,
                outlet=outlet,
                watched=partial(WATCHDOG.call, self._blocked),
            )

        return begin

    def _emit(self, event: Event) -> None:
        for sink in self._sinks:
            try:
                sink(event)
            except Exception as error:  # noqa: BLE001 - a broken sink never breaks a call
                report_broken_sink(sink, error)

    def _observe(self, event: Event) -> None:
        self._observers(event)

    def _blocked(self, code: str, seconds: float) -> None:
        self._tell(LoopBlocked, code=code, seconds=seconds)

    def _read(self) -> Settings:
        """Read the file; raises `ConfigError`."""
        today = date.today()  # noqa: DTZ011 - the user's own day
        loaded = load(self._config, self._registry, self._environ, cwd=self._cwd, today=today)
        self._file = loaded.file
        if self._changes is None and loaded.path is not None:
            self._changes = FileWatcher(loaded.path)
        if loaded.settings is None:
            raise ConfigError(loaded.problems)
        return loaded.settings

    def _resolve(self, settings: Settings) -> Settings:
        resolution = resolve(settings, self._registry, self._environ, today=date.today())  # noqa: DTZ011 - the user's own day
        errors = [
            problem
            for problem in resolution.problems
            if problem.severity == "error" and problem.code != "broken-plugin"
        ]
        if errors:
            raise ConfigError(errors)
        return resolution.settings

    def _take(self, settings: Settings, before: Routes | None = None) -> None:
        """Go by these settings from the next call on; calls under way keep theirs."""
        today = date.today()  # noqa: DTZ011 - the user's own day
        self._routes = taken = build_routes(
            settings, self._adapters, self._registry.test, before, today=today
        )
        if before is None or before.settings.observers != settings.observers:
            self._observers.close(0)
            self._observers = Observers(_observers_of(settings.observers, self._registry))
            weakref.finalize(self, self._observers.close)
        self._cold |= {
            name
            for name, route in taken.routes.items()
            if self._warms and route.chain.fallback and route.targets[1:]
        }

    def _look_for_changes(self) -> None:
        """Where the file has changed, read it in a thread; whoever calls meanwhile goes by the old settings."""
        if self._watching and self._changes is not None and self._changes.has_changed():
            threading.Thread(
                target=self._reload_or_tell, name="standby-reload", daemon=True
            ).start()

    def _reload_or_tell(self) -> None:
        with suppress(ConfigError):  # told, as an event
            self.reload()

    def _tell(self, event: type[Event], **rest: Any) -> None:
        self._emit(event(call="", chain="", model="", at=time.monotonic(), **rest))

    def _tell_of_retirement(self, event: Event) -> None:
        """On the first call that asks or passes over a model that is retired, or soon will be, ask for a person's attention."""
        target = (
            self._routes.targets.get(event.model)
            if isinstance(event, AttemptStarted | AttemptEnded)
            else None
        )
        if (
            target is None
            or target.card.retires is None
            or not target.verify_response_model
            or target.name in self._told_of
        ):
            return
        words = retirement(target.card, date.today())  # noqa: DTZ011 - the user's own day
        if words:
            self._told_of.add(target.name)
            self._emit(
                Alert(
                    call=event.call,
                    chain=event.chain,
                    model=event.model,
                    at=event.at,
                    kind=Kind.MODEL_MISSING,
                    text=words,
                )
            )

    def _warm_up(self, event: Event) -> None:
        """When a model is to be asked again, or after a chain's first reply, see to the adapters of what stands by."""
        delay = delay_after(event)
        if delay is not None and event.chain in self._cold:
            self._cold.discard(event.chain)
            routes = self._routes
            providers = [
                routes.settings.providers[target.provider]
                for target in routes.route(event.chain).targets
            ]
            import_all = partial(self._adapters.import_all, providers)
            warming = import_ahead(weakref.ref(self), delay, import_all, event.chain, self._cold)
            self._warming[event.chain] = asyncio.get_running_loop().create_task(warming)


def _observers_of(plugins: Sequence[str], registry: Registry) -> list[tuple[str, Observer]]:
    """Return the plugins' observers; without a broken one the program goes on."""
    observers: list[tuple[str, Observer]] = []
    for plugin in plugins:
        try:
            observers += ((plugin, observer) for observer in registry.observers(plugin))
        except ConfigError as error:
            report_broken_observer(plugin, error)
    return observers


def _now() -> float:
    """Return the time that event loops go by: the running one's, or, where there is none, the clock that they all read."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


class Standby(Shared):
    """The same for blocking code: each call runs on one private event loop, so that time-outs hold there too."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        settings: Settings | None = None,
        environ: Mapping[str, str] | None = None,
        sinks: Sequence[Sink] = (),
        jitter: random.Random | None = None,
        warm_up: bool = True,
        watch: bool = False,
    ) -> None:
        """Take what `AsyncStandby` takes."""
        self._client = AsyncStandby(
            config,
            settings=settings,
            environ=environ,
            sinks=sinks,
            jitter=jitter,
            warm_up=warm_up,
            watch=watch,
        )
        self._prepare = self._client._prepare  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - one client in two forms

    @property
    def settings(self) -> Settings:
        """Return the settings with nothing left implicit."""
        return self._client.settings

    def chat(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Reply:
        """Return one whole reply; see `AsyncStandby.chat`."""
        walk = self._prepare(messages, chain, deadline, options)()
        return run_within(walk.run(), walk.span + GRACE, walk.span)

    def stream(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Stream:
        """Return the reply as a stream of chunks; takes what `chat` takes, and checks it at once."""
        return Stream(self._prepare(messages, chain, deadline, options))

    def reload(self) -> None:
        """Read the file anew; see `AsyncStandby.reload`."""
        self._client.reload()

    def health(self) -> dict[str, Health]:
        """Say how each model of the chains is; see `AsyncStandby.health`."""
        return self._client.health()

    def forget_health(self, *models: str) -> None:
        """Forget what is known of the health of these models, or of all; see `AsyncStandby.forget_health`."""
        self._client.forget_health(*models)

    def close(self) -> None:
        """Close the connections; a later call opens new ones. A call that is still under way loses its connection."""
        run(self._client.close())

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close."""
        run(self._client.close())
