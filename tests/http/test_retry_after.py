"""The delay that a vendor states: one strict grammar, no exception, no infinite number."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.http.retry_after import hint_in, retry_after

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
TEXTS = (
    st.text()
    | st.text("0123456789.hmsinfaeE+-_ ٣,")
    | st.from_regex(r"[0-9]{1,9}(\.[0-9]+)?(ms|[hms])?([0-9]+s)?")
)
DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Wed", "X", ""]),
    st.integers(-1, 40),
    st.sampled_from(["Jan", "Feb", "oct", "13", "?"]),
    st.integers(-1, 20000) | st.integers(),
    *[st.integers(-1, 70)] * 3,
    st.sampled_from(["GMT", "UTC", "+0000", "-0000", "+9999", "-2400", "EST", "", "+999999999999"]),
)


@pytest.mark.parametrize(
    ("hint", "seconds"),
    [
        ("34.4s", 34.4),
        ("34.074824224s", 34.074824224),
        ("0s", 0.0),
        ("174ms", 0.174),
        ("6m0s", 360.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1h2m3.5s", 3723.5),
        ("1m2s3ms", 62.003),
        ("7.66s", 7.66),
    ],
)
def test_a_duration_in_the_body_is_read(hint: str, seconds: float) -> None:
    assert retry_after({}, hint) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"Retry-After": " 1.5\t"}, 1.5),
        ({"RETRY-AFTER": "0"}, 0.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250.5", "retry-after": "20"}, 0.2505),
        ({"retry-after-ms": "soon", "retry-after": "20"}, 20.0),
        ({"retry-after": "9999999"}, 9999999.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2026 09:28:30 +0200", "Date": DATE}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 -0000", "date": DATE}, 30.0),
        ({"retry-after": DATE, "date": "Wed, 21 Oct 2026 07:29:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
        ({"date": DATE}, None),
    ],
)
def test_the_headers_are_read_whatever_their_case(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_a_date_without_the_responses_own_counts_from_now() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    for headers in ({"retry-after": until}, {"retry-after": until, "date": "yesterday"}):
        delay = retry_after(headers)
        assert delay is not None
        assert 90 < delay <= 100


WRONG = [
    "", " ", "nan", "NaN", "inf", "Infinity", "-1", "+1", "1e400", "1e3", "1_000", "0x10", ".5",
    "5.", "1,5", "\u0663", "\uff13", "12345678", "1.0000000001", "5 s", "5S", "1.5m", "s", "ms",
    "1s1m", "3s3s", "1d", "-1s", "nans", "1e3s", "\u0663s", "12345678s", "a 5s", "5s b", "5s\n",
    "tomorrow", "Wed, 99 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 +99999999",
    "Wed, \u0662\u0661 Oct 2026 07:28:00 GMT",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_text_outside_of_the_grammar_is_not_a_delay(text: str) -> None:
    assert retry_after({"retry-after": text, "retry-after-ms": text}) is None
    assert retry_after({}, text) is None


def test_a_hint_has_units_and_a_header_has_none() -> None:
    assert retry_after({}, "5") is None
    assert retry_after({"retry-after": "5s"}) is None


@pytest.mark.parametrize(
    ("headers", "hints", "seconds"),
    [
        ({"retry-after": "20", "retry-after-ms": "100"}, ("3s", "4s"), 3.0),
        ({"retry-after": "20", "retry-after-ms": "100"}, ("", "4s"), 4.0),
        ({"retry-after": "20", "retry-after-ms": "100"}, ("soon",), 0.1),
        ({"retry-after": "20"}, ("",), 20.0),
    ],
)
def test_the_body_comes_first_then_milliseconds_then_seconds(
    headers: dict[str, str], hints: tuple[str, ...], seconds: float
) -> None:
    assert retry_after(headers, *hints) == seconds


@given(
    hints=st.lists(TEXTS, max_size=2),
    ms=TEXTS,
    stated=TEXTS | DATES,
    date=st.none() | TEXTS | DATES,
)
def test_it_never_raises_and_every_delay_can_be_waited_for(
    hints: list[str], ms: str, stated: str, date: str | None
) -> None:
    headers = {"retry-after-ms": ms, "retry-after": stated} | (
        {} if date is None else {"date": date}
    )
    for delay in (
        retry_after(headers, *hints),
        retry_after({"retry-after": stated, **headers}),
        retry_after({}, *hints),
    ):
        assert delay is None or (math.isfinite(delay) and delay >= 0)


@pytest.mark.parametrize(
    ("message", "hint", "seconds"),
    [
        ("Rate limit reached. Please try again in 174ms. Visit our site.", "174ms", 0.174),
        ("Please try again in 6m0s.", "6m0s", 360.0),
        ("Please retry in 34.074824224s.", "34.074824224s", 34.074824224),
        ("TRY AGAIN IN 20s", "20s", 20.0),
        ("Please try again in 1.2s, or in 5s", "1.2s", 1.2),
        ("Please try again in a moment.", "", None),
        ("Please try again in 20 s", "", None),
        ("in 20s", "", None),
        ("", "", None),
    ],
)
def test_the_delay_in_a_message_is_read(message: str, hint: str, seconds: Any) -> None:
    assert hint_in(message) == hint
    assert retry_after({}, hint_in(message)) == pytest.approx(seconds)


@given(
    message=st.text(),
    before=st.text(),
    number=st.integers(0, 9999999),
    unit=st.sampled_from(["ms", "s", "m", "h"]),
)
def test_a_hint_is_a_duration_or_empty(message: str, before: str, number: int, unit: str) -> None:
    assert hint_in(message) == "" or retry_after({}, hint_in(message)) is not None
    assert retry_after({}, hint_in(f"{before} (retry in {number}{unit})")) is not None
