"""A key that is visibly none: what it has around it or in it that no vendor's key has."""

import re
from collections.abc import Callable
from typing import NamedTuple


class Flaw(NamedTuple):
    """What is wrong with a key, never with a piece of it, and what to do."""

    what: str
    remedy: str


_QUOTES = frozenset("\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb")
_HEADER = re.compile(r"(bearer|authorization|x-api-key|api-key|token)\b[\s:]", re.IGNORECASE)
_ASSIGNED = re.compile(r"(export\s+)?[A-Za-z_][A-Za-z0-9_]*(_KEY|_TOKEN|_SECRET)\s*[=:]")
_UNEXPANDED = re.compile(r"\$\{|\$\(|\{\{|^\$[A-Za-z_]\w*$|^%\w+%$")
_FILLED = re.compile(r"\.{3}|\u2026|x{6,}|\*{3,}|^(.)\1*$|(^|[-_])x{3,}$", re.IGNORECASE)
_BRACKETS = re.compile(r"^[<\[{(].*[>\]})]$")

_ASKING = frozenset(
    re.findall(
        r"\w+",
        "your change changeme replace replaceme insert enter paste put placeholder todo fixme dummy fake"
        " example sample redacted here aqui aqu\u00ed sua seu tu su votre ici dein deine hier",
    )
)
"""Words of templates, in some of the languages that people write them in."""

_GENERIC = frozenset(
    re.findall(
        r"\w+",
        "api key apikey token my the sk none null nil undefined empty false true test chave clave cle",
    )
)
"""Words of which no vendor's key consists; a server of one's own may be sent one."""

_WRITTEN: tuple[tuple[Callable[[str], object], Flaw], ...] = (
    (
        lambda key: key[0] in _QUOTES or key[-1] in _QUOTES,
        Flaw("has quotes around it", "take them away"),
    ),
    (
        _UNEXPANDED.search,
        Flaw("is the name of a variable that was not filled in", "write the key itself"),
    ),
    (_HEADER.match, Flaw("begins as a header does", "write the key alone, without 'Bearer'")),
    (_ASSIGNED.match, Flaw("begins with the name of a variable", "write the key alone")),
)
_CHARACTERS: tuple[tuple[Callable[[str], object], Flaw], ...] = (
    (
        lambda key: any(letter.isspace() for letter in key),
        Flaw("has a blank or a line end in it", "copy it again"),
    ),
    (
        lambda key: not key.isascii() or not key.isprintable(),
        Flaw("has a character that no key has, and that may not be seen", "copy it again"),
    ),
)


def flaw_of(key: str, variable: str, *, own_endpoint: bool) -> Flaw | None:
    """Say what shows that a key is none; `None` where nothing does.

    Args:
        key: The value, without blanks around it. No piece of it is in the words.
        variable: The variable that holds it.
        own_endpoint: Whether a server of one's own is asked, which may take any word for a key.

    Returns:
        The first flaw.

    """
    written = next((flaw for has, flaw in _WRITTEN if has(key)), None)
    if written is None and _is_placeholder(key, variable, own_endpoint=own_endpoint):
        return Flaw("is a placeholder", "write the key")
    return written or next((flaw for has, flaw in _CHARACTERS if has(key)), None)


def _is_placeholder(key: str, variable: str, *, own_endpoint: bool) -> bool:
    words = _words(key)
    if _BRACKETS.match(key) or _FILLED.search(key) or not _ASKING.isdisjoint(words):
        return True
    return not own_endpoint and words <= _GENERIC | _words(variable)


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[\W_]+", text.casefold()) if word}
