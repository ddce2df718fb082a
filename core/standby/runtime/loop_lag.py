"""How much time an event loop has lost: what blocks it or keeps it busy is not the models' fault.

The watchdog measures it: it asks each loop that has calls under way for an answer.
"""

import asyncio

TOLERANCE = 0.02
"""Seconds that a healthy loop may take to answer: its longest turn."""


class LoopLag:
    """The seconds that one event loop has lost so far."""

    __slots__ = ("lost",)

    def __init__(self) -> None:
        """Begin with nothing lost."""
        self.lost = 0.0

    def note(self, seconds: float) -> None:
        """Add what the loop took for an answer, unless every loop takes as long.

        Args:
            seconds: The time from the question to the answer.
        """
        if seconds > TOLERANCE:
            self.lost += seconds


class _Lags(dict[asyncio.AbstractEventLoop, LoopLag]):
    """The lag of each event loop; one that is looked up for the first time has lost nothing."""

    def __missing__(self, loop: asyncio.AbstractEventLoop) -> LoopLag:
        for other in tuple(self):  # a copy: loops of other threads come and go meanwhile
            if other.is_closed():
                self.pop(other, None)
        return self.setdefault(loop, LoopLag())


LAGS = _Lags()
"""The lag of each event loop: `LAGS[loop]` is the same object for everyone on it."""
