"""Simulate calls against the production code, and report every violated rule.

usage: `python -m campaigns.simulate --calls N --seed S`, or `--seeds A-B`

A seed is a world: a chain, its models and their weather, and the calls that come, on a virtual
clock that runs ready tasks in any order. Seed follows seed until there were N calls. A violation
names its seed, which simulates the same world again.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from standby.cards import Card
from standby.dispatch.attempt import CANCEL_GRACE
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.execution import Execution
from standby.dispatch.policy import HEDGE_BUDGET, HEDGE_SHARE, reserve_for
from standby.dispatch.stream_gate import Put
from standby.dispatch.target import Route, Target
from standby.errors import CallFailed, Stopped, StreamBroken
from standby.events import Answered, AttemptEnded, AttemptStarted, Event, Failed, Hedged
from standby.failures import Kind
from standby.resilience.bulkhead import Bulkhead
from standby.resilience.retry_budget import RetryBudget
from standby.resilience.triggers import Triggers
from standby.settings import BreakerSettings, Chain, Hedge, Retry, StreamRules, Trigger
from standby.streams import AsyncStream
from standby.types import Chunk, Finish, Message, Reply, Request, Text
from tests.support.simulated_providers import CLIMATES, Model, WatchedBreaker, is_complete
from tests.support.virtual_clock import VirtualLoop, run

REQUEST = Request((Message("user", (Text("What is the capital of Portugal, please?"),)),))
TRIGGERS = {
    "cut": Trigger(kind=Kind.TRUNCATED, then="next"),
    "late": Trigger(kind=Kind.TIMEOUT, then="retry"),
}
PERMITS = 3
BUCKET = 35  # extra attempts that a model's budget begins with
MOMENT = 1e-6  # seconds: sums of floats are no more exact

Rule = tuple[object, str]
"""Whether a rule is violated, and the description."""


class Caller:
    """One call and its result."""

    def __init__(self, world: "World", rng: random.Random) -> None:
        self.world = world
        self.span = rng.choice((world.chain.deadline, world.chain.deadline, 3.0, 12.0))
        self.streams = rng.random() < 0.5
        self.cancels_after = (
            int(2 ** rng.uniform(0, 12)) if rng.random() < 0.15 else 0
        )  # steps of the event loop, of any task
        self.chunk_limit = rng.choice((1, 2)) if rng.random() < 0.05 else 0  # chunks; 0: all
        self.execution: Execution | None = None
        self.events: list[Event] = []
        self.chunks: list[Chunk] = []
        self.began = self.ended = self.cancelled_at = 0.0
        self.probed_elsewhere: set[str] = (
            set()
        )  # models that another call probed when this one needed them
        self.result: Reply | BaseException | None = None

    async def call(self, loop: VirtualLoop) -> None:
        self.began = loop.time()
        task = asyncio.create_task(self._stream() if self.streams else self._chat())
        if self.cancels_after:
            loop.after(self.cancels_after, lambda: self._cancel(task, loop.time()))
        await asyncio.wait([task])
        self.ended = loop.time()
        self.result = (
            asyncio.CancelledError() if task.cancelled() else task.exception() or task.result()
        )

    def _cancel(self, task: "asyncio.Task[Any]", now: float) -> None:
        self.cancelled_at = now
        task.cancel()

    def _start(self, put: Put | None = None) -> Execution:
        world = self.world
        dispatcher = Dispatcher(world.route, emit=self._note, jitter=world.rng)
        self.execution = dispatcher.start(REQUEST, self.span, put)
        return self.execution

    async def _chat(self) -> Reply:
        return await self._start().run()

    async def _stream(self) -> Reply | None:
        async with AsyncStream(self._start, self.span) as stream:
            async for chunk in stream:
                self.chunks.append(chunk)
                if len(self.chunks) == self.chunk_limit:
                    return None
        return stream.reply

    def _note(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Failed):
            last_chance = self.began + self.span - self.world.reserve(self.span)
            self.probed_elsewhere = {
                name
                for name, breaker in self.world.breakers.items()
                if breaker.probed_after(last_chance)
            }
        if isinstance(event, AttemptEnded) and event.attempt.text.startswith(
            "resting "
        ):  # not for a retirement date
            self.world.check(
                self,
                [
                    (
                        self.world.models[event.model].is_well(event.at),
                        f"{event.model} is well, and rests",
                    )
                ],
            )

    def rules(self) -> Iterator[Rule]:
        result, trail, took = (
            self.result,
            self.execution.trail if self.execution else (),
            self.ended - self.began,
        )
        kinds = [type(event) for event in self.events]
        outcomes = kinds.count(Answered) + kinds.count(Failed)
        is_cancelled = result is None or isinstance(result, asyncio.CancelledError)
        yield outcomes != 1 and not (is_cancelled and outcomes == 0), f"it has {outcomes} outcomes"
        yield not (is_cancelled or isinstance(result, Reply | CallFailed)), f"it raised {result!r}"
        ended = kinds.count(AttemptEnded)
        yield (
            not kinds.count(AttemptStarted) <= ended == len(trail),
            f"{ended} attempts ended, {len(trail)} are on the trail",
        )
        grace = MOMENT + CANCEL_GRACE * self.world.is_deaf
        yield took > self.span + grace, f"it took {took}s of {self.span}s"
        yield (
            all((self.cancelled_at, is_cancelled, result))
            and self.ended > self.cancelled_at + grace,
            "it ended long after its cancellation",
        )
        if isinstance(result, Reply):
            is_marked = result.finish is Finish.LENGTH and any(
                attempt.kind is Kind.TRUNCATED for attempt in trail
            )
            yield (
                not (is_marked or is_complete(result.text)),
                f"an incomplete reply: {result.text!r}",
            )
        if isinstance(result, CallFailed) and not self._may_break(result):
            yield from (
                (True, f"{name} could have answered")
                for name in self.world.surely_available(self.began, self.span)
                - self.probed_elsewhere
            )
        yield from self._rules_of_text(result)

    def _may_break(self, result: CallFailed) -> bool:
        """A blocked call stops; a stream may break after text, or take the time kept for others."""
        stopped = isinstance(result, Stopped | StreamBroken) and result.failure.kind is Kind.BLOCKED
        used = max(
            (
                attempt.start + attempt.duration
                for attempt in result.trail
                if attempt.outcome != "skipped"
            ),
            default=0.0,
        )
        too_late = used > self.span - self.world.reserve(self.span) * len(self.world.targets)
        if not isinstance(result, StreamBroken):
            return stopped
        fails = self.world.chain.stream.on_break == "fail"
        return any((stopped, too_late, fails))

    def _rules_of_text(self, result: object) -> Iterator[Rule]:
        text = ""
        for chunk in self.chunks:
            text = "" if chunk.reset else text + chunk.text
            yield not self.world.has_answer(text), f"text of more than one answer: {text!r}"
        if isinstance(result, Reply | StreamBroken) and self.streams:
            reported = result.text if isinstance(result, Reply) else result.partial
            yield text != reported, f"{text!r} was streamed, {reported!r} is reported"


class World:
    """A chain, its models and their weather, and the calls that come; all follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        names = "abcd"[: rng.randint(1, 4)]
        self.models = {
            name: Model(name, rng, rng.choices(CLIMATES, (4, 2, 1, 2, 2))[0]) for name in names
        }
        suspicion_rng = random.Random(f"{seed}: who begins resting")
        suspicions = {
            name: "retired long ago" if suspicion_rng.random() < 0.15 else "" for name in names
        }
        self.breakers = {
            name: WatchedBreaker(BreakerSettings(), rng, suspicion)
            for name, suspicion in suspicions.items()
        }
        self.chain = Chain(
            models=tuple(names),
            fallback=rng.random() < 0.9,
            deadline=rng.choice((6.0, 20.0, 60.0, 180.0)),
            retry=Retry(attempts=rng.randint(1, 3)),
            hedge=rng.choice((None, Hedge(after=0.5), Hedge(after=3.0), Hedge(after=8.0))),
            stream=StreamRules(
                release=rng.choice(("first_token", "whole")),
                on_break=rng.choice(("fail", "restart")),
            ),
        )
        self.route = Route(
            name="simulated",
            chain=self.chain,
            targets=tuple(self._target(model, rng) for model in self.models.values()),
            triggers=Triggers(pair for pair in TRIGGERS.items() if rng.random() < 0.2),
            hedges=RetryBudget(HEDGE_BUDGET, HEDGE_SHARE, min_rate=float("inf")),
        )
        self.targets = self.route.reachable
        self.is_deaf = any(model.has_been("deaf") for model in self.models.values())
        self.callers = [Caller(self, rng) for _ in range(rng.choice((10, 40, 100, 300)))]
        self.burst, self.pause = rng.choice(((1, 0.3), (1, 3.0), (100, 20.0), (20, 20.0)))
        self.violations: list[str] = []

    def _target(self, model: Model, rng: random.Random) -> Target:
        return Target(
            name=model.name,
            provider="simulated",
            vendor_id=model.name,
            card=Card(),
            timeout=rng.choice((10.0, 30.0, 60.0)),
            adapter=model.reach,
            first_token_timeout=rng.choice((10.0, float("inf"))),
            idle_timeout=rng.choice((6.0, 30.0)),
            breaker=self.breakers[model.name],
            permits=Bulkhead(PERMITS) if rng.random() < 0.1 else None,
        )

    def reserve(self, span: float) -> float:
        """Return the seconds of a call that are reserved for each model."""
        return reserve_for(span, len(self.targets))

    def surely_available(self, began: float, span: float) -> set[str]:
        """Return the models that must answer: fair during the whole call, and fast enough."""
        longest_pace = self.reserve(span) - 0.1 - 10 * CANCEL_GRACE * self.is_deaf
        unlimited = [self.models[target.name] for target in self.targets if target.permits is None]
        return {
            model.name
            for model in unlimited
            if model.pace < longest_pace and model.is_fair(began, began + span)
        }

    def has_answer(self, text: str) -> bool:
        """Return whether this is the beginning of one answer."""
        first, start = text.partition(" ")[0], text.replace(" and", "")
        return any(model.answers.get(first, "").startswith(start) for model in self.models.values())

    async def run(self, loop: VirtualLoop) -> None:
        loop.after(20_000 * len(self.callers), self._spins)
        loop.set_exception_handler(
            lambda _, context: self.check(None, [(True, f"unhandled: {context}")])
        )
        calls = []
        for number, caller in enumerate(self.callers, 1):
            calls.append(asyncio.create_task(caller.call(loop)))
            await asyncio.sleep(
                0.0 if number % self.burst else self.rng.expovariate(1 / self.pause)
            )
        await asyncio.wait(calls)
        for caller in self.callers:
            self.check(caller, caller.rules())
        took = loop.time()
        await asyncio.sleep(max(target.timeout for target in self.route.targets) + 30)
        self.check(None, self._rules(took))

    def check(self, caller: Caller | None, rules: Any) -> None:
        """Record the violations of these rules."""
        context = (
            []
            if caller is None
            else [
                f"began {caller.began:g}, {caller.span:g}s",
                *(caller.execution.trail if caller.execution else ()),
            ]
        )
        self.violations += [
            "\n    ".join([text, *map(str, context)]) for is_violated, text in rules if is_violated
        ]

    def _spins(self) -> None:
        raise RuntimeError("the loop spins")

    def _rules(self, took: float) -> Iterator[Rule]:
        left_tasks = asyncio.all_tasks() - {asyncio.current_task()}
        yield (
            left_tasks or self.route.background_probes,
            f"tasks are left: {left_tasks or self.route.background_probes}",
        )
        for target in self.route.targets:
            name, model, breaker = target.name, self.models[target.name], self.breakers[target.name]
            yield (
                model.in_flight or breaker.permits,
                f"{name}: {model.in_flight} are in flight, permits in use: {breaker.permits}",
            )
            yield breaker.most_probes > 1, f"{name}: {breaker.most_probes} probes at once"
            yield (
                target.permits and target.permits._semaphore()._value != PERMITS,
                f"{name}: a permit is missing",
            )
            calling = sum(
                any(isinstance(event, AttemptStarted) and event.model == name for event in c.events)
                for c in self.callers
            )
            limit = calling + BUCKET + max(0.1 * calling, took / 10)
            yield (
                model.calls > limit,
                f"{name} received {model.calls} requests from {calling} calls in {took:g}s",
            )
        hedged = sum(
            isinstance(event, Hedged) for caller in self.callers for event in caller.events
        )
        yield (
            hedged > HEDGE_BUDGET + HEDGE_SHARE * len(self.callers),
            f"{hedged} hedges in {len(self.callers)} calls",
        )

    def __str__(self) -> str:
        """Return a description of the models and the calls."""
        models = (
            f"{name}: at most {model.pace}s, {model.weather}" for name, model in self.models.items()
        )
        bursts = f"{len(self.callers)} calls, {self.burst} at once every {self.pause}s"
        return "\n  ".join([f"{bursts}, {self.chain}", *models])


def simulate(seed: int) -> World:
    """Simulate one seed."""
    world = World(seed)

    async def scenario() -> None:
        await world.run(asyncio.get_running_loop())  # type: ignore[arg-type] # run() has a virtual loop

    try:
        run(scenario(), random.Random(seed))
    except (RuntimeError, AssertionError) as error:
        world.check(None, [(True, f"it raised {error!r}")])
    return world


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m campaigns.simulate", description="Simulate calls; print what is violated."
    )
    parser.add_argument("--calls", type=int, default=20_000, help="at least so many")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", help="A-B: these seeds, however many calls they make")
    options = parser.parse_args(arguments)
    first, _, last = (options.seeds or f"{options.seed}-").partition("-")
    began, calls, violations = time.perf_counter(), 0, 0
    for seed in range(int(first), int(last) + 1) if last else count(int(first)):
        world = simulate(seed)
        calls += len(world.callers)
        violations += len(world.violations)
        if world.violations:
            replay = f"replay: python -m campaigns.simulate --seeds {seed}-{seed}"
            report = [f"seed {seed}: {world}", *world.violations[:3], replay]
            print("\n  ".join(report))  # noqa: T201 - the result
        if not last and calls >= options.calls:
            break
    rate = calls / (time.perf_counter() - began)
    count_of_all = f"{calls:,} calls, seeds {first} to {seed}"
    print(f"{count_of_all}: {violations} violations ({rate:,.0f} calls/s)")  # noqa: T201 - the sum
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
