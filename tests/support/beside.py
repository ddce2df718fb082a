"""The real breaker, and the real budget, beside the reference: every step is taken by both, and must come to the same."""

import random
from dataclasses import dataclass

from standby.failures import Kind
from standby.resilience.circuit_breaker import CircuitBreaker, Outcome, Permit, Rejection, State
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings
from tests.oracles.reference import EXACT, LEAVE, BreakerReference, BudgetReference

KIND = Kind.OVERLOADED


class BreakersBeside:
    """Two breakers on one clock. Raises `AssertionError` where they part, or a rule is broken."""

    def __init__(self, settings: BreakerSettings, seed: int) -> None:
        self.real = CircuitBreaker(settings, random.Random(seed))
        self.book = BreakerReference(settings)
        self.now = 1000.0
        self.out: list[tuple[Permit, int]] = []
        self.over: list[tuple[Permit, int]] = []
        self._until = float("-inf")

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def pass_the_pause(self, beyond: float) -> None:
        """Go to the end of the pause, or a little beyond it."""
        opening = self.book.opening()
        if opening is not None:
            self.now = max(self.now, opening.until + beyond)

    def age(self, seconds: float) -> None:
        """Go to so many seconds after the recovery."""
        recovered = self.book.recovered_at()
        if recovered is not None and self.book.opening() is None:
            self.now = max(self.now, recovered + seconds)

    def admit(self, probe_timeout: float) -> None:
        resting = self.real.health(self.now).state is State.OPEN
        leave, number = self.book.admit(self.now, probe_timeout)
        answer = self.real.admit(self.now, probe_timeout)
        assert not (resting and isinstance(answer, Permit)), (
            "somebody was admitted while the model rests"
        )
        self._compare(leave, number, answer)

    def force_probe(self, probe_timeout: float) -> None:
        leave, number = self.book.force_probe(self.now, probe_timeout)
        self._compare(leave, number, self.real.force_probe(self.now, probe_timeout))

    def record(self, place: int, outcome: Outcome, rest: float | None) -> None:
        """Settle one of the calls that are out, if there is any."""
        if self.out:
            self.over.append(self.out.pop(place % len(self.out)))
            self._settle(*self.over[-1], outcome, rest)

    def settle_again(self, place: int, outcome: Outcome, rest: float | None) -> None:
        """Settle one of those that are over: where that is told from a first time, it changes nothing."""
        if self.over:
            permit, number = self.over[place % len(self.over)]
            if permit.probe or self.real._generation != permit.generation:
                assert self.book.is_stale(number)
                self._settle(permit, number, outcome, rest)

    def check(self) -> None:
        """Compare how the model is, and look at the rules that hold at any time."""
        health, opening = self.real.health(self.now), self.book.opening()
        assert health.state is self.book.state(self.now)
        until = self.real._until
        if opening is None:
            assert (health.resting, health.reason, until) == (0.0, "", None)
        else:
            assert (health.resting, health.reason) == (
                max(0.0, opening.until - self.now),
                opening.reason,
            )
            assert until is not None
            assert until >= self._until, "the end of a rest moved backwards"
        self._until = float("-inf") if until is None else until
        probes = [
            number for permit, number in self.out if permit.probe and not self.book.is_stale(number)
        ]
        assert len(probes) <= 1, "two probes are in flight"

    def _compare(self, leave: LEAVE, number: int, answer: Permit | Rejection) -> None:
        if isinstance(answer, Permit):
            assert leave == ("probe" if answer.probe else "call")
            self.out.append((answer, number))
            return
        until = 0.0 if self.real._until is None else self.real._until
        seconds, words = {
            "resting": (until - self.now, "resting "),
            "being probed": (max(1.0, until - self.now), "being probed"),
            "recovering": (0.0, f"recovering: {len(self.book.calls_out)} under way"),
        }[leave]
        assert answer.seconds == seconds
        assert answer.message.startswith(words)

    def _settle(self, permit: Permit, number: int, outcome: Outcome, rest: float | None) -> None:
        changed = self.real.record(permit, outcome, self.now, kind=KIND, rest=rest)
        before = self.book.opening()
        change = self.book.record(number, outcome, self.now, KIND, rest)
        if change is None:
            assert changed is None
        else:
            assert changed is not None
            assert changed == self.real.health(self.now)
            assert changed.state is change.state
        opening = self.book.opening()
        if opening is not None and opening is not before:
            assert change is not None
            until = self.now + self.real.health(self.now).resting
            assert change.earliest <= until <= change.latest
            self.book.drawn(self.real._until or 0.0)


class BudgetsBeside:
    """Two budgets on one clock, in eighths of a second. The reference counts in whole numbers: they never part."""

    def __init__(self, capacity: int, share: int, *, trickles: bool) -> None:
        each = {} if trickles else {"min_rate": float("inf")}
        self.real = RetryBudget(float(capacity), share / BudgetReference.UNIT, **each)
        self.book = BudgetReference(capacity, share, trickles=trickles)
        self.eighths = 0

    def pass_time(self, eighths: int) -> None:
        self.eighths += eighths
        self.book.pass_time(eighths)

    def deposit(self) -> None:
        self.book.deposit()
        self.real.deposit(self.eighths / 8)

    def take(self) -> None:
        assert self.real.try_withdraw(self.eighths / 8) is self.book.try_withdraw()
        self.check()

    def check(self) -> None:
        """Compare what is in the bucket; the real one knows of the time only once it was asked."""
        assert abs(self.real._tokens - self.book.tokens / self.book.UNIT) < EXACT


@dataclass(frozen=True)
class Mood:
    """What is likely in a world; without moods every model would fail five times in a row before anything else happens."""

    verdicts: tuple[int, int, int, int] = (4, 2, 5, 1)
    """How likely each outcome is, in the order of `VERDICTS`."""
    spans: tuple[float, ...] = (0.0, 0.125, 0.5, 1.0, 2.0, 9.0, 30.0, 61.0)
    """By what time passes."""
    ages: tuple[float, ...] = (0.0, 1.875, 2.0, 3.875, 4.0, 6.0, 8.0, 9.875, 10.0, 59.5, 60.0)
    asks: int = 4
    """Calls that come for each eight that end."""
    rests: int = 4
    """In a hundred that end: those for which a delay was stated."""


MOODS = (
    Mood(),
    Mood(rests=30),
    Mood(
        verdicts=(5, 2, 2, 1), spans=(0.0, 0.125, 0.5, 1.0, 5.0), ages=(60.0,), asks=8, rests=0
    ),  # half of them bad
    Mood(
        verdicts=(6, 3, 3, 0), spans=(1.0, 2.0, 3.0), ages=(60.0,), asks=8, rests=0
    ),  # bad ones grow old
    Mood(verdicts=(12, 0, 1, 1), spans=(0.0, 0.125), asks=20, rests=0),  # a crowd after a recovery
)

VERDICTS: tuple[Outcome, ...] = ("success", "slow", "failure", "ignored")
RESTS = (0.0, 0.5, 7.0, 90.0, 5000.0, -1.0)
LEASES = (float("inf"), float("inf"), 31.0, 0.5)


def any_breaker_step(both: BreakersBeside, mood: Mood, dice: random.Random) -> None:
    """Take one step by lot."""
    steps = (
        both.admit,
        both.force_probe,
        both.record,
        both.settle_again,
        both.pass_time,
        both.pass_the_pause,
        both.age,
    )
    step = dice.choices(steps, (mood.asks, 1, 8, 1, 2, 2, 1))[0]
    if step in (both.admit, both.force_probe):
        step(dice.choice(LEASES))
    elif step in (both.record, both.settle_again):
        rest = dice.choice(RESTS) if dice.randrange(100) < mood.rests else None
        step(dice.randrange(50), dice.choices(VERDICTS, mood.verdicts)[0], rest)
    else:
        spans = {
            both.pass_time: mood.spans,
            both.pass_the_pause: (-0.125, 0.0, 0.0, 0.125),
            both.age: mood.ages,
        }
        step(dice.choice(spans[step]))
    both.check()


def any_budget_step(both: BudgetsBeside, dice: random.Random) -> None:
    """Take one step by lot."""
    step = dice.randrange(4)
    if step == 0:
        both.pass_time(dice.choice((0, 1, 8, 79, 80, 81, 400)))
    elif step == 1:
        both.deposit()
    else:
        both.take()
