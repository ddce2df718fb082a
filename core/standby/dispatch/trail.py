"""The trail of one call: its attempts and skips, each reported as an event as it happens."""

from collections.abc import Callable, Collection
from itertools import count
from typing import Any, Literal, NamedTuple, cast

from msgspec.structs import asdict, replace

from standby import events
from standby.dispatch.policy import Decision
from standby.dispatch.target import Target
from standby.failures import REACTIONS, Attempt, Failure, Kind, Then
from standby.resilience.circuit_breaker import Health

AttemptOutcome = Literal["answered", "failed", "skipped", "cancelled"]

_serial = count(1)


class EndedAttempt(NamedTuple):
    """An attempt, or a skip, that goes on the trail.

    Attributes:
        target: the model.
        position: what `Trail.report_start` returned.
        started: when it started, on the clock.
        dropped: the names of the parameters that the model was not sent.
        response_id: the vendor's id of the answer, if there is one.
        setup: the seconds before the request was on its way.
        began: false for a model that was not attempted at all, which takes no time.

    """

    target: Target
    position: int
    started: float
    dropped: tuple[str, ...] = ()
    response_id: str = ""
    setup: float = 0.0
    began: bool = True


class Trail:
    """What one call has tried so far; never what was said.

    Attributes:
        started: when the call started, on the clock.

    """

    def __init__(
        self,
        chain: str,
        emit: Callable[[events.Event], None],
        clock: Callable[[], float],
        unwanted: Collection[type[events.Event]] = (),
    ) -> None:
        """Start the call's trail.

        Args:
            chain: the chain's name.
            emit: takes each event; it raises nothing.
            clock: returns the event loop's time, in seconds.
            unwanted: the types of events that need not be made.

        """
        self.started = clock()
        self._chain = chain
        self._emit = emit
        self._clock = clock
        self._unwanted = unwanted
        self._call = f"{next(_serial):x}"
        self._attempts: dict[int, Attempt] = {}  # by their positions; they end in any order
        self._positions = count()
        self._last_failure: tuple[str, Kind, str] | None = None
        self._first_model = ""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Return the attempts and skips, in the order in which they started."""
        return tuple(attempt for _, attempt in sorted(self._attempts.items()))

    def report_start(self, target: Target) -> int:
        """Report that an attempt starts, and that the call has moved on if another model failed.

        Args:
            target: the model.

        Returns:
            The attempt's position on the trail.

        """
        last, self._last_failure = self._last_failure, None
        if last is not None and last[0] != target.name:
            model, kind, trigger = last
            self._report(events.MovedOn, model, to=target.name, kind=kind, trigger=trigger)
        self._first_model = self._first_model or target.name
        self._report(events.AttemptStarted, target.name)
        return next(self._positions)

    def report_end(
        self,
        ended: EndedAttempt,
        outcome: AttemptOutcome,
        failure: Failure | None = None,
        decision: Decision | None = None,
    ) -> None:
        """Put an attempt on the trail.

        Args:
            ended: the attempt.
            outcome: how it ended.
            failure: what went wrong, or is questionable about the answer.
            decision: what follows.

        """
        target, started = ended.target, ended.started
        attempt = Attempt(
            model=target.name,
            provider=target.provider,
            outcome=outcome,
            start=started - self.started,
            duration=self._clock() - started if ended.began else 0.0,
            setup=ended.setup,
            dropped=ended.dropped,
            id=ended.response_id,
        )
        if decision is not None:
            then = cast("Then", decision.then)  # an accepted reply comes without a decision
            attempt = replace(attempt, trigger=decision.trigger, then=then)
        if failure is not None:
            attempt = _with_failure(attempt, failure)
        self._attempts[ended.position] = attempt
        lasting = failure is not None and failure.lasting
        self._report(events.AttemptEnded, attempt.model, attempt=attempt, lasting=lasting)
        if failure is not None:
            self._note_failure(attempt, failure)

    def report_skip(self, target: Target, failure: Failure) -> None:
        """Put a model on the trail that was not attempted at all.

        Args:
            target: the model.
            failure: why it was not.

        """
        self._first_model = self._first_model or target.name
        skip = EndedAttempt(target, next(self._positions), self._clock(), began=False)
        self.report_end(skip, "skipped", failure, Decision("next"))

    def report_retry(self, target: Target, delay: float) -> None:
        """Report that the same model will be attempted again.

        Args:
            target: the model.
            delay: the seconds until then.

        """
        self._report(events.RetryScheduled, target.name, delay=delay)

    def report_hedge(self, slow: Target, to: Target) -> None:
        """Report that another model is attempted beside a slow one.

        Args:
            slow: the model that has not answered yet.
            to: the model beside it.

        """
        self._report(events.Hedged, slow.name, to=to.name)

    def report_health(self, target: Target, health: Health) -> None:
        """Report that a model's circuit breaker has changed its state.

        Args:
            target: the model.
            health: its new health.

        """
        self._report(
            events.HealthChanged,
            target.name,
            state=health.state,
            resting=health.resting,
            reason=health.reason,
        )

    def report_abandoned(self, target: Target) -> None:
        """Report that a plugin goes on although it was cancelled.

        Args:
            target: the model that it serves.

        """
        origin = {} if target.origin is None else asdict(target.origin)
        self._report(events.Abandoned, target.name, provider=target.provider, **origin)

    def report_answer(self, model: str, disclaimer: str) -> None:
        """Report that the call has its reply.

        Args:
            model: the name of the model that answered.
            disclaimer: what a reader must know of its answers.

        """
        self._report(
            events.Answered,
            model,
            attempts=len(self._attempts),
            duration=self._clock() - self.started,
            disclaimer=disclaimer,
            instead_of="" if model == self._first_model else self._first_model,
        )

    def report_failure(self, text: str) -> None:
        """Report that the call has ended without a reply.

        Args:
            text: why, as the caller's exception says it.

        """
        self._report(events.Failed, "", duration=self._clock() - self.started, text=text)

    def _note_failure(self, attempt: Attempt, failure: Failure) -> None:
        if attempt.outcome != "answered":
            self._last_failure = attempt.model, failure.kind, attempt.trigger or ""
        if REACTIONS[failure.kind].alert:
            self._report(events.Alert, attempt.model, kind=failure.kind, text=failure.text)

    def _report(self, event: type[events.Event], model: str, **fields: Any) -> None:
        if event in self._unwanted:
            return
        at = self._clock()
        self._emit(event(call=self._call, chain=self._chain, model=model, at=at, **fields))


def _with_failure(attempt: Attempt, failure: Failure) -> Attempt:
    return replace(
        attempt,
        kind=failure.kind,
        status=failure.status,
        text=failure.text,
        id=attempt.id or failure.id,
    )
