"""NDJSON, read line by line wherever the bytes are cut; a bad line is reported without its text."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.http import sse
from standby.http.ndjson import iter_ndjson

SECRET = "the-patients-name"


async def feed(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def read(*pieces: bytes, **options: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [value async for value in iter_ndjson(feed(pieces), **options)]

    return asyncio.run(collect())


def in_pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


VALUES = st.dictionaries(
    st.text(max_size=4), st.text(max_size=8) | st.integers(-9, 9) | st.none(), max_size=3
)
LINES = st.tuples(VALUES, st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n", "\r\n \t\r\n"]))


@given(
    lines=st.lists(LINES, max_size=8),
    start=st.sampled_from([b"", b"\xef\xbb\xbf", b"\n"]),
    cuts=st.lists(st.integers(0, 300), max_size=12),
    ended=st.booleans(),
)
def test_the_objects_are_the_lines_however_the_bytes_are_cut(
    lines: list[tuple[dict[str, Any], bool, str]], start: bytes, cuts: list[int], *, ended: bool
) -> None:
    body = (
        start
        + "".join(
            json.dumps(value, ensure_ascii=escaped) + end for value, escaped, end in lines
        ).encode()
    )
    body = body if ended else body.rstrip()
    cuts_and_ends = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    expected = [value for value, _, _ in lines]
    assert read(*(body[begin:end] for begin, end in itertools.pairwise(cuts_and_ends))) == expected
    assert read(*in_pieces(body, 1)) == expected


@pytest.mark.parametrize("text", ["a\u2028b", "a\u0085b", "東京 🦜", "a\\nb", "a\\r\\nb"])
def test_only_a_line_feed_ends_a_line(text: str) -> None:
    line = f'{{"text": "{text}"}}'
    assert read(f"{line}\n{line}".encode()) == [json.loads(line)] * 2


def test_an_object_comes_as_soon_as_its_line_ends() -> None:
    async def scenario() -> list[Any]:
        seen: list[Any] = []

        async def body() -> AsyncIterator[bytes]:
            yield b'{"a": 1}\n{"a":'
            assert seen == [{"a": 1}]
            yield b" 2}\r\n"
            assert seen == [{"a": 1}, {"a": 2}]

        async for value in iter_ndjson(body()):
            seen.append(value)  # noqa: PERF401 - the body looks at it meanwhile
        return seen

    assert len(asyncio.run(scenario())) == 2


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "line",
    [
        f'{{"text": "{SECRET}',
        f'{{"text": "{SECRET}"}} {{"text": "{SECRET}"}}',
        f'data: {{"text": "{SECRET}"}}',
        f'"{SECRET}"',
        f'["{SECRET}"]',
        f"<html>{SECRET}</html>",
        "null",
        "7",
        "NaN",
        '{"text": "\\ud800"}',
        "[" * 5000,
        '{"a":' * 5000,
    ],
)
def test_a_line_that_is_no_object_is_malformed_and_its_text_stays_out(line: str, size: int) -> None:
    with pytest.raises(AttemptFailed) as caught:
        read(*in_pieces(b'{"a": 1}\n\n' + line.encode() + b"\n" + b'{"b": 2}\n', size))
    assert caught.value.failure.kind is Kind.MALFORMED
    assert caught.value.failure.message == "malformed: line 3 of the stream is not a JSON object"
    assert caught.value.__cause__ is None
    assert SECRET not in repr(caught.value)


def test_bytes_that_are_not_utf8_are_malformed() -> None:
    with pytest.raises(AttemptFailed, match="line 1 of the stream is not a JSON object"):
        read(b'{"text": "\xff"}\n')


def test_objects_before_a_broken_line_come() -> None:
    async def scenario() -> list[Any]:
        seen: list[Any] = []
        with pytest.raises(AttemptFailed):
            async for value in iter_ndjson(feed([b'{"a": 1}\n{"b": 2}\n{"c"'])):
                seen.append(value)  # noqa: PERF401 - it raises
        return seen

    assert asyncio.run(scenario()) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_beyond_the_limit_is_refused_even_without_its_end(size: int, end: bytes) -> None:
    body = b'{"a": 1}\n' + b'{"a":"' + b"x" * 20 + b'"}' + end
    with pytest.raises(
        AttemptFailed, match="malformed: line 2 of the stream is longer than 20 bytes"
    ):
        read(*in_pieces(body, size), limit=20)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_limit_is_of_one_line_not_of_the_stream(size: int) -> None:
    body = b'{"a": "xxxxxxxxxxx"}'
    assert len(body) == 20
    assert len(read(*in_pieces((body + b"\n") * 50, size), limit=20)) == 50


def test_the_lines_of_a_stream_are_bounded_blank_ones_too() -> None:
    assert len(read(b"{}\n" * 5, most=5)) == len(read(b"{}\n" * 4 + b"{}", most=5)) == 5
    for body in (b"{}\n" * 6, b"\n" * 6, b"\r\n" * 6):
        with pytest.raises(AttemptFailed, match="malformed: the stream has more than 5 lines"):
            read(body, most=5)


def test_the_bounds_are_those_of_server_sent_events() -> None:
    assert iter_ndjson.__kwdefaults__ == {"limit": sse.LONGEST, "most": sse.MOST}


def test_a_long_line_in_small_pieces_takes_no_quadratic_time() -> None:
    began = time.thread_time()
    [value] = read(b'{"a": "', *[b"x" * 16] * 2**16, b'"}')
    assert len(value["a"]) == 2**20
    assert time.thread_time() - began < 3
