"""Simulate calls against the production code: `python -m tests.simulate --calls N --seed S`, or `--seeds A-B`.

A seed is a world: a chain, its models and their weather, and the calls that come, on a virtual clock that does what is ready
in any order. Seed follows seed until there were N calls. A violation names its seed, which plays the same world again.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from standby import events
from standby.attempt import Entry, Outlet
from standby.budget import Budget
from standby.client import HEDGED_SHARE, HEDGES
from standby.decision import Route
from standby.dispatch import RESERVE, Walk
from standby.errors import CallFailed, Stopped, StreamBroken
from standby.failures import Kind
from standby.permits import Turns
from standby.policy import BreakerSettings, Card, Chain, Hedge, Retry, StreamRules, Trigger
from standby.running import GOODBYE
from standby.streams import AsyncStream
from standby.triggers import Triggers
from standby.types import Attempt, Chunk, Finish, Message, Reply, Request, Text
from tests.simulated_providers import CLIMATES, Model, WatchedBreaker, is_whole
from tests.virtual_clock import VirtualLoop, run

REQUEST = Request((Message("user", (Text("What is the capital of Portugal, please?"),)),))

BUCKET = 35
"""Extra attempts that a model's budget begins with."""

MOMENT = 1e-6
"""Seconds: a sum of floats is no more exact than this."""


class Caller:
    """One call, and what became of it."""

    def __init__(self, world: "World", dice: random.Random) -> None:
        self.world = world
        self.span = dice.choice((world.chain.deadline, world.chain.deadline, 3.0, 12.0))
        self.streams = dice.random() < 0.5
        self.leaves = dice.random() < 0.15
        self.steps = int(2 ** dice.uniform(0, 12)) if self.leaves else 0
        self.chunks_read = dice.choice((None, 1, 2)) if self.leaves else None
        self.told: list[events.Event] = []
        self.chunks: list[Chunk] = []
        self.began = self.ended = self.left_at = 0.0
        self.probed: set[str] = set()
        self.result: Reply | BaseException | None = None
        self.walk: Walk | None = None

    @property
    def trail(self) -> tuple[Attempt, ...]:
        return () if self.walk is None else self.walk.trail

    async def call(self, loop: VirtualLoop) -> None:
        self.began = loop.time()
        task = asyncio.create_task(self._stream() if self.streams else self._make().run())
        if self.leaves:
            loop.after(self.steps, lambda: self._leave(task, loop.time()))
        await asyncio.wait([task])
        self.ended = loop.time()
        if task.cancelled():
            self.result = asyncio.CancelledError()
        else:
            self.result = task.exception() or task.result()

    def _leave(self, task: "asyncio.Task[Any]", now: float) -> None:
        self.left_at = now
        task.cancel()

    def _make(self, outlet: Outlet | None = None) -> Walk:
        world = self.world
        self.walk = Walk(world.route, REQUEST, emit=self._note, jitter=world.dice, deadline=self.span, outlet=outlet)
        return self.walk

    async def _stream(self) -> Reply | None:
        whole = self.world.chain.stream.release == "whole"
        async with AsyncStream(self._make, Walk.run, whole=whole) as stream:
            async for chunk in stream:
                self.chunks.append(chunk)
                if len(self.chunks) == self.chunks_read:
                    return None
        return stream.reply

    def _note(self, event: events.Event) -> None:
        self.told.append(event)
        if isinstance(event, events.Failed):
            self.probed = {name for name, breaker in self.world.breakers.items() if breaker.probes}
        model = self.world.models.get(event.model)
        skipped = isinstance(event, events.AttemptEnded) and event.attempt.text.removeprefix("unavailable").startswith("resting")
        if model is not None and skipped and event.at > model.may_rest_until:
            self.world.wrong(self, f"{model.name} is well since {event.at - model.may_rest_until:g}s more than 16s, and rests")

    # What must hold of it

    def check(self) -> Iterator[str]:
        """Say what is wrong with it."""
        outcomes = sum(isinstance(event, events.Answered | events.Failed) for event in self.told)
        gone = self.result is None or isinstance(self.result, asyncio.CancelledError)
        if outcomes != 1 and not (gone and outcomes == 0):
            yield f"it has {outcomes} outcomes"
        if not gone and not isinstance(self.result, Reply | CallFailed):
            yield f"it raised {self.result!r}"
        grace = MOMENT + (GOODBYE if any(model.has_been("deaf") for model in self.world.models.values()) else 0.0)
        if self.ended - self.began > self.span + grace:
            yield f"it took {self.ended - self.began}s of {self.span}s"
        if isinstance(self.result, asyncio.CancelledError) and self.ended - self.left_at > grace:
            yield f"it ended {self.ended - self.left_at}s after its caller had left"
        started = sum(isinstance(event, events.AttemptStarted) for event in self.told)
        ended = sum(isinstance(event, events.AttemptEnded) for event in self.told)
        if not started <= ended == len(self.trail):
            yield f"{started} attempts began, {ended} ended, {len(self.trail)} are on the trail"
        yield from self._check_the_failure()
        yield from self._check_the_words()

    def _check_the_failure(self) -> Iterator[str]:
        """A model can answer for sure if it is fair during the whole call and quick enough for what is reserved for it."""
        if not isinstance(self.result, CallFailed):
            return
        kinds = {attempt.kind for attempt in self.trail}
        if isinstance(self.result, Stopped):
            if Kind.BLOCKED not in kinds:
                yield "it was stopped by nothing"
            return
        if isinstance(self.result, StreamBroken) and self.world.chain.stream.on_break == "fail":
            return
        for name in self.world.sure(self.began, self.span) - self.probed:
            yield f"{name} could have answered, but: {type(self.result).__name__}: {self.result}"

    def _check_the_words(self) -> Iterator[str]:
        answers = {name: text for model in self.world.models.values() for name, text in model.answers.items()}
        if isinstance(self.result, Reply):
            kinds = [attempt.kind for attempt in self.result.trail if attempt.outcome == "answered"]
            if not is_whole(self.result.text) and not (self.result.finish is Finish.LENGTH and self._marked(Kind.TRUNCATED)):
                yield f"a reply that is not whole: {self.result.text!r}, {kinds}"
        seen = ""
        for chunk in self.chunks:
            seen = "" if chunk.reset else seen + chunk.text
            if seen and not answers.get(seen.split(" ")[0], "").startswith(seen.removesuffix(" and")) and "and" not in seen:
                yield f"words of more than one answer: {seen!r}"
        if isinstance(self.result, Reply) and self.streams and seen != self.result.text:
            yield f"streamed {seen!r}, replied {self.result.text!r}"
        if isinstance(self.result, StreamBroken) and seen != self.result.partial:
            yield f"streamed {seen!r}, broke after {self.result.partial!r}"

    def _marked(self, kind: Kind) -> bool:
        return any(attempt.kind is kind for attempt in self.trail)


class World:
    """A chain, its models and their weather, and the calls that come; all of it follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = dice = random.Random(seed)
        names = "abcd"[: dice.randint(1, 4)]
        self.models = {name: Model(name, dice, dice.choices(CLIMATES, (4, 2, 1, 2, 2))[0]) for name in names}
        self.limited = {name for name in names if dice.random() < 0.1}
        self.breakers = {name: WatchedBreaker(BreakerSettings(), dice) for name in names}
        for breaker in self.breakers.values():
            breaker.out = []
        self.chain = Chain(
            models=tuple(names),
            fallback=dice.random() < 0.9,
            deadline=dice.choice((6.0, 20.0, 60.0, 180.0)),
            retry=Retry(attempts=dice.randint(1, 3)),
            hedge=dice.choice((None, Hedge(after=0.5), Hedge(after=3.0), Hedge(after=8.0))),
            stream=StreamRules(release=dice.choice(("first_token", "whole")), on_break=dice.choice(("fail", "restart"))),
        )
        triggers = {"cut": Trigger(kind=Kind.TRUNCATED, then="next"), "late": Trigger(kind=Kind.TIMEOUT, then="retry")}
        chosen = [pair for pair in triggers.items() if dice.random() < 0.2]
        self.route = Route(
            name="simulated",
            chain=self.chain,
            entries=tuple(self._entry(name) for name in names),
            triggers=Triggers(chosen),
            hedges=Budget(HEDGES, HEDGED_SHARE),
        )
        number = dice.choice((10, 40, 100, 300))
        self.callers = [Caller(self, dice) for _ in range(number)]
        self.pattern, self.pause = dice.choice((("steady", 0.3), ("steady", 3.0), ("herds of 100", 0.0), ("herds of 20", 0.0)))
        self.violations: list[str] = []

    def _entry(self, name: str) -> Entry:
        dice, model = self.dice, self.models[name]

        async def adapter() -> Any:
            return model.adapter

        return Entry(
            name=name,
            provider="simulated",
            vendor_id=name,
            card=Card(),
            timeout=dice.choice((10.0, 30.0, 60.0)),
            adapter=adapter,
            first_token_timeout=dice.choice((10.0, float("inf"))),
            idle_timeout=dice.choice((6.0, 30.0)),
            breaker=self.breakers[name],
            permits=Turns(3) if name in self.limited else None,
        )

    def sure(self, began: float, span: float) -> set[str]:
        """Name the models that could have answered a call for sure."""
        asked = list(self.models.values())[: None if self.chain.fallback else 1]
        reserved = min(RESERVE, span / len(asked))
        fit = [model for model in asked if model.is_fair(began, began + span) and model.pace < 0.99 * reserved]
        return {model.name for model in fit} - self.limited

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.set_exception_handler(lambda _, context: self.wrong(None, f"unhandled: {context}"))
        loop.after(20_000 * len(self.callers), self._spins)
        calls = []
        for number, caller in enumerate(self.callers):
            calls.append(asyncio.create_task(caller.call(loop)))
            await asyncio.sleep(self._pause(number))
        await asyncio.wait(calls)
        for caller in self.callers:
            for words in caller.check():
                self.wrong(caller, words)
        took = loop.time()
        await asyncio.sleep(max(entry.timeout for entry in self.route.entries) + 30)
        for words in self._check(took):
            self.wrong(None, words)

    def wrong(self, caller: Caller | None, words: str) -> None:
        trail = [] if caller is None else caller.trail
        about = [f"began at {caller.began:g}, {caller.span:g}s, stream: {caller.streams}"] if caller else []
        self.violations.append("\n    ".join([words, *about, *(str(attempt) for attempt in trail)]))

    def _pause(self, number: int) -> float:
        if self.pattern == "steady":
            return self.dice.expovariate(1 / self.pause)
        return 0.0 if (number + 1) % int(self.pattern.split()[-1]) else self.dice.uniform(5, 40)

    def _spins(self) -> None:
        raise RuntimeError(f"seed {self.seed}: the loop spins")

    def _check(self, took: float) -> Iterator[str]:
        """Say what is wrong when all is over."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left or self.route.behind:
            yield f"tasks are left: {left or self.route.behind}"
        for entry, model in zip(self.route.entries, self.models.values(), strict=True):
            breaker = self.breakers[entry.name]
            if model.under_way or breaker.out:
                yield f"{entry.name}: {model.under_way} are under way, tickets out: {breaker.out}"
            if breaker.most_probes > 1:
                yield f"{entry.name}: {breaker.most_probes} probes at once"
            if entry.permits is not None and entry.permits._turns()._value != 3:
                yield f"{entry.name}: a permit is missing"
            asking = sum(any(attempt.model == entry.name for attempt in caller.trail) for caller in self.callers)
            if model.asked > asking + BUCKET + max(0.1 * asking, took / 10):
                yield f"{entry.name} was asked {model.asked} times by {asking} calls in {took:g}s"
        hedged = sum(isinstance(event, events.Hedged) for caller in self.callers for event in caller.told)
        if hedged > HEDGES + max(HEDGED_SHARE * len(self.callers), took / 10):
            yield f"{hedged} hedges in {len(self.callers)} calls and {took:g}s"

    def __str__(self) -> str:
        """Describe it."""
        models = (f"{entry.name}: {self.models[entry.name].weather}, {entry.timeout:g}s" for entry in self.route.entries)
        return "\n  ".join([f"{len(self.callers)} calls, {self.pattern}, {self.chain}", *models])


def simulate(seed: int) -> World:
    """Play one seed."""
    world = World(seed)
    run(world.run(), random.Random(seed))
    return world


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description="Simulate calls; print what is violated.")
    parser.add_argument("--calls", type=int, default=20_000, help="at least so many")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", help="A-B: these seeds, however many calls they make")
    asked = parser.parse_args(arguments)
    first, _, last = (asked.seeds or f"{asked.seed}-").partition("-")
    began, calls, violations = time.perf_counter(), 0, 0
    for seed in range(int(first), int(last) + 1) if last else count(int(first)):
        world = simulate(seed)
        calls += len(world.callers)
        violations += len(world.violations)
        if world.violations:
            print(f"seed {seed}: {world}", *world.violations[:3], sep="\n  ")
            print(f"  replay: python -m tests.simulate --seeds {seed}-{seed}")
        if not last and calls >= asked.calls:
            break
    rate = calls / (time.perf_counter() - began)
    print(f"{calls:,} calls, seeds {first} to {seed}: {violations} violations ({rate:,.0f} calls/s)")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
