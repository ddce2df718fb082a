"""The message and the hint for each rule of a JSON Schema that a value violates."""

from collections.abc import Callable
from typing import Any, NamedTuple

from standby.cards import LONGEST_SPAN
from standby.config.durations import DURATION, SPAN, format_duration
from standby.config.finding import Node, suggest
from standby.config.suggestions import suggest_duration, suggest_list, suggest_mapping

ProblemText = tuple[str, str, str]
"""A problem's code, message and hint."""


class Violation(NamedTuple):
    """A value that violates a rule of a schema."""

    name: str
    """The value's path, or "the file"."""
    shown_as: str
    """The value as a message may show it."""
    value: Any
    rule: str
    """The rule's keyword, like "pattern"."""
    expected: Any
    """The rule's own value, like the pattern."""
    schema: Any
    """The schema that the rule is part of."""
    only_value: str = ""
    """Of a mapping with one text, that text as a message may show it."""

    @property
    def visible_value(self) -> Any:
        """The value where a message may show it; `None` where a variable put it there."""
        is_visible = self.shown_as in (repr(self.value), str(self.value))
        return self.value if is_visible else None


def describe_violation(violation: Violation) -> ProblemText:
    """Describe a violation and its remedy.

    Args:
        violation: The value and the rule.

    Returns:
        The problem's code, message and hint.

    """
    return _DESCRIPTIONS.get(violation.rule, _describe_other)(violation)


def _describe_too_short(violation: Violation) -> ProblemText:
    name = violation.name
    if violation.value:
        return "out-of-range", f"{name} is too short", f"write at least {violation.expected}"
    is_text = violation.rule == "minLength"
    hint = "write it, or remove it" if is_text else "write at least one"
    return "empty", f"{name} is empty", hint


def _describe_pattern(violation: Violation) -> ProblemText:
    subject = f"{violation.name}: {violation.shown_as}"
    if violation.schema.get("pattern") == DURATION:
        hint = (
            suggest_duration(violation.visible_value)
            or "write a number above 0 and a unit: 500ms, 30s, 3m, 1h"
        )
        return "bad-duration", f"{subject} is not a duration", hint
    examples = " or ".join(map(str, violation.schema.get("examples", ())))
    if examples:
        hint = suggest_list(violation.visible_value) or f"write it like {examples}"
    else:
        hint = f"it must match {violation.expected}"
    return "bad-value", f"{subject} is not well formed", hint


def _describe_format(violation: Violation) -> ProblemText:
    subject = f"{violation.name}: {violation.shown_as}"
    if violation.expected == SPAN:
        longest = format_duration(LONGEST_SPAN)
        hint = f"write {longest} or less: nothing waits longer, and clocks overflow"
        return "out-of-range", f"{subject} is longer than a day", hint
    if violation.expected != "date":
        return _describe_other(violation)
    return "bad-value", f"{subject} is not a date", "write it like 2026-12-01"


def _describe_choice(violation: Violation) -> ProblemText:
    is_enum = violation.rule == "enum"
    choices = [str(choice) for choice in (violation.expected if is_enum else [violation.expected])]
    if len(choices) == 1:
        hint = f"write {choices[0]}"
    else:
        hint = suggest(str(violation.value), choices) or f"one of {', '.join(choices)}"
    return "bad-value", f"{violation.name}: {violation.shown_as} is not known", hint


def _describe_type(violation: Violation) -> ProblemText:
    if "pattern" in violation.schema:
        return _describe_pattern(violation)
    expected = violation.expected
    return _describe_wrong_type(violation, [expected] if isinstance(expected, str) else expected)


def _describe_alternatives(violation: Violation) -> ProblemText:
    value: Node = violation.value
    keys = [str(key) for way in violation.expected for key in way.get("required", ())]
    if not keys or not isinstance(value, dict):
        return _describe_wrong_type(violation, [way.get("type", "") for way in violation.expected])
    if any(key in value for key in keys):
        return _describe_exclusive(violation.name, keys)
    message = f"{violation.name} has neither {' nor '.join(map(repr, keys))}"
    return "exclusive-keys", message, "add one of them"


def _describe_not(violation: Violation) -> ProblemText:
    keys = violation.expected.get("required", [])
    return _describe_exclusive(violation.name, keys) if keys else _describe_other(violation)


def _describe_exclusive(name: str, keys: list[str]) -> ProblemText:
    message = f"{name}: {' and '.join(map(repr, keys))} do not go together"
    return "exclusive-keys", message, "keep one of them"


def _describe_limit(violation: Violation) -> ProblemText:
    message = f"{violation.name}: {violation.shown_as} is out of range"
    return "out-of-range", message, f"write {_LIMITS[violation.rule]} {violation.expected}"


def _describe_other(violation: Violation) -> ProblemText:
    message = f"{violation.name}: {violation.shown_as} does not fit"
    return "bad-value", message, f"the rule is {violation.rule}: {violation.expected}"


def _describe_wrong_type(violation: Violation, types: list[str]) -> ProblemText:
    names = " or ".join(
        dict.fromkeys(_TYPE_NAMES.get(each, "one of the known values") for each in types)
    )
    hint = (
        suggest_mapping(violation.name, violation.visible_value)
        or _suggest_nesting(violation)
        or _TYPE_HINTS.get(types[0], "see 'standby schema'")
    )
    return "bad-type", f"{violation.name}: {violation.shown_as} is not {names}", hint


def _suggest_nesting(violation: Violation) -> str:
    """Say how a list of models is written where it is not one, or is at the wrong depth."""
    section, *path = violation.name.split(".")
    if isinstance(violation.value, str):
        return _suggest_list_syntax(violation.value, is_models=path[-1:] == ["models"])
    if isinstance(violation.value, list):
        return _suggest_list_location(section, path)
    is_item = bool(path) and path[-1].startswith("models[")
    if is_item and violation.only_value:
        return f"write the name alone: - {violation.only_value.strip(_QUOTES)}"
    return ""


def _suggest_list_syntax(text: str, *, is_models: bool) -> str:
    if text.startswith("-"):
        return "write a space after each '-'"
    return "write it in brackets: models: [a, b]" if is_models and "," in text else ""


def _suggest_list_location(section: str, path: list[str]) -> str:
    """Say where a list of models belongs that stands for a section, a chain, or a model."""
    if section == "chains" and path in ([], ["models"]):
        return (
            "give the chain a name: "
            "'default:' below 'chains:', 'models:' below that, and then the list"
        )
    if section == "chains" and len(path) == 1:
        return f"write 'models:' below {path[0]!r}, and the list below that"
    if section == "models" and not path:
        return (
            "put the list below chains: default: models:; here each model has settings, by its name"
        )
    return ""


_QUOTES = "'\""

_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}

_TYPE_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "a list",
    "object": "a mapping of keys",
    "null": "nothing",
}

_TYPE_HINTS = {
    "integer": "write a number, like 3",
    "number": "write a number, like 0.5",
    "boolean": "write true or false",
    "string": "write one text after the ':'",
    "array": "write one item per line, each after '- '",
    "object": "write 'key: value' lines, indented below it",
}

_DESCRIPTIONS: dict[str, Callable[[Violation], ProblemText]] = {
    "minItems": _describe_too_short,
    "minProperties": _describe_too_short,
    "minLength": _describe_too_short,
    "pattern": _describe_pattern,
    "format": _describe_format,
    "enum": _describe_choice,
    "const": _describe_choice,
    "type": _describe_type,
    "anyOf": _describe_alternatives,
    "oneOf": _describe_alternatives,
    "not": _describe_not,
    **dict.fromkeys(_LIMITS, _describe_limit),
}
"""The function that describes a violation of each keyword."""
