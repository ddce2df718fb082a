"""The health of one model: a state machine that is told the time and never asks for it.

::

    state      admits                  until
    closed     every call              `failures` in a row were sick, or half of at least 10 in 30 s
               sick or slow  -> open (at first a few only)   a vendor stated a delay, or a person
               must act                               -> open
    open       nobody                  the pause is over, or a last resort comes early
    -> half open half open  exactly one probe       the probe was healthy
    -> closed
                                       the probe was sick or slow: a longer pause
                                       -> open the probe taught nothing (cancelled, lost): the same
                                       pause, so the next call probes

A model under suspicion (its vendor said that it would be gone by now) begins open, without a pause,
and admits no call: it is probed behind the calls that others answer, and asked as a last resort.
Any answer of its own ends the suspicion.

Every admitted call is settled once. What an older generation settles is ignored: it says nothing of the
model as it is now. Each probe begins an generation of its own, so that one that was taken for lost
teaches nothing any more. Sources: five in a row (Envoy, Finagle); half of what a window of 30 s saw
(resilience4j, Polly); equal jitter (AWS).
"""

import math
import random
import threading
from collections import deque
from enum import StrEnum
from typing import Literal, Self

import msgspec

from standby.failures import Kind
from standby.settings import BreakerSettings

WINDOW = 30
"""Seconds that the share of bad calls is taken over."""

MINIMUM_CALLS = 10
"""Calls in the window below which a share says nothing."""

FAILURE_RATE_THRESHOLD = 0.5

BACKOFF_RESET = 60.0
"""Seconds of being closed after which the next pause is the first again, so that a flapping model keeps its long ones."""

SLOW_START = 10.0
"""Seconds after a recovery in which the calls at once are limited, doubled every fifth of it: no herd on a weak model."""

MAX_RETRY_AFTER = 3600.0
"""Seconds: no stated delay rests a model for longer."""

JITTER = 0.2
"""A stated delay is lengthened by up to this share, so that many processes do not come back at one instant."""

NEVER = float("inf")


class State(StrEnum):
    """Where a breaker stands; to a user a model whose breaker is open is resting, and one whose breaker is off never rests."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    OFF = "off"


Outcome = Literal["success", "slow", "failure", "ignored"]
"""What an admitted call taught; "ignored" for one that was cancelled, or failed by our own mistake."""


class Permit(msgspec.Struct, frozen=True):
    """The leave to make one call; settle it exactly once."""

    generation: int
    probe: bool = False


class Rejection(msgspec.Struct, frozen=True):
    """No leave, for `seconds` more."""

    seconds: float
    message: str

    @classmethod
    def resting(cls, seconds: float, reason: str) -> Self:
        """Return "resting 12 s more, after 5 failures in a row, the last: overloaded"."""
        return cls(seconds, f"resting {math.ceil(seconds)} s more, {reason}")


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is: `resting` says for how many seconds more nobody asks it, `reason` why."""

    state: State
    resting: float = 0.0
    reason: str = ""


class CircuitBreaker:
    """One model's breaker. Safe from many threads, since event loops share it."""

    def __init__(
        self,
        settings: BreakerSettings | None = None,
        jitter: random.Random | None = None,
        suspected: str = "",
    ) -> None:
        """Begin closed, or with what is suspected of the model ("retired on 2026-12-01")."""
        self.settings = settings or BreakerSettings()
        self.suspected = suspected
        self._answered = False
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads pauses, guards nothing
        self._lock = threading.Lock()
        self._generation = 0
        self._until: float | None = None  # None: closed
        self._leased = -NEVER  # until when a probe is under way; it is over once it is settled
        self._pauses = 0
        self._closed_at: float | None = None
        self._reason = ""
        self._in_a_row = 0
        self._under_way = 0
        self._window: deque[list[int]] = deque()  # of [second, calls, bad ones]

    @property
    def suspicion(self) -> str:
        """Return why the model is taken to be gone; "": it is not, or it has answered since."""
        return "" if self._answered else self.suspected

    def fresh(
        self,
        settings: BreakerSettings | None = None,
        jitter: random.Random | None = None,
        suspected: str = "",
    ) -> Self:
        """Return one of this kind that knows nothing yet; `settings` left out: its own."""
        return type(self)(settings or self.settings, jitter, suspected)

    def reset_after_fork(self) -> None:
        """Be closed and know nothing: in a forked child nobody ends the parent's probes, or gives back its locks."""
        self._lock = threading.Lock()
        self._jitter.seed()
        self.forget()

    def forget(self) -> None:
        """Be closed and know nothing; what is under way teaches nothing any more."""
        with self._lock:
            self._leased = -NEVER
            self._pauses = 0
            self._closed_at = None
            self._answered = False
            self._generation += 1
            self._begin_closed()

    def admit(self, now: float, probe_timeout: float = NEVER) -> Permit | Rejection:
        """Ask for leave to make a call; a probe's permit says that the model may still be sick.

        `probe_timeout`: seconds after which a probe that is not settled is taken for lost, as with an event
        loop that was closed.
        """
        with self._lock:
            if self.suspicion:
                return Rejection(self._left(now), f"resting: {self.suspicion}")
            if self._until is None:
                if self._under_way >= self._at_once(now):
                    return Rejection(0.0, f"recovering: {self._under_way} under way")
                return self._regular()
            if now < self._until:
                return Rejection.resting(self._until - now, self._reason)
            return self._probe(now, probe_timeout)

    def force_probe(self, now: float, probe_timeout: float = NEVER) -> Permit | Rejection:
        """Ask as a last resort, where no other model is left: a pause may be cut short, but still by one call at a time."""
        with self._lock:
            return self._regular() if self._until is None else self._probe(now, probe_timeout)

    def admit_background_probe(self, now: float, probe_timeout: float = NEVER) -> Permit | None:
        """Ask for leave to probe a model under suspicion, for which nobody waits; `None`: it need not, or not yet."""
        with self._lock:
            permit = (
                self._probe(now, probe_timeout) if self.suspicion and not self._left(now) else None
            )
            return permit if isinstance(permit, Permit) else None

    def record(
        self,
        permit: Permit,
        outcome: Outcome,
        now: float,
        *,
        kind: Kind | None = None,
        rest: float | None = None,
    ) -> Health | None:
        """Say what a call taught; returns the new health where the state has changed.

        `rest`: seconds for which the vendor wants to be left alone (0: it did not say for how
        long), whatever the outcome; a sick model rests for no less than a pause.
        """
        with self._lock:
            if permit.generation != self._generation:
                return None
            before = State.HALF_OPEN if permit.probe else self._state(now)
            if outcome in ("success", "slow") and not self._answered:
                self._clear()
            if permit.probe:
                self._end_probe()
            else:
                self._under_way -= 1
            if rest is not None:
                self._open(
                    now, f"after {kind or 'a failure'}", stated=rest, sick=outcome == "failure"
                )
            elif permit.probe:
                self._judge_probe(outcome, now, kind)
            elif outcome != "ignored":
                self._judge(outcome, now, kind)
            return None if self._state(now) is before else self._health(now)

    def health(self, now: float) -> Health:
        """Say how the model is."""
        with self._lock:
            return self._health(now)

    def _judge(self, outcome: Outcome, now: float, kind: Kind | None) -> None:
        self._count(now, bad=outcome != "success")
        self._in_a_row = self._in_a_row + 1 if outcome == "failure" else 0
        reason = "" if outcome == "success" else self._why(kind)  # good news never rests a model
        if reason:
            self._open(now, reason)

    def _judge_probe(self, outcome: Outcome, now: float, kind: Kind | None) -> None:
        if outcome == "success":
            self._closed_at = now
            self._begin_closed()
        elif outcome == "slow":
            self._open(now, "its probe was slow")
        elif outcome == "failure":
            self._open(now, f"its probe failed: {kind}" if kind else "its probe failed")

    def _clear(self) -> None:
        """End the suspicion, if there is one; a probe that is still under way teaches nothing any more."""
        if self.suspicion:
            self._end_probe()
        self._answered = True

    def _begin_closed(self) -> None:
        self._until = None
        self._in_a_row = 0
        self._under_way = 0
        self._window.clear()

    def _open(self, now: float, reason: str, *, stated: float = 0.0, sick: bool = False) -> None:
        """Rest for as long as the vendor stated, else for a pause; a model that is sick besides for the longer of the two."""
        if self._until is None and (
            self._closed_at is None or now - self._closed_at >= BACKOFF_RESET
        ):
            self._pauses = 0
        seconds = self._stated(stated) if stated > 0 else 0.0
        if sick or not seconds:
            seconds = max(seconds, self._pause())
        self._generation += 1
        self._until = max(now + seconds, -NEVER if self._until is None else self._until)
        self._reason = reason

    def _regular(self) -> Permit:
        self._under_way += 1
        return Permit(self._generation)

    def _probe(self, now: float, probe_timeout: float) -> Permit | Rejection:
        if now < self._leased:
            return Rejection(max(1.0, (self._until or 0.0) - now), "being probed")
        self._leased = now + probe_timeout
        self._generation += 1
        return Permit(self._generation, probe=True)

    def _end_probe(self) -> None:
        self._leased = -NEVER
        self._generation += 1

    def _at_once(self, now: float) -> float:
        if self._closed_at is None or now - self._closed_at >= SLOW_START:
            return float("inf")
        return 2.0 ** int((now - self._closed_at) / (SLOW_START / 5))

    def _pause(self) -> float:
        """Return the next pause: `open`, twice as long each time, at most `open_limit`; between half of it and all of it."""
        longest = min(self.settings.open_limit, self.settings.open * 2**self._pauses)
        self._pauses = min(self._pauses + 1, 30)
        return self._jitter.uniform(longest / 2, longest)

    def _stated(self, seconds: float) -> float:
        return min(MAX_RETRY_AFTER, seconds) * self._jitter.uniform(1.0, 1.0 + JITTER)

    def _count(self, now: float, *, bad: bool) -> None:
        second = int(now)
        if not self._window or self._window[-1][0] != second:
            self._window.append([second, 0, 0])
        while self._window[0][0] <= second - WINDOW:
            self._window.popleft()
        self._window[-1][1] += 1
        self._window[-1][2] += bad

    def _why(self, kind: Kind | None) -> str:
        """Return why the model must rest now; empty: it need not."""
        if self._in_a_row >= self.settings.failures:
            return f"after {self._in_a_row} failures in a row, the last: {kind or 'of no kind'}"
        calls, bad = sum(each[1] for each in self._window), sum(each[2] for each in self._window)
        if calls >= MINIMUM_CALLS and bad >= FAILURE_RATE_THRESHOLD * calls:
            return f"after {bad} of {calls} calls failed or were slow"
        return ""

    def _state(self, now: float) -> State:
        if self._until is None and not self.suspicion:
            return State.CLOSED
        if now < self._leased:
            return State.HALF_OPEN
        return State.OPEN if self.suspicion or self._left(now) else State.HALF_OPEN

    def _health(self, now: float) -> Health:
        state = self._state(now)
        if state is State.CLOSED:
            return Health(state=state)
        return Health(state=state, resting=self._left(now), reason=self.suspicion or self._reason)

    def _left(self, now: float) -> float:
        return 0.0 if self._until is None else max(0.0, self._until - now)


class DisabledBreaker(CircuitBreaker):
    """The breaker of a model that never rests (`breaker: off`): it admits every call and learns nothing."""

    def admit(self, now: float, probe_timeout: float = NEVER) -> Permit | Rejection:  # noqa: ARG002 - it admits at any time
        """Admit the call."""
        return Permit(self._generation)

    insist = admit

    def record(
        self,
        permit: Permit,  # noqa: ARG002 - nothing is learnt
        outcome: Outcome,  # noqa: ARG002 - see above
        now: float,  # noqa: ARG002 - see above
        *,
        kind: Kind | None = None,  # noqa: ARG002 - see above
        rest: float | None = None,  # noqa: ARG002 - see above
    ) -> Health | None:
        """Learn nothing."""
        return None

    def health(self, now: float) -> Health:  # noqa: ARG002 - it is off at any time
        """Say that it is off."""
        return Health(state=State.OFF)
