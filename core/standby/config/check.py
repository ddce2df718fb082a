"""A tree against a JSON Schema: jsonschema finds what is wrong, all of it; this says it in words that can be followed."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from standby.config.resolve import Finding, Place
from standby.config.schema import DURATION
from standby.errors import Problem

Shown = Callable[[Place, Any], str]
"""How a value may be shown: what the file says at that place, never what a variable put there."""


def findings_of(
    value: Any, schema: Mapping[str, Any], place: Place = (), owner: str = "", shown: Shown = lambda _, value: repr(value)
) -> list[Finding]:
    """Return every way in which `value`, found at `place`, does not fit; `owner` is whose options they are."""
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    meant = [_meant(error) for error in validator.iter_errors(value)]
    findings = [finding for error in meant for finding in _told(error, place, owner, shown)]
    misspelt = {(finding.place[:-1], finding.problem.hint) for finding in findings if finding.at_key}
    return [finding for finding in findings if not _is_that_key_missing(finding, misspelt)]


def _is_that_key_missing(finding: Finding, misspelt: set[tuple[Place, str]]) -> bool:
    """A key that is there, misspelt, is not told to be missing as well."""
    key = finding.problem.hint.removeprefix("add '").removesuffix(":'")
    return finding.problem.code == "missing-key" and (finding.place, f"did you mean {key!r}?") in misspelt


def _meant(error: ValidationError) -> ValidationError:
    """Of a choice that nothing fits, take the alternative that comes closest."""
    while error.validator in ("anyOf", "oneOf") and error.context:
        kinds = [inner for inner in error.context if inner.validator != "type"]
        closest = best_match(kinds or error.context)
        if closest is None or not kinds:
            return error
        error = closest
    return error


def _told(error: ValidationError, place: Place, owner: str, shown: Shown) -> Iterator[Finding]:
    at: Place = (*place, *error.absolute_path)
    if error.instance is None:
        return  # an item whose variable is not set, which has been told
    if error.validator == "additionalProperties":
        yield from _unknown_keys(error, at, owner)
        return
    code, message, hint = _words(error, at, shown)
    yield Finding(place=at, problem=Problem(code=code, message=message, hint=hint))


def _unknown_keys(error: ValidationError, at: Place, owner: str) -> Iterator[Finding]:
    known = list(error.schema.get("properties", {}))
    whose = f"an option of {owner!r}" if owner else f"a key of {_name(at)}"
    for key in error.instance:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            hint = f"did you mean {close[0]!r}?" if close else f"{whose} is one of {', '.join(known) or 'none'}"
            problem = Problem(code="unknown-key", message=f"unknown key {key!r}", hint=hint)
            yield Finding(place=(*at, key), problem=problem, at_key=True)


def _words(error: ValidationError, at: Place, shown: Shown) -> tuple[str, str, str]:
    """Return code, message and hint."""
    wanted = error.validator_value
    value = shown(at, error.instance)
    name = _name(at)
    match error.validator:
        case "required":
            missing = next(key for key in wanted if key not in error.instance)
            return "missing-key", f"{name} has no {missing!r}", f"add '{missing}:'"
        case "pattern" if wanted == DURATION:
            return "bad-duration", f"{name}: {value} is no duration", "write a number and a unit, like 30s, 500ms, 3m, 1h"
        case "enum":
            return "bad-value", f"{name}: {value} is not known", _choice(error.instance, wanted)
        case "type":
            return "bad-type", f"{name}: {value} is not {_kinds([wanted])}", _remedy(wanted)
        case "anyOf" | "oneOf":
            kinds = _kinds(way.get("type", "") for way in wanted)
            return "bad-type", f"{name}: {value} is not {kinds}", _remedy("")
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            limit = {
                "minimum": "at least",
                "maximum": "at most",
                "exclusiveMinimum": "more than",
                "exclusiveMaximum": "less than",
            }
            return "out-of-range", f"{name}: {value} is out of range", f"write {limit[error.validator]} {wanted}"
        case "minItems" | "minProperties":
            return "empty", f"{name} is empty", "write at least one"
        case "pattern":
            return "bad-value", f"{name}: {value} is not well formed", f"it must match {wanted}"
        case "format":
            return "bad-value", f"{name}: {value} is no {wanted}", "write it like 2026-12-01"
        case _:
            return "bad-value", f"{name}: {value} does not fit", f"the rule is {error.validator}: {wanted}"


def _kinds(types: Iterable[str]) -> str:
    names = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "a text"}
    names |= {"array": "a list", "object": "a mapping of keys", "": "one of the known words"}
    return " or ".join(dict.fromkeys(names.get(kind, kind) for kind in types))


def _remedy(wanted: str) -> str:
    remedies = {
        "array": "write one item a line, each behind '- '",
        "object": "write 'key: value' lines, indented below it",
        "boolean": "write true or false",
    }
    return remedies.get(wanted, "see 'standby schema'")


def _choice(value: Any, wanted: list[Any]) -> str:
    words = [str(word) for word in wanted]
    if len(words) == 1:
        return f"write {words[0]}"
    close = difflib.get_close_matches(str(value), words, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"one of {', '.join(words)}"


def _name(at: Place) -> str:
    """Return how a person calls a place: "chains.default.models[0]"."""
    if not at:
        return "the file"
    return re.sub(r"\.\[", "[", ".".join(f"[{step}]" if isinstance(step, int) else step for step in at))
