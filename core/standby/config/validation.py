"""A tree against a JSON Schema: jsonschema finds what is wrong, all of it; this says it in words that can be followed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from jsonschema import Draft202012Validator, FormatChecker, exceptions

from standby.cards import LONGEST_SPAN
from standby.config.finding import (
    MOST_SUGGESTED,
    Finding,
    FormatValue,
    Location,
    Node,
    format_path,
    format_plain_value,
    suggest,
)
from standby.config.scalars import DURATION, SPAN, format_duration, is_too_long
from standby.config.suggestions import (
    format_missing_key,
    suggest_duration,
    suggest_level,
    suggest_list,
    suggest_mapping,
)
from standby.errors import Problem

# its result has no type:
_closest: Any = exceptions.best_match  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def findings_of(
    value: Any,
    schema: Mapping[str, Any],
    *,
    location: Location = (),
    owner: str = "",
    format_value: FormatValue = format_plain_value,
) -> list[Finding]:
    """Return every way in which `value`, found at `location`, does not fit; `owner` is whose options they are."""
    validator: Any = Draft202012Validator(schema, format_checker=_formats())
    told = _Told(location, owner, format_value)
    findings = dict.fromkeys(
        finding for error in validator.iter_errors(value) for finding in told.of(_meant(error))
    )
    misspelt = {
        (finding.location[:-1], finding.problem.hint)
        for finding in findings
        if finding.problem.code == "unknown-key"
    }
    return [finding for finding in findings if not _is_that_key_missing(finding, misspelt)]


def _formats() -> FormatChecker:
    """Return the checker of formats: the dialect's own, and spans of time that are too long."""
    checker = FormatChecker()
    checker.checkers = {
        **Draft202012Validator.FORMAT_CHECKER.checkers,
        SPAN: (lambda value: not (isinstance(value, str) and is_too_long(value)), ()),
    }
    return checker


def _is_that_key_missing(finding: Finding, misspelt: set[tuple[Location, str]]) -> bool:
    """Say whether a missing key is there, misspelt, which has been told."""
    is_missing = finding.problem.code == "missing-key"
    return (
        is_missing
        and (finding.location[:-1], f"did you mean {finding.location[-1]!r}?") in misspelt
    )


def _meant(error: Any) -> Any:
    """Of a choice that nothing fits, take the alternative that comes closest."""
    if error.validator not in ("anyOf", "oneOf"):
        return error
    inner = [inner for inner in error.context if not _is_of_another_kind(inner)]
    ordered = sorted(
        inner, key=lambda each: [str(step) for step in each.absolute_path], reverse=True
    )
    closest = _closest(ordered)  # of equals the first one: whatever order jsonschema found them in
    return error if closest is None else _meant(closest)


def _is_of_another_kind(error: Any) -> bool:
    return error.validator in ("type", "required") or (
        error.validator == "enum" and isinstance(error.instance, list | dict)
    )


class _Told:
    """jsonschema's errors in words; `location`, `owner` and `format_value` as `findings_of` is given them."""

    def __init__(self, location: Location, owner: str, format_value: FormatValue) -> None:
        self._location = location
        self._owner = owner
        self._format_value = format_value

    def of(self, error: Any) -> Iterator[Finding]:
        at: Location = (*self._location, *error.absolute_path)
        if error.validator == "additionalProperties":
            yield from self._unknown_keys(error, at)
        elif error.validator == "required":
            yield from _missing_keys(error, at)
        else:
            yield self._misfit(error, at)

    def _misfit(self, error: Any, at: Location) -> Finding:
        shown = self._format_value(at, error.instance)
        rule, inside = str(error.validator), self._inside(at, error.instance)
        misfit = _Misfit(
            _name(at), shown, error.instance, rule, _wanted(error), error.schema, inside
        )
        code, message, hint = _WORDS.get(misfit.rule, _unfitting)(misfit)
        return Finding(
            location=at,
            problem=Problem(code=code, message=message, hint=hint),
            at_key=code in _ABOUT_THE_WHOLE,
        )

    def _inside(self, at: Location, value: Any) -> str:
        inside = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        names = [key for key, name in inside.items() if isinstance(name, str)]
        is_alone = len(names) == len(inside) == 1
        return self._format_value((*at, names[0]), inside[names[0]]) if is_alone else ""

    def _unknown_keys(self, error: Any, at: Location) -> Iterator[Finding]:
        known = list(error.schema.get("properties", {}))
        whose = f"an option of {self._owner!r}" if self._owner else f"a key of {_name(at)}"
        for number, key in enumerate(error.instance):
            if key not in known:
                hint = (
                    _is_odd(key)
                    or (suggest(key, known) if number < MOST_SUGGESTED else "")
                    or _is_a_chain(error.instance[key], at)
                    or suggest_level(key, at)
                    or f"{whose} is one of {', '.join(known) or 'none'}"
                )
                problem = Problem(code="unknown-key", message=f"unknown key {key!r}", hint=hint)
                yield Finding(location=(*at, key), problem=problem, at_key=True)


def _wanted(error: Any) -> Any:
    """Return the rule's value; of a choice, the alternatives with the types that those which only refer to one stand for."""
    if error.validator not in ("anyOf", "oneOf"):
        return error.validator_value
    types = {
        inner.schema_path[0]: inner.validator_value
        for inner in error.context
        if inner.validator == "type"
    }
    return [
        {**way, "type": types[at]} if at in types else way
        for at, way in enumerate(error.validator_value)
    ]


def _is_odd(key: str) -> str:
    """Say that a key holds what only looks like a blank, or cannot be seen at all; "" if it does not."""
    odd = next((letter for letter in key if letter != " " and not letter.isprintable()), "")
    return f"it has U+{ord(odd):04X} in it, which is not a plain space: retype it" if odd else ""


def _is_a_chain(value: Any, at: Location) -> str:
    """Say where a chain belongs that stands at the top of the file."""
    inside = cast("dict[str, Any]", value) if isinstance(value, dict) and not at else {}
    is_one = isinstance(inside.get("models"), list)
    return "a chain stands below 'chains:', two spaces deeper" if is_one else ""


def _missing_keys(error: Any, at: Location) -> Iterator[Finding]:
    for key in error.validator_value:
        if key not in error.instance:
            problem = Problem(
                code="missing-key",
                message=f"{_name(at)} has no {key!r}",
                hint=f"add {format_missing_key(key)!r}",
            )
            yield Finding(location=(*at, key), problem=problem, at_key=True)


class _Misfit(NamedTuple):
    """What does not fit: where, as it may be shown and as it is; the rule with its value, and the schema around it."""

    name: str
    shown: str
    value: Any
    rule: str
    wanted: Any
    schema: Any
    inside: str = ""
    """Of a mapping with one value, that value as it may be shown."""

    @property
    def said(self) -> Any:
        """Return the value where it may be shown; `None` where a variable put it there."""
        return self.value if self.shown in (repr(self.value), str(self.value)) else None


Words = tuple[str, str, str]
"""A problem's code, message and hint."""

_ABOUT_THE_WHOLE = frozenset({"empty", "exclusive-keys"})
"""Codes of what is wrong with a mapping or a list as such: its key is shown, not what happens to stand first in it."""


def _too_short(misfit: _Misfit) -> Words:
    if misfit.value:
        return "out-of-range", f"{misfit.name} is too short", f"write at least {misfit.wanted}"
    hint = "write it, or remove it" if misfit.rule == "minLength" else "write at least one"
    return "empty", f"{misfit.name} is empty", hint


def _pattern(misfit: _Misfit) -> Words:
    if misfit.schema.get("pattern") == DURATION:
        meant = suggest_duration(misfit.said)
        hint = meant or "write a number above 0 and a unit: 500ms, 30s, 3m, 1h"
        return "bad-duration", f"{misfit.name}: {misfit.shown} is not a duration", hint
    examples = " or ".join(map(str, misfit.schema.get("examples", ())))
    hint = (
        suggest_list(misfit.said) or f"write it like {examples}"
        if examples
        else f"it must match {misfit.wanted}"
    )
    return "bad-value", f"{misfit.name}: {misfit.shown} is not well formed", hint


def _format(misfit: _Misfit) -> Words:
    if misfit.wanted == SPAN:
        hint = f"write {format_duration(LONGEST_SPAN)} or less: nothing waits longer, and clocks overflow"
        return "out-of-range", f"{misfit.name}: {misfit.shown} is longer than a day", hint
    if misfit.wanted != "date":
        return _unfitting(misfit)
    return "bad-value", f"{misfit.name}: {misfit.shown} is not a date", "write it like 2026-12-01"


def _choice(misfit: _Misfit) -> Words:
    words = [str(word) for word in (misfit.wanted if misfit.rule == "enum" else [misfit.wanted])]
    hint = suggest(str(misfit.value), words) if len(words) > 1 else f"write {words[0]}"
    return (
        "bad-value",
        f"{misfit.name}: {misfit.shown} is not known",
        hint or f"one of {', '.join(words)}",
    )


def _type(misfit: _Misfit) -> Words:
    if "pattern" in misfit.schema:
        return _pattern(misfit)
    return _not_a(misfit, [misfit.wanted] if isinstance(misfit.wanted, str) else misfit.wanted)


def _alternatives(misfit: _Misfit) -> Words:
    value: Node = misfit.value
    keys = [str(key) for way in misfit.wanted for key in way.get("required", ())]
    if not keys or not isinstance(value, dict):
        return _not_a(misfit, [way.get("type", "") for way in misfit.wanted])
    if any(key in value for key in keys):
        return _exclusive(misfit.name, keys)
    return (
        "exclusive-keys",
        f"{misfit.name} has neither {' nor '.join(map(repr, keys))}",
        "add one of them",
    )


def _not(misfit: _Misfit) -> Words:
    keys = misfit.wanted.get("required", [])
    return _exclusive(misfit.name, keys) if keys else _unfitting(misfit)


def _exclusive(name: str, keys: list[str]) -> Words:
    return (
        "exclusive-keys",
        f"{name}: {' and '.join(map(repr, keys))} do not go together",
        "keep one of them",
    )


def _limit(misfit: _Misfit) -> Words:
    hint = f"write {_LIMITS[misfit.rule]} {misfit.wanted}"
    return "out-of-range", f"{misfit.name}: {misfit.shown} is out of range", hint


def _unfitting(misfit: _Misfit) -> Words:
    return (
        "bad-value",
        f"{misfit.name}: {misfit.shown} does not fit",
        f"the rule is {misfit.rule}: {misfit.wanted}",
    )


def _not_a(misfit: _Misfit, kinds: list[str]) -> Words:
    names = " or ".join(dict.fromkeys(_KINDS.get(kind, "one of the known words") for kind in kinds))
    meant = suggest_mapping(misfit.name, misfit.said)
    remedy = meant or _nesting(misfit) or _REMEDIES.get(kinds[0], "see 'standby schema'")
    return "bad-type", f"{misfit.name}: {misfit.shown} is not {names}", remedy


def _nesting(misfit: _Misfit) -> str:
    """Say what is meant where a list of models stands at the wrong depth, or is none; "" if neither."""
    section, *below = misfit.name.split(".")
    if isinstance(misfit.value, str):
        dashed = misfit.value.startswith("-")
        listed = below[-1:] == ["models"] and "," in misfit.value
        return (
            "write a space after each '-'"
            if dashed
            else "write it in brackets: models: [a, b]"
            if listed
            else ""
        )
    if misfit.inside and below[-1:] and below[-1].startswith("models["):
        return f"write the name alone: - {misfit.inside.strip(_QUOTES)}"
    if not isinstance(misfit.value, list):
        return ""
    if section == "chains" and below in ([], ["models"]):
        return "give the chain a name: 'default:' below 'chains:', 'models:' below that, and then the list"
    if section == "chains" and len(below) == 1:
        return f"write 'models:' below {below[0]!r}, and the list below that"
    is_top = section == "models" and not below
    return (
        "put the list below chains: default: models:; here each model has settings, by its name"
        if is_top
        else ""
    )


_QUOTES = "'\""
_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "a list",
    "object": "a mapping of keys",
    "null": "nothing",
}

_REMEDIES = {
    "integer": "write a number, like 3",
    "number": "write a number, like 0.5",
    "boolean": "write true or false",
    "string": "write one text after the ':'",
    "array": "write one item per line, each after '- '",
    "object": "write 'key: value' lines, indented below it",
}

_WORDS: dict[str, Callable[[_Misfit], Words]] = {
    "minItems": _too_short,
    "minProperties": _too_short,
    "minLength": _too_short,
    "pattern": _pattern,
    "format": _format,
    "enum": _choice,
    "const": _choice,
    "type": _type,
    "anyOf": _alternatives,
    "oneOf": _alternatives,
    "not": _not,
    **dict.fromkeys(_LIMITS, _limit),
}
"""How each rule of a schema is told when it is broken."""


def _name(at: Location) -> str:
    return format_path(at) or "the file"
