"""Simulate calls that arrive at random at one chain, through an outage.

Dispatch, breakers and budgets are those of production; only the models and the time are simulated.
Every random number follows from one seed.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

import msgspec

from standby.diagnostics.simulation.events import (
    StreamInterrupted,
    StreamRestarted,
    StreamStarted,
)
from standby.diagnostics.simulation.outage import permanent_outage
from standby.diagnostics.simulation.settings import Simulation
from standby.diagnostics.simulation.simulated_model import SimulatedModel
from standby.diagnostics.simulation.virtual_loop import run
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.policy import HEDGE_BUDGET, HEDGE_SHARE
from standby.dispatch.target import Route, Target
from standby.errors import CallFailed, StreamBroken
from standby.events import Event
from standby.resilience.circuit_breaker import CircuitBreaker
from standby.resilience.retry_budget import RetryBudget
from standby.streams import AsyncStream
from standby.types import Message, Request, Text

REQUEST = Request((Message("user", (Text("A simulated question."),)),))

Emit = Callable[[Event], None]


def simulate(route: Route, simulation: Simulation) -> list[Event]:
    """Run a simulation in virtual time; the health of the process's own models stays as it was.

    Args:
        route: The chain; its adapters are never called.
        simulation: The settings.

    Returns:
        Every event, in order.
    """
    events: list[Event] = []
    simulated = _simulated_route(route, simulation, events.append)
    run(_run_calls(simulated, simulation, events.append))
    return events


async def _run_calls(route: Route, simulation: Simulation, emit: Emit) -> None:
    arrivals = simulation.random_for("the arrivals")
    jitter = simulation.random_for("the pauses before retries")
    kinds = simulation.random_for("which are streams")
    calls: set[asyncio.Task[None]] = set()
    now = asyncio.get_running_loop().time
    dispatcher = Dispatcher(route, emit=emit, jitter=jitter)

    await asyncio.sleep(arrivals.expovariate(simulation.rate))
    while now() < simulation.duration:
        is_stream = kinds.random() < simulation.streams
        call = _stream(dispatcher, emit) if is_stream else _chat(dispatcher)
        task = asyncio.create_task(call)
        calls.add(task)
        task.add_done_callback(calls.discard)
        await asyncio.sleep(arrivals.expovariate(simulation.rate))
    while unfinished := [*calls, *route.background_probes]:
        await asyncio.wait(unfinished)


async def _chat(dispatcher: Dispatcher) -> None:
    with suppress(CallFailed):  # its events say so
        await dispatcher.run(REQUEST)


async def _stream(dispatcher: Dispatcher, emit: Emit) -> None:
    """Read a stream to its end, and emit what its reader sees of an outage."""
    now = asyncio.get_running_loop().time
    chain, deadline = dispatcher.route.name, dispatcher.route.chain.deadline
    emit(StreamStarted(call="", chain=chain, model="", at=now()))
    try:
        async for chunk in AsyncStream(partial(dispatcher.start, REQUEST, deadline), deadline):
            if chunk.reset:
                emit(StreamRestarted(call="", chain=chain, model="", at=now()))
    except StreamBroken as error:
        emit(StreamInterrupted(call="", chain=chain, model="", at=now(), text=str(error)))
    except CallFailed:
        return  # its events say so


def _simulated_route(route: Route, simulation: Simulation, emit: Emit) -> Route:
    """Return the route with simulated models in full health.

    Models that share a breaker in production share one here.
    """
    health: dict[int, tuple[CircuitBreaker, RetryBudget]] = {}
    targets = tuple(_simulated_target(each, simulation, emit, health) for each in route.targets)
    hedges = RetryBudget(HEDGE_BUDGET, HEDGE_SHARE, min_rate=float("inf"))
    return replace(route, targets=targets, hedges=hedges, background_probes=set())


def _simulated_target(
    target: Target,
    simulation: Simulation,
    emit: Emit,
    health: dict[int, tuple[CircuitBreaker, RetryBudget]],
) -> Target:
    """Return the target with a simulated model behind it.

    A model that begins resting is simulated as shut down, unless an outage names it: then it
    answers outside of that. A key that is not set makes no difference: nothing is sent.
    """
    outage = next((each for each in simulation.outages if each.model == target.name), None)
    suspicion = target.breaker.suspicion if outage is None else ""
    jitter = simulation.random_for(f"the pauses of {target.name}")
    fresh = (target.breaker.fresh(jitter=jitter, suspected=suspicion), RetryBudget())
    breaker, budget = health.setdefault(id(target.breaker), fresh)
    model = SimulatedModel(
        target.name,
        permanent_outage(target.name) if suspicion else outage,
        simulation.latency,
        simulation.random_for(f"the answers of {target.name}"),
        emit,
    )
    return msgspec.structs.replace(
        target, adapter=model.load, breaker=breaker, budget=budget, missing_key=""
    )
