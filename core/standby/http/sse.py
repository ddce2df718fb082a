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
"""Events of one stream: more than twice the tokens that any model says in one answer."""

_LINE_END = re.compile("\r\n|\n|\r")
_FIELDS = frozenset({"event", "data", "id", "retry"})


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One event. `stray` are lines that are no field of an event stream: some servers put a bare JSON error between events."""

    event: str
    data: str
    stray: str = ""


async def iter_events(
    body: AsyncIterable[bytes], *, limit: int = LONGEST, most: int = MOST
) -> AsyncGenerator[ServerSentEvent, None]:
    """Read a body's events as they come.

    Raises `AttemptFailed` (`malformed`) for one of more than `limit` characters, and for more than
    `most` of them, comments included. A block that the end of the body cuts off is given too: a
    JSON payload shows by itself whether it is whole.
    """
    block = _Block(limit)
    ended = 0
    async for line in _lines(body, limit):
        if line:
            block.add(line)
            continue
        ended += 1
        if ended > most:
            raise malformed(f"the stream has more than {most} events")
        if (event := block.taken()) is not None:
            yield event
    if (event := block.taken()) is not None:
        yield event


async def _lines(body: AsyncIterable[bytes], limit: int) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    first, held = True, ""
    pieces: list[str] = []
    size = 0
    async for chunk in body:
        text = held + decoder.decode(chunk)
        held = ""
        if first and text:
            first, text = False, text.removeprefix("\ufeff")
        if text.endswith("\r"):  # the LF that may belong to it is still to come
            text, held = text[:-1], "\r"
        *ends, rest = _LINE_END.split(text)
        for end in ends:
            pieces.append(end)
            yield "".join(pieces)
            pieces, size = [], 0
        if rest:
            pieces.append(rest)
            size += len(rest)
            _check(size, limit)
    for end in _LINE_END.split(held + decoder.decode(b"", final=True)):
        pieces.append(end)
        yield "".join(pieces)
        pieces = []


class _Block:
    """The lines of one event, so far."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._event = ""
        self._data: list[str] = []
        self._stray: list[str] = []

    def add(self, line: str) -> None:
        self._size += len(line)
        _check(self._size, self._limit)
        name, colon, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
        elif name == "event":
            self._event = value.removeprefix(" ")
        elif name not in _FIELDS and (name or not colon):  # an empty name is a comment
            self._stray.append(line)

    def taken(self) -> ServerSentEvent | None:
        event = ServerSentEvent(self._event, "\n".join(self._data), "\n".join(self._stray))
        found = bool(self._data or self._stray)
        self._size, self._event, self._data, self._stray = 0, "", [], []
        return event if found else None


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise malformed(f"a server-sent event is longer than {limit} characters")
