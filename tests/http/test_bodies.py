"""The bodies of HTTP answers: bounded, decoded, and with no shape believed unchecked."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.http.bodies import (
    LARGEST,
    decode_error,
    decode_json,
    get_int,
    get_list,
    get_object,
    get_str,
    malformed,
    read_body,
    strip_markup,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def text_of(failed: AttemptFailed) -> str:
    assert (failed.failure.kind, failed.failure.status) == (Kind.MALFORMED, 200)
    return failed.failure.text


@pytest.mark.parametrize("pieces", [(), (b"",), (b"ab", b"", b"cde"), (b"abcdefgh",)])
def test_a_body_is_read_up_to_its_limit(pieces: tuple[bytes, ...]) -> None:
    assert asyncio.run(read_body(body(*pieces), limit=8)) == b"".join(pieces)


@pytest.mark.parametrize("pieces", [(b"abcdefghi",), (b"abcdefgh", b"i", b"never read")])
def test_a_body_beyond_its_limit_is_not_read_on(pieces: tuple[bytes, ...]) -> None:
    async def scenario() -> list[bytes]:
        expected = body(*pieces)
        with pytest.raises(AttemptFailed) as caught:
            await read_body(expected, limit=8)
        assert text_of(caught.value) == "200 OK. malformed: the answer is longer than 8 bytes"
        return [piece async for piece in expected]

    assert asyncio.run(scenario()) == list(pieces[2:])


def test_the_limit_is_32_mib_by_default() -> None:
    assert LARGEST == 32 * 2**20
    with pytest.raises(AttemptFailed, match="the answer is longer than 33554432 bytes"):
        asyncio.run(read_body(body(*[bytes(2**20)] * 32, b"x")))


@given(JSON)
def test_json_is_decoded_from_bytes_and_from_text(value: Any) -> None:
    data = msgspec.json.encode(value)
    assert decode_json(data) == decode_json(data.decode()) == decode_error(data) == value


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the body is empty"),
        (b" \n", "the body is empty"),
        ("", "the body is empty"),
        (b"<html>Bad Gateway</html>", "expected JSON, got 24 bytes of HTML or XML"),
        (b'{"answer": "Lis', "expected JSON, got 15 bytes of cut JSON"),
        (b'{"answer": Lis}', "expected JSON, got 15 bytes of broken JSON"),
        (b'{"a": "\xff"}', "expected JSON, got 10 bytes of broken JSON"),
        (b"{} {}", "expected JSON, got 5 bytes of broken JSON"),
        (b"data: {}\n\n", "expected JSON, got 10 bytes of server-sent events"),
        (b"N", "expected JSON, got 1 byte of another kind"),
        ("x" * 1000, "expected JSON, got 1,000 bytes of another kind"),
        (b"[" * 100_000, "expected JSON, got 100,000 bytes of broken JSON"),
        ('"\ud800"', "expected JSON, got 3 bytes of another kind"),
    ],
)
def test_what_is_not_json_is_reported_by_its_length_and_shape(
    data: bytes | str, problem: str
) -> None:
    with pytest.raises(AttemptFailed) as caught:
        decode_json(data)
    assert text_of(caught.value) == f"200 OK. malformed: {problem}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("logger", ["standby", ""])
@pytest.mark.parametrize(
    ("data", "quoted"),
    [
        (b'{"answer": "Lis', '15 bytes of cut JSON: \'{"answer": "Lis\''),
        ("x" * 1000, f"1,000 bytes of another kind: '{'x' * 200}'"),
    ],
)
def test_an_answer_is_quoted_where_the_log_is_at_debug(
    data: bytes | str, quoted: str, logger: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger=logger)
    with pytest.raises(AttemptFailed) as caught:
        decode_json(data)
    assert text_of(caught.value) == f"200 OK. malformed: expected JSON, got {quoted}"


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (b'{"choices": ["Lisbon"]}', "23 bytes of JSON"),
        (b'{"choices": ["Lisbon', "20 bytes of cut JSON"),
        (b"Lisbon", "6 bytes of another kind"),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 206])
def test_the_body_of_another_2xx_is_described(data: bytes, shape: str, status: int) -> None:
    assert decode_error(data, status) == f"expected status 200; the body is {shape}"


def test_the_error_in_a_2xx_is_kept() -> None:
    assert decode_error(b" ", 204) == ""
    assert decode_error(b'{"error": {"code": 500}}', 201) == {"error": {"code": 500}}


def test_an_answer_beside_an_error_without_a_message_is_not_quoted() -> None:
    body = {"error": True, "choices": ["Lisbon"]}
    assert strip_markup(body, 200) == "an error without a message"
    assert strip_markup(body, 400) == '{"error":true,"choices":["Lisbon"]}'


@given(st.binary() | st.text() | st.text('{}[]":,0123456789.eE-tfn\\u '))
def test_any_data_is_decoded_or_malformed(data: bytes | str) -> None:
    try:
        decode_json(data)
    except AttemptFailed as failed:
        assert text_of(failed).startswith("200 OK. malformed: ")  # noqa: PT017 - either way is right


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"error": {"code": 500}}', {"error": {"code": 500}}),
        (b"upstream\n  connect\terror ", "upstream connect error"),
        (b"\xff", "\ufffd"),
        (b"", ""),
    ],
)
def test_an_errors_body_is_decoded_as_json_or_as_text(data: bytes, value: Any) -> None:
    assert decode_error(data) == value


def test_the_failure_of_a_200_says_that_it_is_malformed() -> None:
    assert text_of(malformed("no choices")) == "200 OK. malformed: no choices"


@given(JSON)
def test_a_value_of_another_shape_is_an_empty_one(value: Any) -> None:
    assert get_object(value) == (value if isinstance(value, dict) else {})
    assert get_list(value) == (value if isinstance(value, list) else [])
    assert get_str(value) == (value if isinstance(value, str) else "")


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ({"n": 7}, 7),
        ({"n": 0}, 0),
        ({"n": True}, 0),
        ({"n": 7.0}, 0),
        ({"n": "7"}, 0),
        ({"n": None}, 0),
        ({}, 0),
        ([7], 0),
        (None, 0),
    ],
)
def test_a_count_is_a_whole_number_or_0(value: Any, count: int) -> None:
    assert get_int(value, "n") == count


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (None, ""),
        ({}, ""),
        ("", ""),
        ([], "[]"),
        ({"detail": "Not Found"}, '{"detail":"Not Found"}'),
        ("upstream\n  connect error", "upstream connect error"),
        ("<html><STYLE>p {color: red}</STYLE ><h1>Bad\nGateway</h1></html>", "Bad Gateway"),
        ("<script>let a = '<b>';</script>Oh<br/>no", "Oh no"),
        ("Oh<script>never closed", "Oh"),
        ("5 < 7", "5 < 7"),
    ],
)
def test_an_errors_body_becomes_text_on_one_line(body: Any, line: str) -> None:
    assert strip_markup(body) == line


@pytest.mark.parametrize(
    "piece", ["<", "<script", "<script>", "<script></script ", "</style", "<a"]
)
def test_a_hostile_page_costs_no_time(piece: str) -> None:
    began = time.thread_time()
    strip_markup(piece * 100_000)
    assert time.thread_time() - began < 1
