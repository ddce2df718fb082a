"""The rules of the breaker and of the budget once more, plainly: from the whole story, told anew for every question.

Slow on purpose, and written in another style than the code, so that one mistake is not made twice.
What is drawn by lot is given as bounds; whoever holds the real one beside this then says what was
drawn.
"""

from dataclasses import dataclass, field
from typing import Literal

from standby.resilience.circuit_breaker import State
from standby.settings import BreakerSettings

LEAVE = Literal["call", "probe", "resting", "being probed", "recovering"]

RAMP = ((2.0, 1), (4.0, 2), (6.0, 4), (8.0, 8), (10.0, 16))
"""Until so many seconds after a recovery, so many calls at once."""

EXACT = 1e-6
"""Seconds: what floats may add up to."""


@dataclass
class Settled:
    """A call that was no probe taught something."""

    now: float
    outcome: str


@dataclass
class Opened:
    """The model rests from now on. `own`: a pause of the breaker's own was drawn for it, whatever else."""

    now: float
    own: bool
    reason: str
    until: float = 0.0


@dataclass
class Closed:
    """A probe was healthy."""

    now: float


@dataclass
class Change:
    """What a settled call brought about: a new state, and for an open one the bounds of its end."""

    state: State
    earliest: float = 0.0
    latest: float = 0.0


@dataclass
class BreakerReference:
    """One model's breaker, by the book."""

    settings: BreakerSettings
    story: list[Settled | Opened | Closed] = field(default_factory=list)
    calls_out: set[int] = field(default_factory=set)
    """The tickets of calls, no probes, that were admitted since the last change of state."""
    probe_out: tuple[int, float] | None = None
    """The permit of the probe under way, and when it is taken for lost."""
    tickets: int = 0

    # What the story says

    def changes(self) -> list[Opened | Closed]:
        return [event for event in self.story if not isinstance(event, Settled)]

    def opening(self) -> Opened | None:
        """Return what the model rests for; `None`: it is closed."""
        last = self.changes()[-1:]
        return last[0] if last and isinstance(last[0], Opened) else None

    def since_the_last_change(self) -> list[Settled]:
        settled: list[Settled] = []
        for event in self.story:
            settled = [*settled, event] if isinstance(event, Settled) else []
        return settled

    def recovered_at(self) -> float | None:
        times = [event.now for event in self.story if isinstance(event, Closed)]
        return times[-1] if times else None

    def pauses(self, now: float) -> int:
        """Count the pauses that are not forgiven at an opening now: a minute of being closed forgives those before it."""
        count, closed_at = 0, None
        for event in [*self.changes(), Opened(now, own=False, reason="")]:
            if isinstance(event, Closed):
                closed_at = event.now
                continue
            if closed_at is not None and event.now - closed_at >= 60:
                count = 0
            closed_at = None
            count += event.own
        return count

    def at_once(self, now: float) -> float:
        recovered = self.recovered_at()
        if recovered is None:
            return float("inf")
        return next((limit for end, limit in RAMP if now - recovered < end), float("inf"))

    def probing(self, now: float) -> bool:
        return self.probe_out is not None and now < self.probe_out[1]

    def state(self, now: float) -> State:
        opening = self.opening()
        if opening is None:
            return State.CLOSED
        return State.HALF_OPEN if self.probing(now) or now >= opening.until else State.OPEN

    # What happens

    def admit(self, now: float, probe_timeout: float) -> tuple[LEAVE, int]:
        opening = self.opening()
        if opening is None and len(self.calls_out) >= self.at_once(now):
            return "recovering", 0
        if opening is not None and now < opening.until:
            return "resting", 0
        return self.force_probe(now, probe_timeout)

    def force_probe(self, now: float, probe_timeout: float) -> tuple[LEAVE, int]:
        if self.opening() is not None and self.probing(now):
            return "being probed", 0
        self.tickets += 1
        if self.opening() is not None:
            self.probe_out = self.tickets, now + probe_timeout
            return "probe", self.tickets
        self.calls_out.add(self.tickets)
        return "call", self.tickets

    def is_stale(self, permit: int) -> bool:
        return permit not in self.calls_out and (
            self.probe_out is None or self.probe_out[0] != permit
        )

    def record(
        self, permit: int, outcome: str, now: float, kind: str, rest: float | None
    ) -> Change | None:
        if self.is_stale(permit):
            return None
        before = State.CLOSED if permit in self.calls_out else State.HALF_OPEN
        if permit in self.calls_out:
            self.calls_out.remove(permit)
            change = self._after_a_call(outcome, now, kind, rest)
        else:
            self.probe_out = None
            change = self._after_a_probe(outcome, now, kind, rest)
        return change if change.state is not before else None

    def drawn(self, until: float) -> None:
        """Take in what was drawn within the bounds."""
        opening = self.opening()
        assert opening is not None
        opening.until = until

    def _after_a_call(self, outcome: str, now: float, kind: str, rest: float | None) -> Change:
        if rest is not None:
            return self._open(now, f"after {kind}", rest, sick=outcome == "failure")
        if outcome == "ignored":
            return Change(State.CLOSED)
        self.story.append(Settled(now, outcome))
        seen = self.since_the_last_change()
        row = 0
        while row < len(seen) and seen[-1 - row].outcome == "failure":
            row += 1
        if row >= self.settings.failures:
            return self._open(now, f"after {row} failures in a row, the last: {kind}")
        recent = [call for call in seen if int(now) - int(call.now) < 30]
        bad = [call for call in recent if call.outcome in ("failure", "slow")]
        if outcome != "success" and len(recent) >= 10 and len(bad) / len(recent) >= 0.5:
            return self._open(now, f"after {len(bad)} of {len(recent)} calls failed or were slow")
        return Change(State.CLOSED)

    def _after_a_probe(self, outcome: str, now: float, kind: str, rest: float | None) -> Change:
        if rest is not None:
            return self._open(now, f"after {kind}", rest, sick=outcome == "failure")
        if outcome == "success":
            self.story.append(Closed(now))
            self.calls_out.clear()
            return Change(State.CLOSED)
        if outcome == "ignored":
            opening = self.opening()
            assert opening is not None
            return Change(self.state(now), opening.until, opening.until)
        return self._open(
            now, f"its probe failed: {kind}" if outcome == "failure" else "its probe was slow"
        )

    def _open(self, now: float, reason: str, rest: float = 0.0, *, sick: bool = False) -> Change:
        longest = self.settings.open
        for _ in range(self.pauses(now)):
            longest = min(2 * longest, self.settings.open_limit)
        longest = min(longest, self.settings.open_limit)
        stated = min(3600.0, max(0.0, rest))
        own = sick or stated == 0
        spans = [(longest / 2, longest)] * own + [(stated, 1.2 * stated)] * (stated > 0)
        before = self.opening()
        no_sooner = float("-inf") if before is None else before.until
        self.story.append(Opened(now, own, reason))
        self.calls_out.clear()
        self.probe_out = None
        earliest, latest = (
            max(no_sooner, now + max(bounds)) for bounds in zip(*spans, strict=True)
        )
        return Change(State.OPEN, earliest - EXACT, latest + EXACT)


class BudgetReference:
    """A bucket, counted in whole eightieths of a token: an eighth of a second is worth one of them, a success eight or four.

    Whatever is worth a token in time first pays for what successes have brought already; only then
    it fills the bucket.
    """

    UNIT = 80

    def __init__(self, capacity: int, share: int, *, trickles: bool = True) -> None:
        """Begin full at time 0; `share` in units."""
        self.capacity = self.tokens = capacity * self.UNIT
        self.share = share
        self.trickles = trickles
        self.ahead = 0
        self.eighths = 0

    def pass_time(self, eighths: int) -> None:
        for _ in range(eighths if self.trickles else 0):
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
