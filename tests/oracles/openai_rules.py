"""Rules that both of OpenAI's APIs share: tools, calls, ids and schemas."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.oracles.rules import broken, has_duplicates

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
SCHEMA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
TYPE_KEYWORDS = {"type", "$ref", "anyOf", "enum", "const"}
NOT_STRICT = {
    *("allOf", "oneOf", "not", "if", "then", "else"),
    *("dependentRequired", "dependentSchemas", "patternProperties"),
}
ROLES = ("system", "developer", "user", "assistant")

JSON = dict[str, Any]


def check_ids(ids: list[str], longest: int) -> Iterator[str]:
    """Check the ids of the calls of one turn."""
    return broken(
        (has_duplicates(ids), "two calls have one id"),
        (
            not all(0 < len(call_id) <= longest for call_id in ids),
            f"an id is empty or longer than {longest}",
        ),
    )


def check_function(function: JSON) -> Iterator[str]:
    """Check the name and the arguments of a call."""
    try:
        arguments = json.loads(function.get("arguments", ""))
    except (TypeError, ValueError):
        arguments = None
    is_valid = isinstance(arguments, dict) and NAME.fullmatch(function.get("name", ""))
    return broken((not is_valid, "a call has no valid name, or its arguments are no JSON object"))


def check_tools(body: JSON, functions: list[JSON], choice: Any) -> Iterator[str]:
    """Check the tools of a body, and their choice: a mode, or `{"name": …}`."""
    names = [function.get("name", "") for function in functions]
    is_empty = "tools" in body and not names
    has_stray_choice = not names and {"tool_choice", "parallel_tool_calls"} & set(body)
    is_allowed = choice["name"] in names if isinstance(choice, dict) else choice in MODES
    yield from broken(
        (is_empty or has_stray_choice, "a choice of tools, but there are no tools"),
        (choice is not None and not is_allowed, "the tool_choice is unknown"),
        (
            has_duplicates(names) or not all(map(NAME.fullmatch, names)),
            "a tool's name is taken, or does not match the pattern",
        ),
    )
    for function in functions:
        parameters = function.get("parameters", {})
        yield from broken(
            (parameters.get("type") != "object", "a tool's schema is not an object"),
            (
                function.get("strict") and not is_closed(parameters),
                "a tool is strict, and its schema is open",
            ),
        )


MODES = ("auto", "none", "required")


def check_format(kind: str | None, described: JSON) -> Iterator[str]:
    """Check the schema that an answer must fit."""
    name = described.get("name", "")
    if kind != "json_schema" or not SCHEMA_NAME.fullmatch(name):
        yield "the format is no json_schema with a name"
        return
    schema, strict = described.get("schema", {}), described.get("strict")
    yield from broken(
        (
            schema.get("type") != "object" or "anyOf" in schema,
            "the root of the schema is not an object",
        ),
        (not isinstance(strict, bool), "strict is missing beside the schema"),
        (strict and not is_closed(schema), "the schema is strict, and open"),
    )


def is_closed(schema: Any) -> bool:
    """Check a schema against the rules of strict mode.

    Every object is closed, all its properties are required, and each schema has a known type.
    """
    if not isinstance(schema, dict) or NOT_STRICT & schema.keys():
        return False
    if not TYPE_KEYWORDS & schema.keys():
        return False
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    is_object = "object" in types or "properties" in schema
    if is_object and not _is_closed_object(schema):
        return False
    if "array" in types and "items" not in schema:
        return False
    return all(map(is_closed, _subschemas(schema)))


def _is_closed_object(schema: JSON) -> bool:
    properties, required = sorted(schema.get("properties", {})), sorted(schema.get("required", []))
    return schema.get("additionalProperties") is False and properties == required


def _subschemas(schema: JSON) -> Iterator[Any]:
    yield from schema.get("properties", {}).values()
    yield from schema.get("$defs", {}).values()
    yield from schema.get("anyOf", [])
    if "items" in schema:
        yield schema["items"]
