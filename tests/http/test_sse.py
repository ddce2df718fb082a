"""Server-sent events, against a plain reading of the WHATWG's algorithm, wherever they are cut."""

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.errors import AttemptFailed
from standby.http.sse import LONGEST, ServerSentEvent, iter_events

Event = tuple[str, str, str]


async def feed(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def read(*pieces: bytes, **options: Any) -> list[Event]:
    async def collect() -> list[Event]:
        return [
            (event.event, event.data, event.stray)
            async for event in iter_events(feed(pieces), **options)
        ]

    return asyncio.run(collect())


def model(body: bytes) -> list[Event]:
    """Read a body as section 9.2.6 of the standard does; keep stray lines and a cut end."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    events: list[Event] = []
    kind, data, stray = "", "", ""
    for line in [*re.split("\r\n|\r|\n", text), ""]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data or stray:
                events.append((kind, data.removesuffix("\n"), stray.removesuffix("\n")))
            kind, data, stray = "", "", ""
        elif line.startswith(":"):
            continue
        elif field == "event":
            kind = value
        elif field == "data":
            data += value + "\n"
        elif field not in ("id", "retry"):
            stray += line + "\n"
    return events


FIELDS = [
    "", "", "", "data", "data:", "data: ", "data:  two", 'data: {"a":"é"}',
    "data:\u2028\u0085\x0b\x0c\x1c", "data: a:b", "Data: x", "event: delta", "event:", "id: 7",
    "retry: 5", ": ping", ":", " data: x", '{"error": 1}', "x: y", "\ufeffdata: x", "data: 😀",
]  # fmt: skip
LINES = st.sampled_from(FIELDS)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])
BODIES = st.lists(st.tuples(LINES, ENDS), max_size=12).map(
    lambda lines: "".join(map("".join, lines)).encode()
) | st.binary(max_size=30)


@given(
    body=st.tuples(st.sampled_from([b"", b"\xef\xbb\xbf"]), BODIES, LINES.map(str.encode)).map(
        b"".join
    ),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
def test_the_events_are_the_standards_however_the_bytes_are_cut(
    body: bytes, cuts: list[int]
) -> None:
    cuts_and_ends = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in itertools.pairwise(cuts_and_ends)]
    assert b"".join(pieces) == body
    expected = model(body)
    assert read(*pieces) == expected
    assert read(*(body[at : at + 1] for at in range(len(body)))) == expected


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"", []),
        (b"data: a\n\n", [("", "a", "")]),
        (b"data:a\r\rdata:b\r\n\r\n", [("", "a", ""), ("", "b", "")]),
        (b"event: delta\ndata: a\ndata: b\n\n", [("delta", "a\nb", "")]),
        (b": ping\n\n: ping\n\ndata: a\n\n", [("", "a", "")]),
        (b"event: nothing\n\ndata: a\n\n", [("", "a", "")]),
        (b"id: 1\nretry: 2\n\n", []),
        (b"data\n\n", [("", "", "")]),
        (b"data:  a \n\n", [("", " a ", "")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", "a", "")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", [("", "", "\ufeffdata: a")]),
        (b"data: a\xff\n\n", [("", "a\ufffd", "")]),
        ('data: {"a": "b\u2028c"}\n\n'.encode(), [("", '{"a": "b\u2028c"}', "")]),
        (b'{"error": 5}\n\ndata: a\n\n', [("", "", '{"error": 5}'), ("", "a", "")]),
        (b"data: whole\n\ndata: cut", [("", "whole", ""), ("", "cut", "")]),
        (b"data: a\n\n\xf0\x9f", [("", "a", ""), ("", "", "\ufffd")]),
    ],
)
def test_a_body_is_read_into_events(body: bytes, events: list[Event]) -> None:
    assert read(body) == model(body) == events


def test_an_event_comes_as_soon_as_it_ends() -> None:
    async def scenario() -> list[ServerSentEvent]:
        seen: list[ServerSentEvent] = []

        async def body() -> AsyncIterator[bytes]:
            yield b"data: a\n\ndata:"
            assert [event.data for event in seen] == ["a"]
            yield b" b\r\n\r\n"
            assert [event.data for event in seen] == ["a", "b"]

        async for event in iter_events(body()):
            seen.append(event)  # noqa: PERF401 - the body looks at it meanwhile
        return seen

    assert len(asyncio.run(scenario())) == 2


TOO_LONG = "a server-sent event is longer than 20 characters"


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "body",
    [
        b"data: " + b"x" * 15,
        b"data: xxxxxxxx\n" * 2,
        b"event: xxxxxxxxx\ndata:\n",
        b": ping....\n" * 3,
        b"{" * 21,
    ],
)
def test_an_event_beyond_the_limit_is_refused_even_without_its_end(body: bytes, size: int) -> None:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    with pytest.raises(AttemptFailed, match=TOO_LONG):
        read(*pieces, limit=20)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_limit_is_of_one_event_not_of_the_stream(size: int) -> None:
    body = b"data: " + b"x" * 14 + b"\n\n: ping\r\n\r\n"
    pieces = [(body * 50)[at : at + size] for at in range(0, len(body) * 50, size)]
    assert read(*pieces, limit=20) == [("", "x" * 14, "")] * 50


def test_the_limit_leaves_room_for_any_models_piece() -> None:
    assert LONGEST == 8 * 2**20


@pytest.mark.parametrize("end", [b"", b"\n", b"\r"])
def test_a_long_event_in_small_pieces_takes_no_quadratic_time(end: bytes) -> None:
    """1 MiB in 64 Ki pieces: copying what has come at each of them would move 34 GB."""
    piece = b"data:".ljust(16 - len(end), b"x") + end
    began = time.thread_time()
    [(_, data, _)] = read(*[piece] * 2**16)
    assert len(data) > 2**19
    assert time.thread_time() - began < 3
