"""Simulate calls against the production code, and report every rule that is broken.

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
from tests.support.simulated_providers import CLIMATES, Model, WatchedBreaker, is_whole
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
"""What must not happen, and its description."""


class Caller:
    """One call, and what became of it."""

    def __init__(self, world: "World", dice: random.Random) -> None:
        self.world = world
        self.span = dice.choice((world.chain.deadline, world.chain.deadline, 3.0, 12.0))
        self.streams = dice.random() < 0.5
        self.leaves_after = (
            int(2 ** dice.uniform(0, 12)) if dice.random() < 0.15 else 0
        )  # steps of the loop, of whatever task
        self.reads = dice.choice((1, 2)) if dice.random() < 0.05 else 0  # chunks; 0: all
        self.execution: Execution | None = None
        self.events: list[Event] = []
        self.chunks: list[Chunk] = []
        self.began = self.ended = self.left = 0.0
        self.probed: set[str] = (
            set()
        )  # models that another call was probing when this one needed them
        self.result: Reply | BaseException | None = None

    async def call(self, loop: VirtualLoop) -> None:
        self.began = loop.time()
        task = asyncio.create_task(self._stream() if self.streams else self._chat())
        if self.leaves_after:
            loop.after(self.leaves_after, lambda: self._cancel(task, loop.time()))
        await asyncio.wait([task])
        self.ended = loop.time()
        self.result = (
            asyncio.CancelledError() if task.cancelled() else task.exception() or task.result()
        )

    def _cancel(self, task: "asyncio.Task[Any]", now: float) -> None:
        self.left = now
        task.cancel()

    def _start(self, put: Put | None = None) -> Execution:
        world = self.world
        dispatcher = Dispatcher(world.route, emit=self._note, jitter=world.dice)
        self.execution = dispatcher.start(REQUEST, self.span, put)
        return self.execution

    async def _chat(self) -> Reply:
        return await self._start().run()

    async def _stream(self) -> Reply | None:
        async with AsyncStream(self._start, self.span) as stream:
            async for chunk in stream:
                self.chunks.append(chunk)
                if len(self.chunks) == self.reads:
                    return None
        return stream.reply

    def _note(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Failed):
            last_chance = self.began + self.span - self.world.reserved(self.span)
            self.probed = {
                name for name, each in self.world.breakers.items() if each.probed_after(last_chance)
            }
        if isinstance(event, AttemptEnded) and event.attempt.text.startswith(
            "resting "
        ):  # and not for a mere date
            self.world.hold(
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
        gone = result is None or isinstance(result, asyncio.CancelledError)
        yield outcomes != 1 and not (gone and outcomes == 0), f"it has {outcomes} outcomes"
        yield not (gone or isinstance(result, Reply | CallFailed)), f"it raised {result!r}"
        ended = kinds.count(AttemptEnded)
        yield (
            not kinds.count(AttemptStarted) <= ended == len(trail),
            f"{ended} attempts ended, {len(trail)} are on the trail",
        )
        grace = MOMENT + CANCEL_GRACE * self.world.is_deaf
        yield took > self.span + grace, f"it took {took}s of {self.span}s"
        yield (
            all((self.left, gone, result)) and self.ended > self.left + grace,
            "its caller had left before it ended",
        )
        if isinstance(result, Reply):
            marked = result.finish is Finish.LENGTH and any(
                attempt.kind is Kind.TRUNCATED for attempt in trail
            )
            yield (
                not (marked or is_whole(result.text)),
                f"a reply that is not whole: {result.text!r}",
            )
        if isinstance(result, CallFailed) and not self._may_break(result):
            yield from (
                (True, f"{name} could have answered")
                for name in self.world.sure(self.began, self.span) - self.probed
            )
        yield from self._rules_of_text(result)

    def _may_break(self, result: CallFailed) -> bool:
        """A blocked call stops; a stream may break after text, or take the time kept for others."""
        stopped = isinstance(result, Stopped | StreamBroken) and result.failure.kind is Kind.BLOCKED
        spent = max(
            (
                attempt.start + attempt.duration
                for attempt in result.trail
                if attempt.outcome != "skipped"
            ),
            default=0.0,
        )
        too_late = spent > self.span - self.world.reserved(self.span) * len(self.world.targets)
        if not isinstance(result, StreamBroken):
            return stopped
        fails = self.world.chain.stream.on_break == "fail"
        return any((stopped, too_late, fails))

    def _rules_of_text(self, result: object) -> Iterator[Rule]:
        said = ""
        for chunk in self.chunks:
            said = "" if chunk.reset else said + chunk.text
            yield not self.world.has_said(said), f"text of more than one answer: {said!r}"
        if isinstance(result, Reply | StreamBroken) and self.streams:
            reported = result.text if isinstance(result, Reply) else result.partial
            yield said != reported, f"{said!r} was streamed, {reported!r} is reported"


class World:
    """A chain, its models and their weather, and the calls that come; all follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        names = "abcd"[: dice.randint(1, 4)]
        self.models = {
            name: Model(name, dice, dice.choices(CLIMATES, (4, 2, 1, 2, 2))[0]) for name in names
        }
        lot = random.Random(f"{seed}: who begins resting")
        suspicions = {name: "retired long ago" if lot.random() < 0.15 else "" for name in names}
        self.breakers = {
            name: WatchedBreaker(BreakerSettings(), dice, why) for name, why in suspicions.items()
        }
        self.chain = Chain(
            models=tuple(names),
            fallback=dice.random() < 0.9,
            deadline=dice.choice((6.0, 20.0, 60.0, 180.0)),
            retry=Retry(attempts=dice.randint(1, 3)),
            hedge=dice.choice((None, Hedge(after=0.5), Hedge(after=3.0), Hedge(after=8.0))),
            stream=StreamRules(
                release=dice.choice(("first_token", "whole")),
                on_break=dice.choice(("fail", "restart")),
            ),
        )
        self.route = Route(
            name="simulated",
            chain=self.chain,
            targets=tuple(self._target(model, dice) for model in self.models.values()),
            triggers=Triggers(pair for pair in TRIGGERS.items() if dice.random() < 0.2),
            hedges=RetryBudget(HEDGE_BUDGET, HEDGE_SHARE, min_rate=float("inf")),
        )
        self.targets = self.route.reachable
        self.is_deaf = any(model.has_been("deaf") for model in self.models.values())
        self.callers = [Caller(self, dice) for _ in range(dice.choice((10, 40, 100, 300)))]
        self.herd, self.pause = dice.choice(((1, 0.3), (1, 3.0), (100, 20.0), (20, 20.0)))
        self.violations: list[str] = []

    def _target(self, model: Model, dice: random.Random) -> Target:
        return Target(
            name=model.name,
            provider="simulated",
            vendor_id=model.name,
            card=Card(),
            timeout=dice.choice((10.0, 30.0, 60.0)),
            adapter=model.reach,
            first_token_timeout=dice.choice((10.0, float("inf"))),
            idle_timeout=dice.choice((6.0, 30.0)),
            breaker=self.breakers[model.name],
            permits=Bulkhead(PERMITS) if dice.random() < 0.1 else None,
        )

    def reserved(self, span: float) -> float:
        """Return the seconds of a call that each model may count on."""
        return reserve_for(span, len(self.targets))

    def sure(self, began: float, span: float) -> set[str]:
        """Name the models that must answer: fair during the whole call, and fast enough for it."""
        enough = self.reserved(span) - 0.1 - 10 * CANCEL_GRACE * self.is_deaf
        unlimited = [self.models[target.name] for target in self.targets if target.permits is None]
        return {
            model.name
            for model in unlimited
            if model.pace < enough and model.is_fair(began, began + span)
        }

    def has_said(self, text: str) -> bool:
        """Say whether this is the beginning of one answer."""
        first, start = text.partition(" ")[0], text.replace(" and", "")
        return any(model.answers.get(first, "").startswith(start) for model in self.models.values())

    async def run(self, loop: VirtualLoop) -> None:
        loop.after(20_000 * len(self.callers), self._spins)
        loop.set_exception_handler(
            lambda _, context: self.hold(None, [(True, f"unhandled: {context}")])
        )
        calls = []
        for number, caller in enumerate(self.callers, 1):
            calls.append(asyncio.create_task(caller.call(loop)))
            await asyncio.sleep(
                0.0 if number % self.herd else self.dice.expovariate(1 / self.pause)
            )
        await asyncio.wait(calls)
        for caller in self.callers:
            self.hold(caller, caller.rules())
        took = loop.time()
        await asyncio.sleep(max(target.timeout for target in self.route.targets) + 30)
        self.hold(None, self._rules(took))

    def hold(self, caller: Caller | None, rules: Any) -> None:
        """Note the rules that are broken."""
        of = (
            []
            if caller is None
            else [
                f"began {caller.began:g}, {caller.span:g}s",
                *(caller.execution.trail if caller.execution else ()),
            ]
        )
        self.violations += [
            "\n    ".join([text, *map(str, of)]) for broken, text in rules if broken
        ]

    def _spins(self) -> None:
        raise RuntimeError("the loop spins")

    def _rules(self, took: float) -> Iterator[Rule]:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        yield (
            left or self.route.background_probes,
            f"tasks are left: {left or self.route.background_probes}",
        )
        for target in self.route.targets:
            name, model, breaker = target.name, self.models[target.name], self.breakers[target.name]
            yield (
                model.under_way or breaker.out,
                f"{name}: {model.under_way} are under way, permits out: {breaker.out}",
            )
            yield breaker.most_probes > 1, f"{name}: {breaker.most_probes} probes at once"
            yield (
                target.permits and target.permits._semaphore()._value != PERMITS,
                f"{name}: a permit is missing",
            )
            asking = sum(
                any(isinstance(event, AttemptStarted) and event.model == name for event in c.events)
                for c in self.callers
            )
            most = asking + BUCKET + max(0.1 * asking, took / 10)
            yield (
                model.asked > most,
                f"{name} received {model.asked} requests from {asking} calls in {took:g}s",
            )
        hedged = sum(
            isinstance(event, Hedged) for caller in self.callers for event in caller.events
        )
        yield (
            hedged > HEDGE_BUDGET + HEDGE_SHARE * len(self.callers),
            f"{hedged} hedges in {len(self.callers)} calls",
        )

    def __str__(self) -> str:
        """Describe it."""
        models = (
            f"{name}: at most {model.pace}s, {model.weather}" for name, model in self.models.items()
        )
        return "\n  ".join(
            [
                f"{len(self.callers)} calls, {self.herd} at once every {self.pause}s, {self.chain}",
                *models,
            ]
        )


def simulate(seed: int) -> World:
    """Play one seed."""
    world = World(seed)

    async def story() -> None:
        await world.run(asyncio.get_running_loop())  # type: ignore[arg-type] # it is the one below

    try:
        run(story(), random.Random(seed))
    except (RuntimeError, AssertionError) as error:
        world.hold(None, [(True, f"it raised {error!r}")])
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
