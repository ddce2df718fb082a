"""A file has texts only: turned into the numbers, truth values and seconds that a schema wants, and back."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from standby.cards import LONGEST_SPAN
from standby.config.finding import Node

DURATION = r"^(?=.*[1-9])[0-9]{1,12}(\.[0-9]{1,6})?(ms|s|m|h)$"
"""More than nothing, and in figures that a float can hold."""

SPAN = "standby-duration"
"""The format that marks a span of time in the schemas."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_NUMBER = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?")

JsonSchema = Mapping[str, Any]


class Unquoted(str):
    """A text that stands in the file without quotes; it matters only where no schema says what it is to be."""

    __slots__ = ()


def parse_duration(text: str) -> float:
    """Return the seconds of "30s", "500ms", "3m", "1h"; raises `ValueError` for anything else."""
    found = re.fullmatch(r"(.*?)(ms|s|m|h)", text)
    if found is None or re.fullmatch(DURATION, text) is None:
        raise ValueError(
            f"{text!r} is not a duration; write a number above 0 and a unit, like 30s, 500ms, 3m"
        )
    return round(float(found[1]) * _SECONDS[found[2]], 9)


def format_duration(value: float) -> str:
    """Return seconds as the file writes them."""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if value >= size and value % size == 0:
            return f"{value / size:.0f}{unit}"
    return f"{value * 1000:.6f}".rstrip("0").rstrip(".") + "ms"


def convert_scalars(value: Node, wanted: JsonSchema, root: JsonSchema) -> Any:
    """Turn texts into numbers and truth values where the schema wants those, and the numbers of a dictionary into texts.

    What does not fit stays as it is.
    """
    if isinstance(value, dict):
        if any("x-typed-by" in way for way in _ways(wanted, root)):
            return value
        return {
            key: convert_scalars(item, _property(wanted, key, root), root)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [convert_scalars(item, _item(wanted, root), root) for item in value]
    if not isinstance(value, str):
        return _as_text(value, wanted, root)
    if _is_duration(wanted, root):
        return value.strip()
    types = _types(wanted, root)
    read = _as_yaml(value) if not types and isinstance(value, Unquoted) else _scalar(value, types)
    return str(read) if isinstance(read, Unquoted) else read


def parse_durations(value: Node, wanted: JsonSchema, root: JsonSchema) -> Any:
    """Turn the durations of a tree into seconds; what is none stays as it is."""
    if isinstance(value, dict):
        return {
            key: parse_durations(item, _property(wanted, key, root), root)
            for key, item in value.items()
        }
    if isinstance(value, str) and _is_duration(wanted, root) and is_duration(value):
        return parse_duration(value)
    return value


def is_duration(text: str) -> bool:
    """Say whether a text is a duration that may be set."""
    return re.fullmatch(DURATION, text) is not None and not is_too_long(text)


def is_too_long(text: str) -> bool:
    """Say whether a text is a duration beyond what may be set."""
    return re.fullmatch(DURATION, text) is not None and parse_duration(text) > LONGEST_SPAN


def format_durations(value: Node, wanted: JsonSchema, root: JsonSchema) -> Any:
    """Turn the seconds of a tree into durations as a file writes them."""
    if isinstance(value, dict):
        return {
            key: format_durations(item, _property(wanted, key, root), root)
            for key, item in value.items()
        }
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and _is_duration(wanted, root)
    ):
        return format_duration(value)
    return value


def _as_text(value: float | bool | None, wanted: JsonSchema, root: JsonSchema) -> Any:
    """Return a number as text where that alone is wanted: a file would say `model: 4` too, and `timeout: 4` lacks its unit."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    types = _types(wanted, root)
    return (
        str(value)
        if is_number and "string" in types and not types & {"integer", "number"}
        else value
    )


def _as_yaml(text: Unquoted) -> Any:
    """Read what no schema speaks of by YAML's own rules (YAML 1.2, core schema), as far as JSON has it."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return _scalar(text, {"integer", "number"})


def _scalar(text: str, types: set[str]) -> Any:
    plain = text.strip()
    if "boolean" in types and plain.lower() in _TRUE | _FALSE:
        return plain.lower() in _TRUE
    if "integer" in types and _INTEGER.fullmatch(plain):
        return int(plain)
    if "number" in types and _NUMBER.fullmatch(plain):
        return float(plain)
    return text


def _types(wanted: JsonSchema, root: JsonSchema) -> set[str]:
    """Return the types that a schema allows; none: it does not say."""
    kinds: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
    types: set[str] = set()
    for way in _ways(wanted, root):
        types |= stated_types(way)
        types |= {
            kinds[type(each)]
            for each in (*way.get("enum", ()), way.get("const"))
            if type(each) in kinds
        }
    return types


def stated_types(way: JsonSchema) -> set[str]:
    """Return the types that this one schema names."""
    stated: str | list[str] = way.get("type", [])
    return {stated} if isinstance(stated, str) else set(stated)


def _is_duration(wanted: JsonSchema, root: JsonSchema) -> bool:
    return any(way.get("pattern") == DURATION for way in _ways(wanted, root))


def _ways(wanted: JsonSchema, root: JsonSchema) -> Iterator[JsonSchema]:
    """Give each alternative of a schema, references followed."""
    if "$ref" in wanted:
        name = str(wanted["$ref"]).rpartition("/")[2]
        yield from _ways(root.get("$defs", {}).get(name, {}), root)
        return
    yield wanted
    for way in (*wanted.get("anyOf", ()), *wanted.get("oneOf", ()), *wanted.get("allOf", ())):
        yield from _ways(way, root)


def _item(wanted: JsonSchema, root: JsonSchema) -> JsonSchema:
    return _first(way.get("items") for way in _ways(wanted, root))


def _property(wanted: JsonSchema, key: str, root: JsonSchema) -> JsonSchema:
    return _first(
        way.get("properties", {}).get(key, way.get("additionalProperties"))
        for way in _ways(wanted, root)
    )


def _first(nodes: Iterable[Node]) -> JsonSchema:
    """Return the first of these that is a schema, or one that says nothing."""
    for node in nodes:
        if isinstance(node, dict):
            return node
    return {}
