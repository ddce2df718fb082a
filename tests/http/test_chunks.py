"""A stream's values become its chunks, in events and on lines, and its end marker completes it."""

import gzip
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import msgspec
import pytest

from standby.failures import Failure, Kind
from standby.http.chunks import iter_chunks, iter_data
from standby.http.decompression import Decompressor
from standby.plugin import AttemptFailed, Chunk, End, get_object, get_str, iter_ndjson

LIS, BON, END = {"text": "Lis"}, {"text": "bon."}, {"done": True}
ERROR = {"error": "overloaded"}


class Reader:
    """Reads a text, an end, and an error, each in an object."""

    def __init__(self) -> None:
        self.finished = False

    def read(self, value: Any) -> Chunk | None:
        piece = get_object(value)
        if "error" in piece:
            raise AttemptFailed(Failure(kind=Kind.OVERLOADED, message=get_str(piece["error"])))
        self.finished = self.finished or piece.get("done") is True
        return Chunk(get_str(piece["text"])) if "text" in piece else None

    def final_chunks(self) -> list[Chunk]:
        return [Chunk(end=End() if self.finished else None)]


def event(value: Any) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


FRAMINGS = pytest.mark.parametrize(
    ("frame", "decode"), [(event, iter_data), (line, iter_ndjson)], ids=["events", "lines"]
)


async def send(*pieces: bytes, then: AttemptFailed | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if then is not None:
        raise then


async def read(body: AsyncIterable[bytes], decode: Any = iter_data) -> list[Chunk]:
    return [chunk async for chunk in iter_chunks(body, Reader(), decode=decode)]


WHOLE = [Chunk("Lis"), Chunk("bon."), Chunk(end=End())]


@FRAMINGS
async def test_each_value_is_read_however_the_body_is_cut(frame: Any, decode: Any) -> None:
    body = frame(LIS) + frame(BON) + frame(END)
    assert await read(send(body), decode) == WHOLE
    assert await read(send(*(body[at : at + 1] for at in range(len(body)))), decode) == WHOLE


@FRAMINGS
async def test_what_the_vendor_sends_after_its_end_marker_is_read(frame: Any, decode: Any) -> None:
    assert await read(send(frame(LIS), frame(END), frame(BON)), decode) == WHOLE


@FRAMINGS
@pytest.mark.parametrize(
    "after",
    [
        b'data: {"text": "Po',
        b'{"text": "Po',
        b"<html>502</html>\n\n",
        b"\xff\xfe\n\n",
        b"null,\n\n",
    ],
)
async def test_junk_after_the_end_marker_changes_nothing(
    frame: Any, decode: Any, after: bytes
) -> None:
    assert await read(send(frame(LIS), frame(BON), frame(END), after), decode) == WHOLE


@FRAMINGS
@pytest.mark.parametrize("kind", [Kind.CONNECTION, Kind.MALFORMED])
async def test_a_body_that_breaks_after_the_end_marker_is_complete(
    frame: Any, decode: Any, kind: Kind
) -> None:
    broken = AttemptFailed(Failure(kind=kind, message="broken"))
    assert await read(send(frame(LIS), frame(BON), frame(END), then=broken), decode) == WHOLE


@FRAMINGS
async def test_an_error_of_the_vendor_after_the_end_marker_is_raised(
    frame: Any, decode: Any
) -> None:
    with pytest.raises(AttemptFailed, match="overloaded"):
        await read(send(frame(LIS), frame(END), frame(ERROR)), decode)


@FRAMINGS
@pytest.mark.parametrize("junk", [b"<html>502</html>\n\n", b"data: {torn\n\n"])
async def test_junk_before_the_end_marker_is_malformed(
    frame: Any, decode: Any, junk: bytes
) -> None:
    with pytest.raises(AttemptFailed) as caught:
        await read(send(frame(LIS), junk, frame(END)), decode)
    assert caught.value.failure.kind is Kind.MALFORMED


@FRAMINGS
async def test_a_body_without_an_end_marker_has_no_end(frame: Any, decode: Any) -> None:
    assert await read(send(frame(LIS)), decode) == [Chunk("Lis"), Chunk()]


async def test_a_bare_error_between_events_is_read() -> None:
    with pytest.raises(AttemptFailed, match="overloaded"):
        await read(send(event(LIS), line(ERROR), event(END)))


async def test_nothing_after_done_is_read() -> None:
    pieces = (event(LIS), event(BON), event(END), b"data: [DONE]\n\n", event(ERROR))
    assert await read(send(*pieces)) == WHOLE


async def test_a_packed_body_that_breaks_after_the_end_marker_is_complete() -> None:
    packed = gzip.compress(event(LIS) + event(BON) + event(END))[:-8]  # without its checksum

    async def unpack() -> AsyncIterator[bytes]:
        unpacked = Decompressor("gzip")
        for piece in unpacked.feed(packed):
            yield piece
        unpacked.finish()

    assert await read(unpack()) == WHOLE
