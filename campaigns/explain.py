"""What `explain` says beside what the dispatcher then does: `python -m campaigns.explain --runs N --seed S`.

A seed is a chain of models that fail at once, its triggers, its policy. The explanations of its
models' failures, one behind the other, say what the trail must be; a virtual clock carries the
call. A violation names its seed.
"""

import argparse
import asyncio
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from standby.cards import Card
from standby.diagnostics.explain import asked_of, explain, plan
from standby.diagnostics.explanation import Explanation
from standby.dispatch.assessment import assess
from standby.dispatch.dispatcher import Walk
from standby.dispatch.policy import Route
from standby.dispatch.target import Target
from standby.errors import CallFailed, Stopped
from standby.failures import Failure, Kind
from standby.resilience.circuit_breaker import State
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Retry, Trigger
from standby.types import Attempt, Finish, Reply, Usage
from tests.support.playing import Plays, request, target
from tests.support.virtual_clock import run

STATUSES = (None, 200, 400, 401, 404, 408, 429, 500, 502, 503, 504, 529)
CODES = (None, "UNAVAILABLE", "RESOURCE_EXHAUSTED", "insufficient_quota", "server_error")
WORDS = (
    "The model is overloaded.",
    "500 internal error",
    "timeout: no answer in 30s",
    "Rate limit 429",
    "",
    "connection error: x",
)
PATTERNS = (
    "overloaded",
    "500 INTERNAL",
    "timeout",
    "connection error",
    "/^5[0-9]{2} /",
    "429",
    "/rate +limit/",
)
WINDOWS = (None, 8_000, 128_000, 1_000_000)
CUT = Reply(text="half an ans", finish=Finish.LENGTH, usage=Usage(output=3))
MOMENT = 1e-6  # seconds: sums of floats are no more exact

Line = tuple[str, str, Kind | None, str | None, str | None]
"""What counts of an attempt: the model, how it ended, the failure's kind, the trigger, and what followed."""


class World:
    """A chain whose models fail, all of it drawn from the seed."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        names = "abcd"[: dice.randint(1, 4)]
        self.rules = {f"rule {number}": self._rule(names) for number in range(dice.randint(0, 4))}
        self.steps: dict[str, Any] = {name: self._step() for name in names}
        for name in [name for name, step in self.steps.items() if self._is_too_long(step)][1:]:
            self.steps[name] = Reply(
                text="well"
            )  # an explanation is of one failure; windows that were too small add up
        chain = Chain(
            models=tuple(names),
            fallback=dice.random() < 0.9,
            deadline=dice.choice((2.0, 6.0, 20.0, 180.0)),
            retry=Retry(attempts=dice.randint(1, 4), limit=dice.choice((1.0, 8.0))),
        )
        targets = tuple(self._target(name) for name in names)
        self.route = Route(
            name="drawn", chain=chain, targets=targets, triggers=Triggers(self.rules.items())
        )

    def _rule(self, names: str) -> Trigger:
        dice = self.dice
        drawn: dict[str, Any] = {
            "kind": self._some(tuple(Kind)),
            "status": self._some((*(status for status in STATUSES if status), "4xx", "5xx")),
            "code": self._some(tuple(code for code in CODES if code)),
            "message": self._some(PATTERNS),
            "provider": dice.choice(("p", "p", "q")),
            "model": self._some(tuple(names)),
        }
        weights = {
            "kind": 0.4,
            "status": 0.3,
            "code": 0.15,
            "message": 0.4,
            "provider": 0.15,
            "model": 0.15,
        }
        fields = {name: value for name, value in drawn.items() if dice.random() < weights[name]}
        return Trigger(
            then=dice.choice(("retry", "next", "stop")), **(fields or {"kind": drawn["kind"]})
        )

    def _some(self, known: tuple[Any, ...]) -> Any:
        drawn = tuple(self.dice.sample(known, self.dice.randint(1, min(3, len(known)))))
        return drawn[0] if len(drawn) == 1 else drawn

    def _step(self) -> Failure | Reply:
        dice = self.dice
        if dice.random() < 0.15:
            return dice.choice((Reply(text="well"), CUT))
        stated = dice.choice((None, None, None, 0.0, 0.5, 2.0, 2.5, 40.0))
        kind, status, code = dice.choice(tuple(Kind)), dice.choice(STATUSES), dice.choice(CODES)
        return Failure(
            kind=kind, message=dice.choice(WORDS), status=status, code=code, retry_after=stated
        )

    def _target(self, name: str) -> Target:
        card = Card(context_window=self.dice.choice(WINDOWS))
        return target(
            name, Plays(self.steps[name]), card=card, timeout=self.dice.choice((1.0, 30.0))
        )

    def _is_too_long(self, step: Failure | Reply) -> bool:
        return isinstance(step, Failure) and step.kind is Kind.CONTEXT_TOO_LONG

    def explained(self, one: Target, trail: Sequence[Attempt]) -> Explanation | None:
        """Explain the failure of a model that was asked when the trail says; `None`: it answers well."""
        spent = next(
            (attempt.start + attempt.duration for attempt in trail if attempt.model == one.name),
            0.0,
        )
        step = self.steps[one.name]
        failure = assess(step, one) if isinstance(step, Reply) else step
        return (
            None if failure is None else explain(failure, one, self.route, self.rules, spent=spent)
        )

    def expected(self, trail: Sequence[Attempt]) -> Iterator[tuple[Line, Explanation | None]]:
        """Say line by line what the trail must be, by nothing but the explanations."""
        by_name = {one.name: one for one in self.route.targets}
        names = [one.name for one in asked_of(self.route)]
        left_out: set[str] = set()
        one: Target | None = self.route.targets[0]
        while one is not None:
            told = self.explained(one, trail)
            if told is None:
                yield (one.name, "answered", None, None, None), None
                return
            for step in told.steps:
                yield (
                    (
                        one.name,
                        self._ends(one, step.then),
                        told.kind,
                        step.trigger,
                        self._then(one, step.then),
                    ),
                    told,
                )
            if told.steps[-1].then == "stop" or (
                told.steps[-1].then == "accept" and isinstance(self.steps[one.name], Reply)
            ):
                return
            left_out |= {
                each.model for each in told.passed_over
            }  # for the rest of the call; of that the next failure knows nothing
            later = names[names.index(one.name) + (told.steps[-1].then != "retry") :]
            following = next((name for name in later if name not in left_out), None)
            for name in later[: None if following is None else later.index(following)]:
                yield (name, "skipped", Kind.UNSUPPORTED, None, "next"), told
            one = by_name.get((following if told.next in left_out else told.next) or "")

    def _ends(self, one: Target, then: str) -> str:
        step = self.steps[one.name]
        if isinstance(step, Reply):
            return "answered" if then == "accept" else "failed"
        return (
            "skipped"
            if step.status is None and step.kind in (Kind.UNAVAILABLE, Kind.UNSUPPORTED)
            else "failed"
        )

    def _then(self, one: Target, then: str) -> str | None:
        """Where there is no reply there is nothing to accept."""
        if then != "accept":
            return then
        return None if isinstance(self.steps[one.name], Reply) else "next"


def line_of(attempt: Attempt) -> Line:
    return attempt.model, attempt.outcome, attempt.kind, attempt.trigger, attempt.then


def differences(seed: int, seen: Counter[str] | None = None) -> list[str]:
    """Play one seed; return where the dispatcher did something else than was explained. `seen` counts what came up."""
    world = World(seed)
    seen = Counter[str]() if seen is None else seen
    worst = plan(world.route, world.rules).worst
    walk = Walk(world.route, request(), emit=lambda _: None, jitter=world.dice)
    result, took, health = run(_carried(walk, world.route))
    explained = list(world.expected(walk.trail))
    first = world.explained(world.route.targets[0], walk.trail)
    trail = [line_of(attempt) for attempt in walk.trail]
    wrong = (
        [] if trail == [line for line, _ in explained] else list(_differ(trail, explained, seen))
    )
    if not wrong and isinstance(result, Stopped) != any(line[4] == "stop" for line in trail):
        wrong.append(f"it ended as {result!r}")
    asked = [attempt for attempt in walk.trail if attempt.outcome != "skipped"]
    for most in (worst, *([first.worst] if first and not wrong else [])):
        if len(asked) > most.attempts or took > most.seconds + MOMENT:
            wrong.append(f"{len(asked)} attempts in {took}s are worse than {most}")
    rested = {
        told.model
        for line, told in explained
        if told is not None and told.steps[-1].rests is not None and line in trail
    }
    if trail == [line for line, _ in explained] and rested != health:
        wrong.append(f"{rested} should rest, {health} do")
    seen.update(line[1] for line in trail)
    seen.update(f"then {line[4]}" for line in trail if line[4])
    seen["trigger"] += sum(line[3] is not None for line in trail)
    seen["rest"] += len(rested)
    return [
        f"{words}\n  explained {explained}\n  trail {trail}\n  {world.route.chain} {world.rules}"
        for words in wrong
    ]


def _differ(
    trail: list[Line], explained: list[tuple[Line, Explanation | None]], seen: Counter[str]
) -> Iterator[str]:
    """Say where the two part; a retry whose drawn pause did not fit into the deadline was foretold as that."""
    for at, (line, told) in enumerate(explained):
        actual = trail[at] if at < len(trail) else None
        if actual == line:
            continue
        number = sum(other[0] == line[0] for other, _ in explained[: at + 1])
        step = told.steps[number - 1] if told is not None and number <= len(told.steps) else None
        if step and step.within is not None and actual == (*line[:4], "next"):
            seen["pause too long"] += 1
            return
        yield f"line {at}: {line} was explained, {actual} was done"
        return
    yield "the trail is longer than was explained"


async def _carried(walk: Walk, route: Route) -> tuple[Any, float, set[str]]:
    now = asyncio.get_running_loop().time
    try:
        result: Any = await walk.run()
    except CallFailed as error:
        result = error
    return (
        result,
        now(),
        {
            one.name
            for one in asked_of(route)
            if one.breaker.health(now()).state is not State.CLOSED
        },
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m campaigns.explain", description="Hold explain against the dispatcher."
    )
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    asked = parser.parse_args(arguments)
    seen = Counter[str]()
    wrong = 0
    for seed in range(asked.seed, asked.seed + asked.runs):
        found = differences(seed, seen)
        wrong += bool(found)
        for words in found:
            print(f"seed {seed}: {words}")  # noqa: T201 - what it is for
    told = ", ".join(f"{count:,} {name}" for name, count in sorted(seen.items()))
    print(f"{asked.runs:,} chains, {wrong} explained wrongly ({told})")  # noqa: T201 - as above
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
