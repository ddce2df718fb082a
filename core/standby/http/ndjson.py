"""NDJSON: a stream of JSON objects, one a line, as Ollama's own API sends it.

Source: the NDJSON specification 1.0.0. A line ends at LF, with or without a CR before it. The bytes
are split before they are decoded, so that no piece of the network cuts a character.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from typing import Any

import msgspec

from standby.http.bodies import malformed

LONGEST = 8 * 2**20
"""Bytes of one line; a model's longest piece is far below it."""

MOST = 250_000
"""Lines of one body: more than twice the tokens of any model's longest answer."""

_BOM = b"\xef\xbb\xbf"


async def iter_ndjson(
    body: AsyncIterable[bytes], *, limit: int = LONGEST, most: int = MOST
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the JSON objects of a body, each as soon as its line ends.

    Args:
        body: The pieces of the body, cut anywhere.
        limit: The most bytes of one line.
        most: The most lines of the body, blank ones included.

    Yields:
        The objects; that of the last line also without a line end.

    Raises:
        AttemptFailed: `malformed`, for a line that is not a JSON object or is too long, and for too
            many lines. The message has the line's number but not its text.
    """
    reader = _Reader(limit, most)
    async for piece in body:
        for value in reader.read(piece):
            yield value
    for value in reader.finish_line():
        yield value


class _Reader:
    """Splits bytes into lines; keeps the line that has not ended yet."""

    def __init__(self, limit: int, most: int) -> None:
        self._limit = limit
        self._most = most
        self._number = 1
        self._parts: list[bytes] = []
        self._size = 0

    def read(self, piece: bytes) -> Iterator[dict[str, Any]]:
        """Yield the objects of the lines that end in the piece."""
        *ends, tail = piece.split(b"\n")
        for end in ends:
            self._add(end)
            if self._number > self._most:
                raise malformed(f"the stream has more than {self._most} lines")
            yield from self.finish_line()
        self._add(tail)

    def finish_line(self) -> Iterator[dict[str, Any]]:
        """Yield the object of the current line, unless that is blank, and start the next line."""
        line, number = b"".join(self._parts), self._number
        self._parts, self._size, self._number = [], 0, number + 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield _decode(line, number)

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise malformed(f"line {self._number} of the stream is longer than {self._limit} bytes")
        if part:
            self._parts.append(part)


def _decode(line: bytes, number: int) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise malformed(f"line {number} of the stream is not a JSON object") from None
