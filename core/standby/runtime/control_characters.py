"""Text of others, made safe to show: no escape sequence runs, no line moves, no letters turn."""

import re

_UNSAFE = re.compile(
    r"""\r(?!\n)                            # alone it returns to the line's start
    | [\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]  # control characters but tab and line feed
    | [\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]  # marks that turn the direction of writing
    | [\u2028\u2029]                        # separators of lines and paragraphs
    | [\ud800-\udfff]                       # halves of a character, which no encoding can hold
    """,
    re.VERBOSE,
)

_BREAKS = re.compile(r"[^\S ]+")


def escape_controls(text: str) -> str:
    r"""Return a text with control characters and bidi marks as `\u001b`, which JSON reads again.

    Args:
        text: What others wrote, such as a vendor's message, or an encoded JSON document.

    Returns:
        The text; tabs and line ends stay.
    """
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def escape_line(text: str) -> str:
    """Return a text as `escape_controls` does, on one line.

    Args:
        text: What others wrote.

    Returns:
        The line; line ends, tabs and the like are one blank each run.
    """
    return escape_controls(_BREAKS.sub(" ", text))
