"""Durations as the file writes them ("30s", "500ms"), and in seconds."""

import re

from standby.cards import LONGEST_SPAN

DURATION = r"^(?=.*[1-9])[0-9]{1,12}(\.[0-9]{1,6})?(ms|s|m|h)$"
"""A duration: above zero, with as many digits as a float can hold."""

SPAN = "standby-duration"
"""The format that marks a duration in the schemas."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Parse a duration.

    Args:
        text: "30s", "500ms", "3m" or "1h".

    Returns:
        The duration in seconds.

    Raises:
        ValueError: The text is not a duration.

    """
    match = re.fullmatch(r"(.*?)(ms|s|m|h)", text)
    if match is None or re.fullmatch(DURATION, text) is None:
        hint = "write a number above 0 and a unit, like 30s, 500ms, 3m"
        raise ValueError(f"{text!r} is not a duration; {hint}")
    return round(float(match[1]) * _SECONDS[match[2]], 9)


def parse_span(text: str) -> float:
    """Parse a duration that something really waits for.

    Args:
        text: "30s", "500ms", "3m" or "1h".

    Returns:
        The duration in seconds.

    Raises:
        ValueError: The text is not a duration, or is longer than `LONGEST_SPAN`.

    """
    seconds = parse_duration(text)
    if seconds > LONGEST_SPAN:
        longest = format_duration(LONGEST_SPAN)
        raise ValueError(f"{text!r} is longer than a day; write {longest} or less")
    return seconds


def format_duration(seconds: float) -> str:
    """Format seconds as the file writes them.

    Args:
        seconds: The duration in seconds.

    Returns:
        The duration in the largest unit that needs no fraction, else in milliseconds.

    """
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds * 1000:.6f}".rstrip("0").rstrip(".") + "ms"


def is_duration(text: str) -> bool:
    """Say whether a text is a duration that may be set.

    Args:
        text: The text.

    Returns:
        Whether it is a duration, and not too long.

    """
    return re.fullmatch(DURATION, text) is not None and not is_too_long(text)


def is_too_long(text: str) -> bool:
    """Say whether a text is a duration longer than `LONGEST_SPAN`.

    Args:
        text: The text.

    Returns:
        Whether it is a duration, and too long.

    """
    return re.fullmatch(DURATION, text) is not None and parse_duration(text) > LONGEST_SPAN
