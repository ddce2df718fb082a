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
from standby_anthropic.reply import read_reply
from standby_anthropic.request import MAX_TOKENS, build_body
from tests.providers.anthropic.requests import CARDS, chat_message, model_request
from tests.providers.anthropic.wire_server import message, text_block, thinking_block, tool_use

PNG = "iVBORw0KGgo="
WEATHER = Tool(
    name="weather",
    description="Tells it.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)
TURN = (
    chat_message("user", "Oslo?"),
    chat_message(
        "assistant",
        "I look.",
        ToolCall(id="a:1", name="weather", arguments={"city": "Oslo"}),
        ToolCall(id="toolu_2", name="now", arguments={}),
    ),
    Message("tool", (ToolResult(id="a:1", name="weather", text="Rain."),)),
    Message("tool", (ToolResult(id="toolu_2", name="now", text=""),)),
)
UNKNOWN_MODEL = "an-unknown-model"


def build(*messages: Message, **rest: Any) -> dict[str, Any]:
    return build_body(model_request(*messages, **rest), stream=False)


def get_message(*messages: Message, **rest: Any) -> str:
    with pytest.raises(AttemptFailed) as caught:
        build(*messages, **rest)
    assert caught.value.failure.kind is Kind.UNSUPPORTED
    return caught.value.failure.message


def test_a_question_is_the_smallest_body() -> None:
    assert build() == {
        "model": "claude-haiku-5-5",
        "max_tokens": 128_000,
        "messages": [{"role": "user", "content": [text_block("Which city?")]}],
    }


def test_a_streamed_request_is_marked_as_one() -> None:
    assert build_body(model_request(), stream=True) == {**build(), "stream": True}


def test_max_tokens_is_always_sent() -> None:
    assert build(max_tokens=100)["max_tokens"] == 100
    assert build()["max_tokens"] == CARDS["claude-haiku-5-5"].output_limit
    assert build(model=UNKNOWN_MODEL)["max_tokens"] == MAX_TOKENS


def test_system_messages_and_turns_of_one_role_are_merged() -> None:
    body = build(
        chat_message("system", "Be brief."),
        chat_message("user", "a", "b"),
        chat_message("system", "Be kind."),
        chat_message("user", "c"),
        chat_message("assistant", "d"),
        chat_message("assistant", "e"),
        chat_message("user", ""),
        chat_message("user", "f"),
    )
    assert body["system"] == [text_block("Be brief."), text_block("Be kind.")]
    assert body["messages"] == [
        {"role": "user", "content": [text_block("a"), text_block("b"), text_block("c")]},
        {"role": "assistant", "content": [text_block("d"), text_block("e")]},
        {"role": "user", "content": [text_block("f")]},
    ]


def test_a_system_text_alone_becomes_the_users() -> None:
    body = build(chat_message("system", "Say hello."))
    assert body["messages"] == [{"role": "user", "content": [text_block("Say hello.")]}]
    assert "system" not in body


def test_empty_texts_are_omitted_and_the_last_text_ends_in_no_blank() -> None:
    assert build(chat_message("user", "", " \n", "a"), chat_message("assistant", "So: "))[
        "messages"
    ] == [
        {"role": "user", "content": [text_block("a")]},
        {"role": "assistant", "content": [text_block("So:")]},
    ]


def test_results_are_one_turn_and_come_first_in_it() -> None:
    body = build(*TURN, chat_message("user", "And?"), tools=(WEATHER,))
    _, calls, results = body["messages"]
    replaced = calls["content"][1]["id"]
    assert calls["content"] == [
        text_block("I look."),
        {"type": "tool_use", "id": replaced, "name": "weather", "input": {"city": "Oslo"}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    ]
    assert results == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": replaced, "content": "Rain."},
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": ""},
            text_block("And?"),
        ],
    }
    assert replaced.startswith("toolu_")
    assert replaced == build(*TURN)["messages"][1]["content"][1]["id"]


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        ("auto", None, None),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        (Only("weather"), None, {"type": "tool", "name": "weather"}),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", True, {"type": "any", "disable_parallel_tool_use": False}),
    ],
)
def test_the_choice_of_a_tool_gets_anthropics_names(
    choice: Any, parallel: bool | None, expected: Any
) -> None:
    body = build(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel)
    assert body["tools"] == [
        {"name": "weather", "description": "Tells it.", "input_schema": WEATHER.parameters}
    ]
    assert body.get("tool_choice") == expected


@pytest.mark.parametrize("choice", ["required", Only("weather")])
def test_a_model_that_rejects_forced_tools_is_not_sent_one(choice: Any) -> None:
    assert "tool_choice auto or none" in get_message(
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
    assert build(chat_message("user", media, "What?"))["messages"][0]["content"] == [
        block,
        text_block("What?"),
    ]
    result = ToolResult(id="toolu_2", name="now", text="See:", media=(media,))
    turns = (
        chat_message("user", "a"),
        chat_message("assistant", ToolCall(id="toolu_2", name="now", arguments={})),
        Message("tool", (result,)),
    )
    assert build(*turns)["messages"][2]["content"][0]["content"] == [text_block("See:"), block]


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
def test_media_without_a_form_is_reported_without_its_data(media: Media) -> None:
    text = get_message(chat_message("user", media))
    assert media.media_type in text
    assert (media.data or media.url) not in text


def test_sampling_parameters_get_anthropics_names() -> None:
    body = build(
        model=UNKNOWN_MODEL, temperature=0.0, top_p=0.5, top_k=3, stop=("END",), max_tokens=9
    )
    assert body == {
        **build(model=UNKNOWN_MODEL),
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 3,
        "stop_sequences": ("END",),
        "max_tokens": 9,
    }


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
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
def test_an_effort_is_sent_in_the_cards_way(
    model: str, effort: str, expected: dict[str, Any]
) -> None:
    assert effort in (CARDS[model].efforts or ())
    assert build(model=model, reasoning_effort=effort) == {**build(model=model), **expected}


def test_a_budget_leaves_room_for_the_text_and_respects_the_minimum() -> None:
    assert (
        build(model="claude-haiku-4-5", reasoning_effort="high", max_tokens=4000)["thinking"][
            "budget_tokens"
        ]
        == 2000
    )
    assert "thinking" not in build(
        model="claude-haiku-4-5", reasoning_effort="high", max_tokens=2000
    )


@pytest.mark.parametrize("choice", ["required", Only("weather")])
def test_no_budget_is_sent_with_a_forced_tool(choice: Any) -> None:
    assert "thinking" not in build(
        model="claude-haiku-4-5", reasoning_effort="low", tools=(WEATHER,), tool_choice=choice
    )


def test_no_budget_is_sent_after_a_call_without_a_thought() -> None:
    ask = {"model": "claude-haiku-4-5", "reasoning_effort": "low", "tools": (WEATHER,)}
    assert "thinking" not in build(*TURN, **ask)
    own = chat_message(
        "assistant",
        Reasoning(
            provider_state=read_reply(
                message(thinking_block("Well."), text_block("x"))
            ).provider_state
        ),
        *TURN[1].parts,
    )
    assert build(TURN[0], own, *TURN[2:], **ask)["thinking"]["type"] == "enabled"


def test_thoughts_are_returned_unmodified_and_in_order() -> None:
    content = [
        thinking_block("One."),
        text_block("I look."),
        thinking_block("Two.", "eA=="),
        tool_use("toolu_1", "weather", {"city": "Oslo"}),
    ]
    redacted = {"type": "redacted_thinking", "data": "b3BhcXVl"}
    for expected in (content, [redacted, *content[1:]], content[:2]):
        message_back = read_reply(message(*expected)).message
        assert (
            build(chat_message("user", "Oslo?"), message_back)["messages"][1]["content"] == expected
        )


def test_thoughts_of_unknown_position_come_first() -> None:
    reasoning = next(
        part
        for part in read_reply(message(text_block("a"), thinking_block("One."))).message.parts
        if isinstance(part, Reasoning)
    )
    assert build(chat_message("user", "b"), chat_message("assistant", reasoning, "changed"))[
        "messages"
    ][1]["content"] == [
        thinking_block("One."),
        text_block("changed"),
    ]


@pytest.mark.parametrize("state", ["", "no JSON", "3", "[3]", '{"a": 1}'])
def test_foreign_thoughts_are_omitted(state: str) -> None:
    message_back = chat_message("assistant", Reasoning(text="Hm.", provider_state=state), "a")
    assert build(chat_message("user", "b"), message_back)["messages"][1]["content"] == [
        text_block("a")
    ]


def test_options_are_merged_over_the_request() -> None:
    body = build(
        reasoning_effort="low", options={"effort": "high", "service_tier": "standard_only"}
    )
    assert (body["output_config"], body["service_tier"]) == ({"effort": "high"}, "standard_only")
    body = build(model="claude-sonnet-4-5", options={"thinking_budget": 2048})
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}


def test_an_extra_overrides_everything_else() -> None:
    schema = Schema(name="a", json_schema={"type": "string"}, read=str)
    body = build(
        schema=schema,
        extra={"output_config": {"effort": "max"}, "metadata": {"user_id": "7"}, "max_tokens": 1},
    )
    assert body["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "string"}},
        "effort": "max",
    }
    assert (body["metadata"], body["max_tokens"]) == ({"user_id": "7"}, 1)
