"""The states of a circuit breaker and the table of its transitions.

::

    state      event                                   next state
    --------   -------------------------------------   --------------------------------------------
    Closed     a success                               Closed
               a slow call or a failure                Closed, or Open where too many calls were bad
    Open       a probe is admitted                     HalfOpen
    HalfOpen   the probe succeeds                      Closed, with a slow start
               the probe fails or is slow              Open, for a longer pause
               the probe is ignored, or lost           the state before the probe
    any        the vendor asks to be left alone        Open, for the delay that it states
    any        another call is ignored                 unchanged

Too many calls are bad when `failures` in a row have failed, or when half of at least 10 calls in
30 s were slow or failed. A probe is lost when nobody has reported its outcome at its deadline. The
states get the time as a number and read no clock.

Sources: five failures in a row (Envoy, Finagle); half of a window of 30 s (resilience4j, Polly);
equal jitter (AWS).
"""

import math
import random
from collections import deque
from enum import StrEnum
from typing import Literal

import msgspec

from standby.failures import Kind
from standby.settings import BreakerSettings

WINDOW = 30
"""Seconds over which the share of bad calls is taken."""

MINIMUM_CALLS = 10
"""Calls in the window below which their share means nothing."""

FAILURE_RATE_THRESHOLD = 0.5
"""The share of bad calls in the window from which the circuit opens."""

BACKOFF_RESET = 60.0
"""Seconds of being closed after which the next pause is the shortest again.

A model that fails again sooner keeps its long pauses.
"""

SLOW_START = 10.0
"""Seconds after a recovery in which concurrent calls are limited.

The limit begins at one call and doubles every fifth of this time: no herd meets a weak model.
"""

MAX_RETRY_AFTER = 3600.0
"""Seconds: the longest delay of a vendor that is honoured."""

JITTER = 0.2
"""A stated delay is lengthened by up to this share: many processes do not return at once."""

NEVER = math.inf

MOST_DOUBLINGS = 30
"""A pause doubled this often is longer than any limit that a file may state."""


class State(StrEnum):
    """Where a breaker stands.

    For a user, a model whose circuit is open is resting, and one whose breaker is off never rests.
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    OFF = "off"


Outcome = Literal["success", "slow", "failure", "ignored"]
"""How an admitted call ended; "ignored": it was cancelled, or failed by our own mistake."""


class Result(msgspec.Struct, frozen=True):
    """The end of one admitted call: the event that changes a state."""

    outcome: Outcome
    now: float
    probe: bool
    kind: Kind | None
    rest: float | None
    """Seconds for which the vendor asks to be left alone; 0 where it does not say for how long."""


class Traffic:
    """The counters of a closed circuit; the only part of a state that changes in place.

    They change with every call, so a new frozen value for each of them would cost each call.
    """

    def __init__(self) -> None:
        """Start with no calls."""
        self.failures_in_a_row = 0
        self._seconds: deque[list[int]] = deque()  # of [second, calls, bad calls]

    def count(self, result: Result) -> None:
        """Count one call.

        Args:
            result: How the call ended; its outcome is not "ignored".
        """
        second, seconds = int(result.now), self._seconds
        if not seconds or seconds[-1][0] != second:
            seconds.append([second, 0, 0])
            while seconds[0][0] <= second - WINDOW:
                seconds.popleft()
        seconds[-1][1] += 1
        seconds[-1][2] += result.outcome != "success"
        failed = result.outcome == "failure"
        self.failures_in_a_row = self.failures_in_a_row + 1 if failed else 0

    def problem(self, failures: int, kind: Kind | None) -> str:
        """Return why too many calls are bad.

        Args:
            failures: How many failures in a row are too many.
            kind: The kind of the last failure.

        Returns:
            The reason, or "" while the calls are good enough.
        """
        if self.failures_in_a_row >= failures:
            row = f"after {self.failures_in_a_row} failures in a row"
            return f"{row}, the last: {kind or 'of no kind'}"
        calls = sum(each[1] for each in self._seconds)
        bad = sum(each[2] for each in self._seconds)
        if calls >= MINIMUM_CALLS and bad >= FAILURE_RATE_THRESHOLD * calls:
            return f"after {bad} of {calls} calls failed or were slow"
        return ""


class Closed(msgspec.Struct, frozen=True):
    """Every call is admitted, or only a few of them for some seconds after a recovery."""

    closed_at: float = -NEVER
    """When a probe succeeded; minus infinity for a circuit that has never opened."""
    pauses: int = 0
    """How many times in a row the circuit has paused; `BACKOFF_RESET` says when it is forgotten."""
    traffic: Traffic = msgspec.field(default_factory=Traffic)

    def limit(self, now: float) -> float:
        """Return how many calls may be in flight at once.

        Args:
            now: The time in seconds.

        Returns:
            1, 2, 4, 8 and 16 in the fifths of a slow start, infinity after it.
        """
        since = now - self.closed_at
        return NEVER if since >= SLOW_START else 2.0 ** int(since / (SLOW_START / 5))


class Open(msgspec.Struct, frozen=True):
    """No call is admitted until the pause is over; the next one is a probe."""

    until: float
    reason: str
    pauses: int


class HalfOpen(msgspec.Struct, frozen=True):
    """A probe is in flight; no other call is admitted before its deadline."""

    deadline: float
    before: Closed | Open
    """The state without the probe; `Closed` only for a model that is suspected to be gone."""


BreakerState = Closed | Open | HalfOpen


class Backoff:
    """How long an open circuit rests."""

    def __init__(self, settings: BreakerSettings, jitter: random.Random) -> None:
        """Take the lengths, and what spreads them.

        Args:
            settings: The first pause and the longest one, in seconds.
            jitter: Spreads each pause, so that many processes do not return at once.
        """
        self.settings = settings
        self.jitter = jitter

    def pause(self, pauses: int) -> float:
        """Return the next pause.

        Args:
            pauses: How many pauses came before it.

        Returns:
            Seconds: `open`, doubled for each earlier pause, at most `open_limit`; then between half
            of that and all of it.
        """
        doubled = self.settings.open * 2 ** min(pauses, MOST_DOUBLINGS)
        longest = min(self.settings.open_limit, doubled)
        return self.jitter.uniform(longest / 2, longest)

    def stretch(self, delay: float) -> float:
        """Return how long the circuit rests for a delay that a vendor stated.

        Args:
            delay: The stated seconds.

        Returns:
            Seconds: the delay, at most `MAX_RETRY_AFTER`, lengthened by up to `JITTER`.
        """
        return min(MAX_RETRY_AFTER, delay) * self.jitter.uniform(1.0, 1.0 + JITTER)


def transition(  # noqa: PLR0911 - one row of the table, one return
    state: BreakerState, result: Result, backoff: Backoff
) -> BreakerState:
    """Return the state after an admitted call has ended: the table, row by row.

    Args:
        state: The state in which the call was admitted.
        result: How the call ended.
        backoff: How many failures open the circuit, and how long it rests then.

    Returns:
        The next state; the same object where the state does not change.
    """
    match state, result.outcome:
        case Closed(traffic=traffic), "success" if result.rest is None:
            traffic.count(result)
            return state
        case HalfOpen(before=before), _ if not result.probe:  # a last resort beside the probe
            after = without_probe(transition(before, result, backoff))
            return state if after is before else HalfOpen(state.deadline, after)
        case _ if result.rest is not None:
            return _open(state, result, f"after {result.kind or 'a failure'}", backoff)
        case Closed(traffic=traffic), "slow" | "failure":
            traffic.count(result)
            problem = traffic.problem(backoff.settings.failures, result.kind)
            return _open(state, result, problem, backoff) if problem else state
        case HalfOpen(before=before), "success":
            return Closed(result.now, before.pauses)
        case HalfOpen(), "slow":
            return _open(state, result, "its probe was slow", backoff)
        case HalfOpen(), "failure":
            kind = f": {result.kind}" if result.kind else ""
            return _open(state, result, f"its probe failed{kind}", backoff)
        case _:  # ignored
            return without_probe(state)


def _open(state: BreakerState, result: Result, reason: str, backoff: Backoff) -> Open:
    """Rest for the stated delay or for a pause, for the longer of the two after a failure."""
    match without_probe(state):
        case Open(until=until, pauses=pauses):
            pass  # a rest is never shortened
        case Closed(closed_at=closed_at, pauses=pauses):
            until = -NEVER
            pauses = 0 if result.now - closed_at >= BACKOFF_RESET else pauses
    stated = result.rest or 0.0
    seconds = backoff.stretch(stated) if stated > 0 else 0.0
    if result.outcome == "failure" or not seconds:
        seconds = max(seconds, backoff.pause(pauses))
        pauses += 1
    return Open(max(result.now + seconds, until), reason, pauses)


def without_probe(state: BreakerState) -> Closed | Open:
    """Return what an ignored or lost probe leaves behind.

    Args:
        state: Any state.

    Returns:
        The state before the probe; the state itself where there is none.
    """
    return state.before if isinstance(state, HalfOpen) else state


def report(state: BreakerState, now: float, *, suspected: bool) -> State:
    """Return what a state is called at a moment.

    Args:
        state: The state.
        now: The time in seconds.
        suspected: Whether the model is suspected to be gone: it is never called closed.

    Returns:
        The name; half open also for a pause that is over, when the next call is a probe.
    """
    match state, without_probe(state):
        case _, Closed() if not suspected:
            return State.CLOSED
        case HalfOpen(deadline=deadline), _ if now < deadline:
            return State.HALF_OPEN
        case _, Open(until=until) if not suspected and until <= now:
            return State.HALF_OPEN
        case _:
            return State.OPEN
