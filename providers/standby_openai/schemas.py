"""What both of OpenAI's APIs are told of the schema that an answer is to fit. Pure; knows no SDK."""

import re
from collections.abc import Mapping
from typing import Any

from standby.plugin import AttemptFailed, Failure, Kind, Schema, list_in, object_in

_UNSUPPORTED = frozenset({"allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "patternProperties"})
"""Keywords with which strictness is not asked for: where OpenAI refuses one there, it answers 400."""


def described(schema: Schema) -> dict[str, Any]:
    """Name and describe a schema, strictly where it keeps OpenAI's rules for that, else as a wish that standby checks.

    Raises `AttemptFailed` (`unsupported`) for what is no object, or a choice, at its root: OpenAI takes neither there.
    """
    told = schema.json_schema
    if told.get("type") != "object" or "anyOf" in told:
        words = "not sent: OpenAI takes a schema whose root is an object; put the answer into a property of one"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
    name = re.sub(r"[^A-Za-z0-9_-]", "_", schema.name)[:64]
    return {"name": name, "schema": told, "strict": is_strict(told)}


def is_strict(schema: Any) -> bool:
    """Say whether every object of a schema is closed and requires all its properties, as OpenAI's strict mode demands."""
    if isinstance(schema, list):
        return all(is_strict(item) for item in list_in(schema))
    if not isinstance(schema, Mapping):
        return True
    told = object_in(schema)
    if told.get("type") == "object" or "properties" in told:
        named = object_in(told.get("properties"))
        if told.get("additionalProperties") is not False or set(named) != set(list_in(told.get("required"))):
            return False
    return not _UNSUPPORTED & told.keys() and all(is_strict(value) for value in told.values())
