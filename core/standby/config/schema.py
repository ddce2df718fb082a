"""The JSON Schema of models.yaml, generated from the settings' types, and the one for editors, made from it."""

from collections.abc import Iterable, Mapping
from functools import cache
from inspect import cleandoc
from typing import Any

import msgspec

from standby.config.finding import Node
from standby.config.scalars import DURATION, SPAN, JsonSchema, format_duration, stated_types
from standby.settings import Secret, Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_VARIABLE = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "A variable, filled in when the file is read.",
}
_KEY = {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\}$"}
_IN_WORDS = {"patternErrorMessage": "a number and a unit, ms, s, m or h: 30s"}
"""What yaml-language-server says instead of a pattern; to others these are no words of a schema."""

_YES_OR_NO = {
    "type": "string",
    "pattern": "^([Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[Tt]rue|TRUE|[Ff]alse|FALSE|1|0)$",
}


@cache
def schema() -> dict[str, Any]:
    """Return the schema that a file's tree must fit, once its variables are filled in."""
    _, named = msgspec.json.schema_components(
        [Settings], schema_hook=_hook, ref_template="#/$defs/{name}"
    )
    made: dict[str, Any] = _rewritten(named)
    settings = made.pop("Settings")
    settings["required"] = sorted({*settings.get("required", ()), "version"})
    return {"$schema": DIALECT, **settings, "title": "models.yaml of standby", "$defs": made}


def published(
    plugins: Mapping[str, JsonSchema],
    accounts: Mapping[str, JsonSchema] | None = None,
    models: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the schema for an editor: variables may stand for any scalar, and each plugin's options are known.

    Args:
        plugins: The schemas of a model's options, by plugin.
        accounts: Those of a provider's options.
        models: Names that an editor offers where a model is named; any other may be written.

    """
    whole: dict[str, Any] = _with_variables(schema())
    key = whole["$defs"]["Provider"]["properties"]["api_key"]
    del key["anyOf"]  # a key is nothing but a variable
    key.update(_KEY)
    for kind, key, known in (
        ("Model", "provider", plugins),
        ("Provider", "plugin", accounts or {}),
    ):
        if known:
            whole["$defs"][kind]["allOf"] = [
                _where(key, name, options) for name, options in sorted(known.items())
            ]
    names = sorted(models)
    _offer(whole["$defs"]["Chain"]["properties"]["models"], names)
    _offer(whole["$defs"]["Trigger"]["properties"]["model"], names)
    if names:
        whole["properties"]["models"]["propertyNames"] = {
            "anyOf": [{"enum": names}, {"type": "string"}]
        }
    _offer(whole["$defs"]["Model"]["properties"]["provider"], plugins)
    _offer(whole["$defs"]["Provider"]["properties"]["plugin"], plugins)
    return whole


def _offer(node: dict[str, Any], names: Iterable[str]) -> None:
    """Let an editor complete names; examples forbid no other.

    They stand with the type itself: yaml-language-server does not see those that stand beside
    `anyOf` in a list's item.
    """
    offered = sorted(names)
    if offered and node.get("type") == "string" and "pattern" not in node:
        node["examples"] = offered
    for way in (*node.get("anyOf", ()), *([node["items"]] if "items" in node else ())):
        _offer(way, offered)


def _where(key: str, name: str, options: JsonSchema) -> dict[str, Any]:
    return {
        "if": {"properties": {key: {"const": name}}, "required": [key]},
        "then": {"properties": {"options": _with_variables(options)}},
    }


def _hook(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string"}
    raise NotImplementedError(f"no schema for {kind}")


def _rewritten(node: Node) -> Any:
    """Write durations as the file does, and leave away defaults that only say "not given", or what each key below says."""
    if isinstance(node, list):
        return [_rewritten(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == SPAN:
        rest = {
            key: value
            for key, value in node.items()
            if key in ("title", "description", "default", "examples")
        }
        if isinstance(rest.get("default"), int | float):
            rest["default"] = format_duration(rest["default"])
        written_so = {"type": "string", "pattern": DURATION, "format": SPAN}
        return {**rest, **written_so, "examples": ["30s", "500ms", "3m"], **_IN_WORDS}
    made = {key: _rewritten(value) for key, value in node.items()}
    if isinstance(told := made.get("description"), str):
        made["description"] = cleandoc(
            told
        )  # a docstring, indented or not: by Python's version, and by msgspec's
    told_elsewhere = "$ref" in node
    return _without_null(
        {
            key: value
            for key, value in made.items()
            if not (key == "default" and (told_elsewhere or value in (None, {})))
        }
    )


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Take `null` out of the alternatives: in the file a key without a value is a key left out."""
    ways = [way for way in node.get("anyOf", ()) if way != {"type": "null"}]
    if not ways:
        return node
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**ways[0], **rest} if len(ways) == 1 else {**rest, "anyOf": ways}


def _with_variables(node: JsonSchema) -> dict[str, Any]:
    """Let a variable stand for each scalar of a schema."""
    made = {key: _with_variables_in(key, value) for key, value in node.items()}
    types = stated_types(made)
    if not (types & _SCALARS or ("enum" in made and not types)):
        return made
    told: dict[str, Any] = {
        key: made.pop(key) for key in ("title", "description", "default", "examples") if key in made
    }
    truth = [_YES_OR_NO] if "boolean" in types else []
    return {**told, "anyOf": [made, *truth, _VARIABLE]}


def _with_variables_in(key: str, value: Node) -> Node:
    if key in ("properties", "$defs") and isinstance(value, dict):
        return {name: _with_variables(each) for name, each in value.items()}
    if key in ("items", "additionalProperties") and isinstance(value, dict):
        return _with_variables(value)
    if key in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
        return [_with_variables(way) for way in value]
    return value
