"""The values that travel: frozen, and silent about what was said to a model."""

import pickle
from typing import Any

import msgspec
import pytest

from standby import errors, events, failures, policy, types
from standby.plugin import Call
from standby.types import Chunk, Message, Reply, Request, Text
from tests.playing import QUESTION, request

STRUCTS = sorted(
    {
        value
        for module in (types, failures, errors, events, policy)
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
        Call(request=request(), model="m", card=policy.Card(), options={}, timeout=1.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_a_prompt(value: Any) -> None:
    for shown in (repr(value), str(value), f"{value}", f"{[value]}"):
        assert "capital" not in shown
        assert f"Text(<{len(QUESTION)} characters>)" in shown


@pytest.mark.parametrize("value", [Reply(text="Lisbon."), Chunk("Lisbon.")], ids=["reply", "chunk"])
def test_a_reprs_answer_is_shown_because_the_caller_asked_to_see_it(value: Any) -> None:
    assert "'Lisbon.'" in repr(value)


def test_a_key_shows_where_it_came_from_and_nothing_else() -> None:
    key = policy.Secret("sk-123", "A_KEY")
    provider = policy.Provider(plugin="p", api_key=key)
    for shown in (
        repr(key),
        str(key),
        f"{key}",
        f"{key!s:>20}",
        repr(provider),
        repr(policy.Settings(providers={"p": provider}, chains={})),
    ):
        assert "Secret(A_KEY)" in shown
        assert "sk-123" not in shown
    with pytest.raises(TypeError, match="Encoding objects of type Secret is unsupported"):
        msgspec.json.encode(provider)


def test_keys_are_alike_by_value_and_false_without_one() -> None:
    one, other, none = policy.Secret("k", "A"), policy.Secret("k", "B"), policy.Secret("", "C")
    assert one == other
    assert len({one, other, none}) == 2
    assert (bool(one), bool(none), one.reveal(), one == "k") == (True, False, "k", False)


@pytest.mark.parametrize("value", [request(seed=1), Reply(text="Lisbon."), Chunk(end=types.End())])
def test_what_travels_can_be_pickled(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - made one line before


def test_two_requests_that_say_the_same_are_equal() -> None:
    assert Request((Message("user", (Text("a"),)),)) == Request((Message("user", (Text("a"),)),))
    assert Request((Message("user", (Text("a"),)),)) != Request((Message("user", (Text("b"),)),))
