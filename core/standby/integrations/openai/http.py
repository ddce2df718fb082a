"""httpx or httpx2: a response is made of the classes of the library that sends the request.

OpenAI's SDK uses httpx up to version 2 and httpx2 from version 3 on. Each library accepts only its
own responses and streams, and catches only its own exceptions.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any

from standby.errors import CallFailed
from standby.integrations.openai.reply import EventEncoder, encode_break, encode_restart
from standby.streams import AsyncStream, Stream
from standby.types import Chunk

LIBRARIES = ("httpx", "httpx2")


def find_library(kind: type) -> Any:
    """Find the library that a class of a client or a request comes from.

    Args:
        kind: The class, or one derived from it.

    Returns:
        The module, `httpx` or `httpx2`.

    Raises:
        TypeError: The class comes from neither.
    """
    for base in kind.__mro__:  # the SDK renames the classes that it derives from theirs
        if (name := base.__module__.partition(".")[0]) in LIBRARIES:
            return sys.modules[name]
    raise TypeError(f"expected a class of {' or '.join(LIBRARIES)}, not {kind.__qualname__}")


def build_stream_body(
    library: Any, stream: Stream | AsyncStream, first: Chunk, encoder: EventEncoder
) -> Any:
    """Build the body of a streamed response.

    Args:
        library: The module `httpx` or `httpx2`.
        stream: The stream, from its second chunk on.
        first: Its first chunk.
        encoder: Encodes the chunks.

    Returns:
        A byte stream of the library.
    """
    is_async = isinstance(stream, AsyncStream)
    return _body_class(library, is_async=is_async)(stream, first, encoder)


@cache
def _body_class(library: Any, *, is_async: bool) -> Any:
    own, base = (_AsyncBody, "AsyncByteStream") if is_async else (_Body, "SyncByteStream")
    return type(own.__name__, (own, getattr(library, base)), {})


class _Body:
    def __init__(self, stream: Stream, first: Chunk, encoder: EventEncoder) -> None:
        self._stream = stream
        self._first = first
        self._encoder = encoder

    def __iter__(self) -> Iterator[bytes]:
        try:
            chunk: Chunk | None = self._first
            while chunk is not None and not chunk.reset:
                yield self._encoder.encode(chunk)
                chunk = next(self._stream, None)
        except CallFailed as error:
            yield encode_break(error)
        else:
            if chunk is not None:
                self._stream.close()
                yield encode_restart()

    def close(self) -> None:
        self._stream.close()


class _AsyncBody:
    def __init__(self, stream: AsyncStream, first: Chunk, encoder: EventEncoder) -> None:
        self._stream = stream
        self._first = first
        self._encoder = encoder

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            chunk: Chunk | None = self._first
            while chunk is not None and not chunk.reset:
                yield self._encoder.encode(chunk)
                chunk = await anext(self._stream, None)
        except CallFailed as error:
            yield encode_break(error)
        else:
            if chunk is not None:
                await self._stream.close()
                yield encode_restart()

    async def aclose(self) -> None:
        await self._stream.close()
