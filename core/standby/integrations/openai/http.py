"""httpx or httpx2: what is answered is made of the classes of the library that asks.

OpenAI's SDK stands on httpx up to version 2 and on httpx2 from 3 on. Each library takes its own
responses and streams only, and catches its own exceptions only.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any

from standby.errors import CallFailed
from standby.integrations.openai.reply import Frames, broken, restarted
from standby.streams import AsyncStream, Stream
from standby.types import Chunk

LIBRARIES = ("httpx", "httpx2")


def library_of(kind: type) -> Any:
    """Return the library, `httpx` or `httpx2`, that a class of a client or a request comes from.

    Raises:
        TypeError: It comes from neither.

    """
    for base in kind.__mro__:  # the SDK renames the classes that it makes of theirs
        if (name := base.__module__.partition(".")[0]) in LIBRARIES:
            return sys.modules[name]
    raise TypeError(f"expected a class of {' or '.join(LIBRARIES)}, not {kind.__qualname__}")


def body_of(library: Any, stream: Stream | AsyncStream, first: Chunk, frames: Frames) -> Any:
    """Return the body of a streamed response: `first`, and what `stream` says after it."""
    is_async = isinstance(stream, AsyncStream)
    return _kind_of(library, is_async=is_async)(stream, first, frames)


@cache
def _kind_of(library: Any, *, is_async: bool) -> Any:
    ours, theirs = (_AsyncBody, "AsyncByteStream") if is_async else (_Body, "SyncByteStream")
    return type(ours.__name__, (ours, getattr(library, theirs)), {})


class _Body:
    """A stream's events, for whoever reads them."""

    def __init__(self, stream: Stream, first: Chunk, frames: Frames) -> None:
        self._stream = stream
        self._first = first
        self._frames = frames

    def __iter__(self) -> Iterator[bytes]:
        try:
            chunk: Chunk | None = self._first
            while chunk is not None and not chunk.reset:
                yield self._frames.of(chunk)
                chunk = next(self._stream, None)
        except CallFailed as error:
            yield broken(error)
        else:
            if chunk is not None:
                self._stream.close()
                yield restarted()

    def close(self) -> None:
        self._stream.close()


class _AsyncBody:
    """A stream's events, for whoever reads them."""

    def __init__(self, stream: AsyncStream, first: Chunk, frames: Frames) -> None:
        self._stream = stream
        self._first = first
        self._frames = frames

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            chunk: Chunk | None = self._first
            while chunk is not None and not chunk.reset:
                yield self._frames.of(chunk)
                chunk = await anext(self._stream, None)
        except CallFailed as error:
            yield broken(error)
        else:
            if chunk is not None:
                await self._stream.close()
                yield restarted()

    async def aclose(self) -> None:
        await self._stream.close()
