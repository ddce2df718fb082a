"""The lines of a file that a problem may show: never a key, wherever it was written or pasted."""

import re
from functools import cached_property

WIDEST = 200
"""Characters of an excerpt."""

_SECRET_NAME = re.compile(
    r"key|(?<!max_)token(?!_timeout)|secret|passw|auth|credential", re.IGNORECASE
)
_TO_SEPARATOR = re.compile(r"[^:=]*[:=]")
_EMPTY_VALUE = re.compile(r":[\s|>+\-0-9\[{\"']*$")
_OPAQUE = re.compile(r"(?<!\w)(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[0-9])\w{16,}")
_USER = re.compile(r"""(?<=://)[^\s"']{0,1000}@|(?<![^\s"'])[^\s"'/@:]{1,200}:[^\s"'/@]{1,200}@""")
_QUERY = re.compile(r"""(://[^\s"'?]{0,1000}\?)[^\s"'#]+""")


class Excerpts:
    """The lines of a file, without secrets.

    They are made when the first is read: most files have no problem to show.
    """

    def __init__(self, text: str) -> None:
        """Keep the text.

        Args:
            text: The file's text.

        """
        self._text = text

    def at(self, line: int) -> str:
        """Return a line.

        Args:
            line: The line's number, counted from 1.

        Returns:
            The line; "" where the file has no such line.

        """
        return self._lines[line - 1] if line <= len(self._lines) else ""

    @cached_property
    def _lines(self) -> list[str]:
        return redact_lines(self._text)


def redact_lines(text: str) -> list[str]:
    """Remove secrets from a file's lines.

    Args:
        text: The file's text.

    Returns:
        The lines. One that continues a secret from a line above is empty.

    """
    redacted: list[str] = []
    parents: list[tuple[int, bool]] = []  # indentation, and whether the line names a secret
    continues_secret = False
    for line in text.splitlines():
        indentation = len(line) - len(line.lstrip())
        if line.strip():
            parents = [each for each in parents if each[0] < indentation]
        is_secret = continues_secret or any(names_secret for _, names_secret in parents)
        redacted.append("" if is_secret else _redact(line.rstrip()))
        if line.strip():
            parents.append((indentation, _secret_start(line) is not None))
            continues_secret = _continues_secret(line)
    return redacted


def mask_secrets(text: str) -> str:
    """Mask what may be a secret in a text.

    Masked is what looks like a key (long, with small and capital letters and digits), and what a
    URL has before "@" and after "?".

    Args:
        text: The text.

    Returns:
        The text with "…" for each secret.

    """
    text = _QUERY.sub(r"\1…", text) if "://" in text else text
    text = _USER.sub("…@", text) if "@" in text else text
    return _OPAQUE.sub("…", text)


def is_secret_name(name: str) -> bool:
    """Say whether a value with this name may be a secret.

    Args:
        name: The key in the file.

    Returns:
        Whether the name contains "key", "token" or the like.

    """
    return _secret_start(f"{name}:") is not None


def _secret_start(line: str) -> int | None:
    """Return the column at which a secret begins; reads each character once."""
    name = _SECRET_NAME.search(line)
    separator = None if name is None else _TO_SEPARATOR.match(line, name.end())
    return None if separator is None else separator.end()


def _continues_secret(line: str) -> bool:
    """Say whether a secret's value begins on the next line."""
    empty = _EMPTY_VALUE.search(line)
    if empty is None:
        return False
    name_start = max(line.rfind(mark, 0, empty.start()) for mark in ":=") + 1
    return _SECRET_NAME.search(line, name_start, empty.start()) is not None


def _redact(line: str) -> str:
    if not line.isprintable() and "\t" not in line:
        return ""
    line = mask_secrets(
        line[: 4 * WIDEST]
    )  # before names are looked for: a password may say "passw"
    start = _secret_start(line)
    redacted = line if start is None else f"{line[:start]} …"
    return redacted if len(redacted) <= WIDEST else f"{redacted[:WIDEST]} …"
