"""The trail of one call, and the events that tell of it as it happens."""

from collections.abc import Callable
from itertools import count
from typing import Any, Literal

import msgspec

from standby import events
from standby.dispatch.attempt import AttemptTask
from standby.dispatch.policy import Decision
from standby.dispatch.target import Target
from standby.failures import REACTIONS, Failure, Kind
from standby.resilience.circuit_breaker import Health
from standby.types import Attempt

AttemptOutcome = Literal["answered", "failed", "skipped", "cancelled"]

_serial = count(1)


class Trail:
    """What one call has tried so far; each target is told as an event too. Never holds what was said."""

    def __init__(
        self, chain: str, emit: Callable[[events.Event], None], clock: Callable[[], float]
    ) -> None:
        """Begin now."""
        self.began = clock()
        self._chain = chain
        self._emit = emit
        self._clock = clock
        self._call = f"{next(_serial):x}"
        self._attempts: dict[int, Attempt] = {}  # by the order in which they began
        self._places = count()
        self._last: tuple[str, Kind, str] | None = None
        self._first = ""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Return the attempts and skips in the order in which they began."""
        return tuple(self._attempts[place] for place in sorted(self._attempts))

    def begins(self, target: Target) -> int:
        """Tell that a model is being asked; if another failed before it, the call has moved on. Returns its place."""
        last, self._last = self._last, None
        if last is not None and last[0] != target.name:
            self._tell(events.MovedOn, last[0], to=target.name, kind=last[1], trigger=last[2])
        self._first = self._first or target.name
        self._tell(events.AttemptStarted, target.name)
        return next(self._places)

    def ends(
        self,
        running: AttemptTask,
        outcome: AttemptOutcome,
        failure: Failure | None = None,
        decision: Decision | None = None,
    ) -> None:
        """Put an attempt on the trail, at its end."""
        attempt = self._attempt(running.target, outcome, running.timer.began, failure, decision)
        known_as = running.known_as or (failure.id if failure else "")
        self._put(
            running.place,
            msgspec.structs.replace(attempt, dropped=running.dropped, id=known_as),
            failure,
        )

    def skips(self, target: Target, failure: Failure) -> None:
        """Put a model on the trail that was not asked at all."""
        self._first = self._first or target.name
        self._put(
            next(self._places),
            self._attempt(target, "skipped", self._clock(), failure, Decision("next")),
            failure,
        )

    def retries(self, target: Target, delay: float) -> None:
        """Tell that the same model will be asked again."""
        self._tell(events.RetryScheduled, target.name, delay=delay)

    def hedges(self, slow: Target, to: Target) -> None:
        """Tell that another model is asked beside a slow one."""
        self._tell(events.Hedged, slow.name, to=to.name)

    def health(self, target: Target, health: Health) -> None:
        """Tell that a model's breaker has changed."""
        self._tell(
            events.HealthChanged,
            target.name,
            state=health.state,
            resting=health.resting,
            reason=health.reason,
        )

    def abandons(self, target: Target) -> None:
        """Tell that a plugin goes on although it was cancelled."""
        whose = {} if target.origin is None else msgspec.structs.asdict(target.origin)
        self._tell(events.Abandoned, target.name, provider=target.provider, **whose)

    def answered(self, model: str, disclaimer: str) -> None:
        """Tell that the call has its reply."""
        took, instead_of = self._clock() - self.began, "" if model == self._first else self._first
        attempts = len(self._attempts)
        self._tell(
            events.Answered,
            model,
            attempts=attempts,
            duration=took,
            disclaimer=disclaimer,
            instead_of=instead_of,
        )

    def failed(self, text: str) -> None:
        """Tell that the call has ended without a reply."""
        self._tell(events.Failed, "", duration=self._clock() - self.began, text=text)

    def _attempt(
        self,
        target: Target,
        outcome: AttemptOutcome,
        start: float,
        failure: Failure | None,
        decision: Decision | None,
    ) -> Attempt:
        return Attempt(
            model=target.name,
            provider=target.provider,
            outcome=outcome,
            start=start - self.began,
            duration=self._clock() - start,
            kind=failure.kind if failure else None,
            status=failure.status if failure else None,
            text=failure.text if failure else "",
            trigger=decision.trigger if decision else None,
            then=None if decision is None or decision.then == "accept" else decision.then,
        )

    def _put(self, place: int, attempt: Attempt, failure: Failure | None) -> None:
        self._attempts[place] = attempt
        lasting = failure is not None and failure.lasting
        self._tell(events.AttemptEnded, attempt.model, attempt=attempt, lasting=lasting)
        if failure is None:
            return
        if attempt.outcome != "answered":
            self._last = attempt.model, failure.kind, attempt.trigger or ""
        if REACTIONS[failure.kind].alert:
            self._tell(events.Alert, attempt.model, kind=failure.kind, text=failure.text)

    def _tell(self, event: type[events.Event], model: str, **rest: Any) -> None:
        self._emit(event(call=self._call, chain=self._chain, model=model, at=self._clock(), **rest))
