"""What lies between a stream's gate and its readers: the buffer, and how far a reader has come."""

import asyncio
from collections import deque
from collections.abc import Sequence

from standby.dispatch.target import Target
from standby.resilience.timeouts import AttemptTimer
from standby.types import Chunk, Reply

READ_AHEAD = 1_024
"""Chunks that the buffer holds before the model must wait; most replies fit into it."""


class ChunkBuffer:
    """The chunks between the execution and the readers."""

    def __init__(self) -> None:
        """Start empty."""
        self.chunks: deque[Chunk] = deque()
        self.is_closed = False
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()

    async def put(self, chunk: Chunk) -> None:
        """Add a chunk; wait while there is no room.

        Args:
            chunk: The next chunk.

        """
        while len(self.chunks) >= READ_AHEAD:
            self._has_room.clear()
            await self._has_room.wait()
        self.chunks.append(chunk)
        self._changed.set()

    async def wait(self) -> None:
        """Wait until there is a chunk, or no further one will come."""
        while not self.chunks and not self.is_closed:
            self._changed.clear()
            await self._changed.wait()

    def take(self, limit: int) -> list[Chunk]:
        """Remove and return the first chunks.

        Args:
            limit: The number of chunks to return at most.

        Returns:
            The chunks that are there, maybe none.

        """
        self._has_room.set()
        return [self.chunks.popleft() for _ in range(min(limit, len(self.chunks)))]

    def close(self, task: asyncio.Task[Reply] | None = None) -> None:
        """Wake every reader: no further chunk will come.

        Args:
            task: The execution's, when it is done.

        """
        self.is_closed = True
        self._changed.set()
        if task is not None and not task.cancelled():
            # The readers may have left, and asyncio logs an exception that was never retrieved.
            task.exception()


class ReadPosition:
    """How far one reader has come. The attempts may be ahead of it."""

    def __init__(self, speakers: Sequence[AttemptTimer | Reply]) -> None:
        """Start before the first chunk.

        Args:
            speakers: The attempts, or the complete reply, that chunks came from, in order; a reset
                chunk lies between two.

        """
        self._speakers = speakers
        self._resets = -1  # nothing has been read
        self._texts: list[str] = []

    def advance(self, chunks: Sequence[Chunk]) -> None:
        """Note the chunks that the reader receives.

        Args:
            chunks: The next chunks of the stream.

        """
        for chunk in chunks:
            if chunk.reset:
                self._resets += 1
                self._texts.clear()
            self._resets = max(self._resets, 0)
            self._texts.append(chunk.text)

    @property
    def text(self) -> str:
        """The text so far, without what a reset chunk has voided."""
        return "".join(self._texts)

    @property
    def model(self) -> str | None:
        """The name of the model that the last chunk came from; `None` before the first."""
        source = self._source
        if isinstance(source, Reply):
            return source.model
        return None if self.target is None else self.target.name

    @property
    def target(self) -> Target | None:
        """The target that the last chunk came from; `None` if it came from a complete reply."""
        source = self._source
        timeouts = source.timeouts if isinstance(source, AttemptTimer) else None
        return timeouts if isinstance(timeouts, Target) else None

    @property
    def _source(self) -> AttemptTimer | Reply | None:
        """The attempt, or the complete reply, that the last chunk came from."""
        if not 0 <= self._resets < len(self._speakers):
            return None
        return self._speakers[self._resets]
