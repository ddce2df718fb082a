"""The values of a call: frozen, and no repr shows a prompt."""

import dataclasses
import decimal
import enum
import json
import pickle
import uuid
from datetime import date
from typing import Any

import msgspec
import pydantic
import pytest

from standby import cards, errors, events, failures, settings, types
from standby.failures import Kind
from standby.plugin import ModelRequest
from standby.types import Chunk, Message, Reply, Request, Text
from tests.support.playing import QUESTION, request

STRUCTS = sorted(
    {
        value
        for module in (types, failures, errors, events, cards, settings)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct)
    },
    key=lambda struct: f"{struct.__module__}.{struct.__name__}",
)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_value_is_frozen(struct: type[msgspec.Struct]) -> None:
    assert struct.__struct_config__.frozen


@pytest.mark.parametrize(
    "value",
    [
        Text(QUESTION),
        request().messages[0],
        request(temperature=0.5),
        ModelRequest(request=request(), model="m", card=cards.Card(), options={}, timeout=1.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_a_prompt(value: Any) -> None:
    for text in (repr(value), str(value), f"{value}", f"{[value]}"):
        assert "capital" not in text
        assert f"Text(<{len(QUESTION)} characters>)" in text


@pytest.mark.parametrize("value", [Reply(text="Lisbon."), Chunk("Lisbon.")], ids=["reply", "chunk"])
def test_the_repr_of_a_reply_shows_its_text(value: Any) -> None:
    assert "'Lisbon.'" in repr(value)


def test_a_key_shows_where_it_came_from_and_nothing_else() -> None:
    key = settings.Secret("sk-123", "A_KEY")
    provider = settings.Provider(plugin="p", api_key=key)
    for text in (
        repr(key),
        str(key),
        f"{key}",
        f"{key!s:>20}",
        repr(provider),
        repr(settings.Settings(providers={"p": provider}, chains={})),
    ):
        assert "Secret(A_KEY)" in text
        assert "sk-123" not in text
    with pytest.raises(TypeError, match="Encoding objects of type Secret is unsupported"):
        msgspec.json.encode(provider)


def test_keys_are_alike_by_value_and_false_without_one() -> None:
    one, other, none = (
        settings.Secret("k", "A"),
        settings.Secret("k", "B"),
        settings.Secret("", "C"),
    )
    assert one == other
    assert len({one, other, none}) == 2
    assert (bool(one), bool(none), one.reveal(), one == "k") == (True, False, "k", False)


@pytest.mark.parametrize("value", [request(seed=1), Reply(text="Lisbon."), Chunk(end=types.End())])
def test_what_travels_can_be_pickled(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - made one line before


def test_requests_with_equal_contents_are_equal() -> None:
    assert Request((Message("user", (Text("a"),)),)) == Request((Message("user", (Text("a"),)),))
    assert Request((Message("user", (Text("a"),)),)) != Request((Message("user", (Text("b"),)),))


class Money(msgspec.Struct, rename="camel"):
    in_cents: int


@dataclasses.dataclass
class Line:
    name: str
    price: Money


class Invoice(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)

    due: date
    total: float = pydantic.Field(alias="totalEuros")
    key: pydantic.SecretStr = pydantic.SecretStr("hidden")


class Color(enum.Enum):
    RED = "red"


class Opaque:
    __slots__ = ()

    def __str__(self) -> str:
        return "opaque"


class Holder(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    attribute: Opaque
    raw: bytes


DUE = date(2026, 12, 1)
DATA: list[tuple[Any, Any]] = [
    (None, None),
    ({"a": [1, 2.5, True, None, "x"]}, {"a": [1, 2.5, True, None, "x"]}),
    (Money(in_cents=1250), {"inCents": 1250}),
    (Line("roof", Money(3)), {"name": "roof", "price": {"inCents": 3}}),
    (Invoice(due=DUE, total=1.5), {"due": "2026-12-01", "totalEuros": 1.5, "key": "**********"}),
    (
        [Invoice(due=DUE, total=float("nan"))],
        [{"due": "2026-12-01", "totalEuros": None, "key": "**********"}],
    ),
    (pydantic.RootModel[list[int]]([1, 2]), [1, 2]),
    (
        {"when": DUE, "id": uuid.UUID(int=7)},
        {"when": "2026-12-01", "id": "00000000-0000-0000-0000-000000000007"},
    ),
    (
        {1: decimal.Decimal("1.50"), "c": Color.RED, "s": {1}, "t": (1,)},
        {"1": "1.50", "c": "red", "s": [1], "t": [1]},
    ),
    (
        {"b": b"\x00\xff", "big": 2**80, "no": float("-inf")},
        {"b": "AP8=", "big": 2**80, "no": None},
    ),
    ("a lone \ud800", "a lone \ud800"),
    ([Opaque()], ["opaque"]),
    (Holder(attribute=Opaque(), raw=b"\xff"), {"attribute": "opaque", "raw": "/w=="}),
]


@pytest.mark.parametrize(("data", "expected"), DATA)
def test_a_reply_is_json_whatever_its_data_is(data: Any, expected: Any) -> None:
    reply = Reply(text="x", data=data).to_dict()
    assert reply["data"] == expected
    assert json.loads(json.dumps(reply, allow_nan=False)) == reply


def test_a_reply_as_a_dictionary_has_every_field_and_its_trail() -> None:
    call = types.ToolCall(
        id="c1", name="weather", arguments={"city": "Porto"}, provider_state="c2ln"
    )
    attempt = failures.Attempt(
        model="a",
        provider="p",
        outcome="failed",
        start=0.0,
        duration=1.0,
        kind=Kind.TIMEOUT,
        then="next",
    )
    reply = Reply(
        text="",
        tool_calls=(call,),
        finish=types.Finish.TOOL_CALLS,
        usage=types.Usage(input=3),
        trail=(attempt,),
    )
    expected = reply.to_dict()
    assert list(expected) == list(Reply.__struct_fields__)
    assert (expected["finish"], expected["usage"]) == (
        "tool_calls",
        {"input": 3, "output": 0, "reasoning": 0, "cached": 0},
    )
    assert expected["tool_calls"][0]["arguments"] == {"city": "Porto"}
    assert list(expected["trail"][0]) == list(failures.Attempt.__struct_fields__)
    assert (expected["trail"][0]["kind"], expected["trail"][0]["then"]) == ("timeout", "next")
    assert json.loads(json.dumps(expected)) == expected
