"""The self-test of one chain: each model answers, each fault is met, and the first model comes back."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence

import msgspec

from standby.diagnostics.selftest.faults import USUAL, Fault, Group, faults_of
from standby.diagnostics.selftest.stub_servers import StubServer, StubServers
from standby.dispatch.dispatcher import Walk
from standby.dispatch.policy import Route
from standby.dispatch.routes import build_routes
from standby.dispatch.target import Target
from standby.errors import CallFailed, ChainExhausted
from standby.failures import REACTIONS, Kind
from standby.registry.adapter_pool import AdapterPool
from standby.registry.plugins import Registry
from standby.resilience.circuit_breaker import State
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings, Retry, Settings
from standby.types import Attempt, Message, Reply, Request, Sampling, Text

REQUEST = Request(
    (Message("user", (Text("Reply with the single word OK."),)),), Sampling(max_tokens=16)
)

PATIENCE = 0.25
"""Seconds that are waited for a model that hangs."""

ANSWERS_WITHIN = 5.0
"""Seconds in which a model that does not hang is done, on a busy machine too."""

PAUSE, LONGEST_PAUSE = 0.2, 0.4
"""Seconds of the failing model's pauses."""

RETRY_AFTER = 0.02
"""Seconds before the same model is asked again, at most."""

ENOUGH = 40
"""Calls that fail after which a model that is not resting yet never will."""

COMES_BACK_WITHIN = 5.0
"""Seconds; much longer than the longest pause."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model answers in its own wire, alone; `words` says why it does not, or was not asked."""

    model: str
    provider: str
    outcome: str
    seconds: float = 0.0
    words: str = ""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one fault of the first model.

    `kind` and `text` are what the chain took it for, `trigger` what matched (`None`: the kind's
    default), `asked` how often the model was asked, `by` who answered then. `then` is what
    happened: "next", or "stop" for a fault of the caller's own.
    """

    fault: str
    group: Group
    kind: Kind | None
    text: str
    trigger: str | None
    asked: int
    then: str
    by: str
    seconds: float
    fine: bool


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """How the first model rested and came back: the failed calls before it rested, and the seconds from its recovery.

    `never_rests`: its breaker is off, so that it is asked by every call.
    """

    rested_after: int
    seconds: float | None
    never_rests: bool = False

    @property
    def fine(self) -> bool:
        """Say whether it rested where it should, and is used again."""
        return self.never_rests is not bool(self.rested_after) and self.seconds is not None


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it all; `failing` is the model that was made to fail, "" if there was none to fall back from."""

    models: tuple[Answered, ...]
    failing: str = ""
    cases: tuple[Case, ...] = ()
    back: Return | None = None


Faults = Callable[[Sequence[str]], Sequence[Fault]]
"""Which faults there are for a vendor, whose failures read like these texts."""


def play(settings: Settings, registry: Registry, chain: str, faults: Faults = faults_of) -> Played:
    """Test one chain of resolved settings; nothing but this machine is asked. Takes seconds."""
    adapters = AdapterPool(registry.adapter, registry.origin)
    route = build_routes(settings, adapters, registry.predicate).routes[chain]
    with StubServers(settings, registry, adapters) as stub_servers:
        return asyncio.run(
            _closed(_Test(route, stub_servers, registry, settings), adapters, faults)
        )


async def _closed(test: "_Test", adapters: AdapterPool, faults: Faults) -> Played:
    try:
        return await test.run(faults)
    finally:
        await adapters.close()


class _Test:
    """One chain, its models redirected to their stub_servers."""

    def __init__(
        self, route: Route, stub_servers: StubServers, registry: Registry, settings: Settings
    ) -> None:
        self._asked = route.targets if route.chain.fallback else route.targets[:1]
        self._redirected = {target.name: stub_servers.redirected(target) for target in self._asked}
        self._stub_servers = stub_servers
        self._registry = registry
        self._settings = settings
        self._jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing
        chain = msgspec.structs.replace(route.chain, retry=_bounded(route.chain.retry))
        self._route = msgspec.structs.replace(route, chain=chain)

    async def run(self, faults: Faults) -> Played:
        models = [await self._alone(target) for target in self._asked]
        targets = list(self._standing([each.model for each in models if each.outcome == "answers"]))
        stub_server = self._stub_servers.of(targets[0]) if targets else None
        if stub_server is None or not targets[1:]:
            return Played(models=tuple(models))
        plugin = self._settings.providers[targets[0].provider].reference
        cases = [
            await self._meet(fault, targets, stub_server)
            for fault in faults(self._registry.info(plugin).errors)
        ]
        back = await self._comes_back(targets, stub_server)
        return Played(models=tuple(models), failing=targets[0].name, cases=tuple(cases), back=back)

    def _standing(self, answering: Sequence[str]) -> Iterator[Target]:
        """Give the models from the first on that can be made to fail: into what runs as it is nothing can be injected."""
        begun = False
        for target in self._asked:
            found = self._redirected[target.name]
            begun = begun or self._stub_servers.of(target) is not None
            if found is not None and begun and target.name in answering:
                yield found

    async def _alone(self, target: Target) -> Answered:
        """Ask one model, with all the time that it may need: its SDK is imported now."""
        redirected = self._redirected[target.name]
        told = Answered(model=target.name, provider=target.provider, outcome="not tested")
        if redirected is None:
            return msgspec.structs.replace(told, words=self._stub_servers.missing[target.name])
        reply, trail = await self._walk([_fresh(redirected)])
        if reply is not None:
            return msgspec.structs.replace(told, outcome="answers", seconds=trail[-1].duration)
        outcome = "not tested" if trail[-1].kind is Kind.UNAVAILABLE else "does not answer"
        return msgspec.structs.replace(
            told, outcome=outcome, seconds=trail[-1].duration, words=trail[-1].text
        )

    async def _meet(self, fault: Fault, targets: Sequence[Target], stub_server: StubServer) -> Case:
        stub_server.fails(fault.answer)
        began = asyncio.get_running_loop().time()
        reply, trail = await self._walk(
            _hurried(targets, PATIENCE if fault.hangs else ANSWERS_WITHIN)
        )
        seconds = asyncio.get_running_loop().time() - began
        stub_server.is_well()
        failed = [attempt for attempt in trail if attempt.model == targets[0].name]
        last = failed[-1]
        by = "" if reply is None else reply.model
        then = "next" if trail[-1].model != last.model else "stop"
        return Case(
            fault=fault.name,
            group=fault.group,
            kind=last.kind,
            text=last.text,
            trigger=last.trigger,
            asked=len(failed),
            then=then,
            by=by,
            seconds=seconds,
            fine=by not in ("", last.model) or (not by and _may_end(last.kind)),
        )

    async def _comes_back(self, targets: Sequence[Target], stub_server: StubServer) -> Return:
        """Let the first model fail until it rests, then be well; traffic comes all the time."""
        kept, first, now = (
            _hurried(targets, ANSWERS_WITHIN),
            targets[0].name,
            asyncio.get_running_loop().time,
        )
        stub_server.fails(USUAL[0].answer)
        calls, never_rests = 0, kept[0].breaker.health(now()).state == State.OFF
        while calls < ENOUGH and kept[0].breaker.health(now()).state == State.CLOSED:
            await self._walk(kept)
            calls += 1
        if kept[0].breaker.health(now()).state == State.CLOSED:
            return Return(rested_after=0, seconds=None)
        stub_server.is_well()
        recovered = now()
        while now() - recovered < COMES_BACK_WITHIN:
            reply, _ = await self._walk(kept)
            if reply is not None and reply.model == first:
                return Return(
                    rested_after=calls, seconds=now() - recovered, never_rests=never_rests
                )
        return Return(rested_after=calls, seconds=None, never_rests=never_rests)

    async def _walk(self, targets: Sequence[Target]) -> tuple[Reply | None, tuple[Attempt, ...]]:
        route = msgspec.structs.replace(
            self._route, targets=tuple(targets), background_probes=set()
        )
        walk = Walk(route, REQUEST, emit=lambda _: None, jitter=self._jitter)
        try:
            reply = await walk.run()
        except CallFailed as error:
            reply = None
            if isinstance(error, ChainExhausted) and not error.trail:
                raise
        if route.background_probes:
            await asyncio.wait(route.background_probes)
        return reply, walk.trail


def _fresh(target: Target) -> Target:
    """Return the model in full health, which no one else shares."""
    return msgspec.structs.replace(
        target, breaker=target.breaker.fresh(), budget=RetryBudget(), permits=None
    )


def _hurried(targets: Sequence[Target], patience: float) -> list[Target]:
    """Return the models, the first with these seconds at most and short pauses."""
    first, *others = map(_fresh, targets)
    known = first.breaker.settings
    pauses = BreakerSettings(
        failures=known.failures,
        open=min(known.open, PAUSE),
        open_limit=min(known.open_limit, LONGEST_PAUSE),
    )
    return [
        msgspec.structs.replace(
            first, timeout=min(first.timeout, patience), breaker=first.breaker.fresh(pauses)
        ),
        *others,
    ]


def _bounded(retry: Retry) -> Retry:
    return msgspec.structs.replace(retry, limit=min(retry.limit, RETRY_AFTER))


def _may_end(kind: Kind | None) -> bool:
    """Say whether a chain may rightly end with this: the request itself is at fault, or fits no model's window."""
    return kind is not None and (REACTIONS[kind].then == "stop" or kind is Kind.CONTEXT_TOO_LONG)
