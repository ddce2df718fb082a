"""The health of one model: the circuit breaker that says whether a call is admitted.

Its states and their table are in `breaker_states`; this module hands out permits, keeps the lock
that event loops share, and keeps outdated outcomes from counting.

A model under suspicion (its vendor announced that it would be gone by now) starts open, without a
pause, and admits no call. It is probed in the background while other models answer, and requested
as a last resort. Its first answer ends the suspicion.

Every permit is recorded exactly once. Each change of state, and each probe, begins a generation;
the outcome of a call from an older generation is ignored, because it says nothing about the model
now. So a probe that was taken for lost cannot count any more.
"""

import math
import random
import threading
from typing import Self

import msgspec

from standby.failures import Kind
from standby.resilience.breaker_states import (
    NEVER,
    Backoff,
    BreakerState,
    Closed,
    HalfOpen,
    Open,
    Outcome,
    Result,
    State,
    report,
    transition,
    without_probe,
)
from standby.settings import BreakerSettings

__all__ = [
    "CircuitBreaker",
    "DisabledBreaker",
    "Health",
    "Outcome",
    "Permit",
    "Rejection",
    "State",
]


class Permit(msgspec.Struct, frozen=True):
    """Permission for one call; record its outcome exactly once."""

    generation: int
    probe: bool = False


class Rejection(msgspec.Struct, frozen=True):
    """The call is not admitted, for `seconds` more."""

    seconds: float
    message: str

    @classmethod
    def resting(cls, seconds: float, reason: str) -> Self:
        """Return a rejection such as "resting 12 s more, after 5 failures in a row".

        Args:
            seconds: How long the model still rests.
            reason: Why it rests.

        Returns:
            The rejection; its message has whole seconds, rounded up.
        """
        return cls(seconds, f"resting {math.ceil(seconds)} s more, {reason}")


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is; `resting` is the number of seconds for which it still gets no call."""

    state: State
    resting: float = 0.0
    reason: str = ""


class CircuitBreaker:
    """One model's breaker. Safe for many threads, since event loops share it."""

    def __init__(
        self,
        settings: BreakerSettings | None = None,
        jitter: random.Random | None = None,
        suspected: str = "",
    ) -> None:
        """Start closed, or under suspicion.

        Args:
            settings: How many failures open the circuit, and how long its pauses are.
            jitter: Spreads the pauses.
            suspected: Why the model is suspected to be gone ("retired on 2026-12-01"), or "".
        """
        dice = jitter or random.Random()  # noqa: S311 - spreads pauses, guards nothing
        self.suspected = suspected
        self._backoff = Backoff(settings or BreakerSettings(), dice)
        self._answered = False
        self._lock = threading.Lock()
        self._state: BreakerState = Closed()
        self._generation = 0
        self._in_flight = 0

    @property
    def settings(self) -> BreakerSettings:
        """Return the settings; new ones may be set at any time."""
        return self._backoff.settings

    @settings.setter
    def settings(self, settings: BreakerSettings) -> None:
        self._backoff.settings = settings

    @property
    def suspicion(self) -> str:
        """Return why the model is suspected to be gone; "" if it is not, or has answered since."""
        return "" if self._answered else self.suspected

    @property
    def in_flight(self) -> int:
        """Return how many calls of the current generation are in flight, probes not included."""
        return self._in_flight

    def fresh(
        self,
        settings: BreakerSettings | None = None,
        jitter: random.Random | None = None,
        suspected: str = "",
    ) -> Self:
        """Return a breaker of the same class that knows nothing yet.

        Args:
            settings: Its settings; `None` for those of this breaker.
            jitter: Spreads its pauses.
            suspected: Why its model is suspected to be gone, or "".

        Returns:
            The new breaker.
        """
        return type(self)(settings or self.settings, jitter, suspected)

    def reset_after_fork(self) -> None:
        """Forget everything in a forked child, where no thread ends the parent's probes.

        The lock is a new one, since a thread that the child does not have may hold the old one. The
        pauses are spread anew, so that the children do not return at once.
        """
        self._lock = threading.Lock()
        self._backoff.jitter.seed()
        self.forget()

    def forget(self) -> None:
        """Close the circuit and forget everything; the outcomes of calls in flight are ignored."""
        with self._lock:
            self._answered = False
            self._enter(Closed())

    def admit(self, now: float, probe_timeout: float = NEVER) -> Permit | Rejection:
        """Ask for permission to make a call.

        Args:
            now: The time in seconds.
            probe_timeout: Seconds after which a probe that nobody has recorded is taken for lost,
                as when its event loop was closed.

        Returns:
            A permit, for a probe where the model may still be failing; or the rejection.
        """
        with self._lock:
            if self.suspicion:
                return Rejection(self._resting(now), f"resting: {self.suspicion}")
            match self._state:
                case Closed() as closed if 0 < self._in_flight >= closed.limit(now):
                    return Rejection(0.0, f"recovering: {self._in_flight} under way")
                case Closed() | HalfOpen(before=Closed()):
                    return self._admit_call()
                case (
                    Open(until=until, reason=reason)
                    | HalfOpen(before=Open(until=until, reason=reason))
                ) if now < until:
                    return Rejection.resting(until - now, reason)
                case _:
                    return self._admit_probe(now, probe_timeout)

    def force_probe(self, now: float, probe_timeout: float = NEVER) -> Permit | Rejection:
        """Ask as a last resort, where no other model is left.

        A pause is cut short, but still by one call at a time.

        Args:
            now: The time in seconds.
            probe_timeout: As for `admit`.

        Returns:
            A permit; or the rejection, where a probe is in flight.
        """
        with self._lock:
            match self._state:
                case Closed() | HalfOpen(before=Closed()):
                    return self._admit_call()
                case _:
                    return self._admit_probe(now, probe_timeout)

    def admit_background_probe(self, now: float, probe_timeout: float = NEVER) -> Permit | None:
        """Ask for permission to probe a model under suspicion, while no caller waits for it.

        Args:
            now: The time in seconds.
            probe_timeout: As for `admit`.

        Returns:
            The permit; `None` where the model is not under suspicion, rests, or is being probed.
        """
        with self._lock:
            if not self.suspicion or self._resting(now):
                return None
            permit = self._admit_probe(now, probe_timeout)
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
        """Record how an admitted call ended.

        Args:
            permit: The call's permit.
            outcome: How the call ended.
            now: The time in seconds.
            kind: The kind of its failure.
            rest: Seconds for which the vendor asks to be left alone, whatever the outcome; 0 where
                it does not say for how long. After a failure the model rests for a pause at least.

        Returns:
            The new health where its state has changed, else `None`.
        """
        with self._lock:
            if permit.generation != self._generation:
                return None
            self._in_flight -= not permit.probe
            before, suspicion = self._state, self.suspicion
            if not self._answered and outcome in ("success", "slow"):
                self._end_suspicion(permit)
            result = Result(outcome, now, permit.probe, kind, rest)
            after = transition(self._state, result, self._backoff)
            if after is before and not suspicion:
                return None
            if after is not self._state:
                self._enter(after)
            old = report(before, now, suspected=suspicion != "")
            reported = State.HALF_OPEN if permit.probe else old
            return None if self._report(now) is reported else self._health(now)

    def health(self, now: float) -> Health:
        """Return how the model is.

        Args:
            now: The time in seconds.

        Returns:
            Its state, the seconds for which it still rests, and why.
        """
        with self._lock:
            return self._health(now)

    def _enter(self, state: BreakerState) -> None:
        """Begin a generation in a state: the calls in flight no longer count."""
        self._state = state
        self._generation += 1
        self._in_flight = 0

    def _admit_call(self) -> Permit:
        self._in_flight += 1
        return Permit(self._generation)

    def _admit_probe(self, now: float, probe_timeout: float) -> Permit | Rejection:
        match self._state:
            case HalfOpen(deadline=deadline) if now < deadline:
                return Rejection(max(1.0, self._resting(now)), "being probed")
            case _:
                self._enter(HalfOpen(now + probe_timeout, without_probe(self._state)))
                return Permit(self._generation, probe=True)

    def _end_suspicion(self, permit: Permit) -> None:
        """Note the model's first answer; one to a call makes a probe beside it outdated."""
        if self.suspicion and not permit.probe:
            self._enter(without_probe(self._state))
        self._answered = True

    def _report(self, now: float) -> State:
        return report(self._state, now, suspected=self.suspicion != "")

    def _health(self, now: float) -> Health:
        resting = without_probe(self._state)
        reason = self.suspicion or (resting.reason if isinstance(resting, Open) else "")
        return Health(state=self._report(now), resting=self._resting(now), reason=reason)

    def _resting(self, now: float) -> float:
        """Return the seconds until the pause is over."""
        resting = without_probe(self._state)
        return max(0.0, resting.until - now) if isinstance(resting, Open) else 0.0


class DisabledBreaker(CircuitBreaker):
    """The breaker of a model that never rests (`breaker: off`).

    It admits every call and records nothing.
    """

    def admit(self, now: float, probe_timeout: float = NEVER) -> Permit | Rejection:
        """Admit the call.

        Args:
            now: Not used.
            probe_timeout: Not used.

        Returns:
            A permit.
        """
        del now, probe_timeout
        return Permit(self._generation)

    force_probe = admit

    def record(
        self,
        permit: Permit,
        outcome: Outcome,
        now: float,
        *,
        kind: Kind | None = None,
        rest: float | None = None,
    ) -> Health | None:
        """Record nothing.

        Args:
            permit: Not used.
            outcome: Not used.
            now: Not used.
            kind: Not used.
            rest: Not used.

        Returns:
            `None`: the health never changes.
        """
        del permit, outcome, now, kind, rest
        return None

    def health(self, now: float) -> Health:
        """Return that the breaker is off.

        Args:
            now: Not used.

        Returns:
            The health of a model that never rests.
        """
        del now
        return Health(state=State.OFF)
