"""How a stream is framed, as server-sent events or as NDJSON, and other bytes that mean the same.

Sources: HTML Living Standard, section 9.2; the NDJSON specification 1.0.0.
"""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from standby.testing.assertions import require, skip
from standby.testing.loopback import Answer

Framing = Literal["events", "lines"]

_TYPES: dict[str, Framing] = {
    "text/event-stream": "events",
    "application/x-ndjson": "lines",
    "application/ndjson": "lines",
    "application/jsonl": "lines",
    "application/x-jsonlines": "lines",
    "application/stream+json": "lines",
}
_EVENT = re.compile(rb".*?(?:\n\n|\r\n\r\n|\r\r)|.+\Z", re.DOTALL)
_FIELD = re.compile(rb"(?:event|data|id|retry)?:|(?:event|data|id|retry)\Z")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Frames(msgspec.Struct, frozen=True):
    """The events or the lines of a stream, each with what ends it."""

    framing: Framing
    frames: tuple[bytes, ...]

    def variants(self) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        """Yield other ways to send the stream, each with its name; whoever knows the framing reads the same."""
        whole = b"".join(self.frames)
        crlf = _LINE_END.sub(b"\r\n", whole)
        yield "in one piece", (whole,)
        yield "with CRLF, torn between CR and LF", tuple(re.findall(rb"[^\r]*\r|[^\r]+", crlf))
        if self.framing == "lines":
            yield "with blank lines", tuple(b"\n" + frame for frame in self.frames)
            yield "whose last line has no end", (whole.rstrip(),)
            return
        yield "with LF", (_LINE_END.sub(b"\n", whole),)
        yield "with comments", tuple(b": keep-alive\n\n" + frame for frame in self.frames)
        yield "with ids", tuple(b"id: 7\nretry: 3000\n" + frame for frame in self.frames)
        yield "without a blank behind the colon", (re.sub(rb"(?m)^(data|event): ", rb"\1:", whole),)


def frames_of(answer: Answer) -> Frames:
    """Return an answer's frames, by its Content-Type, or else by what the body looks like.

    Raises:
        AssertionError: The body is not what its Content-Type says.
        SkipTest: It is neither events nor lines.
    """
    stated = next(
        (value for name, value in answer.headers.items() if name.lower() == "content-type"), ""
    )
    framing = _TYPES.get(stated.partition(";")[0].strip().lower()) or _guess(answer.body)
    if framing is None:
        skip("stream(texts) is neither server-sent events nor NDJSON")
    read = {"events": _events, "lines": _lines}[framing]
    return Frames(framing, read(answer.body))


def _guess(body: bytes) -> Framing | None:
    lines = [line for line in _LINE_END.split(body) if line.strip()]
    if lines and all(map(_is_object, lines)):
        return "lines"
    return "events" if lines and all(map(_FIELD.match, lines)) else None


def _lines(body: bytes) -> tuple[bytes, ...]:
    lines = tuple(line for line in body.splitlines(keepends=True) if line.strip())
    wrong = next((line for line in lines if not _is_object(line)), None)
    require(
        wrong is None,
        f"stream(texts) says that it is NDJSON, and this line is not a JSON object: {wrong!r}: use ndjson([…])",
    )
    return lines


def _events(body: bytes) -> tuple[bytes, ...]:
    said = "stream(texts) says that it is server-sent events, and"
    wrong = next((line for line in _LINE_END.split(body) if line and not _FIELD.match(line)), None)
    hint = "use events([…]) with values, or ndjson([…]) where each line is a JSON object"
    require(wrong is None, f"{said} this line is not a field of one: {wrong!r}: {hint}")
    frames: list[bytes] = _EVENT.findall(body)
    ended = bool(frames) and frames[-1].endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    require(ended, f"{said} no blank line ends the last: {hint}")
    return tuple(frames)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeError):
        return False
