"""The real breaker and budget beside the reference: both take every step and must agree."""

import random
from dataclasses import dataclass
from typing import NamedTuple

from standby.failures import Kind
from standby.resilience.circuit_breaker import CircuitBreaker, Outcome, Permit, Rejection, State
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings
from tests.oracles.reference import EXACT, Answer, BreakerReference, BudgetReference

KIND = Kind.OVERLOADED

START = 100_000.0
"""Seconds: so late that the difference of a time and the end of a rest is exact (Sterbenz)."""


class Admitted(NamedTuple):
    """A call that both have admitted; `changes` is how often the state had changed by then."""

    permit: Permit
    number: int
    changes: int


class BreakersBeside:
    """Two breakers on one clock. Raises `AssertionError` where they differ or break a rule."""

    def __init__(self, settings: BreakerSettings, seed: int) -> None:
        self.real = CircuitBreaker(settings, random.Random(seed))
        self.reference = BreakerReference(settings)
        self.now = START
        self.in_flight: list[Admitted] = []
        self.finished: list[Admitted] = []
        self._until = float("-inf")

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def pass_the_pause(self, beyond: float) -> None:
        """Go to the end of the pause, or a little beyond it."""
        opening = self.reference.opening()
        if opening is not None:
            self.now = max(self.now, opening.until + beyond)

    def age(self, seconds: float) -> None:
        """Go to so many seconds after the recovery."""
        recovered = self.reference.recovered_at()
        if recovered is not None and self.reference.opening() is None:
            self.now = max(self.now, recovered + seconds)

    def admit(self, probe_timeout: float) -> None:
        resting = self.real.health(self.now).state is State.OPEN
        answer, number = self.reference.admit(self.now, probe_timeout)
        real = self.real.admit(self.now, probe_timeout)
        admitted = isinstance(real, Permit)
        assert not (resting and admitted), "a call was admitted while the model rests"
        self._compare(answer, number, real)

    def force_probe(self, probe_timeout: float) -> None:
        answer, number = self.reference.force_probe(self.now, probe_timeout)
        self._compare(answer, number, self.real.force_probe(self.now, probe_timeout))

    def record(self, index: int, outcome: Outcome, rest: float | None) -> None:
        """Record one of the calls in flight, if there is any."""
        if self.in_flight:
            self.finished.append(self.in_flight.pop(index % len(self.in_flight)))
            self._record(self.finished[-1], outcome, rest)

    def record_again(self, index: int, outcome: Outcome, rest: float | None) -> None:
        """Record a finished call once more; where the breaker can know, nothing changes."""
        if self.finished:
            call = self.finished[index % len(self.finished)]
            if call.permit.probe or call.changes != len(self.reference.changes()):
                assert self.reference.is_outdated(call.number)
                self._record(call, outcome, rest)

    def check(self) -> None:
        """Compare the health, and check the rules that hold at any time."""
        health, opening = self.real.health(self.now), self.reference.opening()
        assert health.state is self.reference.state(self.now)
        if opening is None:
            assert (health.resting, health.reason) == (0.0, "")
            self._until = float("-inf")
        else:
            time_left = max(0.0, opening.until - self.now)
            assert (health.resting, health.reason) == (time_left, opening.reason)
            assert opening.until >= self._until, "the end of a rest moved backwards"
            self._until = opening.until
        calls = [call for call in self.in_flight if not self.reference.is_outdated(call.number)]
        probes = [call for call in calls if call.permit.probe]
        assert len(probes) <= 1, "two probes are in flight"
        assert self.real.in_flight == len(calls) - len(probes)

    def _compare(self, answer: Answer, number: int, real: Permit | Rejection) -> None:
        if isinstance(real, Permit):
            assert answer == ("probe" if real.probe else "call")
            self.in_flight.append(Admitted(real, number, len(self.reference.changes())))
            return
        opening = self.reference.opening()
        until = 0.0 if opening is None else opening.until
        seconds, message = {
            "resting": (until - self.now, "resting "),
            "being probed": (max(1.0, until - self.now), "being probed"),
            "recovering": (0.0, f"recovering: {len(self.reference.calls)} under way"),
        }[answer]
        assert real.seconds == seconds
        assert real.message.startswith(message)

    def _record(self, call: Admitted, outcome: Outcome, rest: float | None) -> None:
        changed = self.real.record(call.permit, outcome, self.now, kind=KIND, rest=rest)
        before = self.reference.opening()
        change = self.reference.record(call.number, outcome, self.now, KIND, rest)
        if change is None:
            assert changed is None
        else:
            assert changed is not None
            assert changed == self.real.health(self.now)
            assert changed.state is change.state
        opening = self.reference.opening()
        if opening is not None and opening is not before:
            assert change is not None
            until = self.now + self.real.health(self.now).resting
            assert change.earliest <= until <= change.latest
            self.reference.set_end(until)


class BudgetsBeside:
    """Two budgets on one clock, in eighths of a second.

    The reference counts in whole numbers, so the two never differ by rounding.
    """

    def __init__(self, capacity: int, share: int, *, fills_with_time: bool) -> None:
        rate = {} if fills_with_time else {"min_rate": float("inf")}
        self.real = RetryBudget(float(capacity), share / BudgetReference.UNIT, **rate)
        self.reference = BudgetReference(capacity, share, fills_with_time=fills_with_time)
        self.eighths = 0

    def pass_time(self, eighths: int) -> None:
        self.eighths += eighths
        self.reference.pass_time(eighths)

    def deposit(self) -> None:
        self.reference.deposit()
        self.real.deposit(self.eighths / 8)

    def try_withdraw(self) -> None:
        assert self.real.try_withdraw(self.eighths / 8) is self.reference.try_withdraw()
        self.check()

    def check(self) -> None:
        """Compare the tokens in the bucket; the real one learns of the time when it is used."""
        tokens = self.reference.tokens / self.reference.UNIT
        assert abs(self.real.tokens - tokens) < EXACT


@dataclass(frozen=True)
class Mood:
    """What is likely in a world.

    Without moods every model would fail five times in a row before anything else happens.
    """

    outcomes: tuple[int, int, int, int] = (4, 2, 5, 1)
    """How likely each outcome is, in the order of `OUTCOMES`."""
    spans: tuple[float, ...] = (0.0, 0.125, 0.5, 1.0, 2.0, 9.0, 30.0, 61.0)
    """By how many seconds time passes."""
    ages: tuple[float, ...] = (0.0, 1.875, 2.0, 3.875, 4.0, 6.0, 8.0, 9.875, 10.0, 59.5, 60.0)
    calls: int = 4
    """Calls that come for each eight that end."""
    rests: int = 4
    """In a hundred calls that end: those for which a delay was stated."""


MOODS = (
    Mood(),
    Mood(rests=30),
    Mood(  # half of the calls are bad
        outcomes=(5, 2, 2, 1), spans=(0.0, 0.125, 0.5, 1.0, 5.0), ages=(60.0,), calls=8, rests=0
    ),
    Mood(  # bad calls leave the window
        outcomes=(6, 3, 3, 0), spans=(1.0, 2.0, 3.0), ages=(60.0,), calls=8, rests=0
    ),
    Mood(  # many calls after a recovery
        outcomes=(12, 0, 1, 1), spans=(0.0, 0.125), calls=20, rests=0
    ),
)

OUTCOMES: tuple[Outcome, ...] = ("success", "slow", "failure", "ignored")
RESTS = (0.0, 0.5, 7.0, 90.0, 5000.0, -1.0)
PROBE_TIMEOUTS = (float("inf"), float("inf"), 31.0, 0.5)


def random_breaker_step(both: BreakersBeside, mood: Mood, dice: random.Random) -> None:
    """Take one random step."""
    steps = (
        both.admit,
        both.force_probe,
        both.record,
        both.record_again,
        both.pass_time,
        both.pass_the_pause,
        both.age,
    )
    step = dice.choices(steps, (mood.calls, 1, 8, 1, 2, 2, 1))[0]
    if step in (both.admit, both.force_probe):
        step(dice.choice(PROBE_TIMEOUTS))
    elif step in (both.record, both.record_again):
        rest = dice.choice(RESTS) if dice.randrange(100) < mood.rests else None
        step(dice.randrange(50), dice.choices(OUTCOMES, mood.outcomes)[0], rest)
    else:
        spans = {
            both.pass_time: mood.spans,
            both.pass_the_pause: (-0.125, 0.0, 0.0, 0.125),
            both.age: mood.ages,
        }
        step(dice.choice(spans[step]))
    both.check()


def random_budget_step(both: BudgetsBeside, dice: random.Random) -> None:
    """Take one random step."""
    step = dice.randrange(4)
    if step == 0:
        both.pass_time(dice.choice((0, 1, 8, 79, 80, 81, 400)))
    elif step == 1:
        both.deposit()
    else:
        both.try_withdraw()
