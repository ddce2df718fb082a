"""What an application holds: `AsyncStandby`, and `Standby`, which runs the same code on a private event loop."""

import asyncio
import difflib
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from standby.adapters import Adapters
from standby.attempt import Entry, Outlet
from standby.breaker import Health
from standby.budget import Budget
from standby.config import load
from standby.config.resolve import resolve
from standby.decision import Route
from standby.dispatch import Walk
from standby.errors import ConfigError, RequestError
from standby.events import Answered, Event, LoopBlocked
from standby.health import known_of
from standby.messages import Messages, SamplingOptions, request_of
from standby.observe.log import log, report_broken_sink
from standby.permits import Turns
from standby.policy import BreakerSettings, Card, Chain, Settings
from standby.private_loop import LoopIsBlockedError, run
from standby.registry import Registry
from standby.streams import GRACE, AsyncStream, Stream, blocked
from standby.triggers import Triggers
from standby.types import Reply
from standby.watchdog import Watchdog

HEDGES = 5.0
"""Hedges that a chain may begin with; after them `HEDGED_SHARE` of the calls that needed none earn the next."""

HEDGED_SHARE = 0.05

Sink = Callable[[Event], None]
"""Is given every event; it must return at once. What it raises is logged, and breaks no call."""


class AsyncStandby:
    """Asks the models of a chain, in order, until one answers. Safe to share between tasks, threads and event loops."""

    def __init__(
        self,
        config: str | os.PathLike[str] | None = None,
        *,
        settings: Settings | None = None,
        environ: Mapping[str, str] | None = None,
        sinks: Sequence[Sink] = (),
        jitter: random.Random | None = None,
        warm_up: bool = True,
    ) -> None:
        """Read models.yaml, or take `settings` made in code; raises `ConfigError` with every problem at once.

        `config` left out: `STANDBY_CONFIG`, `./config/models.yaml`, `./models.yaml`, or the chain that ships. `environ` stands
        in for the process's environment. `warm_up`: after the first reply, import what the models standing by need.
        """
        self._registry = Registry()
        self._adapters = Adapters(self._registry.adapter)
        self._sinks: tuple[Sink, ...] = (log, self._warm_up, *sinks)
        self._watchdog = Watchdog(self._blocked)
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._warm = not warm_up
        environ = os.environ if environ is None else environ
        self.settings = self._load(config, environ) if settings is None else self._resolve(settings, environ)
        self._entries = {name: self._entry(name) for name in self.settings.models if self.settings.models[name].provider}
        self._routes = {name: self._route(name, chain) for name, chain in self.settings.chains.items()}

    async def chat(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **sampling: Unpack[SamplingOptions],
    ) -> Reply:
        """Return one whole reply.

        `messages`: a string, `Message`s, or OpenAI-style dictionaries. `deadline`: seconds for the whole call. Raises
        `RequestError` before anything is sent, or a `CallFailed` with the trail.
        """
        return await self._run(self._prepare(messages, chain, deadline, sampling)())

    def stream(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **sampling: Unpack[SamplingOptions],
    ) -> AsyncStream:
        """Return the reply as a stream of chunks; takes what `chat` takes, and checks it at once."""
        return AsyncStream(self._prepare(messages, chain, deadline, sampling), self._run, whole=self._holds_back(chain))

    def health(self) -> dict[str, Health]:
        """Say how each model of the chains is: closed, or resting, for how long and why. All clients of a process share it."""
        now = _now()
        return {entry.name: entry.breaker.health(now) for route in self._routes.values() for entry in route.entries}

    def span(self, chain: str, deadline: float | None = None) -> float:
        """Return how long a call may take, in seconds; 0 for a chain that there is not."""
        if deadline is not None:
            return deadline
        return self._routes[chain].chain.deadline if chain in self._routes else 0.0

    async def close(self) -> None:
        """Close the connections that belong to this event loop; a probe that is under way on it ends."""
        loop = asyncio.get_running_loop()
        probes = [task for route in self._routes.values() for task in route.behind if task.get_loop() is loop]
        for task in probes:
            task.cancel()
        if probes:
            await asyncio.wait(probes)
        await self._adapters.close()

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        await self.close()

    def _prepare(
        self, messages: Messages, chain: str, deadline: float | None, sampling: SamplingOptions
    ) -> Callable[..., Walk]:
        if chain not in self._routes:
            near = difflib.get_close_matches(chain, self._routes, n=1) or sorted(self._routes)
            raise RequestError(f"no chain is named {chain!r}; there is {', '.join(near)}")
        if deadline is not None and not deadline > 0:
            raise RequestError(f"deadline: expected seconds, more than 0, not {deadline!r}")
        request = request_of(messages, sampling)

        def begin(outlet: Outlet | None = None) -> Walk:
            return Walk(self._routes[chain], request, emit=self._emit, jitter=self._jitter, deadline=deadline, outlet=outlet)

        return begin

    async def _run(self, walk: Walk) -> Reply:
        with self._watchdog.call():
            return await walk.run()

    def _blocked(self, code: str, seconds: float) -> None:
        self._emit(LoopBlocked(call="", chain="", model="", at=time.monotonic(), code=code, seconds=seconds))

    def _holds_back(self, chain: str) -> bool:
        return self._routes[chain].chain.stream.release == "whole"

    def _emit(self, event: Event) -> None:
        for sink in self._sinks:
            try:
                sink(event)
            except Exception as error:  # noqa: BLE001 - a broken sink never breaks a call
                report_broken_sink(sink, error)

    def _load(self, config: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Settings:
        path = None if config is None else Path(config)
        loaded = load(path, self._registry, environ, cwd=Path.cwd(), today=date.today())  # noqa: DTZ011 - the user's own day
        if loaded.settings is None:
            raise ConfigError(loaded.problems)
        return loaded.settings

    def _resolve(self, settings: Settings, environ: Mapping[str, str]) -> Settings:
        resolution = resolve(settings, self._registry, environ, today=date.today())  # noqa: DTZ011 - the user's own day
        errors = [problem for problem in resolution.problems if problem.severity == "error"]
        if errors:
            raise ConfigError(errors)
        return resolution.settings

    def _route(self, name: str, chain: Chain) -> Route:
        triggers = Triggers((trigger, self.settings.triggers[trigger]) for trigger in chain.triggers or ())
        entries = tuple(self._entries[model] for model in chain.models)
        return Route(name=name, chain=chain, entries=entries, triggers=triggers, hedges=Budget(HEDGES, HEDGED_SHARE, trickle=float("inf")))

    def _entry(self, name: str) -> Entry:
        model = self.settings.models[name]
        provider = self.settings.providers[model.provider or ""]
        card = model.card or Card()
        key = provider.api_key.reveal() if provider.api_key else ""
        identity = (provider.plugin, provider.base_url, provider.api_key, model.model)
        known = known_of(identity, model.breaker or BreakerSettings())
        return Entry(
            name=name,
            provider=model.provider or "",
            vendor_id=model.model or name,
            card=card,
            timeout=model.timeout or 0.0,
            first_token_timeout=model.first_token_timeout or 0.0,
            idle_timeout=model.idle_timeout or 0.0,
            adapter=partial(self._adapters.get, model.provider or "", provider),
            options=model.options or {},
            refused=(*(card.refuses or ()), *(model.drop or ())),
            own_names=provider.base_url is None,
            secrets=(key,) if key else (),
            breaker=known.breaker,
            budget=known.budget,
            permits=Turns(model.concurrency) if model.concurrency else None,
        )

    def _warm_up(self, event: Event) -> None:
        """After the first reply, import the adapters of the models that stand by."""
        if self._warm or not isinstance(event, Answered):
            return
        self._warm = True
        plugins = {self.settings.providers[entry.provider].plugin: None for entry in self._routes[event.chain].entries}
        # held, because a task that nobody holds may be collected before it ran
        self._warming = asyncio.get_running_loop().create_task(self._adapters.import_all(tuple(plugins)))


def _now() -> float:
    """Return the time that event loops go by: the running one's, or, where there is none, the clock that they all read."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


class Standby:
    """The same for blocking code: each call runs on one private event loop, so that time-outs hold there too."""

    def __init__(
        self,
        config: str | os.PathLike[str] | None = None,
        *,
        settings: Settings | None = None,
        environ: Mapping[str, str] | None = None,
        sinks: Sequence[Sink] = (),
        jitter: random.Random | None = None,
        warm_up: bool = True,
    ) -> None:
        """Take what `AsyncStandby` takes."""
        self._client = AsyncStandby(config, settings=settings, environ=environ, sinks=sinks, jitter=jitter, warm_up=warm_up)

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
        **sampling: Unpack[SamplingOptions],
    ) -> Reply:
        """Return one whole reply; see `AsyncStandby.chat`."""
        call = self._client.chat(messages, chain=chain, deadline=deadline, **sampling)
        span = self._client.span(chain, deadline)
        try:
            return run(call, within=span + GRACE)
        except LoopIsBlockedError:
            raise blocked(span) from None

    def stream(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **sampling: Unpack[SamplingOptions],
    ) -> Stream:
        """Return the reply as a stream of chunks; takes what `chat` takes, and checks it at once."""
        stream = self._client.stream(messages, chain=chain, deadline=deadline, **sampling)
        return Stream(stream, self._client.span(chain, deadline))

    def health(self) -> dict[str, Health]:
        """Say how each model of the chains is; see `AsyncStandby.health`."""
        return self._client.health()

    def close(self) -> None:
        """Close the connections."""
        run(self._client.close())

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()
