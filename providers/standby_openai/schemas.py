"""The schema of an answer, in the form that both of OpenAI's APIs take.

The functions are pure and import no SDK.
"""

import re
from collections.abc import Iterator, Mapping
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
"""Keywords that OpenAI's strict mode refuses with a 400."""

_TYPE_KEYWORDS = frozenset({"type", "$ref", "anyOf", "enum", "const"})
"""A strict schema must have one of these at every level ("schema must have a 'type' key")."""


def describe_schema(schema: Schema) -> dict[str, Any]:
    """Name a schema, and mark whether OpenAI enforces it.

    A schema that breaks the rules of OpenAI's strict mode is sent as a hint, and standby itself
    validates the answer.

    Args:
        schema: The schema of the answer.

    Returns:
        The `json_schema` object of the request's body.

    Raises:
        AttemptFailed: `unsupported`, for a root that is not an object or is a choice: OpenAI takes
            neither there.
    """
    content = schema.json_schema
    if content.get("type") != "object" or "anyOf" in content:
        message = (
            "not sent: OpenAI takes a schema whose root is an object; "
            "put the answer into a property of one"
        )
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=message))
    name = re.sub(r"[^A-Za-z0-9_-]", "_", schema.name)[:64]
    return {"name": name, "schema": content, "strict": is_strict(content)}


def is_strict(schema: Any) -> bool:
    """Check whether OpenAI's strict mode takes a schema.

    Args:
        schema: The JSON Schema.

    Returns:
        True where types are stated, every object is closed, and all properties are required.
    """
    content = get_object(schema)
    if not _TYPE_KEYWORDS & content.keys() or _UNSUPPORTED & content.keys():
        return False
    types = get_list(content.get("type")) or [content.get("type")]
    if "object" in types and not _is_closed(content):
        return False
    if "array" in types and "items" not in content:
        return False
    return all(map(is_strict, _subschemas(content)))


def _is_closed(schema: Mapping[str, Any]) -> bool:
    required = set(get_list(schema.get("required")))
    properties = set(get_object(schema.get("properties")))
    return schema.get("additionalProperties") is False and properties == required


def _subschemas(schema: Mapping[str, Any]) -> Iterator[Any]:
    maps = (get_object(schema.get(key)).values() for key in ("properties", "$defs", "definitions"))
    yield from chain.from_iterable(maps)
    yield from get_list(schema.get("anyOf"))
    if "items" in schema:
        yield schema["items"]
