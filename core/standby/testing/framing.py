"""How a stream is framed, as server-sent events or NDJSON, and equivalent forms of the same stream.

Sources: HTML Living Standard, section 9.2; the NDJSON specification 1.0.0.
"""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from standby.testing.answers import Answer
from standby.testing.assertions import require, skip

Framing = Literal["events", "lines"]

_FRAMINGS: dict[str, Framing] = {
    "text/event-stream": "events",
    "application/x-ndjson": "lines",
    "application/ndjson": "lines",
    "application/jsonl": "lines",
    "application/x-jsonlines": "lines",
    "application/stream+json": "lines",
}
"""Framings by media type."""

_EVENT = re.compile(rb".*?(?:\n\n|\r\n\r\n|\r\r)|.+\Z", re.DOTALL)
_FIELD = re.compile(rb"(?:event|data|id|retry)?:|(?:event|data|id|retry)\Z")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Frames(msgspec.Struct, frozen=True):
    """The events or lines of a stream, each with its ending."""

    framing: Framing
    frames: tuple[bytes, ...]

    def variants(self) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        """Yield other ways to send the same stream.

        Yields:
            A description, and the pieces to send.
        """
        body = b"".join(self.frames)
        crlf = _LINE_END.sub(b"\r\n", body)
        yield "in one piece", (body,)
        yield "with CRLF, split between CR and LF", tuple(re.findall(rb"[^\r]*\r|[^\r]+", crlf))
        if self.framing == "lines":
            yield "with blank lines", tuple(b"\n" + frame for frame in self.frames)
            yield "whose last line has no end", (body.rstrip(),)
            return
        yield "with LF", (_LINE_END.sub(b"\n", body),)
        yield "with comments", tuple(b": keep-alive\n\n" + frame for frame in self.frames)
        yield "with ids", tuple(b"id: 7\nretry: 3000\n" + frame for frame in self.frames)
        yield "without a space after the colon", (re.sub(rb"(?m)^(data|event): ", rb"\1:", body),)


def parse_frames(answer: Answer) -> Frames:
    """Split a stream into its frames, by its Content-Type, or else by what the body looks like.

    Args:
        answer: The stream.

    Returns:
        Its frames.

    Raises:
        AssertionError: The body is not what its Content-Type says.
        SkipTest: It is neither events nor lines.
    """
    framing = _FRAMINGS.get(_media_type(answer)) or _guess(answer.body)
    if framing is None:
        skip("stream(texts) is neither server-sent events nor NDJSON")
    split = {"events": _split_events, "lines": _split_lines}[framing]
    return Frames(framing, split(answer.body))


def _media_type(answer: Answer) -> str:
    content_type = next(
        (value for name, value in answer.headers.items() if name.lower() == "content-type"), ""
    )
    return content_type.partition(";")[0].strip().lower()


def _guess(body: bytes) -> Framing | None:
    lines = [line for line in _LINE_END.split(body) if line.strip()]
    if lines and all(map(_is_object, lines)):
        return "lines"
    return "events" if lines and all(map(_FIELD.match, lines)) else None


def _split_lines(body: bytes) -> tuple[bytes, ...]:
    lines = tuple(line for line in body.splitlines(keepends=True) if line.strip())
    wrong = next((line for line in lines if not _is_object(line)), None)
    require(
        wrong is None,
        "the Content-Type of stream(texts) is NDJSON, "
        f"and this line is not a JSON object: {wrong!r}: use ndjson([…])",
    )
    return lines


def _split_events(body: bytes) -> tuple[bytes, ...]:
    start = "the Content-Type of stream(texts) is server-sent events, and"
    hint = "use events([…]) with values, or ndjson([…]) where each line is a JSON object"
    wrong = next((line for line in _LINE_END.split(body) if line and not _FIELD.match(line)), None)
    require(wrong is None, f"{start} this line is not a field of one: {wrong!r}: {hint}")
    frames: list[bytes] = _EVENT.findall(body)
    is_complete = bool(frames) and frames[-1].endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    require(is_complete, f"{start} no blank line ends the last: {hint}")
    return tuple(frames)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeError):
        return False
