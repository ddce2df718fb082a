"""A stream of JSON, in server-sent events or on lines, read into chunks by a provider's reader."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Any, Protocol

from standby.errors import AttemptFailed
from standby.http.bodies import decode_json
from standby.http.sse import iter_events
from standby.types import Chunk

DONE = "[DONE]"
"""The end marker of OpenAI's wire, which proxies of other wires send as well."""

DRAIN_TIMEOUT = 1.0
"""Seconds to read what follows a complete answer.

It may be the usage, `[DONE]`, and the body's end, which frees the connection.
"""


class ChunkReader(Protocol):
    """Reads the pieces of one answer."""

    @property
    def finished(self) -> bool:
        """Whether the vendor's end marker has come."""
        ...

    def read(self, value: Any, /) -> Chunk | None:
        """Read one piece; return what a caller may see of it."""
        ...

    def final_chunks(self) -> Iterable[Chunk]:
        """Return the chunks that only the complete answer gives; the last one has the end."""
        ...


async def iter_data(body: AsyncIterable[bytes]) -> AsyncGenerator[Any, None]:
    """Yield the JSON in the data of server-sent events, up to `[DONE]`; read the body to its end.

    Args:
        body: The pieces of the body, cut anywhere.

    Yields:
        The decoded data.

    Raises:
        AttemptFailed: `malformed`, for data that is not JSON, or is too long.
    """
    done = False
    async for event in iter_events(body):
        data = event.stray or event.data  # some servers send a bare JSON error between events
        done = done or data == DONE
        if data and not done:
            yield decode_json(data)


async def iter_chunks(
    body: AsyncIterable[bytes],
    reader: ChunkReader,
    *,
    decode: Callable[[AsyncIterable[bytes]], AsyncGenerator[Any, None]] = iter_data,
    drain_timeout: float | None = DRAIN_TIMEOUT,
) -> AsyncGenerator[Chunk, None]:
    """Yield the chunks of a stream.

    After the vendor's end marker the answer is complete, whatever becomes of the connection and
    whatever junk follows; only an error that the reader recognises takes it back.

    Args:
        body: The pieces of the body, cut anywhere.
        reader: A new reader.
        decode: Yields the JSON values of the body: by default the data of server-sent events;
            `iter_ndjson` for a body that has an object a line.
        drain_timeout: Seconds to read on after the end marker; `None` for a wire that may send the
            marker before its end: its body is read to the end.

    Yields:
        The chunks; the last one has the end.

    Raises:
        AttemptFailed: The stream breaks off before its end marker, or the reader refuses it.
    """
    values = decode(body)
    async for value in values:
        if chunk := reader.read(value):
            yield chunk
        if reader.finished:
            break
    now = asyncio.get_running_loop().time()
    until = None if drain_timeout is None else now + drain_timeout
    while (value := await _next(values, until)) is not _END:
        if chunk := reader.read(value):
            yield chunk
    for chunk in reader.final_chunks():
        yield chunk


_END = object()


async def _next(values: AsyncGenerator[Any, None], until: float | None) -> Any:
    """Return the next value after the end marker; `_END` also for what breaks, or is no JSON."""
    try:
        async with asyncio.timeout_at(until):
            return await anext(values, _END)
    except (TimeoutError, AttemptFailed):
        return _END
