"""The self-test of one chain: each model answers, each fault is met, the first model comes back."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import dropwhile

import msgspec

from standby.diagnostics.selftest.faults import USUAL, Fault, list_faults
from standby.diagnostics.selftest.results import (
    FaultResult,
    ModelResult,
    Recovery,
    SelftestResult,
)
from standby.diagnostics.selftest.stub_server import StubServer
from standby.diagnostics.selftest.stub_servers import StubServers
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.routes import build_routes
from standby.dispatch.target import Route, Target
from standby.errors import CallFailed, ChainExhausted
from standby.failures import REACTIONS, Attempt, Kind
from standby.registry.adapter_pool import AdapterPool
from standby.registry.plugins import Registry
from standby.resilience.circuit_breaker import State
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings, Retry, Settings
from standby.types import Message, Reply, Request, Sampling, Text

REQUEST = Request(
    (Message("user", (Text("Reply with the single word OK."),)),), Sampling(max_tokens=16)
)

HANG_TIMEOUT = 0.25
"""Seconds that the chain waits for a model that hangs."""

ANSWER_TIMEOUT = 5.0
"""Seconds in which a model that does not hang has answered, on a busy machine too."""

PAUSE, MAX_PAUSE = 0.2, 0.4
"""Seconds of the failing model's pauses."""

MAX_RETRY_DELAY = 0.02
"""Seconds before a retry of the same model, at most."""

MOST_CALLS = 40
"""Failed calls after which a model that does not rest yet never will."""

RECOVERY_TIMEOUT = 5.0
"""Seconds in which the first model must be used again; much longer than the longest pause."""

ListFaults = Callable[[Sequence[str]], Sequence[Fault]]
"""Lists the faults of a vendor, given the texts of its known failures."""


def run_selftest(
    settings: Settings, registry: Registry, chain: str, faults: ListFaults = list_faults
) -> SelftestResult:
    """Test one chain on this machine, without the network; takes seconds.

    Args:
        settings: The resolved settings.
        registry: The plugins.
        chain: The name of the chain.
        faults: Lists the faults to test.

    Returns:
        The results of the models, of the faults, and of the recovery.
    """
    adapters = AdapterPool(registry.adapter, registry.origin)
    route = build_routes(settings, adapters, registry.predicate).routes[chain]
    with StubServers(settings, registry, adapters) as stub_servers:
        test = _Selftest(route, stub_servers, registry, settings)
        return asyncio.run(_run_and_close(test, adapters, faults))


async def _run_and_close(
    test: "_Selftest", adapters: AdapterPool, faults: ListFaults
) -> SelftestResult:
    try:
        return await test.run(faults)
    finally:
        await adapters.close()


class _Selftest:
    def __init__(
        self, route: Route, stub_servers: StubServers, registry: Registry, settings: Settings
    ) -> None:
        self._targets = route.reachable
        self._redirected = {each.name: stub_servers.redirect(each) for each in self._targets}
        self._stub_servers = stub_servers
        self._registry = registry
        self._settings = settings
        self._jitter = random.Random()  # noqa: S311 - spreads retries, guards nothing
        chain = msgspec.structs.replace(route.chain, retry=_limit_delay(route.chain.retry))
        self._route = replace(route, chain=chain)

    async def run(self, faults: ListFaults) -> SelftestResult:
        models = [await self._test_model(target) for target in self._targets]
        answering = [each.model for each in models if each.outcome == "answers"]
        targets = list(self._from_first_stub(answering))
        stub_server = self._stub_servers.find(targets[0]) if targets else None
        if stub_server is None or not targets[1:]:
            return SelftestResult(models=tuple(models))
        plugin = self._settings.providers[targets[0].provider].reference
        cases = [
            await self._test_fault(fault, targets, stub_server)
            for fault in faults(self._registry.info(plugin).errors)
        ]
        return SelftestResult(
            models=tuple(models),
            failing=targets[0].name,
            cases=tuple(cases),
            recovery=await self._test_recovery(targets, stub_server),
        )

    def _from_first_stub(self, answering: Sequence[str]) -> Iterator[Target]:
        """Yield the answering models from the first one that has a stub server, and so can fail."""
        begun = dropwhile(lambda each: self._stub_servers.find(each) is None, self._targets)
        for target in begun:
            redirected = self._redirected[target.name]
            if redirected is not None and target.name in answering:
                yield redirected

    async def _test_model(self, target: Target) -> ModelResult:
        """Call one model without a shortened time-out: its SDK may be imported now."""
        redirected = self._redirected[target.name]
        if redirected is None:
            reason = self._stub_servers.missing[target.name]
            return _model_result(target, "not tested", reason=reason)
        reply, trail = await self._call([_with_full_health(redirected)])
        last = trail[-1]
        if reply is not None:
            return _model_result(target, "answers", seconds=last.duration)
        outcome = "not tested" if last.kind is Kind.UNAVAILABLE else "does not answer"
        return _model_result(target, outcome, seconds=last.duration, reason=last.text)

    async def _test_fault(
        self, fault: Fault, targets: Sequence[Target], stub_server: StubServer
    ) -> FaultResult:
        now = asyncio.get_running_loop().time
        timeout = HANG_TIMEOUT if fault.hangs else ANSWER_TIMEOUT
        stub_server.fail_with(fault.answer)
        began = now()
        reply, trail = await self._call(_with_short_waits(targets, timeout))
        seconds = now() - began
        stub_server.recover()
        failed = [attempt for attempt in trail if attempt.model == targets[0].name]
        last = failed[-1]
        answered_by = "" if reply is None else reply.model
        return FaultResult(
            fault=fault.name,
            group=fault.group,
            kind=last.kind,
            text=last.text,
            trigger=last.trigger,
            attempts=len(failed),
            then="next" if trail[-1].model != last.model else "stop",
            answered_by=answered_by,
            seconds=seconds,
            passed=answered_by != last.model if answered_by else _may_end_chain(last.kind),
        )

    async def _test_recovery(self, targets: Sequence[Target], stub_server: StubServer) -> Recovery:
        """Let the first model fail until it rests, then recover; calls come all the time."""
        now = asyncio.get_running_loop().time
        targets = _with_short_waits(targets, ANSWER_TIMEOUT)
        breaker = targets[0].breaker
        never_rests = breaker.health(now()).state == State.OFF
        stub_server.fail_with(USUAL[0].answer)
        calls = 0
        while calls < MOST_CALLS and breaker.health(now()).state == State.CLOSED:
            await self._call(targets)
            calls += 1
        if breaker.health(now()).state == State.CLOSED:
            return Recovery(rested_after=0, seconds=None)
        stub_server.recover()
        seconds = await self._time_to_return(targets)
        return Recovery(rested_after=calls, seconds=seconds, never_rests=never_rests)

    async def _time_to_return(self, targets: Sequence[Target]) -> float | None:
        """Call until the first model answers; returns the seconds, `None` if it does not."""
        now = asyncio.get_running_loop().time
        recovered = now()
        while now() - recovered < RECOVERY_TIMEOUT:
            reply, _ = await self._call(targets)
            if reply is not None and reply.model == targets[0].name:
                return now() - recovered
        return None

    async def _call(self, targets: Sequence[Target]) -> tuple[Reply | None, tuple[Attempt, ...]]:
        route = replace(self._route, targets=tuple(targets), background_probes=set())
        dispatcher = Dispatcher(route, emit=lambda _: None, jitter=self._jitter)
        try:
            reply = await dispatcher.run(REQUEST)
            trail = reply.trail
        except CallFailed as error:
            reply, trail = None, error.trail
            if isinstance(error, ChainExhausted) and not trail:
                raise
        if route.background_probes:
            await asyncio.wait(route.background_probes)
        return reply, trail


def _model_result(
    target: Target, outcome: str, *, seconds: float = 0.0, reason: str = ""
) -> ModelResult:
    return ModelResult(
        model=target.name,
        provider=target.provider,
        outcome=outcome,
        seconds=seconds,
        reason=reason,
    )


def _with_full_health(target: Target) -> Target:
    """Return the model with a new breaker, which nothing else shares."""
    return msgspec.structs.replace(
        target, breaker=target.breaker.fresh(), budget=RetryBudget(), permits=None
    )


def _with_short_waits(targets: Sequence[Target], timeout: float) -> list[Target]:
    """Return the models, the first with short pauses and this time-out, in seconds, at most."""
    first, *others = map(_with_full_health, targets)
    settings = first.breaker.settings
    pauses = BreakerSettings(
        failures=settings.failures,
        open=min(settings.open, PAUSE),
        open_limit=min(settings.open_limit, MAX_PAUSE),
    )
    first = msgspec.structs.replace(
        first, timeout=min(first.timeout, timeout), breaker=first.breaker.fresh(pauses)
    )
    return [first, *others]


def _limit_delay(retry: Retry) -> Retry:
    return msgspec.structs.replace(retry, limit=min(retry.limit, MAX_RETRY_DELAY))


def _may_end_chain(kind: Kind | None) -> bool:
    """Say whether a chain may end here: the request is at fault, or no model's window holds it."""
    if kind is None:
        return False
    return REACTIONS[kind].then == "stop" or kind is Kind.CONTEXT_TOO_LONG
