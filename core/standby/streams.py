"""A stream as its caller holds it: an iterator of chunks, a context manager, a reply at the end.

One task runs the call and puts its chunks into a bounded buffer, so that time-outs and context
variables keep their meaning between chunks.
"""

import asyncio
import contextlib
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from standby.dispatch.stream_buffer import READ_AHEAD, ChunkBuffer, Item, ReadPosition
from standby.dispatch.stream_gate import Put, end_of
from standby.dispatch.target import Target
from standby.errors import DeadlineExceeded
from standby.failures import Attempt
from standby.runtime.background_loop import LoopIsBlockedError, run
from standby.types import Chunk, Reply

if TYPE_CHECKING:
    from standby.dispatch.execution import Execution

GRACE = 0.25
"""Seconds beyond its deadline that a blocking call waits for the event loop.

A loop that turns keeps the deadline to 50 ms.
"""

CLOSE_TIMEOUT = 1.0
"""Seconds that the attempts under way may take to end when the caller closes the stream."""

T = TypeVar("T")


Start = Callable[[Put], "Execution"]
"""Makes the execution whose chunks are put somewhere; it sends nothing before it runs."""


class _Reader:
    """What both forms of a stream know of what has been read."""

    _position: ReadPosition

    @property
    def target(self) -> Target | None:
        """The target whose text was read last; `None` before the first."""
        return self._position.target

    @property
    def model(self) -> str | None:
        """The name of the model whose text was read last; `None` before the first chunk.

        After a chunk with `reset` it is the model that starts again.
        """
        target = self._position.target
        return None if target is None else target.name

    @property
    def text(self) -> str:
        """The text that was read so far, without what a chunk with `reset` has voided."""
        return self._position.text


class AsyncStream(_Reader):
    """A streamed reply: iterate over its chunks. `reply` and `trail` are there at the end.

    Under `on_break: restart` a chunk with `reset` voids the text before it: `text` is the text that
    counts, `model` the model that it comes from::

        async with client.stream("Explain net metering.") as stream:
            async for chunk in stream:
                show(stream.text)
    """

    def __init__(self, start: Start, deadline: float) -> None:
        """Prepare. No model is called before the first chunk is read, or the context is entered.

        Args:
            start: Makes the execution.
            deadline: Seconds that all of it may take, from its start on.
        """
        self.deadline = deadline
        self._start_execution = start
        self._buffer = ChunkBuffer()
        self._execution: Execution | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Reply] | None = None
        self._reply: Reply | None = None
        self._is_over = False
        self._position = ReadPosition()

    @property
    def trail(self) -> tuple[Attempt, ...]:
        """The attempts and skips so far."""
        return () if self._execution is None else self._execution.trail

    @property
    def reply(self) -> Reply:
        """The complete reply.

        Raises:
            RuntimeError: The stream has not been read to its end.
        """
        if self._reply is None:
            raise RuntimeError("the stream has no reply yet: read it to its end first")
        return self._reply

    async def __aenter__(self) -> Self:
        """Start the call."""
        self._start()
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
        """Return the next chunk; raises a `CallFailed`: `StreamBroken` once some text was read."""
        items = self._take_ready(1) or await self.take(1)
        if not items:
            raise StopAsyncIteration
        return items[0][0]

    async def take(self, limit: int = READ_AHEAD) -> list[Item]:
        """Wait for chunks and return all that are there, so that a thread receives many at once.

        Args:
            limit: The number of chunks to return at most.

        Returns:
            At least one chunk, each with the model that it comes from; none if the stream has
            ended.

        Raises:
            CallFailed: No reply came: `StreamBroken` once some text was read.
            RuntimeError: The stream was started on another event loop.
        """
        task = self._start()
        await self._buffer.wait()
        if self._is_over or task is None:
            return []
        items = self._take_ready(limit)
        if items:
            return items
        self._is_over = True
        reply = self._reply = task.result()
        return [(Chunk(end=end_of(reply)), None)]

    def _take_ready(self, limit: int) -> list[Item]:
        """Return chunks that are there; none before the start, at the end, or on another loop."""
        if self._is_over or asyncio.get_running_loop() is not self._loop:
            return []
        items = self._buffer.take(limit)
        self._position.advance(items)
        return items

    async def close(self) -> None:
        """Cancel the attempts under way and wait for their end, `CLOSE_TIMEOUT` seconds at most."""
        self._is_over = True
        self._buffer.close()
        if self._task is None:
            return
        if self._task.get_loop() is not asyncio.get_running_loop():
            _abandon(self._task)
        elif not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CLOSE_TIMEOUT)

    def abandon(self) -> None:
        """Close without waiting, from any thread."""
        if self._task is not None:
            _abandon(self._task)

    def _start(self) -> asyncio.Task[Reply] | None:
        if self._task is None and not self._is_over:
            self._execution = self._start_execution(self._buffer.put)
            self._loop = asyncio.get_running_loop()
            self._task = task = self._loop.create_task(self._execution.run())
            task.add_done_callback(self._buffer.close)
            finalizer = weakref.finalize(self, _abandon, task)
            finalizer.atexit = False
            # The task's error knows the stream, so a finaliser that holds the task would keep both.
            task.add_done_callback(lambda _: finalizer.detach())
        if self._task is not None and self._loop is not asyncio.get_running_loop():
            raise RuntimeError(
                "this stream was started on another event loop, or before a fork: "
                "call stream() again"
            )
        return self._task


class Stream(_Reader):
    """A streamed reply for blocking code: an `AsyncStream` that threads read from."""

    def __init__(self, start: Start, deadline: float) -> None:
        """Prepare. No model is called before the first chunk is read, or the context is entered.

        Args:
            start: Makes the execution.
            deadline: Seconds that all of it may take, from its start on.
        """
        self._stream = AsyncStream(start, deadline)
        self._position = ReadPosition()
        self._items: deque[Item] = deque()
        self._reading = threading.Lock()
        self._until: float | None = None
        self._is_over = False

    @property
    def trail(self) -> tuple[Attempt, ...]:
        """The attempts and skips so far."""
        return self._stream.trail

    @property
    def reply(self) -> Reply:
        """The complete reply.

        Raises:
            RuntimeError: The stream has not been read to its end.
        """
        return self._stream.reply

    def __enter__(self) -> Self:
        """Start the call."""
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
        """Return the next chunk; raises a `CallFailed`: `StreamBroken` once some text was read."""
        with self._reading:
            if not self._items and not self._is_over:
                self._fetch()
            if self._is_over or not self._items:
                raise StopIteration
            item = self._items.popleft()
            self._position.advance((item,))
            return item[0]

    def close(self) -> None:
        """Cancel the attempts under way and wait for their end, `CLOSE_TIMEOUT` seconds at most."""
        within = GRACE if self._is_over else CLOSE_TIMEOUT + GRACE
        self._is_over = True
        # The log names the code that blocks the loop; the stream closes once the loop turns.
        with contextlib.suppress(LoopIsBlockedError):
            run(self._stream.close(), within=within)

    def _fetch(self) -> None:
        try:
            self._items.extend(self._wait_for(self._stream.take()))
        except BaseException:  # Ctrl-C too: chunks under way are lost, so none may follow them
            self._is_over = True
            self._stream.abandon()
            raise

    def _wait_for(self, step: Coroutine[Any, Any, T]) -> T:
        """Run one step; the deadline counts from the first."""
        now = time.monotonic()
        self._until = self._until or now + self._stream.deadline + GRACE
        return run_within(step, max(GRACE, self._until - now), self._stream.deadline)


def run_within(step: Coroutine[Any, Any, T], within: float, span: float) -> T:
    """Run a step of a call on the background loop.

    Args:
        step: What to run.
        within: Seconds to wait at most.
        span: Seconds that the whole call may take, for the message.

    Returns:
        What the step returns.

    Raises:
        DeadlineExceeded: The loop is blocked.
    """
    try:
        return run(step, within=within)
    except LoopIsBlockedError:
        raise DeadlineExceeded(
            f"no complete reply within the deadline of {span:g}s: the event loop is blocked, the "
            "log says by what; work that blocks belongs into standby.plugin.blocking()"
        ) from None


def _abandon(task: asyncio.Task[Reply]) -> None:
    """Cancel a task that is no longer read; a finaliser never waits."""
    if not task.done():
        with contextlib.suppress(RuntimeError):  # the loop is closed
            task.get_loop().call_soon_threadsafe(task.cancel)
