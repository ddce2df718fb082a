"""What a value or a key that does not fit is likely meant to be, in the words of the file."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from standby.cards import LONGEST_SPAN
from standby.config.finding import Location
from standby.config.scalars import format_duration, parse_duration
from standby.settings import Chain, Hedge, Model, Provider, Retry, StreamRules, Trigger

_SPOKEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([a-z]*)\.?\s*", re.IGNORECASE)
_CLOCK = re.compile(r"([0-9]{1,3}):([0-9]{2})(?::([0-9]{2}))?")
_WHOLE = {
    "hedge": ("after", Hedge),
    "retry": ("attempts", Retry),
    "stream": ("release", StreamRules),
}
"""What a mapping's name alone is taken for: its first key."""

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


def suggest_duration(value: Any) -> str:
    """Return "write 3m" for "3 minutes", 180, "3m30s" or "1:30"; "" where that cannot be told."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value).strip()
    seconds = _seconds(text)
    meant = f"{text}s" if text.isdecimal() else format_duration(seconds)
    return f"write {meant}" if 0 < seconds <= LONGEST_SPAN else ""


def _seconds(text: str) -> float:
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, rest = (
            (clock[1], clock[2], clock[3]) if clock[3] else ("0", *clock.group(1, 2))
        )
        return int(hours) * 3600 + int(minutes) * 60 + int(rest)
    pieces = _SPOKEN.findall(text)
    if not pieces or _SPOKEN.sub("", text):
        return 0
    units = [_unit(unit) for _, unit in pieces]
    if len(units) > 1 and "" in units:
        return 0
    try:
        spans = (
            parse_duration(f"{number}{unit or 's'}")
            for (number, _), unit in zip(pieces, units, strict=True)
        )
        return round(sum(spans), 9)
    except ValueError:
        return 0


def _unit(word: str) -> str:
    """Return the unit that a word stands for, in several languages; the word where there is none."""
    folded = word.casefold()
    if folded.startswith(("ms", "milli")):
        return "ms"
    whole = re.fullmatch(r"(s|m|h)(ec|ek|eg|in|ou?r|r)?[a-z]*", folded)
    return whole[1] if whole and not folded.startswith(("mo", "se7")) else folded


def suggest_mapping(name: str, value: Any) -> str:
    """Return what is meant where a mapping of one key is written as its value; "" if it is none."""
    key, kind = _WHOLE.get(name.rpartition(".")[2], ("", None))
    if kind is None or not name.startswith("chains.") or isinstance(value, bool | dict | list):
        return ""
    meant = str(value) if re.fullmatch(r"[\w.]{1,20}", str(value or "")) else "…"
    if key == "after":
        meant = suggest_duration(value).removeprefix("write ") or "…"
    return f"write {name.rpartition('.')[2]}: {{{key}: {meant}}}"


def suggest_list(value: Any) -> str:
    """Return the list that a text of several words is meant to be; "" if it has one."""
    is_several = isinstance(value, str) and re.fullmatch(r"\w+(\s*[,;/ ]\s*\w+)+", value)
    return "write a list: [" + ", ".join(re.findall(r"\w+", value)) + "]" if is_several else ""


def suggest_level(key: str, at: Location) -> str:
    """Say where a key belongs that stands at the wrong level; "" where it is known nowhere."""
    here = at[0] if at else ""
    for section, kind in _SECTIONS.items():
        if key in kind.__struct_fields__ and (section != here or len(at) != 2):  # noqa: PLR2004 - a definition of that section
            return f"{key!r} is a key of {_OWNERS[section]}: write it there, below {section}:"
    for section, (_, kinds) in _WHOLE.items():
        if key in kinds.__struct_fields__:
            return f"{key!r} belongs into a chain: {section}: {{{key}: …}}"
    is_top = at and key in (*_SECTIONS, "version", "observers")
    return f"{key!r} belongs at the top of the file" if is_top else ""


def format_missing_key(key: str) -> str:
    """Return a key as it is to be added: with its value, where there is one alone."""
    return "version: 1" if key == "version" else f"{key}:"
