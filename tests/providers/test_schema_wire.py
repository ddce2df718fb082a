"""A schema on both wires."""

from typing import Any

import pytest

from standby.plugin import (
    AttemptFailed,
    Card,
    Kind,
    Message,
    ModelRequest,
    Request,
    Schema,
    Text,
    Tool,
)
from standby_gemini import standby_models, standby_provider
from standby_gemini.request import build_body as gemini_body
from standby_openai.chat_request import build_body as openai_body
from standby_openai.schemas import is_strict

CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOL = Tool(name="f")


def model_request(schema: dict[str, Any], *tools: Tool, card: Card = Card()) -> ModelRequest:  # noqa: B008 - frozen
    answer_schema = Schema(name="Bill [x]", json_schema=schema, read=str)
    request = Request((Message("user", (Text("hi"),)),), tools=tools, schema=answer_schema)
    return ModelRequest(request=request, model="m", card=card, options={}, timeout=60.0)


@pytest.mark.parametrize(("schema", "strict"), [(CLOSED, True), (OPEN, False)])
def test_openai_gets_strict_where_the_schema_keeps_its_rules(
    schema: dict[str, Any], *, strict: bool
) -> None:
    body = openai_body(model_request(schema), stream=False, max_tokens="max_tokens")
    json_schema = {"name": "Bill__x_", "schema": schema, "strict": strict}
    assert body["response_format"] == {"type": "json_schema", "json_schema": json_schema}


@pytest.mark.parametrize(
    "schema", [{"type": "array", "items": CLOSED}, {"anyOf": [CLOSED]}, {**CLOSED, "anyOf": []}]
)
def test_openai_takes_an_object_at_the_root_only(schema: dict[str, Any]) -> None:
    with pytest.raises(
        AttemptFailed, match="not sent: OpenAI takes a schema whose root is an object"
    ) as caught:
        openai_body(model_request(schema), stream=False, max_tokens="max_tokens")
    assert caught.value.failure.kind is Kind.UNSUPPORTED


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "array", "items": CLOSED}, True),
        ({"type": "array", "items": OPEN}, False),
        ({**CLOSED, "$defs": {"b": OPEN}}, False),
        ({"anyOf": [CLOSED, {"type": "null"}]}, True),
        ({**CLOSED, "required": []}, False),
        ({**CLOSED, "allOf": []}, False),
    ],
)
def test_strict_schemas_are_recognised(schema: dict[str, Any], *, strict: bool) -> None:
    assert is_strict(schema) is strict


def test_gemini_gets_the_schema_as_json_schema() -> None:
    config = {"responseMimeType": "application/json", "responseJsonSchema": OPEN}
    assert gemini_body(model_request(OPEN))["generationConfig"] == config


def test_a_schema_of_any_object_becomes_geminis_json_mode() -> None:
    assert gemini_body(model_request({"type": "object"}))["generationConfig"] == {
        "responseMimeType": "application/json"
    }


def test_gemini_3_takes_tools_with_a_schema_and_2_5_does_not() -> None:
    assert "tools" in gemini_body(model_request(OPEN, TOOL, card=standby_provider().card))
    with pytest.raises(
        AttemptFailed, match="not sent: m takes tools or a schema, not both"
    ) as caught:
        gemini_body(model_request(OPEN, TOOL, card=standby_models()["gemini-2.5-pro"]))
    assert caught.value.failure.kind is Kind.UNSUPPORTED
