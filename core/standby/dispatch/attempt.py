"""One attempt under way, as the dispatcher holds it: a task that can be waited for, stopped, and settled once."""

import asyncio
from collections.abc import Iterable

from standby.dispatch.adapter_call import attempt, timeout_failure
from standby.dispatch.compatibility import adapt
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.resilience.circuit_breaker import Health, Outcome, Permit
from standby.resilience.timeouts import AttemptTimer
from standby.runtime.isolation import describe_error
from standby.types import Reply, Request

GOODBYE = 0.05
"""Seconds that a cancelled attempt has to end in; then it is abandoned."""

_abandoned: set[asyncio.Task[Reply]] = set()
"""Held, so that what still runs is not collected."""


class AttemptTask:
    """One attempt: asked when it is made."""

    def __init__(
        self,
        target: Target,
        request: Request,
        permit: Permit,
        timer: AttemptTimer,
        *,
        place: int = 0,
        number: int = 1,
        outlet: StreamGate | None = None,
    ) -> None:
        """Ask: the task begins at the next turn of the event loop.

        `place` is where it stands on the trail; `number` counts the attempts of one model from 1.
        """
        self.target = target
        self.timer = timer
        self.place = place
        self.number = number
        self.probe = permit.probe
        fitted, self.dropped = adapt(request, target)
        self.task = asyncio.create_task(attempt(target, fitted, timer, outlet))
        self.task.add_done_callback(_look_at)
        self._permit: Permit | None = permit
        self._left = False
        self._late = False

    @property
    def outcome(self) -> Outcome:
        """Say how the model answered."""
        return "slow" if self.timer.is_slow() else "success"

    @property
    def known_as(self) -> str:
        """Return the vendor's id of the answer, if there is one."""
        return (
            self.task.result().id
            if self.task.done() and not (self.task.cancelled() or self.task.exception())
            else ""
        )

    def leave(self) -> None:
        """Cancel it: it is not needed any more."""
        self._left = self._left or not self.task.done()
        self.task.cancel()

    def give_up(self) -> None:
        """Cancel it: its time is over."""
        self._late = True
        self.task.cancel()

    def result(self) -> Reply | AttemptFailed | None:
        """Return what came of it; `None` if it was left."""
        if self._late:
            return AttemptFailed(timeout_failure(self.timer.message))
        if self.task.cancelled() or not self.task.done():
            return None if self._left else self._cancelled_itself()
        error = self.task.exception()
        if error is None:
            return self.task.result()
        if isinstance(error, AttemptFailed):
            return error
        if isinstance(error, GeneratorExit):  # a plugin's, or nobody could ask here what came of it
            return AttemptFailed(self.target.contract_violation(f"raised {describe_error(error)}"))
        raise error

    def teach(
        self, outcome: Outcome, now: float, *, kind: Kind | None = None, rest: float | None = None
    ) -> Health | None:
        """Settle with the model's breaker, the first time only; returns the model's new health where that changed it."""
        permit, self._permit = self._permit, None
        return (
            None
            if permit is None
            else self.target.breaker.record(permit, outcome, now, kind=kind, rest=rest)
        )

    def _cancelled_itself(self) -> AttemptFailed:
        return AttemptFailed(self.target.contract_violation("cancelled itself"))


async def ends(cancelled: Iterable[AttemptTask]) -> list[AttemptTask]:
    """Wait until the cancelled attempts have ended; return those that do not, to be reported: nobody waits for them."""
    tasks = {
        running.task: running
        for running in cancelled
        if not running.task.done() and running.task not in _abandoned
    }
    if not tasks:
        return []
    _, stubborn = await asyncio.wait(tasks, timeout=GOODBYE)
    for task in stubborn:
        _abandoned.add(task)
        task.add_done_callback(_abandoned.discard)
    return [tasks[task] for task in stubborn]


def _look_at(task: asyncio.Task[Reply]) -> None:
    """Look at how it ended, so that asyncio does not complain where nobody else asks: it was left, or late."""
    if not task.cancelled():
        task.exception()
