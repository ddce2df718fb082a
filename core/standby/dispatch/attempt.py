"""One attempt in flight: it owns its permit, its timer and its result, and settles all three."""

import asyncio
from collections.abc import Iterable
from typing import Self

import msgspec

from standby.dispatch.adapter_call import AdapterCall, timeout_failure
from standby.dispatch.compatibility import Adapted
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.resilience.circuit_breaker import Health, Outcome, Permit
from standby.resilience.timeouts import AttemptTimer
from standby.runtime.isolation import describe_error
from standby.runtime.loop_lag import LAGS
from standby.types import Reply

CANCEL_GRACE = 0.05
"""Seconds that a cancelled attempt has to end in; then it is abandoned."""

_abandoned: set[asyncio.Task[Reply]] = set()
"""Held, so that what still runs is not collected."""


class AttemptResult(msgspec.Struct, frozen=True):
    """How an attempt ended: with a reply, with an error, or, with neither, cancelled."""

    reply: Reply | None = None
    error: AttemptFailed | None = None


class AttemptTask:
    """One attempt; `with attempt:` settles it with the model's circuit breaker, whatever happens.

    Attributes:
        target: the model.
        timer: its time-outs.
        position: its place on the trail.
        number: which attempt of this model in this call it is, from 1.
        is_probe: it finds out whether a resting model is back.
        dropped: the names of the parameters that the model was not sent.
        call: the adapter's call, which commits to the stream.
        task: what runs it.
        was_paused: its clock stood when it was cancelled.

    """

    __slots__ = (
        "_is_cancelled",
        "_is_late",
        "_permit",
        "call",
        "dropped",
        "is_probe",
        "number",
        "position",
        "target",
        "task",
        "timer",
        "was_paused",
    )

    def __init__(
        self,
        target: Target,
        adapted: Adapted,
        permit: Permit,
        timer: AttemptTimer,
        *,
        gate: StreamGate | None = None,
        position: int = 0,
        number: int = 1,
    ) -> None:
        """Start the attempt: its task runs from the event loop's next turn on.

        Args:
            target: the model.
            adapted: the caller's request, adapted to the model.
            permit: the leave of the model's circuit breaker.
            timer: the attempt's time-outs, started.
            gate: where chunks go; by default the reply comes whole.
            position: its place on the trail.
            number: which attempt of this model in this call it is, from 1.

        """
        self.target = target
        self.timer = timer
        self.position = position
        self.number = number
        self.is_probe = permit.probe
        self.dropped = adapted.dropped
        self.call = AdapterCall(target, adapted.request, timer, gate or StreamGate(None))
        self.task = asyncio.create_task(self.call.run())
        self._permit: Permit | None = permit
        self.was_paused = False
        self._is_cancelled = False
        self._is_late = False

    def __enter__(self) -> Self:
        """Return the attempt."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the permit, if nothing was recorded: the attempt says nothing of the model."""
        self.record("ignored")

    @property
    def response_id(self) -> str:
        """Return the vendor's id of the answer, "" if there is none."""
        task = self.task
        return task.result().id if task.done() and not _has_failed(task) else ""

    def result(self) -> AttemptResult:
        """Return how it ended."""
        task = self.task
        if self._is_late:
            return AttemptResult(error=AttemptFailed(timeout_failure(self.timer.message)))
        if not task.done() or task.cancelled():
            return AttemptResult() if self._is_cancelled else self._violation("cancelled itself")
        error = task.exception()
        if error is None:
            return AttemptResult(task.result())
        if isinstance(error, AttemptFailed):
            return AttemptResult(error=error)
        if isinstance(error, GeneratorExit):  # a plugin's, or it could not be looked at here
            return self._violation(f"raised {describe_error(error)}")
        raise error

    def record_answer(self) -> Health | None:
        """Record that the model answered, in time or slowly; returns what `record` returns."""
        return self.record("slow" if self.timer.is_slow else "success")

    def record(
        self, outcome: Outcome, *, kind: Kind | None = None, rest: float | None = None
    ) -> Health | None:
        """Record the outcome with the model's circuit breaker; only the first time counts.

        Args:
            outcome: how the model did.
            kind: the failure's kind, for the breaker's reason.
            rest: seconds for which the circuit opens at once.

        Returns:
            The model's new health where the outcome has changed it.

        """
        permit, self._permit = self._permit, None
        if permit is None:
            return None
        now = self.timer.clock()
        return self.target.breaker.record(permit, outcome, now, kind=kind, rest=rest)

    def cancel(self) -> None:
        """Cancel it: it is not needed any more."""
        self.was_paused = self.was_paused or self.timer.is_paused
        self._is_cancelled = self._is_cancelled or not self.task.done()
        self._stop()

    def time_out(self) -> None:
        """Cancel it: its time is up, whatever it does from now on."""
        self._is_late = True
        self._stop()

    def _stop(self) -> None:
        self.task.cancel()
        self.task.add_done_callback(_retrieve_exception)

    def _violation(self, problem: str) -> AttemptResult:
        return AttemptResult(error=AttemptFailed(self.target.contract_violation(problem)))


async def wait_alone(attempt: AttemptTask) -> list[AttemptTask]:
    """Wait until an attempt has ended, in its own time; then it is timed out.

    Args:
        attempt: the attempt.

    Returns:
        What `drain` returns.

    """
    timer = attempt.timer
    lag = LAGS[asyncio.get_running_loop()]
    while not (attempt.task.done() or timer.has_expired(now := timer.clock())):
        await asyncio.wait([attempt.task], timeout=timer.next_check(now) - now)
        timer.allow_for(lag.lost)
    if attempt.task.done():
        return []
    attempt.time_out()
    return await drain([attempt])


async def drain(cancelled: Iterable[AttemptTask]) -> list[AttemptTask]:
    """Wait until cancelled attempts have ended, at most `CANCEL_GRACE`.

    Args:
        cancelled: attempts that were cancelled, or timed out.

    Returns:
        Those that go on nevertheless: they are abandoned, and to be reported.

    """
    attempts = {attempt.task: attempt for attempt in cancelled if _is_pending(attempt.task)}
    if not attempts:
        return []
    _, stubborn = await asyncio.wait(attempts, timeout=CANCEL_GRACE)
    for task in stubborn:
        _abandoned.add(task)
        task.add_done_callback(_abandoned.discard)
    return [attempts[task] for task in stubborn]


def _has_failed(task: asyncio.Task[Reply]) -> bool:
    return task.cancelled() or task.exception() is not None


def _is_pending(task: asyncio.Task[Reply]) -> bool:
    return not task.done() and task not in _abandoned


def _retrieve_exception(task: asyncio.Task[Reply]) -> None:
    """Look at how it ended: asyncio complains of a failure that is never looked at."""
    if not task.cancelled():
        task.exception()
