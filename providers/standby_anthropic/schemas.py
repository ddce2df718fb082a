"""A schema in the form that Anthropic takes.

Every object is closed, and constraints that Anthropic refuses move into the description. The schema
that is sent may so be weaker than the original: standby itself validates the answer against the
original. Source: anthropic 2.12, lib/_parse/_transform.py, which does the same to its users'
schemas. The functions are pure and import no SDK.
"""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from standby.plugin import AttemptFailed, Failure, Kind, get_list, get_object

_KEPT = frozenset({"type", "title", "description", "enum", "const", "required", "$ref"})
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_CHOICES = {"anyOf": "anyOf", "oneOf": "anyOf", "allOf": "allOf"}
_MAPS = {"$defs": "$defs", "definitions": "definitions", "properties": "properties"}
_DROPPED = frozenset(
    {"additionalProperties", "default", "$schema", "$id", "examples", "discriminator"}
)


def convert_schema(schema: Any) -> dict[str, Any]:
    """Convert a schema to the form that Anthropic takes.

    Args:
        schema: The JSON Schema.

    Returns:
        The converted schema.

    Raises:
        AttemptFailed: `unsupported`, for a schema that allows any shape.
    """
    if not isinstance(schema, Mapping) or not schema:
        raise _unsupported_failure("schema that allows anything")
    given = dict(cast("Mapping[str, Any]", schema))
    kinds = get_list(given.get("type"))
    if kinds:  # the SDK takes one type only
        return {"anyOf": [convert_schema({**given, "type": kind}) for kind in kinds]}
    converted: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for name, value in given.items():
        _convert_keyword(name, value, converted, refused)
    if given.get("type") == "object" or "properties" in given:
        _reject_if_open(given)
        converted |= {"properties": converted.get("properties", {}), "additionalProperties": False}
    if refused:
        constraints = msgspec.json.encode(refused).decode()
        if "description" in converted:
            constraints = f"{converted['description']}\n\n{constraints}"
        converted["description"] = constraints
    return converted


def _convert_keyword(
    name: str, value: Any, converted: dict[str, Any], refused: dict[str, Any]
) -> None:
    """Put a keyword into the converted schema, or among the refused ones."""
    if name in _MAPS:
        converted[name] = {key: convert_schema(each) for key, each in get_object(value).items()}
    elif name in _CHOICES:
        converted[_CHOICES[name]] = [convert_schema(each) for each in get_list(value)]
    elif name == "items":
        converted[name] = convert_schema(value)
    elif _is_accepted(name, value):
        converted[name] = value
    elif name not in _DROPPED:
        refused[name] = value


def _is_accepted(name: str, value: Any) -> bool:
    if name == "format":
        return value in _FORMATS
    return value in (0, 1) if name == "minItems" else name in _KEPT


def _reject_if_open(given: Mapping[str, Any]) -> None:
    """Reject a mapping of any names: once closed it would take no property at all."""
    if "properties" not in given or given.get("additionalProperties", False) is not False:
        raise _unsupported_failure("object whose properties have no names")


def _unsupported_failure(problem: str) -> AttemptFailed:
    message = f"not sent: Anthropic takes no {problem}; name what the answer may hold"
    return AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=message))
