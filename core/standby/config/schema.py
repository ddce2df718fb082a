"""The JSON Schema of models.yaml, generated from the settings' types; and texts turned into what the schema wants."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from standby.policy import Secret, Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DURATION = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_NUMBER = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?")

_VARIABLE = {"type": "string", "pattern": r"\$\{", "description": "A variable, filled in when the file is read."}

Schema = Mapping[str, Any]


@cache
def schema() -> dict[str, Any]:
    """Return the schema that a file's tree must fit, once its variables are filled in."""
    [root], named = msgspec.json.schema_components([Settings], schema_hook=_hook, ref_template="#/$defs/{name}")
    made = _rewritten(named, None)
    settings = made.pop("Settings")
    del root
    settings["required"] = sorted({*settings.get("required", ()), "version"})
    return {"$schema": DIALECT, "title": "models.yaml of standby", **settings, "$defs": made}


def published(plugins: Mapping[str, Schema]) -> dict[str, Any]:
    """Return the schema for an editor: variables may stand in place of any scalar, and each plugin's options are known."""
    whole = _with_variables(schema())
    model = whole["$defs"]["Model"]
    model["allOf"] = [
        {
            "if": {"properties": {"provider": {"const": name}}, "required": ["provider"]},
            "then": {"properties": {"options": _with_variables(options)}},
        }
        for name, options in sorted(plugins.items())
    ]
    return whole


def typed(value: Any, wanted: Schema, root: Schema) -> Any:
    """Turn texts into numbers and truth values where the schema wants those; what does not fit stays as it is."""
    if isinstance(value, dict):
        return {key: typed(item, _property(wanted, key, root), root) for key, item in value.items()}
    if isinstance(value, list):
        item_schema = next((way["items"] for way in _ways(wanted, root) if isinstance(way.get("items"), Mapping)), {})
        return [typed(item, item_schema, root) for item in value]
    if not isinstance(value, str):
        return value
    return _scalar(value, {str(way.get("type", "")) for way in _ways(wanted, root)} | _constants(wanted, root))


def seconds(value: Any, wanted: Schema, root: Schema) -> Any:
    """Turn the durations of a tree that fits the schema into seconds."""
    if isinstance(value, dict):
        return {key: seconds(item, _property(wanted, key, root), root) for key, item in value.items()}
    if isinstance(value, str) and any(way.get("pattern") == DURATION for way in _ways(wanted, root)):
        return duration(value)
    return value


def duration(text: str) -> float:
    """Return the seconds of "30s", "500ms", "3m", "1h"; raises `ValueError` for anything else."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text, re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is no duration; write a number and a unit, like 30s, 500ms, 3m")
    return round(float(found[1]) * _SECONDS[found[2]], 9)


def written(value: float) -> str:
    """Return seconds as the file writes them."""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if value >= size and value % size == 0:
            return f"{value / size:g}{unit}"
    return f"{value * 1000:g}ms"


def _scalar(text: str, types: set[str]) -> Any:
    if "boolean" in types and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    if "integer" in types and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in types and _NUMBER.fullmatch(text):
        return float(text)
    return text


def _constants(wanted: Schema, root: Schema) -> set[str]:
    kinds = {bool: "boolean", int: "integer", float: "number"}
    values = (value for way in _ways(wanted, root) for value in way.get("enum", ()))
    return {kinds[type(value)] for value in values if type(value) in kinds}


def _ways(wanted: Schema, root: Schema) -> Iterator[Schema]:
    """Give each alternative of a schema, references followed."""
    if "$ref" in wanted:
        name = str(wanted["$ref"]).rpartition("/")[2]
        yield from _ways(root.get("$defs", {}).get(name, {}), root)
        return
    yield wanted
    for way in (*wanted.get("anyOf", ()), *wanted.get("oneOf", ())):
        yield from _ways(way, root)


def _property(wanted: Schema, key: str, root: Schema) -> Schema:
    for way in _ways(wanted, root):
        if key in way.get("properties", {}):
            found: Schema = way["properties"][key]
            return found
        if isinstance(way.get("additionalProperties"), Mapping):
            other: Schema = way["additionalProperties"]
            return other
    return {}


def _hook(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string"}
    raise NotImplementedError(f"no schema for {kind}")


def _rewritten(node: Any, default: Any) -> Any:
    """Write durations as the file does, and leave defaults that only say "not given" away."""
    if isinstance(node, list):
        return [_rewritten(item, default) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "standby-duration":
        rest = {key: value for key, value in node.items() if key in ("title", "description", "default", "examples")}
        if isinstance(rest.get("default"), int | float):
            rest["default"] = written(rest["default"])
        return {**rest, "type": "string", "pattern": DURATION, "examples": ["30s", "500ms", "3m"]}
    made = {key: _rewritten(value, default) for key, value in node.items()}
    return _without_null({key: value for key, value in made.items() if not (key == "default" and value in (None, {}))})


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Take `null` out of the alternatives: in the file a key without a value is a key left out."""
    ways = [way for way in node.get("anyOf", ()) if way != {"type": "null"}]
    if not ways:
        return node
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**ways[0], **rest} if len(ways) == 1 else {**rest, "anyOf": ways}


def _with_variables(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_variables(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    made = {key: value if key in ("enum", "examples", "default") else _with_variables(value) for key, value in node.items()}
    if made.get("type") in ("string", "integer", "number", "boolean") or ("enum" in made and "type" not in made):
        told = {key: made.pop(key) for key in ("title", "description", "default", "examples") if key in made}
        return {**told, "anyOf": [made, _VARIABLE]}
    return made
