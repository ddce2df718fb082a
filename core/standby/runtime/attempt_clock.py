"""The clock of the attempt that is running: it stands while nothing of the model's is awaited.

Such as an import of its SDK, or a free connection. Whoever waits for these pauses it.
"""

import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class AttemptClock(Protocol):
    """The time that one attempt has."""

    def pause(self) -> None:
        """Stop the time."""

    def resume(self) -> None:
        """Let the time go on, as if none had passed since `pause`."""

    def remaining(self) -> float:
        """Return the seconds that are left."""
        ...


ATTEMPT_CLOCK: ContextVar[AttemptClock | None] = ContextVar("attempt_clock", default=None)
"""The running attempt's clock; `None` outside of an attempt."""


@contextmanager
def clock_paused() -> Generator[None, None, None]:
    """Stop the running attempt's clock.

    Yields:
        Nothing.
    """
    clock = ATTEMPT_CLOCK.get()
    if clock is None:
        yield
        return
    clock.pause()
    try:
        yield
    finally:
        clock.resume()


def remaining() -> float:
    """Return how much time the running attempt has left.

    Returns:
        Seconds; infinity outside of an attempt.
    """
    clock = ATTEMPT_CLOCK.get()
    return math.inf if clock is None else clock.remaining()
