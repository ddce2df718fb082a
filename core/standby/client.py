"""What an application holds: `AsyncStandby`, and `Standby`, which runs it on a private event loop."""

import asyncio
import os
import random
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from types import TracebackType
from typing import Self, Unpack

from standby.cards import describe_retirement
from standby.config import Config
from standby.config.settings_source import SettingsSource
from standby.dispatch.dispatcher import Walk
from standby.dispatch.policy import Route
from standby.dispatch.routes import Routes, build_routes
from standby.dispatch.stream_gate import StreamGate
from standby.events import LoopBlocked
from standby.inputs.parse import CallOptions, Messages, check_deadline, parse_request
from standby.observe.bus import EventBus, Sink
from standby.observe.log import Log
from standby.observe.retirement import RetirementAlert
from standby.registry.adapter_pool import AdapterPool
from standby.registry.observing import PluginObservers
from standby.registry.plugins import Registry
from standby.registry.warm_up import WarmUp
from standby.resilience.circuit_breaker import Health
from standby.runtime.background_loop import run
from standby.runtime.loop_watchdog import WATCHDOG
from standby.runtime.sharing import Shared
from standby.runtime.threads import blocking
from standby.settings import Provider, Settings
from standby.streams import GRACE, AsyncStream, Stream, run_within
from standby.types import Reply


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
        self._source = SettingsSource(
            config,
            settings,
            self._registry,
            os.environ if environ is None else environ,
            watch=watch,
        )
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._adapters = AdapterPool(self._registry.adapter, self._registry.origin)
        self._observers = PluginObservers(self._registry.observers)
        self._warms = warm_up
        self._warm_up = WarmUp(self._providers, self._adapters.import_adapters)
        self._bus = EventBus()
        retirements = RetirementAlert(self._describe_retirement, self._bus.emit)
        self._bus.subscribe(Log(), self._warm_up, retirements, self._observers, *sinks)
        # a call under way holds the bus, and so keeps its connections when nobody holds the client
        weakref.finalize(self._bus, self._adapters.close_nowait).atexit = False
        self._routes = self._build_routes(self._source.read(), None)
        self._follow(self._routes)

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
        self._source.reload(self._adopt, self._bus.announce)

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
            for task in (*probes, *self._warm_up.tasks)
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
        self._source.reload_if_changed(self._adopt, self._bus.announce)
        routes = self._routes
        route = routes.route(chain)
        check_deadline(deadline)
        request = parse_request(messages, options, routes.settings.providers)

        def begin(outlet: StreamGate | None = None) -> Walk:
            return Walk(
                route,
                request,
                emit=self._bus.emit,
                jitter=self._jitter,
                deadline=deadline,
                outlet=outlet,
                watched=partial(WATCHDOG.watch, self._report_blocked),
            )

        return begin

    def _adopt(self, settings: Settings) -> None:
        """Put these settings in force for the next calls; calls under way keep theirs."""
        self._routes = self._build_routes(settings, self._routes)
        self._follow(self._routes)

    def _build_routes(self, settings: Settings, before: Routes | None) -> Routes:
        today = date.today()  # noqa: DTZ011 - the user's own day
        return build_routes(settings, self._adapters, self._registry.predicate, before, today=today)

    def _follow(self, routes: Routes) -> None:
        """Have the sinks follow these routes."""
        self._observers.use(routes.settings.observers)
        if self._warms:
            self._warm_up.expect(
                name
                for name, route in routes.routes.items()
                if route.chain.fallback and route.targets[1:]
            )

    def _providers(self, chain: str) -> list[Provider]:
        """Return the providers of a chain's models."""
        routes = self._routes
        providers = routes.settings.providers
        return [providers[target.provider] for target in routes.route(chain).targets]

    def _describe_retirement(self, model: str) -> str:
        target = self._routes.targets.get(model)
        if target is None or target.card.retires is None or not target.verify_response_model:
            return ""
        return describe_retirement(target.card, date.today())  # noqa: DTZ011 - the user's own day

    def _report_blocked(self, code: str, seconds: float) -> None:
        self._bus.announce(LoopBlocked, code=code, seconds=seconds)


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
