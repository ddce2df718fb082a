"""The schema of an answer: three forms, a check of every reply, a retry where it does not fit."""

import traceback
from typing import Any

import msgspec
import pydantic
import pytest

from standby import AsyncStandby, ChainExhausted
from standby.cards import Card
from standby.dispatch.compatibility import incompatibility
from standby.errors import AttemptFailed, RequestError
from standby.failures import Kind
from standby.inputs.parse import parse_request
from standby.inputs.schemas import parse_data, parse_schema
from standby.settings import Chain, Model, Settings
from standby.types import Request
from tests.support.playing import get_message, target


class City(msgspec.Struct):
    city: str


class Invoice(msgspec.Struct):
    number: int
    at: City


class Tree(msgspec.Struct):
    leaves: "list[Tree]"


class Bill(pydantic.BaseModel):
    number: int


class Odd(msgspec.Struct):
    value: complex


JSON = {
    "title": "bill",
    "type": "object",
    "properties": {"number": {"type": "integer"}},
    "required": ["number"],
}


@pytest.mark.parametrize(
    ("schema_input", "name", "text", "data"),
    [
        (Invoice, "Invoice", '{"number": 7, "at": {"city": "Porto"}}', Invoice(7, City("Porto"))),
        (Bill, "Bill", '{"number": 7}', Bill(number=7)),
        (JSON, "bill", '{"number": 7}', {"number": 7}),
        ({"type": "array"}, "answer", "[1]", [1]),
    ],
)
def test_an_answer_is_read_by_its_schema(
    schema_input: Any, name: str, text: str, data: Any
) -> None:
    schema = parse_schema(schema_input)
    assert schema is not None
    assert (schema.name, parse_data(text, schema)) == (name, data)


def test_a_structs_schema_is_an_object_at_its_root() -> None:
    schema = parse_schema(Invoice)
    assert schema is not None
    assert schema.json_schema["type"] == "object"
    assert schema.json_schema["properties"]["at"] == {"$ref": "#/$defs/City"}
    assert set(schema.json_schema["$defs"]) == {"City"}


def test_a_structs_docstring_is_sent_without_its_indentation() -> None:
    class Bill(msgspec.Struct):
        """What is owed.

        In euros.
        """

        total: float

    schema = parse_schema(Bill)
    assert schema is not None
    assert schema.json_schema["description"] == "What is owed.\n\nIn euros."


def test_a_struct_that_contains_itself_keeps_its_definition() -> None:
    schema = parse_schema(Tree)
    assert schema is not None
    assert schema.json_schema["properties"]["leaves"]["items"] == {"$ref": "#/$defs/Tree"}
    assert set(schema.json_schema["$defs"]) == {"Tree"}


@pytest.mark.parametrize("schema_input", [Invoice, Bill, JSON])
@pytest.mark.parametrize("text", ["hello", "", "[]", '{"number": "secret"}', '{"number": 7'])
def test_an_answer_that_does_not_fit_is_reported_without_its_text(
    schema_input: Any, text: str
) -> None:
    schema = parse_schema(schema_input)
    assert schema is not None
    with pytest.raises(AttemptFailed, match="the answer does not fit the schema") as caught:
        parse_data(text, schema)
    assert caught.value.failure.kind is Kind.SCHEMA_MISMATCH
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_an_answer_that_was_cut_says_so_and_what_to_raise() -> None:
    schema = parse_schema(City)
    assert schema is not None
    with pytest.raises(AttemptFailed) as caught:
        parse_data('{"city": "secr', schema, cut_after=9)
    message = (
        "truncated: the answer was cut after 9 tokens, before its JSON ended; raise max_tokens"
    )
    assert (caught.value.failure.kind, caught.value.failure.text) == (Kind.TRUNCATED, message)


@pytest.mark.parametrize(("text", "cut_after"), [('{"town": "x"}', 9), ('{"city": "secr', None)])
def test_an_answer_that_was_not_cut_within_its_json_does_not_fit(
    text: str, cut_after: int | None
) -> None:
    schema = parse_schema(City)
    assert schema is not None
    with pytest.raises(AttemptFailed) as caught:
        parse_data(text, schema, cut_after)
    assert caught.value.failure.kind is Kind.SCHEMA_MISMATCH


def test_the_rule_that_is_broken_is_named_and_the_answers_own_keys_are_not() -> None:
    schema = parse_schema({"type": "object", "additionalProperties": {"type": "integer"}})
    assert schema is not None
    with pytest.raises(AttemptFailed, match=r"ValidationError at additionalProperties/type$"):
        parse_data('{"secret": "x"}', schema)


@pytest.mark.parametrize(
    ("schema_input", "message"),
    [
        (5, "schema: expected a pydantic model, a msgspec.Struct or a JSON Schema as a dictionary"),
        (
            str,
            "schema: expected a pydantic model, a msgspec.Struct or a JSON Schema as a dictionary",
        ),
        (
            {"$ref": "https://x.example/s.json"},
            "schema: a '$ref' points outside the schema; put its target under '$defs'",
        ),
        (Odd, "schema: Odd has no JSON Schema: TypeError"),
        ({"type": object}, "schema: not a JSON Schema: it holds what JSON cannot represent"),
        (
            {"type": "objct"},
            "schema: not a JSON Schema: 'objct' is not valid under any of the given schemas",
        ),
    ],
)
def test_what_is_no_schema_is_refused_before_anything_is_sent(
    schema_input: Any, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request("hi", {"schema": schema_input})
    assert str(caught.value) == message


def test_a_model_that_supports_no_schema_is_skipped() -> None:
    request = Request((), schema=parse_schema(JSON))
    assert (
        get_message(incompatibility(request, target("m", None))) == "m cannot be held to a schema"
    )
    assert incompatibility(request, target("m", None, card=Card(schema=True))) is None


def client(*scripts: list[dict[str, Any]]) -> Any:
    models = {
        f"m{at}": Model(provider="scripted", options={"script": script})
        for at, script in enumerate(scripts)
    }
    return AsyncStandby(
        settings=Settings(models=models, chains={"default": Chain(models=tuple(models))}),
        environ={},
    )


async def test_an_answer_that_does_not_fit_is_retried_and_then_the_next_model_answers() -> None:
    async with client([{"reply": "hello"}], [{"reply": '{"number": 7}'}]) as standby:
        reply = await standby.chat("hi", schema=Bill)
    assert reply.data == Bill(number=7)
    assert [(attempt.model, attempt.kind) for attempt in reply.trail] == [
        ("m0", "schema_mismatch"),
        ("m0", "schema_mismatch"),
        ("m1", None),
    ]


async def test_when_no_model_keeps_to_it_the_call_fails() -> None:
    async with client([{"reply": "hello"}]) as standby:
        with pytest.raises(ChainExhausted, match="does not fit the schema 'Bill'"):
            await standby.chat("hi", schema=Bill)


async def test_a_reply_with_tool_calls_is_not_checked_against_the_schema() -> None:
    async with client([{"tool_calls": [{"name": "f"}]}]) as standby:
        reply = await standby.chat("hi", schema=Bill, tools=[{"function": {"name": "f"}}])
    assert (reply.data, reply.tool_calls[0].name) == (None, "f")


async def test_a_streams_reply_has_the_data_too() -> None:
    async with client([{"reply": ['{"num', 'ber": 7}']}]) as standby:
        stream = standby.stream("hi", schema=JSON)
        assert "".join([chunk.text async for chunk in stream]) == '{"number": 7}'
    assert stream.reply.data == {"number": 7}
