"""Suggests what a value or a key that does not fit is likely meant to be, as the file writes it."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from standby.cards import LONGEST_SPAN
from standby.config.durations import format_duration, parse_duration
from standby.config.finding import Location
from standby.settings import (
    Chain,
    Hedge,
    Model,
    Provider,
    Retry,
    StreamRules,
    Trigger,
)

_AMOUNT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([a-z]*)\.?\s*", re.IGNORECASE)
_CLOCK = re.compile(r"([0-9]{1,3}):([0-9]{2})(?::([0-9]{2}))?")
_UNIT = re.compile(r"(s|m|h)(ec|ek|eg|in|ou?r|r)?[a-z]*")
_SEVERAL_ITEMS = re.compile(r"\w+(\s*[,;/ ]\s*\w+)+")

_MAIN_KEYS: Mapping[str, tuple[str, type[msgspec.Struct]]] = {
    "hedge": ("after", Hedge),
    "retry": ("attempts", Retry),
    "stream": ("release", StreamRules),
}
"""A chain's mappings, each with the key that a lone value is likely meant for, and its type."""

_SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    "chains": Chain,
    "models": Model,
    "providers": Provider,
    "triggers": Trigger,
}

_OWNERS = {
    "chains": "a chain",
    "models": "a model",
    "providers": "a provider",
    "triggers": "a trigger",
}

_DEFINITION_DEPTH = 2
"""Steps to a definition: its section and its name."""


def suggest_duration(value: Any) -> str:
    """Suggest a duration for one that is written in another way.

    Args:
        value: What the file says, like "3 minutes", 180, "3m30s" or "1:30".

    Returns:
        "write 3m"; "" where the meaning is unknown.

    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value).strip()
    seconds = _read_seconds(text)
    suggestion = f"{text}s" if text.isdecimal() else format_duration(seconds)
    return f"write {suggestion}" if 0 < seconds <= LONGEST_SPAN else ""


def suggest_mapping(name: str, value: Any) -> str:
    """Suggest a mapping where its main value stands alone, as in `hedge: 8s`.

    Args:
        name: The path to the value, like "chains.default.hedge".
        value: What the file says.

    Returns:
        "write hedge: {after: 8s}"; "" where no mapping is meant.

    """
    section = name.rpartition(".")[2]
    is_of_chain = section in _MAIN_KEYS and name.startswith("chains.")
    if not is_of_chain or isinstance(value, bool | dict | list):
        return ""
    key, _ = _MAIN_KEYS[section]
    suggestion = str(value) if re.fullmatch(r"[\w.]{1,20}", str(value or "")) else "…"
    if key == "after":
        suggestion = suggest_duration(value).removeprefix("write ") or "…"
    return f"write {section}: {{{key}: {suggestion}}}"


def suggest_list(value: Any) -> str:
    """Suggest a list for a text with several items.

    Args:
        value: What the file says, like "503, 502".

    Returns:
        "write a list: [503, 502]"; "" where no list is meant.

    """
    if not isinstance(value, str) or not _SEVERAL_ITEMS.fullmatch(value):
        return ""
    items = ", ".join(re.findall(r"\w+", value))
    return f"write a list: [{items}]"


def suggest_level(key: str, at: Location) -> str:
    """Suggest the level of the file at which an unknown key is known.

    Args:
        key: The key.
        at: The location of the mapping that has it.

    Returns:
        The sentence; "" where no level has such a key.

    """
    section_here = at[0] if len(at) == _DEFINITION_DEPTH else ""
    for section, kind in _SECTIONS.items():
        if key in kind.__struct_fields__ and section != section_here:
            return f"{key!r} is a key of {_OWNERS[section]}: write it there, below {section}:"
    for section, (_, kind) in _MAIN_KEYS.items():
        if key in kind.__struct_fields__:
            return f"{key!r} belongs in a chain: {section}: {{{key}: …}}"
    is_top_level = at and key in (*_SECTIONS, "version", "observers")
    return f"{key!r} belongs at the top of the file" if is_top_level else ""


def format_missing_key(key: str) -> str:
    """Format a missing key for the hint to add it.

    Args:
        key: The key.

    Returns:
        The key, with its value where only one is possible.

    """
    return "version: 1" if key == "version" else f"{key}:"


def _read_seconds(text: str) -> float:
    """Return the seconds that a text means, or 0."""
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        return _read_clock(clock)
    amounts = _AMOUNT.findall(text)
    if not amounts or _AMOUNT.sub("", text):
        return 0
    units = [_normalize_unit(unit) for _, unit in amounts]
    if len(units) > 1 and "" in units:
        return 0
    try:
        spans = [
            parse_duration(f"{number}{unit or 's'}")
            for (number, _), unit in zip(amounts, units, strict=True)
        ]
    except ValueError:
        return 0
    return round(sum(spans), 9)


def _read_clock(clock: re.Match[str]) -> float:
    """Return the seconds of "1:30" (minutes and seconds) or "1:00:00"."""
    first, second, third = clock.groups()
    hours, minutes, seconds = (first, second, third) if third else ("0", first, second)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def _normalize_unit(word: str) -> str:
    """Return the unit that a word means, in several languages; the word itself if unknown."""
    folded = word.casefold()
    if folded.startswith(("ms", "milli")):
        return "ms"
    match = _UNIT.fullmatch(folded)
    return match[1] if match and not folded.startswith(("mo", "se7")) else folded
