"""How a request is adapted to a model: provider state returns home, strict drops nothing."""

import msgspec
import pytest

from standby.cards import Card
from standby.dispatch.compatibility import MOST_CHARACTERS, adapt, incompatibility
from standby.types import (
    Media,
    Message,
    Reasoning,
    Request,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
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


def test_strict_names_every_parameter_that_would_be_dropped() -> None:
    strict = target("m", None, strict=True, refused=("seed", "top_p"))
    message = "m must not be sent seed, top_p, and strict forbids leaving it out"
    assert get_message(incompatibility(request(seed=1, top_p=0.5), strict)) == message


USER, ASSISTANT = Message("user", (Text("hi"),)), Message("assistant", (Text("so"),))


@pytest.mark.parametrize(
    "question",
    [
        request(),
        request(temperature=0.5, max_tokens=100),
        msgspec.structs.replace(request(seed=1), messages=(USER, ASSISTANT, USER)),
    ],
    ids=["plain", "parameters", "conversation"],
)
def test_a_request_that_fits_is_sent_as_it_is(question: Request) -> None:
    model = target("m", None, card=Card(output_limit=100))
    adapted, dropped = adapt(question, model)
    assert adapted is question
    assert dropped == ()


def test_only_what_does_not_fit_is_made_anew() -> None:
    foreign = Message("assistant", (Reasoning(text="hm", produced_by="p/other"), Text("so")))
    question = msgspec.structs.replace(
        request(max_tokens=100), messages=(USER, ASSISTANT, foreign, USER)
    )
    adapted, _ = adapt(question, target("m", None, card=Card(output_limit=100)))
    assert adapted.sampling is question.sampling
    pairs = zip(adapted.messages, question.messages, strict=True)
    assert [mine is theirs for mine, theirs in pairs] == [True, True, False, True]


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("image/png", "an image"),
        ("audio/wav", "sound"),
        ("video/mp4", "a video"),
        ("application/pdf", "a PDF"),
        ("text/csv", "a file"),
    ],
)
@pytest.mark.parametrize("in_result", [False, True])
def test_a_model_that_cannot_read_media_is_skipped_and_they_are_named(
    media_type: str, kind: str, *, in_result: bool
) -> None:
    media = Media(media_type=media_type, data="aGk=")
    messages = (Message("user", (media,)),)
    if in_result:
        result = ToolResult(id="1", text="", name="f", media=(media,))
        messages = (*REQUEST.messages[:2], Message("tool", (result,)))
    model = target("m", None, card=Card(tools=True))
    place = " in a tool's result" if in_result else ""
    assert get_message(incompatibility(Request(messages), model)) == f"m cannot read {kind}{place}"


@pytest.mark.parametrize(
    ("turns", "fits"),
    [("ua", False), ("uaua", False), ("uau", True), ("uaa", False), ("a", False), ("u", True)],
)
def test_only_the_last_turn_decides_whether_the_assistants_message_is_continued(
    turns: str, *, fits: bool
) -> None:
    question = Request(tuple(USER if turn == "u" else ASSISTANT for turn in turns))
    model = target("m", None, card=Card(prefill=False))
    assert (incompatibility(question, model) is None) is fits


FULL = "ab" * (MOST_CHARACTERS // 2) * 10
"""Text of ten tokens at the least."""


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (FULL, True),
        (FULL + "abababa", True),
        (FULL + "abababab", False),
        (FULL + "-" * 1000, True),
        ("".join(f"{letter * 9}" for letter in FULL), True),
        ("".join(f"{letter * 9}" for letter in FULL + "abababab"), False),
    ],
)
def test_a_repeated_character_counts_once_towards_the_window(text: str, *, fits: bool) -> None:
    model = target("m", None, card=Card(context_window=10))
    assert (incompatibility(request(text), model) is None) is fits
