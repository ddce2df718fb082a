"""An event loop on virtual time: when every task waits, the clock jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

RESOLUTION = 1e-9
"""Seconds by which a loop fires timers early.

The clock must move then too, or code that compares the time would wait forever.
"""


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the clock to the next timer instead of waiting for it."""

    def __init__(self, loop: Any) -> None:
        super().__init__()
        self.now = 0.0
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        timers: list[Any] = self._loop._scheduled  # noqa: SLF001 - a loop has no public list
        due = float(timers[0].when()) if timers else self.now
        if timeout or due <= self.now + RESOLUTION:
            self.now = max(self.now, due)
        return super().select(timeout and 0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A real event loop on virtual time; `time()` begins at 0."""

    def __init__(self) -> None:
        """Begin at 0."""
        self._clock = _JumpingSelector(self)
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._clock.now


def run(coroutine: Coroutine[Any, Any, T], loop: Callable[[], VirtualLoop] = VirtualLoop) -> T:
    """Run a coroutine on virtual time.

    Args:
        coroutine: What runs.
        loop: Makes the loop.

    Returns:
        The coroutine's result.

    Raises:
        RuntimeError: The coroutine has ended and left tasks running.
    """
    with asyncio.Runner(loop_factory=loop) as runner:
        result = runner.run(coroutine)
        if left := asyncio.all_tasks(runner.get_loop()):
            raise RuntimeError(f"{len(left)} tasks are left behind")
        return result
