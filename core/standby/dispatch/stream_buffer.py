"""What lies between a stream's gate and its readers: the buffer, and how far a reader has come."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterable

from standby.dispatch.target import Target
from standby.types import Chunk, Reply

READ_AHEAD = 1_024
"""Chunks that the buffer holds before the model must wait; most replies fit into it."""

Item = tuple[Chunk, Target | None]
"""A chunk, and the model that it comes from; a stream's end comes from none."""


class ChunkBuffer:
    """The chunks between the execution and the readers."""

    __slots__ = ("_has_room", "_waiters", "is_closed", "items")

    def __init__(self) -> None:
        """Start empty."""
        self.items: deque[Item] = deque()
        self.is_closed = False
        self._waiters: list[asyncio.Future[None]] = []
        self._has_room = asyncio.Event()

    def put(self, chunk: Chunk, target: Target) -> Awaitable[None] | None:
        """Add a chunk.

        Args:
            chunk: The next chunk.
            target: The model that it comes from.

        Returns:
            `None`; if there is no room, what adds the chunk once there is, to be awaited.

        """
        if len(self.items) >= READ_AHEAD:
            return self._put_later(chunk, target)
        self.items.append((chunk, target))
        if self._waiters:
            self._wake()
        return None

    async def wait(self) -> None:
        """Wait until there is a chunk, or no further one will come."""
        while not self.items and not self.is_closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def take(self, limit: int) -> list[Item]:
        """Remove and return the first chunks.

        Args:
            limit: The number of chunks to return at most.

        Returns:
            The chunks that are there, maybe none, each with its model.
        """
        items = self.items
        if len(items) >= READ_AHEAD:
            self._has_room.set()
        if limit == 1 and items:
            return [items.popleft()]
        return [items.popleft() for _ in range(min(limit, len(items)))]

    def close(self, task: asyncio.Task[Reply] | None = None) -> None:
        """Wake every reader: no further chunk will come.

        Args:
            task: The execution's, when it is done.
        """
        self.is_closed = True
        self._wake()
        if task is not None and not task.cancelled():
            # The readers may have left, and asyncio logs an exception that was never retrieved.
            task.exception()

    async def _put_later(self, chunk: Chunk, target: Target) -> None:
        while len(self.items) >= READ_AHEAD:
            self._has_room.clear()
            await self._has_room.wait()
        self.items.append((chunk, target))
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class ReadPosition:
    """How far one reader has come; the attempts may be ahead of it.

    Attributes:
        target: The model that the last chunk came from; `None` before the first.
    """

    __slots__ = ("_texts", "target")

    def __init__(self) -> None:
        """Start before the first chunk."""
        self.target: Target | None = None
        self._texts: list[str] = []

    def advance(self, items: Iterable[Item]) -> None:
        """Note the chunks that the reader receives.

        Args:
            items: The next chunks of the stream, each with its model.
        """
        for chunk, target in items:
            if chunk.reset:
                self._texts.clear()
            if target is not None:
                self.target = target
            self._texts.append(chunk.text)

    @property
    def text(self) -> str:
        """The text so far, without what a reset chunk has voided."""
        return "".join(self._texts)
