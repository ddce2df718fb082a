"""Converts a file's texts to the numbers, booleans and seconds that a schema asks for, and back."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from standby.cards import LONGEST_SPAN
from standby.config.durations import DURATION, format_duration, is_duration, parse_duration
from standby.config.finding import Node

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_NUMBER = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?")

JsonSchema = Mapping[str, Any]
"""A JSON Schema, or a part of one."""


class Unquoted(str):
    """A text without quotes in the file; the difference matters only where no schema has a type."""

    __slots__ = ()


def convert_scalars(value: Node, schema: JsonSchema, root: JsonSchema) -> Any:
    """Convert a tree's scalars to the types of a schema.

    Texts become numbers and booleans. Numbers, which only a dictionary has, become texts. What does
    not fit the schema is left unchanged.

    Args:
        value: The tree.
        schema: The schema of the tree.
        root: The schema that has the definitions.

    Returns:
        A converted copy.

    """
    if isinstance(value, dict):
        if any("x-typed-by" in each for each in _alternatives(schema, root)):
            return value
        return {
            key: convert_scalars(item, _property(schema, key, root), root)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [convert_scalars(item, _item(schema, root), root) for item in value]
    if isinstance(value, str):
        return _convert_text(value, schema, root)
    return _number_to_text(value, schema, root)


def _convert_text(text: str, schema: JsonSchema, root: JsonSchema) -> Any:
    if _is_duration(schema, root):
        return text.strip()
    types = _allowed_types(schema, root)
    is_untyped = not types and isinstance(text, Unquoted)
    converted = _parse_untyped(text) if is_untyped else _parse_scalar(text, types)
    return str(converted) if isinstance(converted, Unquoted) else converted


def parse_durations(value: Node, schema: JsonSchema, root: JsonSchema) -> Any:
    """Convert a tree's durations to seconds; what is not a duration is left unchanged.

    Args:
        value: The tree.
        schema: The schema of the tree.
        root: The schema that has the definitions.

    Returns:
        A converted copy.

    """
    return _convert_durations(value, schema, root, _to_seconds)


def format_durations(value: Node, schema: JsonSchema, root: JsonSchema) -> Any:
    """Convert a tree's seconds to durations as a file writes them.

    Args:
        value: The tree.
        schema: The schema of the tree.
        root: The schema that has the definitions.

    Returns:
        A converted copy.

    """
    return _convert_durations(value, schema, root, _to_duration)


def stated_types(schema: JsonSchema) -> set[str]:
    """Return the types that a schema names itself.

    Args:
        schema: The schema; references and alternatives are not followed.

    Returns:
        The types' names.

    """
    stated: str | list[str] = schema.get("type", [])
    return {stated} if isinstance(stated, str) else set(stated)


def _convert_durations(
    value: Node, schema: JsonSchema, root: JsonSchema, convert: Callable[[Node], Any]
) -> Any:
    """Convert the scalars of mappings for which the schema wants a duration."""
    if isinstance(value, dict):
        return {
            key: _convert_durations(item, _property(schema, key, root), root, convert)
            for key, item in value.items()
        }
    return convert(value) if _is_duration(schema, root) else value


def _to_seconds(scalar: Node) -> Any:
    return parse_duration(scalar) if isinstance(scalar, str) and is_duration(scalar) else scalar


def _to_duration(scalar: Node) -> Any:
    if isinstance(scalar, bool) or not isinstance(scalar, int | float):
        return scalar
    return format_duration(min(scalar, 2 * LONGEST_SPAN))  # what is too long stays too long


def _number_to_text(value: float | bool | None, schema: JsonSchema, root: JsonSchema) -> Any:
    """Convert a number where the schema allows only a text, as in `model: 4`."""
    if isinstance(value, bool) or value is None:
        return value
    types = _allowed_types(schema, root)
    wants_text = "string" in types and not types & {"integer", "number"}
    return str(value) if wants_text else value


def _parse_untyped(text: str) -> Any:
    """Parse by YAML's own rules (YAML 1.2, core schema), as far as JSON has the types."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return _parse_scalar(text, {"integer", "number"})


def _parse_scalar(text: str, types: set[str]) -> Any:
    stripped = text.strip()
    if "boolean" in types and stripped.lower() in _TRUE | _FALSE:
        return stripped.lower() in _TRUE
    if "integer" in types and _INTEGER.fullmatch(stripped):
        return int(stripped)
    if "number" in types and _NUMBER.fullmatch(stripped):
        return float(stripped)
    return text


def _allowed_types(schema: JsonSchema, root: JsonSchema) -> set[str]:
    """Return the types that a schema allows; empty where it does not say."""
    types: set[str] = set()
    for each in _alternatives(schema, root):
        constants: list[object] = [*each.get("enum", ()), each.get("const")]
        types |= stated_types(each) | {_type_name(constant) for constant in constants} - {""}
    return types


def _type_name(constant: object) -> str:
    """Return the name of a constant's type; "" where it is not a scalar."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return next((name for kind, name in names.items() if type(constant) is kind), "")


def _is_duration(schema: JsonSchema, root: JsonSchema) -> bool:
    return any(each.get("pattern") == DURATION for each in _alternatives(schema, root))


def _alternatives(schema: JsonSchema, root: JsonSchema) -> Iterator[JsonSchema]:
    """Yield a schema and each of its alternatives, with references resolved."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        yield from _alternatives(root.get("$defs", {}).get(name, {}), root)
        return
    yield schema
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _alternatives(each, root)


def _item(schema: JsonSchema, root: JsonSchema) -> JsonSchema:
    return _first_schema(each.get("items") for each in _alternatives(schema, root))


def _property(schema: JsonSchema, key: str, root: JsonSchema) -> JsonSchema:
    return _first_schema(
        each.get("properties", {}).get(key, each.get("additionalProperties"))
        for each in _alternatives(schema, root)
    )


def _first_schema(nodes: Iterable[Node]) -> JsonSchema:
    """Return the first node that is a schema, or the empty schema."""
    for node in nodes:
        if isinstance(node, dict):
            return node
    return {}
