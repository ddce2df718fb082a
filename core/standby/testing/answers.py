"""What the loopback server sends: answers, streams, and the faults of a network."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

Ending = Literal["keep", "close", "reset", "hang"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer, and what becomes of its connection.

    Attributes:
        status: The HTTP status.
        pieces: The body in pieces, each with the seconds to wait before it.
        headers: The headers, besides those that `framing` adds.
        framing: What ends the body: "length", "chunked", or "eof", the end of the connection.
        delay: Seconds to wait before the first byte.
        then: What happens to the connection afterwards.
        raw: Whether to send the pieces alone, without status and headers.
    """

    status: int = 200
    pieces: tuple[tuple[float, bytes], ...] = ()
    headers: Mapping[str, str] = {}
    framing: Literal["length", "chunked", "eof"] = "length"
    delay: float = 0.0
    then: Ending = "keep"
    raw: bool = False

    @property
    def body(self) -> bytes:
        """The pieces joined."""
        return b"".join(piece for _, piece in self.pieces)


def respond(
    status: int, body: Any, headers: Mapping[str, str] | None = None, **rest: Any
) -> Answer:
    """Return an answer in one piece.

    Args:
        status: The HTTP status.
        body: Bytes or a text, sent unchanged, or a value to send as JSON.
        headers: Headers besides the Content-Type.
        rest: Further fields of `Answer`.

    Returns:
        The answer.
    """
    data = _encode(body)
    media_type = "text/html" if data.startswith(b"<") else "application/json"
    return Answer(
        status=status,
        pieces=((0.0, data),),
        headers={"Content-Type": media_type, **(headers or {})},
        **rest,
    )


def hang() -> Answer:
    """Return an answer that never comes.

    Returns:
        The answer.
    """
    return Answer(raw=True, then="hang")


def reset() -> Answer:
    """Return a reset of the connection instead of an answer.

    Returns:
        The answer.
    """
    return Answer(raw=True, then="reset")


def garbage(data: bytes = b"\x00\x01 this is not HTTP\r\n\r\n") -> Answer:
    """Return bytes that are not HTTP.

    Args:
        data: The bytes.

    Returns:
        The answer, after which the connection is closed.
    """
    return Answer(raw=True, pieces=((0.0, data),), then="close")


def html(status: int, page: str = "<html><body><h1>Bad Gateway</h1></body></html>") -> Answer:
    """Return a page of HTML, as a proxy sends it.

    Args:
        status: The HTTP status.
        page: The page.

    Returns:
        The answer.
    """
    return respond(status, page)


def late(seconds: float, answer: Answer) -> Answer:
    """Return an answer whose first byte comes later.

    Args:
        seconds: How long the server waits.
        answer: The answer.

    Returns:
        The delayed answer.
    """
    return msgspec.structs.replace(answer, delay=seconds)


def cut(
    answer: Answer, after: int, how: Literal["close", "reset"] = "close", *, wait: float = 0.05
) -> Answer:
    """Return an answer whose connection ends inside the body.

    Args:
        answer: The answer.
        after: The bytes of the body to send.
        how: How the connection ends.
        wait: Seconds before a reset, which discards what the client has not yet read.

    Returns:
        The truncated answer; its Content-Length is still that of the whole body.
    """
    headers = dict(answer.headers)
    if answer.framing == "length":
        headers["Content-Length"] = str(len(answer.body))
    pieces = ((0.0, answer.body[:after]),) if after else ()
    if how == "reset" and after:
        pieces = (*pieces, (wait, b""))
    return msgspec.structs.replace(answer, pieces=pieces, headers=headers, then=how)


def stall(answer: Answer, after: int = 0) -> Answer:
    """Return an answer whose body begins and never ends, on a connection that stays open.

    Args:
        answer: The answer.
        after: The bytes of the body to send.

    Returns:
        The answer; its Content-Length is still that of the whole body.
    """
    return msgspec.structs.replace(cut(answer, after), then="hang")


def drip(answer: Answer, *, every: float, size: int = 1) -> Answer:
    """Return an answer whose body comes in small pieces.

    Args:
        answer: The answer.
        every: Seconds before each piece.
        size: Bytes of each piece.

    Returns:
        The slow answer.
    """
    body = answer.body
    return msgspec.structs.replace(
        answer, pieces=tuple((every, body[at : at + size]) for at in range(0, len(body), size))
    )


def events(
    payloads: Sequence[Any], end: str = "\n\n", framing: Literal["chunked", "eof"] = "chunked"
) -> Answer:
    """Return a stream of server-sent events, each in a piece of its own.

    Args:
        payloads: Values are sent as JSON in an event's `data`; bytes are sent unchanged, without a
            field name or an end.
        end: What ends the event of a value.
        framing: What ends the body.

    Returns:
        The stream.
    """
    pieces = (_frame(payload, "data: ", end) for payload in payloads)
    return _stream("text/event-stream", pieces, framing)


def ndjson(
    payloads: Sequence[Any], end: str = "\n", framing: Literal["chunked", "eof"] = "chunked"
) -> Answer:
    """Return a stream of NDJSON, each line in a piece of its own.

    Args:
        payloads: Values are sent as JSON on a line; bytes are sent unchanged.
        end: What ends the line of a value.
        framing: What ends the body.

    Returns:
        The stream.
    """
    pieces = (_frame(payload, "", end) for payload in payloads)
    return _stream("application/x-ndjson", pieces, framing)


def _encode(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def _frame(payload: Any, start: str, end: str) -> bytes:
    if isinstance(payload, bytes):
        return payload
    return start.encode() + msgspec.json.encode(payload) + end.encode()


def _stream(media_type: str, frames: Iterable[bytes], framing: Literal["chunked", "eof"]) -> Answer:
    pieces = tuple((0.0, frame) for frame in frames)
    return Answer(pieces=pieces, headers={"Content-Type": media_type}, framing=framing)
