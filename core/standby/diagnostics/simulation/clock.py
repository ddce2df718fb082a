"""An event loop whose time jumps: when nothing is left to do but wait, the clock moves to the next timer at once."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

RESOLUTION = 1e-9
"""Seconds by which a loop fires timers early; the clock must move then too, or code that looks at it would ask for ever."""


class _Jumping(selectors.DefaultSelector):
    """Waits for no timer: it moves the clock instead."""

    def __init__(self, loop: Any) -> None:
        super().__init__()
        self.now = 0.0
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        timers: list[Any] = self._loop._scheduled  # noqa: SLF001 - a loop tells nobody else of its timers
        due = float(timers[0].when()) if timers else self.now
        if timeout or due <= self.now + RESOLUTION:
            self.now = max(self.now, due)
        return super().select(timeout and 0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A real event loop on virtual time; `time()` begins at 0."""

    def __init__(self) -> None:
        """Begin at 0."""
        self._clock = _Jumping(self)
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._clock.now


def run(coroutine: Coroutine[Any, Any, T], loop: Callable[[], VirtualLoop] = VirtualLoop) -> T:
    """Run on virtual time; raises `RuntimeError` if a task is left behind."""
    with asyncio.Runner(loop_factory=loop) as runner:
        result = runner.run(coroutine)
        if left := asyncio.all_tasks(runner.get_loop()):
            raise RuntimeError(f"{len(left)} tasks are left behind")
        return result
