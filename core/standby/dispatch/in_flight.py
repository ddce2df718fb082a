"""The attempts of one call that are in flight, from their start until they are settled."""

import asyncio
from collections.abc import Callable
from functools import partial

from standby.dispatch.assessment import is_wrong_model
from standby.dispatch.attempt import AttemptTask, drain, wait_alone
from standby.dispatch.compatibility import Adapted
from standby.dispatch.policy import LONG_REST, Decision, outcome_of
from standby.dispatch.stream_gate import Source, StreamGate
from standby.dispatch.target import Target
from standby.dispatch.trail import AttemptOutcome, EndedAttempt, Trail
from standby.failures import Failure, Kind
from standby.resilience.circuit_breaker import Health, Permit
from standby.resilience.timeouts import NEVER, AttemptTimer
from standby.runtime.loop_lag import LAGS

NOT_SENT = "not sent yet: its adapter was being made, or no connection was free"
"""Why an attempt that was cancelled while its clock stood says nothing of the model."""


class InFlight:
    """The attempts in flight; `async with aclosing()` cancels and settles those that are left.

    A *probe* finds out whether a resting model is back. The call waits for its *foreground*
    attempts: all but the probes, and a probe too, once its text goes out.

    Attributes:
        attempts: those that are in flight, in the order in which they started.

    """

    __slots__ = (
        "_background_probes",
        "_clock",
        "_gate",
        "_lag",
        "_lost_before",
        "_trail",
        "_waiter",
        "attempts",
    )

    def __init__(
        self,
        trail: Trail,
        clock: Callable[[], float],
        gate: StreamGate,
        background_probes: set[asyncio.Task[None]],
    ) -> None:
        """Start nothing yet.

        Args:
            trail: where attempts are reported.
            clock: returns the event loop's time, in seconds.
            gate: where chunks go.
            background_probes: holds the probes that outlive the call.

        """
        self._trail = trail
        self._clock = clock
        self._gate = gate
        self._lag = LAGS[asyncio.get_running_loop()]
        self._lost_before = self._lag.lost
        self._background_probes = background_probes
        self.attempts: list[AttemptTask] = []
        self._waiter: asyncio.Future[None] | None = None

    async def aclose(self) -> None:
        """Cancel what is left; a probe goes on in the background, so that its breaker learns."""
        self._gate.closed = True
        if not self.attempts:
            return
        probes = [each for each in self.attempts if not self._is_foreground(each)]
        cancelled = [each for each in self.attempts if each not in probes]
        self.attempts = []
        for attempt in cancelled:
            attempt.cancel()
        for probe in probes:
            self._send_to_background(probe)
        try:
            await self._drain(cancelled)
        finally:
            for attempt in cancelled:
                self.finish(attempt, "cancelled")

    @property
    def lost(self) -> float:
        """Return the seconds of the call in which the event loop was blocked or overloaded."""
        return self._lag.lost - self._lost_before

    @property
    def pending(self) -> list[str]:
        """Return the models in flight, each with what it waits for, for a message."""
        return [
            f"{each.target.name} ({'not sent' if self._is_unsent(each) else 'no answer'} yet)"
            for each in self.attempts
        ]

    @property
    def has_foreground(self) -> bool:
        """Return whether the call waits for an attempt before it goes on.

        It does not where an adapter takes longer to be made than its model may take of the call.
        """
        now = self._clock()
        return any(
            self._is_foreground(each) and not self._is_held_up(each, now) for each in self.attempts
        )

    @property
    def newest(self) -> AttemptTask | None:
        """Return the newest attempt that may be hedged: none while one is committed."""
        if self._gate.committed is not None:
            return None
        return next((each for each in reversed(self.attempts) if not each.is_probe), None)

    def start(
        self,
        target: Target,
        adapted: Adapted,
        permit: Permit,
        *,
        number: int = 1,
        allowed: float = NEVER,
    ) -> None:
        """Start an attempt.

        Args:
            target: the model.
            adapted: the caller's request, adapted to the model.
            permit: the leave of the model's circuit breaker.
            number: which attempt of this model in this call it is, from 1.
            allowed: the seconds that it may take.

        """
        position = self._trail.report_start(target)
        if permit.probe:
            self._trail.report_health(target, target.breaker.health(self._clock()))
        attempt = AttemptTask(
            target,
            adapted,
            permit,
            AttemptTimer(target, self._clock, allowed, self._lag.lost),
            gate=self._gate,
            position=position,
            number=number,
        )
        attempt.task.add_done_callback(self._wake)
        self.attempts.append(attempt)

    async def wait(self, until: float, deadline: float) -> list[AttemptTask]:
        """Wait until an attempt has ended or something is due.

        Args:
            until: when something is due, on the clock.
            deadline: when the call ends; attempts are not timed out from then on.

        Returns:
            The attempts that have ended or run out of time.

        """
        now = self._clock()
        checks = [attempt.timer.next_check(now) for attempt in self.attempts]
        await self._sleep(min((until, deadline, *checks)))
        if self._lag.lost > self._lost_before:
            for attempt in self.attempts:
                attempt.timer.allow_for(self._lag.lost)
        ended = [attempt for attempt in self.attempts if attempt.task.done()]
        if len(ended) == len(self.attempts):
            return ended
        return ended + await self._time_out(ended, deadline)

    async def _time_out(self, ended: list[AttemptTask], deadline: float) -> list[AttemptTask]:
        """Time out those whose time is up, and return them; after the deadline it is too late."""
        now = self._clock()
        if now >= deadline:
            return []
        late = [each for each in self.attempts if each not in ended and each.timer.has_expired(now)]
        for attempt in late:
            attempt.time_out()
        await self._drain(late)
        return late

    def finish(
        self,
        attempt: AttemptTask,
        outcome: AttemptOutcome,
        failure: Failure | None = None,
        decision: Decision | None = None,
    ) -> None:
        """Put an attempt's end on the trail, and settle it with the model's circuit breaker.

        Args:
            attempt: the attempt; it is in flight no longer.
            outcome: how it ended.
            failure: what went wrong, or is questionable about the answer.
            decision: what follows a failure.

        """
        is_unsent = attempt.was_paused and self._gate.committed is not attempt.call
        if outcome == "cancelled" and is_unsent:
            failure = Failure(kind=Kind.UNAVAILABLE, message=NOT_SENT)
        ended = _describe_end(attempt)
        with attempt:
            if attempt in self.attempts:
                self.attempts.remove(attempt)
            self._trail.report_end(ended, outcome, failure, decision)
            if failure is not None and decision is not None:
                self._record_failure(attempt, failure, decision)

    def cancel_others(self, committed: Source) -> None:
        """Cancel the attempts that came second; a probe goes on, and reaches nobody.

        Args:
            committed: the attempt whose chunks go out.

        """
        for attempt in self.attempts:
            if attempt.call is not committed and not attempt.is_probe:
                attempt.cancel()

    def probe_in_background(self, target: Target, adapted: Adapted, permit: Permit) -> None:
        """Ask a model that may be gone whether it is there, for nobody.

        Args:
            target: the model.
            adapted: the caller's request, adapted to the model.
            permit: the leave of its circuit breaker.

        """
        timer = AttemptTimer(target, self._clock, NEVER, self._lag.lost)
        probe = AttemptTask(target, adapted, permit, timer)
        self._run_in_background(probe, self._learn_if_present)

    def _is_foreground(self, attempt: AttemptTask) -> bool:
        return not attempt.is_probe or self._gate.committed is attempt.call

    def _is_held_up(self, attempt: AttemptTask, now: float) -> bool:
        return self._is_unsent(attempt) and attempt.timer.is_held_up(now)

    def _is_unsent(self, attempt: AttemptTask) -> bool:
        """Return whether its clock stands for another reason than the caller's slow reader."""
        return attempt.timer.is_paused and self._gate.committed is not attempt.call

    def _wake(self, _: object) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _sleep(self, until: float) -> None:
        """Sleep until an attempt ends, or a moment is there; `asyncio.wait` costs twice as much."""
        if any(attempt.task.done() for attempt in self.attempts):
            return
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        alarm = loop.call_at(until, self._wake, None)
        try:
            await waiter
        finally:
            alarm.cancel()

    def _record_failure(self, attempt: AttemptTask, failure: Failure, decision: Decision) -> None:
        counts = attempt.timer.counts_against_model
        outcome, rest = outcome_of(failure, decision, counts_against_model=counts)
        self._report(attempt, attempt.record(outcome, kind=failure.kind, rest=rest))

    def _report(self, attempt: AttemptTask, health: Health | None) -> None:
        if health is not None:
            self._trail.report_health(attempt.target, health)

    def _send_to_background(self, probe: AttemptTask) -> None:
        message = "being probed, whether it is well again; nobody waited for it"
        failure = Failure(kind=Kind.UNAVAILABLE, message=message)
        self._trail.report_end(_describe_end(probe), "skipped", failure, Decision("next"))
        self._run_in_background(probe, self._learn)

    def _run_in_background(self, probe: AttemptTask, learn: Callable[[AttemptTask], None]) -> None:
        task = asyncio.create_task(self._await_probe(probe, learn))
        self._background_probes.add(task)
        task.add_done_callback(partial(self._dismiss, probe))

    async def _await_probe(self, probe: AttemptTask, learn: Callable[[AttemptTask], None]) -> None:
        """Wait for a probe, in its own time, and record what it shows."""
        with probe:
            for abandoned in await wait_alone(probe):
                self._trail.report_abandoned(abandoned.target)
            learn(probe)

    def _learn(self, probe: AttemptTask) -> None:
        result = probe.result()
        if result.error is not None:
            self._record_failure(probe, result.error.failure, Decision("next"))
        else:
            self._report(probe, probe.record_answer())

    def _learn_if_present(self, probe: AttemptTask) -> None:
        """Bring the model back if it answered itself; else it rests for long."""
        result = probe.result()
        if result.reply is not None and not is_wrong_model(result.reply, probe.target):
            self._report(probe, probe.record_answer())
        else:
            probe.record("ignored", rest=LONG_REST)

    def _dismiss(self, probe: AttemptTask, task: "asyncio.Task[None]") -> None:
        """Let go of a probe, also where its task was cancelled before it began."""
        self._background_probes.discard(task)
        probe.cancel()
        probe.record("ignored")

    async def _drain(self, cancelled: list[AttemptTask]) -> None:
        for attempt in await drain(cancelled):
            self._trail.report_abandoned(attempt.target)


def _describe_end(attempt: AttemptTask) -> EndedAttempt:
    return EndedAttempt(
        attempt.target,
        attempt.position,
        attempt.timer.started,
        attempt.dropped,
        attempt.response_id,
        attempt.timer.counted_from - attempt.timer.started,
    )
