"""What an application holds: `AsyncStandby`, and `Standby`, which runs it on a background loop."""

import asyncio
import os
import random
import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self, Unpack

from standby.config import Config
from standby.config.settings_source import SettingsSource
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.live_routes import LiveRoutes
from standby.dispatch.target import Route
from standby.events import LoopBlocked
from standby.inputs.messages import Messages
from standby.inputs.parse import CallOptions, check_deadline, parse_request
from standby.observe.bus import EventBus, Sink
from standby.observe.log import LOGGED, Log
from standby.registry.plugins import Registry
from standby.resilience.circuit_breaker import Health
from standby.runtime.background_loop import run
from standby.runtime.loop_watchdog import WATCHDOG
from standby.runtime.sharing import Shared
from standby.settings import Settings
from standby.streams import GRACE, AsyncStream, Stream, run_within
from standby.types import Reply, Request


class AsyncStandby(Shared):
    """Asks the models of a chain, in order, until one answers.

    Safe to share between tasks, threads and event loops.
    """

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
            config: The file's path, or a dictionary of the file's form, which is copied. The
                default is `STANDBY_CONFIG`, else `./config/models.yaml`, else `./models.yaml`,
                else the chain that ships.
            settings: Typed settings, instead of a file.
            environ: Variables to use instead of the process's environment.
            sinks: Receive every event.
            jitter: Draws the pauses before retries.
            warm_up: Whether to import what the models need ahead of its use, in a thread: for the
                first model of the default chain at once, for those that stand by when an attempt
                of a chain's first call fails, or the call has taken 0.2 s.
            watch: Whether to reload the file when it has changed; a call checks, once a second.

        Raises:
            ConfigError: The configuration cannot be used; it has every problem at once.
            TypeError: `config` is neither a path nor a dictionary, stands beside `settings`, or has
                no file to watch.
        """
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, guards nothing
        registry, variables = Registry(), os.environ if environ is None else environ
        source = SettingsSource(config, settings, registry, variables, watch=watch)
        self._bus = EventBus()
        self._bus.subscribe(Log(), *LOGGED)
        self._routes = LiveRoutes(source, registry, self._bus, warm_up=warm_up)
        for sink in sinks:
            self._bus.subscribe(sink)

    async def chat(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Reply:
        """Return one complete reply.

        Args:
            messages: A string, `Message`s, or OpenAI-style dictionaries.
            chain: The name of a chain.
            deadline: Seconds for the whole call; the default is the chain's.
            options: The sampling parameters (the fields of `Sampling`), and:
                `tools`: `Tool`s or OpenAI-style dictionaries that the model may call;
                `tool_choice`: "auto", "none", "required", or the name of the tool to call;
                `schema`: a pydantic model, a msgspec.Struct or a JSON Schema, for `reply.data`;
                `extra`: by the provider's name, fields for the requests to that provider alone,
                spelt as its vendor spells them;
                `strict`: whether to skip a model that refuses a parameter, instead of leaving the
                parameter out.

        Returns:
            The reply, with its trail.

        Raises:
            RequestError: The request is wrong. Nothing was sent.
            CallFailed: No reply came; the error has the trail.
        """
        dispatcher, request, seconds = self._prepare(messages, chain, deadline, options)
        return await dispatcher.start(request, seconds).run()

    def stream(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncStream:
        """Return the reply as a stream of chunks.

        Args:
            messages: See `chat`.
            chain: See `chat`.
            deadline: See `chat`.
            options: See `chat`.

        Returns:
            The stream. No model is called before its first chunk is read.

        Raises:
            RequestError: The request is wrong; this is checked at once.
        """
        dispatcher, request, seconds = self._prepare(messages, chain, deadline, options)
        return AsyncStream(partial(dispatcher.start, request, seconds), seconds)

    @property
    def settings(self) -> Settings:
        """The settings with nothing left implicit."""
        return self._routes.current.settings

    def reload(self) -> None:
        """Read the file again, or the present dictionary; later calls use the new settings.

        Calls under way keep the settings that they began with. The health of the models stays. An
        event reports the result.

        Raises:
            ConfigError: The new settings cannot be used; the old ones stay in force.
            TypeError: The client was made from settings.
        """
        self._routes.reload()

    def route(self, chain: str = "default") -> Route:
        """Return a chain as calls use it: its models with their cards, and its triggers.

        Args:
            chain: The chain's name.

        Returns:
            The chain's route.

        Raises:
            RequestError: There is no chain of this name.
        """
        return self._routes.current.route(chain)

    def health(self) -> dict[str, Health]:
        """Return the health of the models. All clients of a process share it.

        Returns:
            For each model of the chains, by its name: whether it rests, for how many seconds more,
            and why.
        """
        now, targets = _now(), self._routes.current.targets_of_chains
        return {name: target.breaker.health(now) for name, target in targets.items()}

    def forget_health(self, *models: str) -> None:
        """Reset the health of models, for all clients of the process.

        Circuit breaker and retry budget of each are as at the beginning. Calls under way continue,
        and their outcomes no longer count. This is for tests, and for use after a repair: models
        recover by themselves.

        Args:
            models: Names as in `health()`. The default is every model of the chains, and the hedge
                budgets of the chains too.

        Raises:
            RequestError: No model of the chains has this name.
            TypeError: An argument is not a name: a list of names, for example.
        """
        self._routes.current.forget_health(models)

    async def close(self) -> None:
        """Close the connections that belong to this event loop; a later call opens new ones.

        Other event loops close theirs when they shut down. Calls under way lose their connections,
        and background probes end.
        """
        await self._routes.close()

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
    ) -> tuple[Dispatcher, Request, float]:
        """Check a call; return its chain's dispatcher, its request, and its deadline in seconds."""
        routes = self._routes.refresh()
        route = routes.route(chain)
        check_deadline(deadline)
        request = parse_request(messages, options, routes.settings.providers)
        dispatcher = Dispatcher(
            route,
            emit=self._bus.emit,
            unwanted=self._bus.unwanted,
            jitter=self._jitter,
            watch=partial(WATCHDOG.watch, self._report_blocked),
        )
        seconds = route.chain.deadline if deadline is None else deadline
        return dispatcher, request, seconds

    def _report_blocked(self, code: str, seconds: float) -> None:
        self._bus.announce(LoopBlocked, code=code, seconds=seconds)


def _now() -> float:
    """Return the running loop's time, or, without a loop, that of the clock which loops read."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


class Standby(Shared):
    """The same for blocking code.

    Each call runs on the background loop, so that time-outs hold here too.
    """

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

        The arguments and errors are those of `AsyncStandby`.
        """
        self._client = AsyncStandby(
            config,
            settings=settings,
            environ=environ,
            sinks=sinks,
            jitter=jitter,
            warm_up=warm_up,
            watch=watch,
        )
        # one client in two forms
        self._prepare = self._client._prepare  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    @property
    def settings(self) -> Settings:
        """The settings with nothing left implicit."""
        return self._client.settings

    def chat(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Reply:
        """Return one complete reply.

        Args:
            messages: See `AsyncStandby.chat`.
            chain: The name of a chain.
            deadline: Seconds for the whole call.
            options: See `AsyncStandby.chat`.

        Returns:
            The reply, with its trail.

        Raises:
            RequestError: The request is wrong. Nothing was sent.
            CallFailed: No reply came; the error has the trail.
        """
        dispatcher, request, seconds = self._prepare(messages, chain, deadline, options)
        return run_within(dispatcher.run(request, deadline=seconds), seconds + GRACE, seconds)

    def stream(
        self,
        messages: Messages,
        *,
        chain: str = "default",
        deadline: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Stream:
        """Return the reply as a stream of chunks.

        Args:
            messages: See `AsyncStandby.chat`.
            chain: The name of a chain.
            deadline: Seconds for the whole call.
            options: See `AsyncStandby.chat`.

        Returns:
            The stream. No model is called before its first chunk is read.

        Raises:
            RequestError: The request is wrong; this is checked at once.
        """
        dispatcher, request, seconds = self._prepare(messages, chain, deadline, options)
        return Stream(partial(dispatcher.start, request, seconds), seconds)

    def reload(self) -> None:
        """Read the file again; see `AsyncStandby.reload`.

        Raises:
            ConfigError: The new settings cannot be used; the old ones stay in force.
            TypeError: The client was made from settings.
        """
        self._client.reload()

    def health(self) -> dict[str, Health]:
        """Return the health of the models; see `AsyncStandby.health`.

        Returns:
            The health of each model of the chains, by its name.
        """
        return self._client.health()

    def forget_health(self, *models: str) -> None:
        """Reset the health of models; see `AsyncStandby.forget_health`.

        Args:
            models: Names as in `health()`; the default is all of them.

        Raises:
            RequestError: No model of the chains has this name.
            TypeError: An argument is not a name.
        """
        self._client.forget_health(*models)

    def close(self) -> None:
        """Close the connections; a later call opens new ones. Calls under way lose theirs."""
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
