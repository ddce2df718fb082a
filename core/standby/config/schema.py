"""The JSON Schema of models.yaml, generated from the types of the settings, and an editor's."""

from collections.abc import Iterable, Mapping
from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec

from standby.config.durations import DURATION, SPAN, format_duration
from standby.config.finding import Node
from standby.config.scalars import JsonSchema, stated_types
from standby.settings import Secret, Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_VARIABLE = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "A variable, filled in when the file is read.",
}
_KEY_VARIABLE = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\}$"}
_YES_OR_NO = {
    "type": "string",
    "pattern": "^([Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[Tt]rue|TRUE|[Ff]alse|FALSE|1|0)$",
}

_DURATION = {
    "type": "string",
    "pattern": DURATION,
    "format": SPAN,
    "examples": ["30s", "500ms", "3m"],
    "patternErrorMessage": "a number and a unit, ms, s, m or h: 30s",
}
"""A duration in the file; `patternErrorMessage` is a keyword of yaml-language-server alone."""

_ANNOTATIONS = ("title", "description", "default", "examples")
"""Keywords that describe a value and constrain nothing."""


@cache
def schema() -> dict[str, Any]:
    """Return the schema of a file's tree, once its variables are filled in.

    Returns:
        A JSON Schema of the 2020-12 dialect, shared by all callers: it must not be changed.

    """
    _, components = msgspec.json.schema_components(
        [Settings], schema_hook=_describe_type, ref_template="#/$defs/{name}"
    )
    definitions: dict[str, Any] = _rewrite(components)
    settings = definitions.pop("Settings")
    settings["required"] = sorted({*settings.get("required", ()), "version"})
    title = "models.yaml of standby"
    return {"$schema": DIALECT, **settings, "title": title, "$defs": definitions}


def editor_schema(
    plugins: Mapping[str, JsonSchema],
    accounts: Mapping[str, JsonSchema] | None = None,
    models: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the schema for an editor.

    A variable may stand for any scalar, and the options of each plugin are known.

    Args:
        plugins: The schemas of a model's options, by plugin.
        accounts: The schemas of a provider's options, by plugin.
        models: Names that an editor offers where a model is named; any other name is valid, too.

    Returns:
        A JSON Schema of the 2020-12 dialect.

    """
    file: dict[str, Any] = _with_variables(schema())
    properties: dict[str, dict[str, Any]] = {
        name: definition["properties"]
        for name, definition in file["$defs"].items()
        if "properties" in definition
    }
    key = properties["Provider"]["api_key"]
    del key["anyOf"]  # a key is always a variable
    key.update(_KEY_VARIABLE)
    _add_options(file["$defs"]["Model"], "provider", plugins)
    _add_options(file["$defs"]["Provider"], "plugin", accounts or {})
    names = sorted(models)
    if names:
        file["properties"]["models"]["propertyNames"] = {
            "anyOf": [{"enum": names}, {"type": "string"}]
        }
    _offer(properties["Chain"]["models"], names)
    _offer(properties["Trigger"]["model"], names)
    _offer(properties["Model"]["provider"], plugins)
    _offer(properties["Provider"]["plugin"], plugins)
    return file


def _add_options(definition: dict[str, Any], key: str, schemas: Mapping[str, JsonSchema]) -> None:
    """Let the value of `key` decide which schema `options` must fit."""
    if schemas:
        definition["allOf"] = [
            {
                "if": {"properties": {key: {"const": name}}, "required": [key]},
                "then": {"properties": {"options": _with_variables(options)}},
            }
            for name, options in sorted(schemas.items())
        ]


def _offer(node: dict[str, Any], names: Iterable[str]) -> None:
    """Let an editor complete names; examples forbid no other.

    They are added beside the type itself: yaml-language-server does not see those beside `anyOf`
    in a list's item.
    """
    offered = sorted(names)
    is_free_text = node.get("type") == "string" and "pattern" not in node
    if offered and is_free_text:
        node["examples"] = offered
    for inner in (*node.get("anyOf", ()), *([node["items"]] if "items" in node else ())):
        _offer(inner, offered)


def _describe_type(kind: type) -> dict[str, Any]:
    """Return the schema of a type that msgspec does not know."""
    if kind is Secret:
        return {"type": "string"}
    raise NotImplementedError(f"no schema for {kind}")


def _rewrite(node: Node) -> Any:
    """Rewrite msgspec's schema as the file is written: durations with a unit, no `null`."""
    if isinstance(node, list):
        return [_rewrite(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == SPAN:
        return _rewrite_duration(node)
    schema = {key: _rewrite(value) for key, value in node.items()}
    if isinstance(description := schema.get("description"), str):
        # Python's and msgspec's versions differ in whether a docstring keeps its indentation
        schema["description"] = cleandoc(description)
    if "$ref" in node or schema.get("default") in (None, {}):
        schema.pop("default", None)  # the keys below state their own, or it says "not given"
    return _without_null(schema)


def _rewrite_duration(node: Mapping[str, Any]) -> dict[str, Any]:
    annotations = {key: value for key, value in node.items() if key in _ANNOTATIONS}
    if isinstance(annotations.get("default"), int | float):
        annotations["default"] = format_duration(annotations["default"])
    return {**annotations, **_DURATION}


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Take `null` out of the alternatives: a key without a value is a key left away."""
    alternatives = [way for way in node.get("anyOf", ()) if way != {"type": "null"}]
    if not alternatives:
        return node
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    if len(alternatives) == 1:
        return {**alternatives[0], **rest}
    return {**rest, "anyOf": alternatives}


def _with_variables(node: JsonSchema) -> dict[str, Any]:
    """Let a variable stand for each scalar of a schema."""
    schema = {key: _with_variables_in(key, value) for key, value in node.items()}
    types = stated_types(schema)
    is_untyped_enum = "enum" in schema and not types
    if not types & _SCALARS and not is_untyped_enum:
        return schema
    annotations: dict[str, Any] = {key: schema.pop(key) for key in _ANNOTATIONS if key in schema}
    booleans = [_YES_OR_NO] if "boolean" in types else []
    return {**annotations, "anyOf": [schema, *booleans, _VARIABLE]}


def _with_variables_in(key: str, value: Node) -> Node:
    if key in ("properties", "$defs") and isinstance(value, dict):
        return {name: _with_variables(each) for name, each in value.items()}
    if key in ("items", "additionalProperties") and isinstance(value, dict):
        return _with_variables(value)
    if key in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
        return [_with_variables(way) for way in value]
    return value
