"""A stream of server-sent events whose data is JSON, read into chunks by a provider's reader."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import suppress
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


async def iter_chunks(
    body: AsyncIterable[bytes], reader: ChunkReader
) -> AsyncGenerator[Chunk, None]:
    """Yield the chunks of a stream.

    After the vendor's end marker the answer is complete, even if the connection breaks.

    Args:
        body: The pieces of the body, cut anywhere.
        reader: A new reader.

    Yields:
        The chunks; the last one has the end.

    Raises:
        AttemptFailed: The stream breaks off before its end marker, or the reader refuses it.
    """
    values = _iter_values(body)
    async for value in values:
        if chunk := reader.read(value):
            yield chunk
        if reader.finished:
            break
    for chunk in await _drain(values, reader):
        yield chunk
    for chunk in reader.final_chunks():
        yield chunk


async def _iter_values(body: AsyncIterable[bytes]) -> AsyncGenerator[Any, None]:
    """Yield the decoded data of the events before `[DONE]`; read the body to its end."""
    done = False
    async for event in iter_events(body):
        data = event.stray or event.data  # some servers send a bare JSON error between events
        done = done or data == DONE
        if data and not done:
            yield decode_json(data)


async def _drain(values: AsyncIterable[Any], reader: ChunkReader) -> list[Chunk]:
    """Read what follows the end marker, such as the usage."""
    late: list[Chunk] = []
    with suppress(TimeoutError, AttemptFailed):
        async with asyncio.timeout(DRAIN_TIMEOUT):
            late.extend([chunk async for value in values if (chunk := reader.read(value))])
    return late
