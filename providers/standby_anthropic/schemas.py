"""A schema, as Anthropic takes it: every object closed, and constraints that it refuses told in words. Pure; knows no SDK.

What is sent may ask for less than what was given: standby holds the answer against the schema
itself. Source: anthropic 2.12, lib/_parse/_transform.py, which does the same to what its users
pass.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, cast

import msgspec

from standby.plugin import AttemptFailed, Failure, Kind, get_list, get_object

_KEPT = frozenset({"type", "title", "description", "enum", "const", "required", "$ref"})
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_CHOICES = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_MAPS = {"$defs": "$defs", "definitions": "definitions", "properties": "properties"}
_UNTOLD = frozenset(
    {"additionalProperties", "default", "$schema", "$id", "examples", "discriminator"}
)


def sendable(schema: Any) -> dict[str, Any]:
    """Return the schema as Anthropic takes it; raises `AttemptFailed` (`unsupported`) for what may have any shape."""
    if not isinstance(schema, Mapping) or not schema:
        _refuse("a schema that allows anything")
    given = dict(cast("Mapping[str, Any]", schema))
    kinds = get_list(given.get("type"))
    if kinds:  # the SDK knows one type only
        return {"anyOf": [sendable({**given, "type": kind}) for kind in kinds]}
    sent: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name, value in given.items():
        _place(name, value, sent, told)
    if given.get("type") == "object" or "properties" in given:
        _refuse_if_open(given)
        sent |= {"properties": sent.get("properties", {}), "additionalProperties": False}
    if told:
        words = msgspec.json.encode(told).decode()
        sent["description"] = (
            f"{sent['description']}\n\n{words}" if "description" in sent else words
        )
    return sent


def _place(name: str, value: Any, sent: dict[str, Any], told: dict[str, Any]) -> None:
    """Put a keyword where it belongs: into the schema, or into words."""
    if name in _MAPS:
        sent[name] = {one: sendable(schema) for one, schema in get_object(value).items()}
    elif name in _CHOICES:
        sent[_CHOICES[name]] = [sendable(schema) for schema in get_list(value)]
    elif name == "items":
        sent[name] = sendable(value)
    elif (
        name in _KEPT
        or (name == "format" and value in _FORMATS)
        or (name == "minItems" and value in (0, 1))
    ):
        sent[name] = value
    elif name not in _UNTOLD:
        told[name] = value


def _refuse_if_open(given: Mapping[str, Any]) -> None:
    """Refuse a mapping of any names: closed, it could only be empty, and would fit all the same."""
    if "properties" not in given or given.get("additionalProperties", False) is not False:
        _refuse("an object whose properties have no names")


def _refuse(what: str) -> NoReturn:
    words = f"not sent: Anthropic takes no {what.removeprefix('a ').removeprefix('an ')}; name what the answer may hold"
    raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
