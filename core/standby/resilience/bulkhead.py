"""How many concurrent calls one model gets."""

import asyncio

LONGEST_WAIT = 1.0
"""Seconds that a call waits for its place; beyond that the next model serves it better."""


class Bulkhead:
    """Admits at most `limit` concurrent calls on each event loop."""

    def __init__(self, limit: int) -> None:
        """Start with every place free.

        Args:
            limit: The number of concurrent calls.
        """
        self._limit = limit
        self._semaphores: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}

    async def acquire(self) -> bool:
        """Wait for a place.

        Returns:
            Whether there was one within `LONGEST_WAIT` seconds; then `release` it.
        """
        semaphore = self._semaphore()
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await semaphore.acquire()
        except TimeoutError:
            return False
        return True

    def release(self) -> None:
        """Free the place of a call that has ended."""
        self._semaphore().release()

    def _semaphore(self) -> asyncio.Semaphore:
        """Return this loop's semaphore; drop those of closed loops.

        Weak keys would not do: a semaphore that was waited for holds its loop.
        """
        loop = asyncio.get_running_loop()
        if loop not in self._semaphores:
            for other in tuple(self._semaphores):
                if other.is_closed():
                    self._semaphores.pop(other, None)
            self._semaphores[loop] = asyncio.Semaphore(self._limit)
        return self._semaphores[loop]
