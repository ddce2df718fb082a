"""Streams as a caller holds them: an iterator of chunks, a context manager, and, at the end, the whole reply.

One task runs the walk into a bounded buffer, so that time-outs and context variables keep their
meaning between chunks.
"""

import asyncio
import contextlib
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from standby.dispatch.stream_gate import StreamGate, end_of
from standby.dispatch.target import Target
from standby.errors import DeadlineExceeded
from standby.resilience.timeouts import AttemptTimer
from standby.runtime.background_loop import LoopIsBlockedError, run
from standby.types import Attempt, Chunk, Reply

READ_AHEAD = 1_024
"""Chunks held for a slow reader before the model has to wait; most replies fit, so a slow reader costs no time-out."""

GRACE = 0.25
"""Seconds beyond its deadline that a blocking call waits for the event loop, which keeps the deadline to 50 ms if it turns."""

T = TypeVar("T")

LONGEST_FAREWELL = 1.0
"""Seconds that whoever is being asked may take to go once the caller has left."""


class Execution(Protocol):
    """One call on its way down its chain."""

    @property
    def span(self) -> float:
        """The seconds that all of it may take."""
        ...

    @property
    def trail(self) -> tuple[Attempt, ...]:
        """The attempts and skips so far."""
        ...

    async def run(self) -> Reply:
        """Return the first good reply; raises a `CallFailed`."""
        ...


class _Buffer:
    """The chunks between the walk and its readers; when it is `over`, no more will come."""

    def __init__(self) -> None:
        self.chunks: deque[Chunk] = deque()
        self.over = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, chunk: Chunk) -> None:
        """Add a chunk; waits while there is no room."""
        while len(self.chunks) >= READ_AHEAD:
            self._room.clear()
            await self._room.wait()
        self.chunks.append(chunk)
        self._news.set()

    async def filled(self) -> None:
        """Wait until there is a chunk, or nothing more to wait for."""
        while not self.chunks and not self.over:
            self._news.clear()
            await self._news.wait()

    def take(self, most: int) -> list[Chunk]:
        """Take what is there."""
        self._room.set()
        return [self.chunks.popleft() for _ in range(min(most, len(self.chunks)))]

    def end(self, walked: asyncio.Task[Reply] | None = None) -> None:
        """Tell every reader that no more will come."""
        self.over = True
        self._news.set()
        if walked is not None and not walked.cancelled():
            # seen: the readers may have left, and asyncio logs a failure that nobody looks at
            walked.exception()


class _Position:
    """How far a reader has come: the text that counts there, and whose it is. Whoever speaks by now may be ahead of it."""

    def __init__(self, speakers: Sequence[AttemptTimer | Reply]) -> None:
        self._speakers = speakers
        self._resets = -1  # nothing has been read
        self._texts: list[str] = []

    def read(self, chunks: Sequence[Chunk]) -> None:
        """Take in what the reader is given."""
        for chunk in chunks:
            if chunk.reset:
                self._resets += 1
                self._texts.clear()
            self._resets = max(self._resets, 0)
            self._texts.append(chunk.text)

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def model(self) -> str | None:
        speaker = self._speaker
        if isinstance(speaker, Reply):
            return speaker.model
        return None if self.target is None else self.target.name

    @property
    def target(self) -> Target | None:
        speaker = self._speaker
        return (
            speaker.timeouts
            if isinstance(speaker, AttemptTimer) and isinstance(speaker.timeouts, Target)
            else None
        )

    @property
    def _speaker(self) -> AttemptTimer | Reply | None:
        return self._speakers[self._resets] if 0 <= self._resets < len(self._speakers) else None


class _Read:
    """What both forms of a stream say of what has been read."""

    _position: _Position

    @property
    def target(self) -> Target | None:
        """Return the model whose words have been read last; `None` before the first, or where they were held back."""
        return self._position.target

    @property
    def model(self) -> str | None:
        """Return the name of the model whose words have been read last; `None` before the first chunk.

        After a chunk with `reset` it is the one that has begun anew.
        """
        return self._position.model

    @property
    def text(self) -> str:
        """Return the text that has been read so far and counts: what came before a chunk with `reset` does not."""
        return self._position.text


class AsyncStream(_Read):
    """A streamed reply. Iterate over its chunks; `reply` and `trail` are there at the end; `close()` leaves early.

    Under `on_break: restart` a chunk with `reset` voids the text before it: `text` is what counts,
    `model` whose it is::

        async with client.stream("Explain net metering.") as stream:
            async for chunk in stream:
                show(stream.text)
    """

    def __init__(self, begin: Callable[[StreamGate], Execution]) -> None:
        """Prepare; nothing is asked before the first chunk is wanted, or the context is entered."""
        self._buffer = _Buffer()
        self._outlet = StreamGate(self._buffer.put)
        self._walk = begin(self._outlet)
        self._task: asyncio.Task[Reply] | None = None
        self._reply: Reply | None = None
        self._ended = False
        self._position = _Position(self._outlet.speakers)

    @property
    def span(self) -> float:
        """Return the seconds that all of it may take, from its first chunk on."""
        return self._walk.span

    @property
    def trail(self) -> tuple[Attempt, ...]:
        """Return the attempts and skips so far."""
        return self._walk.trail

    @property
    def reply(self) -> Reply:
        """Return the whole reply; raises `RuntimeError` before the stream has been read to its end."""
        if self._reply is None:
            raise RuntimeError("the stream has no reply yet: read it to its end first")
        return self._reply

    async def __aenter__(self) -> Self:
        """Begin to ask."""
        self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    def __aiter__(self) -> Self:
        """Iterate over the chunks; the last one has an `end`."""
        return self

    async def __anext__(self) -> Chunk:
        """Return the next chunk; raises a `CallFailed`, and `StreamBroken` once some text is out."""
        for chunk in await self.take(1):
            return chunk
        raise StopAsyncIteration

    async def take(self, most: int = READ_AHEAD) -> list[Chunk]:
        """Return the chunks that are there, at least one; none: the stream has ended. A thread so hands over many at once."""
        task = self._begin()
        await self._buffer.filled()
        if self._ended or task is None:
            return []
        if self._buffer.chunks:
            taken = self._buffer.take(most)
            self._position.read(taken)
            return taken
        self._ended = True
        reply = self._reply = task.result()
        return [Chunk(end=end_of(reply))]

    async def close(self) -> None:
        """Leave: whoever is still being asked is cancelled, and has gone when this returns."""
        self._ended = True
        self._buffer.end()
        if self._task is None:
            return
        if self._task.get_loop() is not asyncio.get_running_loop():
            _abandon(self._task)
        elif not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=LONGEST_FAREWELL)

    def another_reader(self) -> _Position:
        """Return a position for whoever hands out what is taken here in its own time."""
        return _Position(self._outlet.speakers)

    def abandon(self) -> None:
        """Leave without waiting; for any thread."""
        if self._task is not None:
            _abandon(self._task)

    def _begin(self) -> asyncio.Task[Reply] | None:
        if self._task is None and not self._ended:
            self._task = asyncio.create_task(self._walk.run())
            self._task.add_done_callback(self._buffer.end)
            left = weakref.finalize(self, _abandon, self._task)
            left.atexit = False
            self._task.add_done_callback(
                lambda _: left.detach()
            )  # its error knows the stream, which so would never be freed
        if self._task is not None and self._task.get_loop() is not asyncio.get_running_loop():
            raise RuntimeError(
                "this stream was begun on another event loop, or before a fork; ask anew with stream()"
            )
        return self._task


class Stream(_Read):
    """A streamed reply for blocking code: an `AsyncStream`, read from the threads that iterate."""

    def __init__(self, begin: Callable[[StreamGate], Execution]) -> None:
        """Prepare; nothing is asked before the first chunk is wanted, or the context is entered."""
        self._stream = AsyncStream(begin)
        self._position = self._stream.another_reader()
        self._chunks: deque[Chunk] = deque()
        self._reading = threading.Lock()
        self._until: float | None = None
        self._ended = False

    @property
    def trail(self) -> tuple[Attempt, ...]:
        """Return the attempts and skips so far."""
        return self._stream.trail

    @property
    def reply(self) -> Reply:
        """Return the whole reply; raises `RuntimeError` before the stream has been read to its end."""
        return self._stream.reply

    def __enter__(self) -> Self:
        """Begin to ask."""
        self._wait_for(self._stream.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def __iter__(self) -> Self:
        """Iterate over the chunks; the last one has an `end`."""
        return self

    def __next__(self) -> Chunk:
        """Return the next chunk; raises a `CallFailed`, and `StreamBroken` once some text is out."""
        with self._reading:
            if not self._chunks and not self._ended:
                try:
                    self._chunks.extend(self._wait_for(self._stream.take()))
                except (
                    BaseException
                ):  # Ctrl-C among them: what was on its way is lost, so nothing may follow it
                    self._ended = True
                    self._stream.abandon()
                    raise
            if self._ended or not self._chunks:
                raise StopIteration
            chunk = self._chunks.popleft()
            self._position.read((chunk,))
            return chunk

    def close(self) -> None:
        """Leave: whoever is still being asked is cancelled, and has gone when this returns."""
        patience = GRACE if self._ended else LONGEST_FAREWELL + GRACE
        self._ended = True
        with contextlib.suppress(
            LoopIsBlockedError
        ):  # whoever blocks it is named in the log; it closes once the loop turns
            run(self._stream.close(), within=patience)

    def _wait_for(self, step: Coroutine[Any, Any, T]) -> T:
        """Run one step; the deadline began with the first."""
        now = time.monotonic()
        self._until = self._until or now + self._stream.span + GRACE
        return run_within(step, max(GRACE, self._until - now), self._stream.span)


def run_within(step: Coroutine[Any, Any, T], within: float, span: float) -> T:
    """Run on the private loop, for `within` seconds; raises `DeadlineExceeded` if that loop does not turn."""
    try:
        return run(step, within=within)
    except LoopIsBlockedError:
        words = "the event loop is blocked, the log says by what; work that blocks belongs into standby.plugin.blocking()"
        raise DeadlineExceeded(
            f"no complete reply within the deadline of {span:g}s: {words}"
        ) from None


def _abandon(task: asyncio.Task[Reply]) -> None:
    """Cancel what nobody reads any more; a finaliser never waits."""
    if not task.done():
        with contextlib.suppress(RuntimeError):  # the loop is closed
            task.get_loop().call_soon_threadsafe(task.cancel)
