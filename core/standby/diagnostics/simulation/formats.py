"""How a simulation's output writes moments, durations and counts."""

TENTHS_BELOW = 10
"""Seconds below which a pause is written with one decimal."""

LONGEST_TEXT = 160
"""Characters of a failure's text that are shown."""


def format_clock(seconds: float) -> str:
    """Format a moment as minutes and seconds.

    Args:
        seconds: Seconds since the simulation began.

    Returns:
        The moment as `MM:SS`, with as many digits for the minutes as they need.
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}"


def format_pause(seconds: float) -> str:
    """Format a short pause.

    Args:
        seconds: The length of the pause, in seconds.

    Returns:
        The seconds, with one decimal below `TENTHS_BELOW`.
    """
    return f"{seconds:.1f} s" if seconds < TENTHS_BELOW else f"{seconds:.0f} s"


def format_span(seconds: float) -> str:
    """Format a longer time in minutes and seconds.

    Args:
        seconds: The length of the time, in seconds.

    Returns:
        The time, such as `3 min 5 s` or `40 s`.
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def format_count(number: int, noun: str) -> str:
    """Format a number of things.

    Args:
        number: How many there are.
        noun: The singular of what is counted.

    Returns:
        The number and the noun, in the plural unless the number is 1.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shorten(text: str) -> str:
    """Cut a text that is longer than `LONGEST_TEXT`.

    Args:
        text: The text of a failure.

    Returns:
        The text, with a mark where it was cut.
    """
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} […]"
