"""A key that is visibly none: what it has around it or in it that no vendor's key has."""

import re
from collections.abc import Callable, Collection
from typing import NamedTuple


class KeyProblem(NamedTuple):
    """What is wrong with a key, never with a piece of it, and what to do."""

    message: str
    hint: str


LONGEST_SPLIT = 60
"""Letters of what is taken apart into words; chance makes none that long."""

_QUOTES = frozenset("\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb")
_HEADER = re.compile(r"(bearer|authorization|x-api-key|api-key|token)\b([\s:]|%20)", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(export\s+)?([A-Za-z]\w*[_-])?(api_?key|key|token|secret|password)\s*[=:]\s*[^=\s]",
    re.IGNORECASE,
)
_UNEXPANDED = re.compile(r"\$\{|\$\(|\{\{|^\$(env:)?[A-Za-z_]\w*$|^%\w+%$", re.IGNORECASE)
_REFERENCE = re.compile(
    r"(process\.|import\.meta\.|deno\.)?env(\.[a-z_]|:[a-z_]|\[)|(os|system)\.(environ|getenv)\b"
    r"|getenv\(|secrets?\.[a-z_]+$|(op|vault|sm|ssm|gsm|awssm|keyring|env)://|arn:aws[\w-]*:"
    r"|@microsoft\.keyvault\(|vault:|projects/[^/]+/secrets/|/(run|etc|var|home|root|mnt)/",
    re.IGNORECASE,
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_VARIABLE = re.compile(r"([A-Z][A-Z0-9]*_)+(KEY|TOKEN|SECRET|APIKEY|PASSWORD)(_[A-Z0-9]+)*")
_ESCAPED = re.compile(r"(\\[nrt])+$")
_FILLED = re.compile(r"\.{3}|\u2026|x{6,}|\*{3,}|^(.)\1*$|(^|[-_])x{3,}$|^n/a$", re.IGNORECASE)
_BRACKETS = re.compile(r"^[<\[{(].*[>\]})]$")
_PART = re.compile(r"[^\W\d_]+|\d+")
_WRITTEN_OUT = re.compile(r"[^\W\d_]+\d{0,2}|\d{1,4}")
"""A word as people write them, or a number: no piece of what chance made."""

_COUNTED = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "012345678901234567890", "9876543210")

_ASKING = frozenset(
    re.findall(
        r"\w+",
        "your change changeme replace replaceme insert enter paste put placeholder todo fixme"
        " dummy fake example sample redacted here aqui aqu\u00ed sua seu tu su votre ici dein"
        " deine hier",
    )
)
"""Words of templates, in some of the languages that people write them in."""

_GENERIC = frozenset(
    re.findall(
        r"\w+",
        "api key keys apikey token my me the none null nil undefined empty false true"
        " test chave clave cle secret password passwd pass tbd tba na no not required needed"
        " set unset missing unknown default value string foo bar baz hello it",
    )
)
"""Words of which no vendor's key consists; a server of one's own may be sent one."""

_PREFIXES = frozenset({"sk", "pk", "proj"})
"""What vendors' keys begin with, which tells nothing."""

_WRITTEN: tuple[tuple[Callable[[str], object], KeyProblem], ...] = (
    (
        lambda key: key[0] in _QUOTES or key[-1] in _QUOTES,
        KeyProblem("has quotes around it", "remove them"),
    ),
    (
        _UNEXPANDED.search,
        KeyProblem("is the name of a variable that was not filled in", "write the key itself"),
    ),
    (
        _REFERENCE.match,
        KeyProblem("says where a key is kept", "write the key itself: nothing here looks it up"),
    ),
    (_URL.match, KeyProblem("is a URL", "write the key; a server's URL is base_url")),
    (_HEADER.match, KeyProblem("begins as a header does", "write the key alone, without 'Bearer'")),
    (_ASSIGNED.match, KeyProblem("begins with the name of a variable", "write the key alone")),
    (lambda key: key[-1] in ",;", KeyProblem("ends with a comma or a semicolon", "remove it")),
    (
        _ESCAPED.search,
        KeyProblem("ends with a line end that is written out, '\\n'", "remove it"),
    ),
)
_CHARACTERS: tuple[tuple[Callable[[str], object], KeyProblem], ...] = (
    (
        _VARIABLE.fullmatch,
        KeyProblem("is the name of a variable, not what it holds", "write the key itself"),
    ),
    (
        lambda key: any(letter.isspace() for letter in key),
        KeyProblem("has a space or a line end in it", "copy it again"),
    ),
    (
        lambda key: not key.isascii() or not key.isprintable(),
        KeyProblem("has a character that no key has, and that may not be seen", "copy it again"),
    ),
)


def check_key(key: str, variable: str, *, own_endpoint: bool) -> KeyProblem | None:
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
        return KeyProblem("is a placeholder", "write the key")
    return written or next((flaw for has, flaw in _CHARACTERS if has(key)), None)


def _is_placeholder(key: str, variable: str, *, own_endpoint: bool) -> bool:
    if _BRACKETS.match(key) or _FILLED.search(key) or _asks(key):
        return True
    if own_endpoint:
        return False
    known = _ASKING | _GENERIC | _PREFIXES | set(_words(variable))
    return all(_consists_of(part, known) for part in _PART.findall(key.casefold()))


def _asks(key: str) -> bool:
    """Say whether a key has a template's words, more than chance puts between its dashes."""
    words = _words(key)
    if len(words) == 1 and not _ASKING.isdisjoint(_split(words[0], _ASKING | _GENERIC)):
        return True
    if _ASKING.isdisjoint(words):
        return False
    is_written = all(_WRITTEN_OUT.fullmatch(word) for word in words)
    telling = [word for word in words if len(word) > 2 and word in _ASKING | _GENERIC]  # noqa: PLR2004 - chance writes two letters often
    return (is_written and _has_one_case(key)) or len(telling) > 1


def _has_one_case(key: str) -> bool:
    """Say whether no word of a key goes from small letters to capitals and back, as chance does."""
    words = re.split(r"[\W_]+", key)
    return all(word in (word.lower(), word.upper(), word.capitalize()) for word in words)


def _consists_of(part: str, words: Collection[str]) -> bool:
    """Say whether a number counts or repeats, or letters are words, without blanks too."""
    is_short_number = part.isdigit() and len(part) < 4  # noqa: PLR2004 - as in key1 and key2026
    counts = len(part) > 2 and any(part in row for row in _COUNTED)  # noqa: PLR2004 - as abc, 123
    return is_short_number or counts or len(set(part)) == 1 < len(part) or bool(_split(part, words))


def _split(text: str, words: Collection[str]) -> list[str]:
    """Return the words that a text is made of, end to end; none where it is made of others too."""
    ways: list[list[str] | None] = [[]]
    for end in range(1, min(len(text), LONGEST_SPLIT) + 1):
        starts = (at for at in range(end) if ways[at] is not None and text[at:end] in words)
        start = next(starts, None)
        ways.append(None if start is None else [*(ways[start] or []), text[start:end]])
    return (ways[-1] or []) if len(ways) > len(text) else []


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]
