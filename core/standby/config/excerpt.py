"""What of a file may be shown with a problem: never a key, wherever somebody wrote or pasted one."""

import re
from functools import cached_property

WIDEST = 200

_NAME = re.compile(r"key|(?<!max_)token(?!_timeout)|secret|passw|auth|credential", re.IGNORECASE)
_GIVES = re.compile(r"[^:=]*[:=]")
_OPENS = re.compile(r":[\s|>+\-0-9\[{\"']*$")
_OPAQUE = re.compile(r"(?<!\w)(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[0-9])\w{16,}")
_USER = re.compile(r"""(?<=://)[^\s"']{0,1000}@|(?<![^\s"'])[^\s"'/@:]{1,200}:[^\s"'/@]{1,200}@""")
_QUERY = re.compile(r"""(://[^\s"'?]{0,1000}\?)[^\s"'#]+""")


class Excerpts:
    """The lines of a file as they may be shown, made when the first is wanted: most files have nothing to show."""

    def __init__(self, text: str) -> None:
        """Keep the text."""
        self._text = text

    def at(self, line: int) -> str:
        """Return a line, counted from 1; "" where there is none."""
        return self._lines[line - 1] if line <= len(self._lines) else ""

    @cached_property
    def _lines(self) -> list[str]:
        return redact_lines(self._text)


def redact_lines(text: str) -> list[str]:
    """Return a file's lines as they may be shown; one that goes on with a key begun above is empty."""
    shown: list[str] = []
    parents: list[
        tuple[int, bool]
    ] = []  # of each line around this one: its indentation, and whether it says "key"
    opened = False
    for line in text.splitlines():
        indentation = len(line) - len(line.lstrip())
        while line.strip() and parents and parents[-1][0] >= indentation:
            parents.pop()
        hidden = opened or any(says for _, says in parents)
        shown.append("" if hidden else _shown(line.rstrip()))
        if line.strip():
            parents.append((indentation, _named_until(line) is not None))
            opened = _opens_key(line)
    return shown


def mask_secrets(text: str) -> str:
    """Return a text without what may be a secret.

    That is words that look like keys (long, of small and capital letters and digits), and what a
    URL holds before "@" and behind "?".
    """
    text = _QUERY.sub(r"\1…", text) if "://" in text else text
    text = _USER.sub("…@", text) if "@" in text else text
    return _OPAQUE.sub("…", text)


def is_secret_name(name: str) -> bool:
    """Say whether what bears this name may be a key."""
    return _named_until(f"{name}:") is not None


def _named_until(line: str) -> int | None:
    """Return where what bears a key's name begins; looks at each character once, however long the line."""
    named = _NAME.search(line)
    gives = None if named is None else _GIVES.match(line, named.end())
    return None if gives is None else gives.end()


def _opens_key(line: str) -> bool:
    """Say whether what bears a key's name begins with the next line."""
    opens = _OPENS.search(line)
    if opens is None:
        return False
    begins = max(line.rfind(mark, 0, opens.start()) for mark in ":=") + 1
    return _NAME.search(line, begins, opens.start()) is not None


def _shown(line: str) -> str:
    if not line.isprintable() and "\t" not in line:
        return ""
    line = mask_secrets(line[: 4 * WIDEST])  # first of all: a password may say "passw"
    named = _named_until(line)
    shown = line if named is None else f"{line[:named]} …"
    return shown if len(shown) <= WIDEST else f"{shown[:WIDEST]} …"
