"""Streams as a caller holds them: an iterator of chunks, a context manager, and, at the end, the whole reply.

One task runs the walk into a bounded queue, so that time-outs and context variables keep their meaning between chunks.
"""

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from standby.attempt import Outlet
from standby.dispatch import Walk
from standby.errors import DeadlineExceeded
from standby.private_loop import LoopIsBlockedError, run
from standby.types import Attempt, Chunk, End, Reply

READ_AHEAD = 1_024
"""Chunks held for a slow reader before the model has to wait; most replies fit, so a slow reader costs no time-out."""

GRACE = 0.25
"""Seconds beyond its deadline that a blocking call waits for the event loop, which keeps the deadline to 50 ms if it turns."""

T = TypeVar("T")

Item = Chunk | Reply | BaseException


class AsyncStream:
    """A streamed reply. Iterate over its chunks; `reply` and `trail` are there at the end; `close()` leaves early."""

    def __init__(
        self, begin: Callable[[Outlet], Walk], run_walk: Callable[[Walk], Awaitable[Reply]], *, whole: bool = False
    ) -> None:
        """Prepare; nothing is asked before the first chunk is wanted, or the context is entered.

        `whole`: nothing is handed out before the answer is complete.
        """
        self._run = run_walk
        self._queue: asyncio.Queue[Item] = asyncio.Queue(READ_AHEAD)
        self._outlet = Outlet(self._queue.put, whole=whole)
        self._walk = begin(self._outlet)
        self._task: asyncio.Task[None] | None = None
        self._reply: Reply | None = None
        self._ended = False

    @property
    def trail(self) -> tuple[Attempt, ...]:
        """Return the attempts and skips so far."""
        return tuple(self._walk.trail)

    @property
    def reply(self) -> Reply:
        """Return the whole reply; raises `RuntimeError` before the stream has been read to its end."""
        if self._reply is None:
            raise RuntimeError("the stream has no reply yet: read it to its end first")
        return self._reply

    async def __aenter__(self) -> Self:
        """Begin to ask."""
        self._start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        await self.close()

    def __aiter__(self) -> Self:
        """Iterate over the chunks; the last one has an `end`."""
        return self

    async def __anext__(self) -> Chunk:
        """Return the next chunk; raises a `CallFailed`, and `StreamBroken` once some text is out."""
        if self._ended:
            raise StopAsyncIteration
        self._start()
        return self.read(await self._queue.get())

    async def take(self) -> list[Item]:
        """Return what is there, at least one item: for a reader on another thread, to whom each hand-over is dear."""
        self._start()
        items = [await self._queue.get()]
        while not self._queue.empty():
            items.append(self._queue.get_nowait())
        return items

    async def close(self) -> None:
        """Leave: whoever is still being asked is cancelled, and has gone when this returns."""
        self._ended = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(_pump(partial(self._run, self._walk), self._outlet, self._queue))
            weakref.finalize(self, _abandon, self._task).atexit = False

    def read(self, item: Item) -> Chunk:
        """Take note of one item: return it as a chunk, or raise it."""
        if isinstance(item, Chunk):
            return item
        self._ended = True
        if isinstance(item, BaseException):
            raise item
        self._reply = item
        return Chunk(end=End(finish=item.finish, usage=item.usage, served=item.served))


class Stream:
    """A streamed reply for blocking code: an `AsyncStream`, read from the thread that iterates."""

    def __init__(self, stream: AsyncStream, span: float) -> None:
        """Prepare; nothing is asked before the first chunk is wanted, or the context is entered. `span`: its deadline."""
        self._stream = stream
        self._span = span
        self._until: float | None = None
        self._items: deque[Item] = deque()
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

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    def __iter__(self) -> Self:
        """Iterate over the chunks; the last one has an `end`."""
        return self

    def __next__(self) -> Chunk:
        """Return the next chunk; raises a `CallFailed`, and `StreamBroken` once some text is out."""
        if self._ended:
            raise StopIteration
        if not self._items:
            self._items.extend(self._wait_for(self._stream.take()))
        item = self._items.popleft()
        self._ended = not isinstance(item, Chunk)
        return self._stream.read(item)

    def close(self) -> None:
        """Leave: whoever is still being asked is cancelled, and has gone when this returns."""
        self._ended = True
        with suppress(LoopIsBlockedError):  # whoever blocks it has been named; it closes once the loop turns again
            run(self._stream.close(), within=GRACE)

    def _wait_for(self, step: Coroutine[Any, Any, T]) -> T:
        """Run one step; the deadline began with the first."""
        now = time.monotonic()
        self._until = self._until or now + self._span + GRACE
        try:
            return run(step, within=max(GRACE, self._until - now))
        except LoopIsBlockedError:
            raise blocked(self._span) from None


def blocked(span: float) -> DeadlineExceeded:
    """Return the error of a call whose event loop did not turn."""
    words = "the event loop is blocked, the log says by what; work that blocks belongs into standby.plugin.blocking()"
    return DeadlineExceeded(f"no complete reply within the deadline of {span:g}s: {words}")


async def _pump(begin: Callable[[], Awaitable[Reply]], outlet: Outlet, queue: asyncio.Queue[Item]) -> None:
    try:
        item: Item = await begin()
        await outlet.complete(item.text)
    except Exception as error:  # noqa: BLE001 - whatever it is, the reader is to get it
        item = error
    await queue.put(item)


def _abandon(task: asyncio.Task[None]) -> None:
    """Cancel what nobody reads any more; a finaliser never waits."""
    loop = task.get_loop()
    if not task.done() and not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)
