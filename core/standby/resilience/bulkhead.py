"""How many calls one model is given at once."""

import asyncio

LONGEST_WAIT = 1.0
"""Seconds for a turn; whoever waits for longer is better served by the next model."""


class Bulkhead:
    """At most `limit` turns at once on each event loop; implements `Permits`."""

    def __init__(self, limit: int) -> None:
        """Give nothing away yet."""
        self._limit = limit
        self._loops: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}

    async def acquire(self) -> bool:
        """Wait for a turn; false after `LONGEST_WAIT`."""
        turns = self._turns()
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await turns.acquire()
        except TimeoutError:
            return False
        return True

    def release(self) -> None:
        """End a turn."""
        self._turns().release()

    def _turns(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            for other in tuple(
                self._loops
            ):  # weak keys would not do: a semaphore that was waited for holds its loop
                if other.is_closed():
                    self._loops.pop(other, None)
            self._loops[loop] = asyncio.Semaphore(self._limit)
        return self._loops[loop]
