from typing import Any

import jsonschema
import pytest

from standby.plugin import AttemptFailed, Kind
from standby_anthropic.schemas import convert_schema

CITY = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
CLOSED = {**CITY, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "converted"),
    [
        (CITY, CLOSED),
        (CLOSED, CLOSED),
        ({"type": "array", "items": CITY}, {"type": "array", "items": CLOSED}),
        (
            {"$defs": {"a": CITY}, "$ref": "#/$defs/a"},
            {"$defs": {"a": CLOSED}, "$ref": "#/$defs/a"},
        ),
        ({"oneOf": [CITY, {"type": "null"}]}, {"anyOf": [CLOSED, {"type": "null"}]}),
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"enum": ["a", 1, None]}, {"enum": ["a", 1, None]}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "default": "a", "title": "T"}, {"type": "string", "title": "T"}),
        (
            {"type": "array", "minItems": 1, "items": {"type": "null"}},
            {"type": "array", "minItems": 1, "items": {"type": "null"}},
        ),
        (
            {"type": "object", "properties": {}},
            {"type": "object", "properties": {}, "additionalProperties": False},
        ),
    ],
)
def test_every_object_is_closed_and_nothing_else_changes(
    schema: dict[str, Any], converted: dict[str, Any]
) -> None:
    assert convert_schema(schema) == converted


def test_a_refused_constraint_moves_into_the_description() -> None:
    assert convert_schema({"type": "integer", "minimum": 1, "description": "A rank."}) == {
        "type": "integer",
        "description": 'A rank.\n\n{"minimum":1}',
    }
    assert (
        convert_schema({"type": "string", "format": "a-format"})["description"]
        == '{"format":"a-format"}'
    )


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "array", "items": {}},
        {"properties": {"a": {"anyOf": [{"type": "object"}]}}},
    ],
)
def test_a_schema_of_any_shape_is_not_sent(schema: Any) -> None:
    with pytest.raises(AttemptFailed, match="not sent: Anthropic takes no") as caught:
        convert_schema(schema)
    assert caught.value.failure.kind is Kind.UNSUPPORTED


@pytest.mark.parametrize("answer", [{"name": "Oslo"}, [{"name": "Oslo"}], None])
def test_every_value_valid_for_the_original_schema_is_valid_for_the_sent_one(answer: Any) -> None:
    schema = {"oneOf": [CITY, {"type": "array", "items": CITY}, {"type": "null"}]}
    jsonschema.validate(answer, convert_schema(schema))
    jsonschema.validate(answer, schema)
