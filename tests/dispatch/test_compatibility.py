"""How a request is adapted to a model: provider state returns home, strict drops nothing."""

import msgspec
import pytest

from standby.cards import Card
from standby.dispatch.compatibility import adapt, incompatibility
from standby.types import Message, Request, Sampling, Text, Tool, ToolCall, ToolResult
from tests.support.playing import target, why

MADE = ToolCall(id="1", name="f", arguments={}, provider_state="a signature", produced_by="p/large")
ASKED = Request(
    (
        Message("user", (Text("hi"),)),
        Message("assistant", (Text("so"), MADE)),
        Message("tool", (ToolResult(id="1", text="x", name="f"),)),
    ),
    Sampling(temperature=0.5),
)


@pytest.mark.parametrize(
    ("name", "provider", "kept"),
    [
        ("large", "p", True),
        ("small", "p", False),
        ("large", "q", False),
        ("other name for large", "p", False),
    ],
)
def test_private_state_goes_back_to_the_model_that_made_it_and_to_no_other(
    name: str, provider: str, *, kept: bool
) -> None:
    fitted, _ = adapt(ASKED, target(name, None, provider=provider))
    expected = MADE if kept else msgspec.structs.replace(MADE, provider_state="", produced_by="")
    assert fitted.messages[1].parts == (Text("so"), expected)
    assert ASKED.messages[1].parts == (Text("so"), MADE)


def test_an_entry_of_another_name_is_the_same_model_by_its_vendors_id() -> None:
    fitted, _ = adapt(ASKED, target("mine", None, vendor_id="large"))
    assert fitted.messages[1].parts[1] == MADE


def test_a_call_of_nobody_known_is_left_as_it_is() -> None:
    unknown = msgspec.structs.replace(MADE, produced_by="")
    request = msgspec.structs.replace(
        ASKED, messages=(ASKED.messages[0], Message("assistant", (unknown,)), ASKED.messages[2])
    )
    fitted, _ = adapt(request, target("small", None))
    assert fitted.messages[1].parts == (unknown,)


@pytest.mark.parametrize("by", ["", "the model", "the call"])
def test_strict_skips_a_model_that_a_parameter_would_be_left_out_for(by: str) -> None:
    words = "m must not be sent temperature, and strict forbids to leave it out" if by else ""
    asked = msgspec.structs.replace(ASKED, messages=ASKED.messages[:1], strict=by == "the call")
    model = target(
        "m", None, refused=("temperature", "top_p", "temperature"), strict=by == "the model"
    )
    assert why(incompatibility(asked, model)) == words
    assert adapt(asked, model)[1] == ("temperature",)


@pytest.mark.parametrize(
    "asked",
    [ASKED, msgspec.structs.replace(ASKED, messages=ASKED.messages[:1], tools=(Tool(name="f"),))],
    ids=["a result in the conversation", "a tool on offer"],
)
def test_a_model_without_tools_is_not_asked(asked: Request) -> None:
    assert why(incompatibility(asked, target("m", None))) == "m cannot call tools"
    assert incompatibility(asked, target("m", None, card=Card(tools=True))) is None
