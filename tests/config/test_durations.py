import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from standby.config.durations import DURATION, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30),
        ("3m", 180),
        ("1h", 3600),
        ("1.5s", 1.5),
        ("0.5m", 30),
        ("0.000001ms", 1e-9),
        ("007s", 7),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "s",
            "30",
            "0s",
            "0.0h",
            "-1s",
            "+1s",
            "1 s",
            " 1s",
            "1s ",
            "1s\n",
            "1S",
            "1d",
            "1e3s",
            ".5s",
            "5.s",
            "1_0s",
        ),
        *("inf s", "nans", "1s30ms", "\u0663s", "9" * 400 + "h", "0." + "1" * 400 + "s"),
    ],
)
def test_anything_else_is_not_a_duration(text: str) -> None:
    with pytest.raises(
        ValueError,
        match="is not a duration; write a number above 0 and a unit, like 30s, 500ms, 3m",
    ) as error:
        parse_duration(text)
    assert str(error.value).startswith(repr(text))


@given(st.floats(min_value=0.001, max_value=1e6).map(lambda seconds: round(seconds, 3)))
@settings(max_examples=200)
def test_formatted_seconds_are_parsed_back(seconds: float) -> None:
    assert re.fullmatch(DURATION, format_duration(seconds))
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(180.0, "3m"), (3600.0, "1h"), (90.0, "90s"), (0.5, "500ms"), (8.0, "8s"), (1.5, "1500ms")],
)
def test_seconds_are_formatted_with_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
