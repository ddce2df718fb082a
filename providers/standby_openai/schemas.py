"""What both of OpenAI's APIs are told of the schema that an answer is to fit. Pure; knows no SDK."""

import re
from collections.abc import Mapping
from itertools import chain
from typing import Any

from standby.plugin import AttemptFailed, Failure, Kind, Schema, get_list, get_object

_UNSUPPORTED = frozenset(
    {
        "allOf",
        "oneOf",
        "not",
        "dependentRequired",
        "dependentSchemas",
        "if",
        "then",
        "else",
        "patternProperties",
    }
)
"""Keywords with which strictness is not asked for: where OpenAI refuses one there, it answers 400."""

_SAYS_WHAT = frozenset({"type", "$ref", "anyOf", "enum", "const"})
"""One of these a strict schema must have, everywhere ("schema must have a 'type' key")."""


def described(schema: Schema) -> dict[str, Any]:
    """Name and describe a schema, strictly where it keeps OpenAI's rules for that, else as a wish that standby checks.

    Raises `AttemptFailed` (`unsupported`) for what is no object, or a choice, at its root: OpenAI
    takes neither there.
    """
    told = schema.json_schema
    if told.get("type") != "object" or "anyOf" in told:
        words = "not sent: OpenAI takes a schema whose root is an object; put the answer into a property of one"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
    name = re.sub(r"[^A-Za-z0-9_-]", "_", schema.name)[:64]
    return {"name": name, "schema": told, "strict": is_strict(told)}


def is_strict(schema: Any) -> bool:
    """Say whether OpenAI's strict mode takes a schema: types said, every object closed and all its properties required."""
    told = get_object(schema)
    if not _SAYS_WHAT & told.keys() or _UNSUPPORTED & told.keys():
        return False
    types = get_list(told.get("type")) or [told.get("type")]
    if ("object" in types and not _is_closed(told)) or ("array" in types and "items" not in told):
        return False
    named = (get_object(told.get(key)).values() for key in ("properties", "$defs", "definitions"))
    within = [
        *chain.from_iterable(named),
        *get_list(told.get("anyOf")),
        *([told["items"]] if "items" in told else []),
    ]
    return all(map(is_strict, within))


def _is_closed(schema: Mapping[str, Any]) -> bool:
    required = set(get_list(schema.get("required")))
    return (
        schema.get("additionalProperties") is False
        and set(get_object(schema.get("properties"))) == required
    )
