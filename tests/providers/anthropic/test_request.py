import base64
from typing import Any

import pytest

from standby.plugin import (
    AttemptFailed,
    Kind,
    Media,
    Message,
    Only,
    Reasoning,
    Schema,
    Tool,
    ToolCall,
    ToolResult,
)
from standby_anthropic.reply import reply_of
from standby_anthropic.request import MAX_TOKENS, body_of
from tests.providers.anthropic.calls import CARDS, call, said
from tests.providers.anthropic.wire_server import message, text, thought, tool_use

PNG = "iVBORw0KGgo="
WEATHER = Tool(
    name="weather",
    description="Tells it.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)
TURN = (
    said("user", "Oslo?"),
    said(
        "assistant",
        "I look.",
        ToolCall(id="a:1", name="weather", arguments={"city": "Oslo"}),
        ToolCall(id="toolu_2", name="now", arguments={}),
    ),
    Message("tool", (ToolResult(id="a:1", name="weather", text="Rain."),)),
    Message("tool", (ToolResult(id="toolu_2", name="now", text=""),)),
)
OWN = "a-model-of-ones-own"


def sent(*messages: Message, **rest: Any) -> dict[str, Any]:
    return body_of(call(*messages, **rest), stream=False)


def refused(*messages: Message, **rest: Any) -> str:
    with pytest.raises(AttemptFailed) as caught:
        sent(*messages, **rest)
    assert caught.value.failure.kind is Kind.UNSUPPORTED
    return caught.value.failure.message


def test_a_question_is_the_smallest_body() -> None:
    assert sent() == {
        "model": "claude-haiku-5-5",
        "max_tokens": 128_000,
        "messages": [{"role": "user", "content": [text("Which city?")]}],
    }


def test_a_stream_says_so() -> None:
    assert body_of(call(), stream=True) == {**sent(), "stream": True}


def test_max_tokens_is_always_said() -> None:
    assert sent(max_tokens=100)["max_tokens"] == 100
    assert sent()["max_tokens"] == CARDS["claude-haiku-5-5"].output_limit
    assert sent(model=OWN)["max_tokens"] == MAX_TOKENS


def test_system_messages_are_one_and_turns_of_one_role_are_one() -> None:
    body = sent(
        said("system", "Be brief."),
        said("user", "a", "b"),
        said("system", "Be kind."),
        said("user", "c"),
        said("assistant", "d"),
        said("assistant", "e"),
        said("user", ""),
        said("user", "f"),
    )
    assert body["system"] == [text("Be brief."), text("Be kind.")]
    assert body["messages"] == [
        {"role": "user", "content": [text("a"), text("b"), text("c")]},
        {"role": "assistant", "content": [text("d"), text("e")]},
        {"role": "user", "content": [text("f")]},
    ]


def test_a_systems_text_alone_is_the_users() -> None:
    body = sent(said("system", "Say hello."))
    assert body["messages"] == [{"role": "user", "content": [text("Say hello.")]}]
    assert "system" not in body


def test_empty_texts_are_left_out_and_the_last_words_end_in_no_blank() -> None:
    assert sent(said("user", "", " \n", "a"), said("assistant", "So: "))["messages"] == [
        {"role": "user", "content": [text("a")]},
        {"role": "assistant", "content": [text("So:")]},
    ]


def test_results_are_one_turn_and_come_first_in_it() -> None:
    body = sent(*TURN, said("user", "And?"), tools=(WEATHER,))
    _, calls, results = body["messages"]
    replaced = calls["content"][1]["id"]
    assert calls["content"] == [
        text("I look."),
        {"type": "tool_use", "id": replaced, "name": "weather", "input": {"city": "Oslo"}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    ]
    assert results == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": replaced, "content": "Rain."},
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": ""},
            text("And?"),
        ],
    }
    assert replaced.startswith("toolu_")
    assert replaced == sent(*TURN)["messages"][1]["content"][1]["id"]


@pytest.mark.parametrize(
    ("choice", "parallel", "told"),
    [
        ("auto", None, None),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        (Only("weather"), None, {"type": "tool", "name": "weather"}),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", True, {"type": "any", "disable_parallel_tool_use": False}),
    ],
)
def test_the_choice_of_a_tool_gets_anthropics_words(
    choice: Any, parallel: bool | None, told: Any
) -> None:
    body = sent(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel)
    assert body["tools"] == [
        {"name": "weather", "description": "Tells it.", "input_schema": WEATHER.parameters}
    ]
    assert body.get("tool_choice") == told


@pytest.mark.parametrize("choice", ["required", Only("weather")])
def test_a_model_that_cannot_be_made_to_call_is_not_asked_to(choice: Any) -> None:
    assert "tool_choice auto or none" in refused(
        model="claude-opus-5-5", tools=(WEATHER,), tool_choice=choice
    )


@pytest.mark.parametrize(
    ("media", "block"),
    [
        (
            Media(media_type="image/png", data=PNG),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (
            Media(media_type="image/*", url="https://a.example/b"),
            {"type": "image", "source": {"type": "url", "url": "https://a.example/b"}},
        ),
        (
            Media(media_type="application/pdf", data="JVBERg==", name="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "a.pdf",
            },
        ),
        (
            Media(media_type="application/pdf", url="https://a.example/b.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}},
        ),
        (
            Media(media_type="text/csv", data=base64.b64encode("a;ü".encode()).decode()),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "a;ü"},
            },
        ),
    ],
    ids=str,
)
def test_pictures_and_documents_are_blocks_in_a_turn_and_in_a_result(
    media: Media, block: dict[str, Any]
) -> None:
    assert sent(said("user", media, "What?"))["messages"][0]["content"] == [block, text("What?")]
    result = ToolResult(id="toolu_2", name="now", text="See:", media=(media,))
    turns = (
        said("user", "a"),
        said("assistant", ToolCall(id="toolu_2", name="now", arguments={})),
        Message("tool", (result,)),
    )
    assert sent(*turns)["messages"][2]["content"][0]["content"] == [text("See:"), block]


@pytest.mark.parametrize(
    "media",
    [
        Media(media_type="image/tiff", data=PNG),
        Media(media_type="audio/wav", data="UklGRg=="),
        Media(media_type="video/mp4", url="https://a.example/b"),
        Media(media_type="application/zip", data="UEs="),
        Media(media_type="text/plain", data="/w=="),
        Media(media_type="text/plain", url="https://a.example/b.txt"),
    ],
    ids=str,
)
def test_what_has_no_form_is_said_and_not_shown(media: Media) -> None:
    words = refused(said("user", media))
    assert media.media_type in words
    assert (media.data or media.url) not in words


def test_sampling_parameters_get_anthropics_names() -> None:
    body = sent(model=OWN, temperature=0.0, top_p=0.5, top_k=3, stop=("END",), max_tokens=9)
    assert body == {
        **sent(model=OWN),
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 3,
        "stop_sequences": ("END",),
        "max_tokens": 9,
    }


@pytest.mark.parametrize(
    ("model", "effort", "told"),
    [
        ("claude-opus-5-5", "xhigh", {"output_config": {"effort": "xhigh"}}),
        ("claude-haiku-5-5", "none", {"thinking": {"type": "disabled"}}),
        ("claude-haiku-5-5", "max", {"output_config": {"effort": "max"}}),
        (
            "claude-opus-4-8",
            "low",
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
        ("claude-opus-4-8", "none", {}),
        ("claude-opus-4-5", "high", {"output_config": {"effort": "high"}}),
        ("claude-haiku-4-5", "medium", {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        ("claude-haiku-4-5", "none", {}),
    ],
)
def test_an_effort_is_told_as_the_card_says(model: str, effort: str, told: dict[str, Any]) -> None:
    assert effort in (CARDS[model].efforts or ())
    assert sent(model=model, reasoning_effort=effort) == {**sent(model=model), **told}


def test_a_budget_leaves_room_for_the_words_and_is_not_below_the_least() -> None:
    assert (
        sent(model="claude-haiku-4-5", reasoning_effort="high", max_tokens=4000)["thinking"][
            "budget_tokens"
        ]
        == 2000
    )
    assert "thinking" not in sent(
        model="claude-haiku-4-5", reasoning_effort="high", max_tokens=2000
    )


@pytest.mark.parametrize("choice", ["required", Only("weather")])
def test_a_budget_is_not_asked_for_where_a_tool_must_be_called(choice: Any) -> None:
    assert "thinking" not in sent(
        model="claude-haiku-4-5", reasoning_effort="low", tools=(WEATHER,), tool_choice=choice
    )


def test_a_budget_is_not_asked_for_behind_a_call_that_was_made_without_a_thought() -> None:
    ask = {"model": "claude-haiku-4-5", "reasoning_effort": "low", "tools": (WEATHER,)}
    assert "thinking" not in sent(*TURN, **ask)
    own = said(
        "assistant",
        Reasoning(provider_state=reply_of(message(thought("Well."), text("x"))).provider_state),
        *TURN[1].parts,
    )
    assert sent(TURN[0], own, *TURN[2:], **ask)["thinking"]["type"] == "enabled"


def test_thoughts_go_back_unmodified_and_in_their_place() -> None:
    content = [
        thought("One."),
        text("I look."),
        thought("Two.", "eA=="),
        tool_use("toolu_1", "weather", {"city": "Oslo"}),
    ]
    redacted = {"type": "redacted_thinking", "data": "b3BhcXVl"}
    for told in (content, [redacted, *content[1:]], content[:2]):
        given = reply_of(message(*told)).message
        assert sent(said("user", "Oslo?"), given)["messages"][1]["content"] == told


def test_thoughts_whose_place_is_not_known_come_first() -> None:
    reasoning = next(
        part
        for part in reply_of(message(text("a"), thought("One."))).message.parts
        if isinstance(part, Reasoning)
    )
    assert sent(said("user", "b"), said("assistant", reasoning, "changed"))["messages"][1][
        "content"
    ] == [
        thought("One."),
        text("changed"),
    ]


@pytest.mark.parametrize("private", ["", "no JSON", "3", "[3]", '{"a": 1}'])
def test_what_is_none_of_our_thoughts_is_left_out(private: str) -> None:
    given = said("assistant", Reasoning(text="Hm.", provider_state=private), "a")
    assert sent(said("user", "b"), given)["messages"][1]["content"] == [text("a")]


def test_options_are_laid_over_what_the_request_says() -> None:
    body = sent(reasoning_effort="low", options={"effort": "high", "service_tier": "standard_only"})
    assert (body["output_config"], body["service_tier"]) == ({"effort": "high"}, "standard_only")
    asked = sent(model="claude-sonnet-4-5", options={"thinking_budget": 2048})
    assert asked["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def test_an_extra_is_laid_over_all_else() -> None:
    schema = Schema(name="a", json_schema={"type": "string"}, read=str)
    body = sent(
        schema=schema,
        extra={"output_config": {"effort": "max"}, "metadata": {"user_id": "7"}, "max_tokens": 1},
    )
    assert body["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "string"}},
        "effort": "max",
    }
    assert (body["metadata"], body["max_tokens"]) == ({"user_id": "7"}, 1)
