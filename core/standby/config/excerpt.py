"""What of a file may be shown with a problem: never a key, wherever somebody wrote or pasted one."""

import re

WIDEST = 200

_NAME = r"(?:key|token|secret|passw|auth|credential)[^:=]*"
_SAYS_KEY = re.compile(rf"{_NAME}[:=]", re.IGNORECASE)
_OPENS_KEY = re.compile(rf"{_NAME}:[\s|>+\-0-9\[{{\"']*$", re.IGNORECASE)
_OPAQUE = re.compile(r"(?<!\w)(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[0-9])\w{16,}")


def excerpts(text: str) -> list[str]:
    """Return a file's lines as they may be shown; one that goes on with a key begun above is empty."""
    shown: list[str] = []
    parents: list[tuple[int, bool]] = []  # of each line around this one: its indentation, and whether it says "key"
    opened = False
    for line in text.splitlines():
        indentation = len(line) - len(line.lstrip())
        while line.strip() and parents and parents[-1][0] >= indentation:
            parents.pop()
        hidden = opened or any(says for _, says in parents)
        shown.append("" if hidden else _shown(line.rstrip()))
        if line.strip():
            parents.append((indentation, _SAYS_KEY.search(line) is not None))
            opened = _OPENS_KEY.search(line) is not None
    return shown


def masked(text: str) -> str:
    """Return a text without the words that look like keys: long, of small and capital letters and digits."""
    return _OPAQUE.sub("…", text)


def says_key(name: str) -> bool:
    """Say whether what bears this name may be a key."""
    return _SAYS_KEY.search(f"{name}:") is not None


def _shown(line: str) -> str:
    if not line.isprintable() and "\t" not in line:
        return ""
    named = _SAYS_KEY.search(line)
    shown = f"{line[: named.end()]} …" if named else masked(line)
    return shown if len(shown) <= WIDEST else f"{shown[:WIDEST]} …"
