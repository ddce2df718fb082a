"""Play calls that come at random against a chain: the walk, the breakers and the budgets are those of production.

Only the models are simulated, and the time. All that is drawn by lot follows from one seed.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import msgspec

from standby.diagnostics.simulation.clock import run
from standby.diagnostics.simulation.model import SimulatedModel
from standby.diagnostics.simulation.outage import Outage, gone
from standby.dispatch.dispatcher import Walk
from standby.dispatch.policy import Route
from standby.dispatch.routes import HEDGED_SHARE, HEDGES
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.errors import CallFailed, StreamBroken
from standby.events import Event
from standby.pricing import TYPICAL
from standby.resilience.circuit_breaker import CircuitBreaker
from standby.resilience.retry_budget import RetryBudget
from standby.streams import AsyncStream
from standby.types import Message, Request, Text, Usage

REQUEST = Request((Message("user", (Text("A simulated question."),)),))


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is played: `rate` calls a second, for `duration` seconds; a healthy answer takes about `latency` seconds.

    `streams` is the share of the calls (0 to 1) that are streams; each call is of `tokens`, by
    which it is billed.
    """

    outages: tuple[Outage, ...]
    rate: float
    duration: float
    latency: float
    seed: int
    streams: float = 0.0
    tokens: Usage = TYPICAL

    def without_outages(self) -> "Plan":
        """Return the same calls in fair weather."""
        return msgspec.structs.replace(
            self, outages=tuple(Outage(outage.model, ()) for outage in self.outages)
        )

    def dice(self, what: str) -> random.Random:
        """Return dice of their own for one purpose, so that none disturbs another."""
        return random.Random(f"{self.seed}: {what}")  # noqa: S311 - a play that can be repeated, nothing to guard


class StreamBegun(Event, frozen=True, kw_only=True):
    """A caller asks for a stream."""


class StreamRestarted(Event, frozen=True, kw_only=True):
    """A caller is told that the words so far count no more: another attempt begins anew."""


class StreamCut(Event, frozen=True, kw_only=True):
    """A caller had some of an answer when its call failed."""

    text: str


def play(route: Route, plan: Plan) -> list[Event]:
    """Play the plan in virtual time; returns every event, in order. The health of the process's models is left alone."""
    told: list[Event] = []
    run(_play(_simulated(route, plan, told.append), plan, told.append))
    return told


async def _play(route: Route, plan: Plan, emit: Callable[[Event], None]) -> None:
    arrivals, jitter, kinds = (
        plan.dice("the arrivals"),
        plan.dice("the pauses before retries"),
        plan.dice("which are streams"),
    )
    calls: set[asyncio.Task[None]] = set()
    now = asyncio.get_running_loop().time

    def walk(outlet: StreamGate | None = None) -> Walk:
        return Walk(route, REQUEST, emit=emit, jitter=jitter, outlet=outlet)

    await asyncio.sleep(arrivals.expovariate(plan.rate))
    while now() < plan.duration:
        streams = kinds.random() < plan.streams
        task = asyncio.create_task(_read(walk, route.name, emit) if streams else _ask(walk()))
        calls.add(task)
        task.add_done_callback(calls.discard)
        await asyncio.sleep(arrivals.expovariate(plan.rate))
    while left := [*calls, *route.background_probes]:
        await asyncio.wait(left)


async def _ask(walk: Walk) -> None:
    with suppress(CallFailed):  # its events tell
        await walk.run()


async def _read(
    begin: Callable[[StreamGate], Walk], chain: str, emit: Callable[[Event], None]
) -> None:
    """Read a stream to its end, and tell what its reader sees of an outage."""
    now = asyncio.get_running_loop().time
    emit(StreamBegun(call="", chain=chain, model="", at=now()))
    try:
        async for chunk in AsyncStream(begin):
            if chunk.reset:
                emit(StreamRestarted(call="", chain=chain, model="", at=now()))
    except StreamBroken as error:
        emit(StreamCut(call="", chain=chain, model="", at=now(), text=str(error)))
    except CallFailed:
        return  # its events tell


def _simulated(route: Route, plan: Plan, emit: Callable[[Event], None]) -> Route:
    """Return the route with simulated models in full health; those that share a breaker in production share one here.

    A model that begins resting is played as gone, unless an outage names it: then it is there
    outside of that. One whose key is not set is played like one with a key: a play sends nothing.
    """
    health: dict[int, tuple[CircuitBreaker, RetryBudget]] = {}
    targets: list[Target] = []
    for target in route.targets:
        outage = next((outage for outage in plan.outages if outage.model == target.name), None)
        rests = target.breaker.suspicion if outage is None else ""
        fresh = (
            target.breaker.fresh(jitter=plan.dice(f"the pauses of {target.name}"), suspected=rests),
            RetryBudget(),
        )
        breaker, budget = health.setdefault(id(target.breaker), fresh)
        outage = gone(target.name) if rests else outage
        model = SimulatedModel(
            target.name, outage, plan.latency, plan.dice(f"the answers of {target.name}"), emit
        )
        targets.append(
            msgspec.structs.replace(
                target,
                adapter=model.reach,
                breaker=breaker,
                budget=budget,
                missing_key="",
            )
        )
    hedges = RetryBudget(HEDGES, HEDGED_SHARE, min_rate=float("inf"))
    return msgspec.structs.replace(
        route, targets=tuple(targets), hedges=hedges, background_probes=set()
    )
