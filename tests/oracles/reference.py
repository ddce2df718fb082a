"""The rules of the breaker and of the budget once more, plainly, from the whole history.

Slow on purpose, and written in another style than the code, so that one mistake is not made twice.
Where the code draws a random number, the reference gives its bounds; the test then hands it the
number that the code has drawn.
"""

from dataclasses import dataclass, field
from typing import Literal

from standby.resilience.circuit_breaker import State
from standby.settings import BreakerSettings

Answer = Literal["call", "probe", "resting", "being probed", "recovering"]

SLOW_START = ((2.0, 1), (4.0, 2), (6.0, 4), (8.0, 8), (10.0, 16))
"""Until so many seconds after a recovery, so many concurrent calls."""

EXACT = 1e-6
"""Seconds, or tokens: the most that rounding adds up to."""


@dataclass
class Counted:
    """A call other than a probe has ended, and counts."""

    now: float
    outcome: str


@dataclass
class Opened:
    """The model rests from now on; `own_pause`: a pause of the breaker's own was drawn for it."""

    now: float
    own_pause: bool
    reason: str
    until: float = 0.0


@dataclass
class Closed:
    """A probe has succeeded."""

    now: float


@dataclass
class Change:
    """What the end of a call changed: a new state, and for an open one the bounds of its end."""

    state: State
    earliest: float = 0.0
    latest: float = 0.0


@dataclass
class BreakerReference:
    """One model's breaker, by the rules."""

    settings: BreakerSettings
    history: list[Counted | Opened | Closed] = field(default_factory=list)
    calls: set[int] = field(default_factory=set)
    """The calls in flight, probes not included, admitted since the last change of state."""
    probe: tuple[int, float] | None = None
    """The number of the probe in flight, and when it is taken for lost."""
    admitted: int = 0

    # What the history says

    def changes(self) -> list[Opened | Closed]:
        return [event for event in self.history if not isinstance(event, Counted)]

    def opening(self) -> Opened | None:
        """Return the event that the model rests for; `None` while it is closed."""
        last = self.changes()[-1:]
        return last[0] if last and isinstance(last[0], Opened) else None

    def since_the_last_change(self) -> list[Counted]:
        counted: list[Counted] = []
        for event in self.history:
            counted = [*counted, event] if isinstance(event, Counted) else []
        return counted

    def recovered_at(self) -> float | None:
        times = [event.now for event in self.history if isinstance(event, Closed)]
        return times[-1] if times else None

    def pauses(self, now: float) -> int:
        """Count the earlier pauses that lengthen one drawn now.

        A minute of being closed makes the breaker forget those before it.
        """
        count, closed_at = 0, None
        for event in [*self.changes(), Opened(now, own_pause=False, reason="")]:
            if isinstance(event, Closed):
                closed_at = event.now
                continue
            if closed_at is not None and event.now - closed_at >= 60:
                count = 0
            closed_at = None
            count += event.own_pause
        return count

    def limit(self, now: float) -> float:
        recovered = self.recovered_at()
        if recovered is None:
            return float("inf")
        return next((limit for end, limit in SLOW_START if now - recovered < end), float("inf"))

    def is_probing(self, now: float) -> bool:
        return self.probe is not None and now < self.probe[1]

    def state(self, now: float) -> State:
        opening = self.opening()
        if opening is None:
            return State.CLOSED
        return State.HALF_OPEN if self.is_probing(now) or now >= opening.until else State.OPEN

    # What happens

    def admit(self, now: float, probe_timeout: float) -> tuple[Answer, int]:
        opening = self.opening()
        if opening is None and len(self.calls) >= self.limit(now):
            return "recovering", 0
        if opening is not None and now < opening.until:
            return "resting", 0
        return self.force_probe(now, probe_timeout)

    def force_probe(self, now: float, probe_timeout: float) -> tuple[Answer, int]:
        if self.opening() is not None and self.is_probing(now):
            return "being probed", 0
        self.admitted += 1
        if self.opening() is not None:
            self.probe = self.admitted, now + probe_timeout
            return "probe", self.admitted
        self.calls.add(self.admitted)
        return "call", self.admitted

    def is_outdated(self, number: int) -> bool:
        return number not in self.calls and (self.probe is None or self.probe[0] != number)

    def record(
        self, number: int, outcome: str, now: float, kind: str, rest: float | None
    ) -> Change | None:
        if self.is_outdated(number):
            return None
        before = State.CLOSED if number in self.calls else State.HALF_OPEN
        if number in self.calls:
            self.calls.remove(number)
            change = self._after_a_call(outcome, now, kind, rest)
        else:
            self.probe = None
            change = self._after_a_probe(outcome, now, kind, rest)
        return change if change.state is not before else None

    def set_end(self, until: float) -> None:
        """Take the end of the rest that the code has drawn."""
        opening = self.opening()
        assert opening is not None
        opening.until = until

    def _after_a_call(self, outcome: str, now: float, kind: str, rest: float | None) -> Change:
        if rest is not None:
            return self._open(now, f"after {kind}", rest, failed=outcome == "failure")
        if outcome == "ignored":
            return Change(State.CLOSED)
        self.history.append(Counted(now, outcome))
        counted = self.since_the_last_change()
        row = 0
        while row < len(counted) and counted[-1 - row].outcome == "failure":
            row += 1
        if row >= self.settings.failures:
            return self._open(now, f"after {row} failures in a row, the last: {kind}")
        recent = [call for call in counted if int(now) - int(call.now) < 30]
        bad = [call for call in recent if call.outcome in ("failure", "slow")]
        too_many = len(recent) >= 10 and len(bad) / len(recent) >= 0.5
        if outcome != "success" and too_many:
            return self._open(now, f"after {len(bad)} of {len(recent)} calls failed or were slow")
        return Change(State.CLOSED)

    def _after_a_probe(self, outcome: str, now: float, kind: str, rest: float | None) -> Change:
        if rest is not None:
            return self._open(now, f"after {kind}", rest, failed=outcome == "failure")
        if outcome == "success":
            self.history.append(Closed(now))
            self.calls.clear()
            return Change(State.CLOSED)
        if outcome == "ignored":
            opening = self.opening()
            assert opening is not None
            return Change(self.state(now), opening.until, opening.until)
        failed = f"its probe failed: {kind}"
        return self._open(now, failed if outcome == "failure" else "its probe was slow")

    def _open(self, now: float, reason: str, rest: float = 0.0, *, failed: bool = False) -> Change:
        longest = self.settings.open
        for _ in range(self.pauses(now)):
            longest = min(2 * longest, self.settings.open_limit)
        longest = min(longest, self.settings.open_limit)
        stated = min(3600.0, max(0.0, rest))
        own_pause = failed or stated == 0
        spans = [(longest / 2, longest)] * own_pause + [(stated, 1.2 * stated)] * (stated > 0)
        before = self.opening()
        no_sooner = float("-inf") if before is None else before.until
        self.history.append(Opened(now, own_pause, reason))
        self.calls.clear()
        self.probe = None
        ends = (max(no_sooner, now + max(bounds)) for bounds in zip(*spans, strict=True))
        earliest, latest = ends
        return Change(State.OPEN, earliest - EXACT, latest + EXACT)


class BudgetReference:
    """A bucket, counted in whole eightieths of a token.

    An eighth of a second is worth one eightieth, a success eight or four. Time first pays for what
    successes have already deposited; only then does it fill the bucket.
    """

    UNIT = 80

    def __init__(self, capacity: int, share: int, *, fills_with_time: bool = True) -> None:
        """Start full at time 0; `share` in eightieths."""
        self.capacity = self.tokens = capacity * self.UNIT
        self.share = share
        self.fills_with_time = fills_with_time
        self.ahead = 0

    def pass_time(self, eighths: int) -> None:
        for _ in range(eighths if self.fills_with_time else 0):
            if self.ahead:
                self.ahead -= 1
            elif self.tokens < self.capacity:
                self.tokens += 1
            elif self.tokens == self.capacity:
                break  # full, and nothing to pay for: time changes nothing any more

    def deposit(self) -> None:
        self.ahead = min(self.capacity, self.ahead + self.share)
        self.tokens = min(self.capacity, self.tokens + self.share)

    def try_withdraw(self) -> bool:
        if self.tokens < self.UNIT:
            return False
        self.tokens -= self.UNIT
        return True
