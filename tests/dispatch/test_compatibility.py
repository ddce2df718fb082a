"""How a request is adapted to a model: provider state returns home, strict drops nothing."""

import msgspec
import pytest

from standby.cards import Card
from standby.dispatch.compatibility import adapt, incompatibility
from standby.types import Message, Request, Sampling, Text, Tool, ToolCall, ToolResult
from tests.support.playing import get_message, request, target

CALL = ToolCall(id="1", name="f", arguments={}, provider_state="a signature", produced_by="p/large")
REQUEST = Request(
    (
        Message("user", (Text("hi"),)),
        Message("assistant", (Text("so"), CALL)),
        Message("tool", (ToolResult(id="1", text="x", name="f"),)),
    ),
    Sampling(temperature=0.5),
)


@pytest.mark.parametrize(
    ("name", "provider", "is_kept"),
    [
        ("large", "p", True),
        ("small", "p", False),
        ("large", "q", False),
        ("other name for large", "p", False),
    ],
)
def test_provider_state_goes_back_only_to_the_model_that_produced_it(
    name: str, provider: str, *, is_kept: bool
) -> None:
    adapted, _ = adapt(REQUEST, target(name, None, provider=provider))
    expected = CALL if is_kept else msgspec.structs.replace(CALL, provider_state="", produced_by="")
    assert adapted.messages[1].parts == (Text("so"), expected)
    assert REQUEST.messages[1].parts == (Text("so"), CALL)


def test_a_model_is_identified_by_its_vendors_id_not_its_name() -> None:
    adapted, _ = adapt(REQUEST, target("mine", None, vendor_id="large"))
    assert adapted.messages[1].parts[1] == CALL


def test_a_tool_call_of_an_unknown_producer_is_unchanged() -> None:
    unknown = msgspec.structs.replace(CALL, produced_by="")
    altered = msgspec.structs.replace(
        REQUEST,
        messages=(REQUEST.messages[0], Message("assistant", (unknown,)), REQUEST.messages[2]),
    )
    adapted, _ = adapt(altered, target("small", None))
    assert adapted.messages[1].parts == (unknown,)


@pytest.mark.parametrize("by", ["", "the model", "the call"])
def test_strict_skips_a_model_for_which_a_parameter_would_be_dropped(by: str) -> None:
    message = "m must not be sent temperature, and strict forbids leaving it out" if by else ""
    question = msgspec.structs.replace(
        REQUEST, messages=REQUEST.messages[:1], strict=by == "the call"
    )
    model = target(
        "m", None, refused=("temperature", "top_p", "temperature"), strict=by == "the model"
    )
    assert get_message(incompatibility(question, model)) == message
    assert adapt(question, model)[1] == ("temperature",)


@pytest.mark.parametrize(
    "question",
    [
        REQUEST,
        msgspec.structs.replace(REQUEST, messages=REQUEST.messages[:1], tools=(Tool(name="f"),)),
    ],
    ids=["a result in the conversation", "a tool on offer"],
)
def test_a_model_without_tools_is_incompatible(question: Request) -> None:
    assert get_message(incompatibility(question, target("m", None))) == "m cannot call tools"
    assert incompatibility(question, target("m", None, card=Card(tools=True))) is None


def test_strict_skips_nothing_where_no_parameter_would_be_dropped() -> None:
    strict = target("m", None, strict=True, refused=("seed",))
    assert incompatibility(request(temperature=0.3), strict) is None
    assert incompatibility(request(seed=1), strict) is not None
