"""Server-sent events, read as the WHATWG says: lines end at CR, LF or CRLF and at nothing else.

The HTTP libraries' own line readers also split at U+2028, U+0085 and VT, which may stand inside
JSON. Source: HTML Living Standard, section 9.2, "Server-sent events".
"""

import codecs
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

import msgspec

from standby.http.bodies import malformed

LONGEST = 8 * 2**20
"""Characters of one event; a model's longest piece is far below it."""

MOST = 250_000
"""Events of one stream: more than twice the tokens of any model's longest answer."""

_LINE_END = re.compile("\r\n|\n|\r")
_FIELDS = frozenset({"event", "data", "id", "retry"})


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One event.

    `stray` has the lines that are not fields of an event stream: some servers send a bare JSON
    error between events.
    """

    event: str
    data: str
    stray: str = ""


async def iter_events(
    body: AsyncIterable[bytes], *, limit: int = LONGEST, most: int = MOST
) -> AsyncGenerator[ServerSentEvent, None]:
    """Yield the events of a body, each as soon as it ends.

    Args:
        body: The pieces of the body, cut anywhere.
        limit: The most characters of one event.
        most: The most events of the body, comments included.

    Yields:
        The events, also one that the end of the body cuts off: a JSON payload shows by itself
        whether it is complete.

    Raises:
        AttemptFailed: `malformed`, for an event that is too long, and for too many events.
    """
    block = _Block(limit)
    ended = 0
    async for line in _iter_lines(body, limit):
        if line:
            block.add(line)
            continue
        ended += 1
        if ended > most:
            raise malformed(f"the stream has more than {most} events")
        if (event := block.take_event()) is not None:
            yield event
    if (event := block.take_event()) is not None:
        yield event


async def _iter_lines(body: AsyncIterable[bytes], limit: int) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    first, pending = True, ""
    pieces: list[str] = []
    size = 0
    async for chunk in body:
        text = pending + decoder.decode(chunk)
        pending = ""
        if first and text:
            first, text = False, text.removeprefix("\ufeff")
        if text.endswith("\r"):  # the LF that may belong to it is still to come
            text, pending = text[:-1], "\r"
        *ends, rest = _LINE_END.split(text)
        for end in ends:
            pieces.append(end)
            yield "".join(pieces)
            pieces, size = [], 0
        if rest:
            pieces.append(rest)
            size += len(rest)
            _check_size(size, limit)
    for end in _LINE_END.split(pending + decoder.decode(b"", final=True)):
        pieces.append(end)
        yield "".join(pieces)
        pieces = []


class _Block:
    """The lines of the current event."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._event = ""
        self._data: list[str] = []
        self._stray: list[str] = []

    def add(self, line: str) -> None:
        self._size += len(line)
        _check_size(self._size, self._limit)
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name == "event":
            self._event = value.removeprefix(" ")
        elif name not in _FIELDS and not line.startswith(":"):  # a colon begins a comment
            self._stray.append(line)

    def take_event(self) -> ServerSentEvent | None:
        """Return the event, unless the block is empty, and start the next block."""
        event = ServerSentEvent(self._event, "\n".join(self._data), "\n".join(self._stray))
        has_content = bool(self._data or self._stray)
        self._size, self._event, self._data, self._stray = 0, "", [], []
        return event if has_content else None


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise malformed(f"a server-sent event is longer than {limit} characters")
