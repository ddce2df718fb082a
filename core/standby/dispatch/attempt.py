"""One attempt under way, as the dispatcher holds it: a task that can be waited for, stopped, and settled once."""

import asyncio
from collections.abc import Iterable

from standby.dispatch.adapter_call import Entry, Outlet, attempt, timed_out
from standby.dispatch.compatibility import fit
from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.resilience.circuit_breaker import Health, Ticket, Verdict
from standby.resilience.timeouts import Watch
from standby.runtime.isolation import named
from standby.types import Reply, Request

GOODBYE = 0.05
"""Seconds that a cancelled attempt has to end in; then it is abandoned."""

_abandoned: set[asyncio.Task[Reply]] = set()
"""Held, so that what still runs is not collected."""


class Running:
    """One attempt: asked when it is made."""

    def __init__(
        self,
        entry: Entry,
        request: Request,
        ticket: Ticket,
        watch: Watch,
        *,
        place: int = 0,
        number: int = 1,
        outlet: Outlet | None = None,
    ) -> None:
        """Ask: the task begins at the next turn of the event loop.

        `place` is where it stands on the trail; `number` counts the attempts of one model from 1.
        """
        self.entry = entry
        self.watch = watch
        self.place = place
        self.number = number
        self.probe = ticket.probe
        fitted, self.dropped = fit(request, entry)
        self.task = asyncio.create_task(attempt(entry, fitted, watch, outlet))
        self.task.add_done_callback(_look_at)
        self._ticket: Ticket | None = ticket
        self._left = False
        self._late = False

    @property
    def verdict(self) -> Verdict:
        """Say how the model answered."""
        return "slow" if self.watch.slow() else "healthy"

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
            return AttemptFailed(timed_out(self.watch.words))
        if self.task.cancelled() or not self.task.done():
            return None if self._left else self._cancelled_itself()
        error = self.task.exception()
        if error is None:
            return self.task.result()
        if isinstance(error, AttemptFailed):
            return error
        if isinstance(error, GeneratorExit):  # a plugin's, or nobody could ask here what came of it
            return AttemptFailed(self.entry.breach(f"raised {named(error)}"))
        raise error

    def teach(
        self, verdict: Verdict, now: float, *, kind: Kind | None = None, rest: float | None = None
    ) -> Health | None:
        """Settle with the model's breaker, the first time only; returns the model's new health where that changed it."""
        ticket, self._ticket = self._ticket, None
        return (
            None
            if ticket is None
            else self.entry.breaker.settle(ticket, verdict, now, kind=kind, rest=rest)
        )

    def _cancelled_itself(self) -> AttemptFailed:
        return AttemptFailed(self.entry.breach("cancelled itself"))


async def ends(cancelled: Iterable[Running]) -> list[Running]:
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
