"""Play calls that come at random against a chain: the walk, the breakers and the budgets are those of production.

Only the models are simulated, and the time. All that is drawn by lot follows from one seed.
"""

import asyncio
import random
from contextlib import suppress

import msgspec

from standby.attempt import Entry
from standby.breaker import Breaker
from standby.budget import Budget
from standby.decision import Route
from standby.dispatch import Walk
from standby.errors import AttemptFailed, CallFailed
from standby.events import Event
from standby.failures import Failure, Kind
from standby.plugin import Call
from standby.routes import HEDGED_SHARE, HEDGES
from standby.simulation.clock import run
from standby.simulation.outage import Fault, Outage
from standby.types import Finish, Message, Reply, Request, Text

REQUEST = Request((Message("user", (Text("A simulated question."),)),))

FOR_EVER = 1_000_000.0
"""Seconds: longer than any attempt may take, and yet an end."""

SPREAD = 0.25
"""The sigma of the log-normal factor on a latency: nine of ten lie between 0.66 and 1.5 of it."""

QUICK = (0.05, 0.3)
"""A fault is told after such a share of the latency: a server that is down says so sooner than a model has answered."""

MESSAGE = "simulated"
"""What a simulated vendor says beside its status: nothing that a trigger would look for."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is played: `rate` calls a second, for `duration` seconds; a healthy answer takes about `latency` seconds."""

    outages: tuple[Outage, ...]
    rate: float
    duration: float
    latency: float
    seed: int

    def without_outages(self) -> "Plan":
        """Return the same calls in fair weather."""
        return msgspec.structs.replace(self, outages=())

    def dice(self, what: str) -> random.Random:
        """Return dice of their own for one purpose, so that none disturbs another."""
        return random.Random(f"{self.seed}: {what}")  # noqa: S311 - a play that can be repeated, nothing to guard


class SimulatedModel:
    """An adapter that answers after a while, or does what its outage says."""

    def __init__(self, name: str, plan: Plan) -> None:
        """Be well where the plan says nothing of this model."""
        self._outage = next((outage for outage in plan.outages if outage.model == name), None)
        self._latency = plan.latency
        self._dice = plan.dice(f"the answers of {name}")

    async def reach(self) -> "SimulatedModel":
        """Return the adapter itself: nothing is imported for it."""
        return self

    async def complete(self, call: Call) -> Reply:
        """Answer, fail, or hang, as the moment says; always as many draws, so that an outage shifts no later one."""
        took, fate, haste = (
            self._latency * self._dice.lognormvariate(0, SPREAD),
            self._dice.random(),
            self._dice.uniform(*QUICK),
        )
        fault = self._fault(fate)
        if fault is None or fault.kind in _REPLIES:
            await asyncio.sleep(took)
            return _reply(call, fault)
        await asyncio.sleep(FOR_EVER if fault.hangs else self._latency * haste)
        raise _error(fault)

    def _fault(self, fate: float) -> Fault | None:
        spell = self._outage.spell_at(asyncio.get_running_loop().time()) if self._outage else None
        if spell is None or spell.fault.words == "ok" or fate >= spell.fault.share:
            return None
        return spell.fault


_REPLIES = {Kind.EMPTY, Kind.TRUNCATED, Kind.WRONG_MODEL}
"""Faults that are answers: production code finds out what is wrong with them."""


def _reply(call: Call, fault: Fault | None) -> Reply:
    kind = None if fault is None else fault.kind
    return Reply(
        text="" if kind is Kind.EMPTY else "A simulated answer.",
        finish=Finish.LENGTH if kind is Kind.TRUNCATED else Finish.STOP,
        served="another" if kind is Kind.WRONG_MODEL else call.model,
    )


def _error(fault: Fault) -> Exception:
    if fault.kind is Kind.CONNECTION:
        return ConnectionResetError(MESSAGE)
    kind = fault.kind or Kind.TIMEOUT
    words = MESSAGE if fault.status is not None else f"{kind}: {MESSAGE}"
    return AttemptFailed(Failure(kind=kind, status=fault.status, message=words))


def play(route: Route, plan: Plan) -> list[Event]:
    """Play the plan in virtual time; returns every event, in order. The health of the process's models is left alone."""
    told: list[Event] = []
    run(_play(_simulated(route, plan), plan, told))
    return told


async def _play(route: Route, plan: Plan, told: list[Event]) -> None:
    arrivals, jitter = plan.dice("the arrivals"), plan.dice("the pauses before retries")
    calls: set[asyncio.Task[None]] = set()
    now = asyncio.get_running_loop().time
    await asyncio.sleep(arrivals.expovariate(plan.rate))
    while now() < plan.duration:
        task = asyncio.create_task(_ask(Walk(route, REQUEST, emit=told.append, jitter=jitter)))
        calls.add(task)
        task.add_done_callback(calls.discard)
        await asyncio.sleep(arrivals.expovariate(plan.rate))
    while left := [*calls, *route.behind]:
        await asyncio.wait(left)


async def _ask(walk: Walk) -> None:
    with suppress(CallFailed):  # its events tell
        await walk.run()


def _simulated(route: Route, plan: Plan) -> Route:
    """Return the route with simulated models in full health; those that share a breaker in production share one here."""
    health: dict[int, tuple[Breaker, Budget]] = {}
    entries: list[Entry] = []
    for entry in route.entries:
        fresh = (Breaker(entry.breaker.settings, plan.dice(f"the pauses of {entry.name}")), Budget())
        breaker, budget = health.setdefault(id(entry.breaker), fresh)
        adapter = SimulatedModel(entry.name, plan).reach
        entries.append(msgspec.structs.replace(entry, adapter=adapter, breaker=breaker, budget=budget))
    hedges = Budget(HEDGES, HEDGED_SHARE, trickle=float("inf"))
    return msgspec.structs.replace(route, entries=tuple(entries), hedges=hedges, behind=set())
