"""Validation against a JSON Schema: jsonschema finds the errors, each becomes a clear problem."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker, exceptions

from standby.config.durations import SPAN, is_too_long
from standby.config.finding import (
    MOST_SUGGESTED,
    Finding,
    FormatValue,
    Location,
    format_path,
    format_plain_value,
    suggest,
)
from standby.config.suggestions import format_missing_key, suggest_level
from standby.config.violations import Violation, describe_violation
from standby.errors import Problem

_closest: Any = getattr(exceptions, "best_match")  # noqa: B009 - as an attribute it has no type

_ABOUT_THE_KEY = frozenset({"empty", "exclusive-keys"})
"""Codes that are about a mapping or a list as such: its key is quoted, not its first item."""


def validate(
    value: Any,
    schema: Mapping[str, Any],
    *,
    location: Location = (),
    owner: str = "",
    format_value: FormatValue = format_plain_value,
) -> list[Finding]:
    """Validate a value against a JSON Schema.

    Args:
        value: The value: a file's tree, or options.
        schema: The schema, of the 2020-12 dialect.
        location: Where the value is in the settings.
        owner: The plugin or provider whose options the value holds; "" for the file itself.
        format_value: Formats a value for a message.

    Returns:
        All errors, each once; of a choice that nothing fits, the alternative that comes closest.

    """
    validator: Any = Draft202012Validator(schema, format_checker=_make_format_checker())
    formatter = _ErrorFormatter(location, owner, format_value)
    findings = dict.fromkeys(
        finding
        for error in validator.iter_errors(value)
        for finding in formatter.format(_select_alternative(error))
    )
    misspelt = {
        (finding.location[:-1], finding.problem.hint)
        for finding in findings
        if finding.problem.code == "unknown-key"
    }
    return [finding for finding in findings if not _is_misspelt(finding, misspelt)]


def _make_format_checker() -> FormatChecker:
    """Return the checker of the dialect's own formats, and of durations that are too long."""
    checker = FormatChecker()
    checker.checkers = {
        **Draft202012Validator.FORMAT_CHECKER.checkers,
        SPAN: (lambda value: not (isinstance(value, str) and is_too_long(value)), ()),
    }
    return checker


def _is_misspelt(finding: Finding, misspelt: set[tuple[Location, str]]) -> bool:
    """Say whether a missing key is there, misspelt, and has been reported as unknown."""
    if finding.problem.code != "missing-key":
        return False
    return (finding.location[:-1], f"did you mean {finding.location[-1]!r}?") in misspelt


def _select_alternative(error: Any) -> Any:
    """Return the error of the closest alternative where a value fits none of a choice's."""
    if error.validator not in ("anyOf", "oneOf"):
        return error
    errors = [inner for inner in error.context if not _is_of_another_type(inner)]
    # in a fixed order, so that of equals every version of jsonschema selects the same one:
    errors.sort(key=lambda inner: [str(step) for step in inner.absolute_path], reverse=True)
    closest = _closest(errors)
    return error if closest is None else _select_alternative(closest)


def _is_of_another_type(error: Any) -> bool:
    if error.validator == "enum":
        return isinstance(error.instance, list | dict)
    return error.validator in ("type", "required")


class _ErrorFormatter:
    """Turns jsonschema's errors into findings; the arguments are those of `validate`."""

    def __init__(self, location: Location, owner: str, format_value: FormatValue) -> None:
        self._location = location
        self._owner = owner
        self._format_value = format_value

    def format(self, error: Any) -> Iterator[Finding]:
        location: Location = (*self._location, *error.absolute_path)
        if error.validator == "additionalProperties":
            yield from self._format_unknown_keys(error, location)
        elif error.validator == "required":
            yield from _format_missing_keys(error, location)
        else:
            yield self._format_violation(error, location)

    def _format_violation(self, error: Any, location: Location) -> Finding:
        violation = Violation(
            name=_name(location),
            shown_as=self._format_value(location, error.instance),
            value=error.instance,
            rule=str(error.validator),
            expected=_format_expected(error),
            schema=error.schema,
            only_value=self._format_only_value(location, error.instance),
        )
        code, message, hint = describe_violation(violation)
        problem = Problem(code=code, message=message, hint=hint)
        return Finding(location=location, problem=problem, at_key=code in _ABOUT_THE_KEY)

    def _format_only_value(self, location: Location, value: Any) -> str:
        """Format the text of a mapping with one key; "" for any other value."""
        items = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if len(items) != 1:
            return ""
        [(key, item)] = items.items()
        return self._format_value((*location, key), item) if isinstance(item, str) else ""

    def _format_unknown_keys(self, error: Any, location: Location) -> Iterator[Finding]:
        keys = list(error.schema.get("properties", {}))
        role = f"an option of {self._owner!r}" if self._owner else f"a key of {_name(location)}"
        for number, key in enumerate(error.instance):
            if key not in keys:
                hint = (
                    _suggest_retyping(key)
                    or (suggest(key, keys) if number < MOST_SUGGESTED else "")
                    or _suggest_chains(error.instance[key], location)
                    or suggest_level(key, location)
                    or f"{role} is one of {', '.join(keys) or 'none'}"
                )
                problem = Problem(code="unknown-key", message=f"unknown key {key!r}", hint=hint)
                yield Finding(location=(*location, key), problem=problem, at_key=True)


def _format_expected(error: Any) -> Any:
    """Return the rule's value; of a choice, the alternatives with their types looked up."""
    if error.validator not in ("anyOf", "oneOf"):
        return error.validator_value
    types = {
        inner.schema_path[0]: inner.validator_value
        for inner in error.context
        if inner.validator == "type"
    }
    return [
        {**alternative, "type": types[at]} if at in types else alternative
        for at, alternative in enumerate(error.validator_value)
    ]


def _suggest_retyping(key: str) -> str:
    """Name the first character of a key that cannot be seen or only looks like a space."""
    odd = next((letter for letter in key if letter != " " and not letter.isprintable()), "")
    return f"it has U+{ord(odd):04X} in it, which is not a plain space: retype it" if odd else ""


def _suggest_chains(value: Any, location: Location) -> str:
    """Say where a chain belongs that is at the top of the file."""
    items = cast("dict[str, Any]", value) if isinstance(value, dict) and not location else {}
    is_chain = isinstance(items.get("models"), list)
    return "a chain belongs below 'chains:', two spaces deeper" if is_chain else ""


def _format_missing_keys(error: Any, location: Location) -> Iterator[Finding]:
    for key in error.validator_value:
        if key not in error.instance:
            message = f"{_name(location)} has no {key!r}"
            hint = f"add {format_missing_key(key)!r}"
            problem = Problem(code="missing-key", message=message, hint=hint)
            yield Finding(location=(*location, key), problem=problem, at_key=True)


def _name(location: Location) -> str:
    return format_path(location) or "the file"
