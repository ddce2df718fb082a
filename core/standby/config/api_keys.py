"""Recognises a text that is not an API key, by what no vendor's key has around it or in it."""

import re
from collections.abc import Callable, Collection
from typing import NamedTuple


class KeyProblem(NamedTuple):
    """Why a text is not a key, without any part of it, and what to do about it."""

    message: str
    hint: str


LONGEST_SPLIT = 60
"""Letters of a text that is split word by word; a random text never consists of so many."""

_QUOTES = frozenset("\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb")
_HEADER = re.compile(r"(bearer|authorization|x-api-key|api-key|token)\b([\s:]|%20)", re.IGNORECASE)
_ASSIGNMENT = re.compile(
    r"(export\s+)?([A-Za-z]\w*[_-])?(api_?key|key|token|secret|password)\s*[=:]\s*[^=\s]",
    re.IGNORECASE,
)
_TEMPLATE_VARIABLE = re.compile(r"\$\{|\$\(|\{\{|^\$(env:)?[A-Za-z_]\w*$|^%\w+%$", re.IGNORECASE)
_REFERENCE = re.compile(
    r"(process\.|import\.meta\.|deno\.)?env(\.[a-z_]|:[a-z_]|\[)|(os|system)\.(environ|getenv)\b"
    r"|getenv\(|secrets?\.[a-z_]+$|(op|vault|sm|ssm|gsm|awssm|keyring|env)://|arn:aws[\w-]*:"
    r"|@microsoft\.keyvault\(|vault:|projects/[^/]+/secrets/|/(run|etc|var|home|root|mnt)/",
    re.IGNORECASE,
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_VARIABLE = re.compile(r"([A-Z][A-Z0-9]*_)+(KEY|TOKEN|SECRET|APIKEY|PASSWORD)(_[A-Z0-9]+)*")
_ESCAPED = re.compile(r"(\\[nrt])+$")
_FILLER = re.compile(r"\.{3}|\u2026|x{6,}|\*{3,}|^(.)\1*$|(^|[-_])x{3,}$|^n/a$", re.IGNORECASE)
_BRACKETS = re.compile(r"^[<\[{(].*[>\]})]$")
_PART = re.compile(r"[^\W\d_]+|\d+")
_PLAIN_WORD = re.compile(r"[^\W\d_]+\d{0,2}|\d{1,4}")
"""A word as people write one, or a number: a random text has other parts."""

_SEQUENCES = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "012345678901234567890", "9876543210")

_TEMPLATE_VOCABULARY = frozenset(
    re.findall(
        r"\w+",
        "your change changeme replace replaceme insert enter paste put placeholder todo fixme"
        " dummy fake example sample redacted here aqui aqu\u00ed sua seu tu su votre ici dein"
        " deine hier",
    )
)
"""What templates say, in several languages."""

_GENERIC_VOCABULARY = frozenset(
    re.findall(
        r"\w+",
        "api key keys apikey token my me the none null nil undefined empty false true"
        " test chave clave cle secret password passwd pass tbd tba na no not required needed"
        " set unset missing unknown default value string foo bar baz hello it",
    )
)
"""What no vendor's key consists of; a server of the user's own may accept it."""

_PREFIXES = frozenset({"sk", "pk", "proj"})
"""Beginnings of vendors' keys, which say nothing about the rest."""

_Rule = tuple[Callable[[str], object], KeyProblem]

_WRAPPING_RULES: tuple[_Rule, ...] = (
    (
        lambda key: key[0] in _QUOTES or key[-1] in _QUOTES,
        KeyProblem("has quotes around it", "remove them"),
    ),
    (
        _TEMPLATE_VARIABLE.search,
        KeyProblem("is the name of a variable that was not filled in", "write the key itself"),
    ),
    (
        _REFERENCE.match,
        KeyProblem("says where a key is kept", "write the key itself: nothing here looks it up"),
    ),
    (_URL.match, KeyProblem("is a URL", "write the key; a server's URL is base_url")),
    (_HEADER.match, KeyProblem("begins as a header does", "write the key alone, without 'Bearer'")),
    (_ASSIGNMENT.match, KeyProblem("begins with the name of a variable", "write the key alone")),
    (lambda key: key[-1] in ",;", KeyProblem("ends with a comma or a semicolon", "remove it")),
    (
        _ESCAPED.search,
        KeyProblem("ends with a line end that is written out, '\\n'", "remove it"),
    ),
)
_CHARACTER_RULES: tuple[_Rule, ...] = (
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
    """Check whether a text may be a key.

    Args:
        key: The text, without spaces around it.
        variable: The variable that holds it.
        own_endpoint: Whether it is for a server of the user's own, which may accept any word.

    Returns:
        The first problem; `None` where the text may be a key.

    """
    problem = _first_problem(key, _WRAPPING_RULES)
    if problem is None and _is_placeholder(key, variable, own_endpoint=own_endpoint):
        problem = KeyProblem("is a placeholder", "write the key")
    return problem or _first_problem(key, _CHARACTER_RULES)


def _first_problem(key: str, rules: tuple[_Rule, ...]) -> KeyProblem | None:
    return next((problem for matches, problem in rules if matches(key)), None)


def _is_placeholder(key: str, variable: str, *, own_endpoint: bool) -> bool:
    is_filler = _BRACKETS.match(key) or _FILLER.search(key)
    if is_filler or _is_template(key):
        return True
    if own_endpoint:
        return False
    vocabulary = (
        _TEMPLATE_VOCABULARY | _GENERIC_VOCABULARY | _PREFIXES | set(_split_parts(variable))
    )
    return all(_is_meaningful(part, vocabulary) for part in _PART.findall(key.casefold()))


def _is_template(key: str) -> bool:
    """Say whether a key speaks like a template, more than chance does between its dashes."""
    parts = _split_parts(key)
    vocabulary = _TEMPLATE_VOCABULARY | _GENERIC_VOCABULARY
    if len(parts) == 1 and not _TEMPLATE_VOCABULARY.isdisjoint(_split_joined(parts[0], vocabulary)):
        return True
    if _TEMPLATE_VOCABULARY.isdisjoint(parts):
        return False
    if all(_PLAIN_WORD.fullmatch(part) for part in parts) and _has_one_case(key):
        return True
    # chance writes two letters often
    matches = [part for part in parts if len(part) > 2 and part in vocabulary]  # noqa: PLR2004
    return len(matches) > 1


def _has_one_case(key: str) -> bool:
    """Say whether no part of a key mixes small letters and capitals, as random keys do."""
    parts = re.split(r"[\W_]+", key)
    return all(part in (part.lower(), part.upper(), part.capitalize()) for part in parts)


def _is_meaningful(part: str, vocabulary: Collection[str]) -> bool:
    """Say whether a part is a sequence, a repetition, a short number, or made of the vocabulary."""
    if part.isdigit() and len(part) < 4:  # noqa: PLR2004 - as in key1
        return True
    # as in abc, 123
    if len(part) > 2 and any(part in sequence for sequence in _SEQUENCES):  # noqa: PLR2004
        return True
    is_repetition = len(set(part)) == 1 < len(part)
    return is_repetition or bool(_split_joined(part, vocabulary))


def _split_joined(text: str, vocabulary: Collection[str]) -> list[str]:
    """Split a text into items of a vocabulary, end to end; empty where that is impossible."""
    splits: list[list[str] | None] = [[]]  # by length: the items of the text's beginning
    for end in range(1, min(len(text), LONGEST_SPLIT) + 1):
        starts = (
            start
            for start in range(end)
            if splits[start] is not None and text[start:end] in vocabulary
        )
        start = next(starts, None)
        splits.append(None if start is None else [*(splits[start] or []), text[start:end]])
    return (splits[-1] or []) if len(splits) > len(text) else []


def _split_parts(text: str) -> list[str]:
    return [part for part in re.split(r"[\W_]+", text.casefold()) if part]
