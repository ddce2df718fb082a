import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from standby.plugin import (
    AttemptFailed,
    Chunk,
    End,
    Failure,
    Finish,
    Kind,
    Reply,
    ToolCall,
    Usage,
    decode_json,
    iter_events,
)
from standby_anthropic.reply import Reader, read_reply
from tests.providers.anthropic.wire_server import (
    MODEL,
    OVERLOADED,
    events,
    frames,
    message,
    text_block,
    thinking_block,
    tool_use,
)

REDACTED = {"type": "redacted_thinking", "data": "b3BhcXVl"}
WEATHER = tool_use("toolu_01", "weather", {"city": "Oslo 🗺", "days": [1, 2]})
NOW = tool_use("toolu_02", "now", {})
REPLIES = {
    "text": message(text_block("Lisbon, says "), text_block("Claude. 🗺")),
    "a call": message(text_block("I look."), WEATHER, stop="tool_use"),
    "two calls and no text": message(WEATHER, NOW, stop="tool_use"),
    "a call that ends a turn": message(WEATHER, stop="end_turn"),
    "thoughts": message(thinking_block("Which city do they mean?"), text_block("Lisbon.")),
    "thoughts that are not shown": message(thinking_block(""), REDACTED, text_block("Lisbon.")),
    "thoughts between calls": message(
        thinking_block("One."),
        text_block("I look."),
        thinking_block("Two.", "eA=="),
        WEATHER,
        stop="tool_use",
    ),
    "a limit": message(text_block("Lis"), stop="max_tokens"),
    "a full window": message(text_block("Lis"), stop="model_context_window_exceeded"),
    "a limit in a call": message(text_block("I look."), WEATHER, NOW, stop="max_tokens"),
    "a stop sequence": message(text_block("Lis"), stop="stop_sequence", stop_sequence="b"),
}
FAILURES = {
    "a refusal": message(text_block("Sure, "), stop="refusal"),
    "a refusal that is explained": message(
        stop="refusal",
        stop_details={
            "type": "refusal",
            "category": "bio",
            "explanation": "This asks for a lab method.",
        },
    ),
    "a pause": message(text_block("Lis"), stop="pause_turn"),
    "an end of 2027": message(text_block("Lis"), stop="a_reason_of_2027"),
    "no end": message(text_block("Lisbon."), stop=None),
    "a call that is none": message(text_block("Lisbon."), stop="tool_use"),
    "a call without a name": message(tool_use("toolu_01", "", {"a": 1}), stop="tool_use"),
    "a limit before any word": message(thinking_block("Well"), stop="max_tokens"),
    "a limit in the first call": message(NOW, stop="max_tokens"),
}
KINDS = [Kind.BLOCKED] * 2 + [Kind.MALFORMED] * 5 + [Kind.EMPTY] * 2


def read_stream(items: list[dict[str, Any]]) -> Reply:
    """Read a stream as the core does."""
    reader = Reader()
    chunks = [chunk for event in items if (chunk := reader.read(event)) is not None]
    return collect_reply([*chunks, *reader.final_chunks()])


def collect_reply(chunks: list[Chunk]) -> Reply:
    end = chunks[-1].end
    assert isinstance(end, End)
    return Reply(
        text="".join(chunk.text for chunk in chunks),
        reasoning="".join(chunk.reasoning for chunk in chunks),
        provider_state=end.provider_state,
        tool_calls=tuple(chunk.tool_call for chunk in chunks if chunk.tool_call is not None),
        finish=end.finish,
        usage=end.usage,
        response_model=end.response_model,
        id=end.id,
    )


def get_failure(read: Any, items: Any) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        read(items)
    return caught.value.failure


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_an_answer_is_the_same_complete_and_streamed(name: str, size: int) -> None:
    assert read_stream(events(REPLIES[name], size=size)) == read_reply(REPLIES[name])


@pytest.mark.parametrize(("name", "kind"), list(zip(FAILURES, KINDS, strict=True)))
def test_a_failure_is_the_same_complete_and_streamed(name: str, kind: Kind) -> None:
    failure = get_failure(read_reply, FAILURES[name])
    assert failure.kind is kind
    assert get_failure(read_stream, events(FAILURES[name])) == failure


@pytest.mark.parametrize("name", ["a call", "thoughts between calls"])
async def test_a_stream_is_the_same_wherever_its_bytes_are_split(name: str) -> None:
    body = frames(events(REPLIES[name]))

    async def split(at: int) -> AsyncIterator[bytes]:
        yield body[:at]
        await asyncio.sleep(0)
        yield body[at:]

    for at in range(len(body)):
        read = [decode_json(event.data) async for event in iter_events(split(at))]
        assert read_stream(read) == read_reply(REPLIES[name])


@pytest.mark.parametrize("name", REPLIES)
def test_a_stream_cut_anywhere_is_a_failure(name: str) -> None:
    items = events(REPLIES[name])
    for end in range(len(items)):
        assert get_failure(read_stream, items[:end]).kind is Kind.MALFORMED


def test_a_reply_holds_every_reported_field() -> None:
    assert read_reply(REPLIES["a call"]) == Reply(
        text="I look.",
        tool_calls=(
            ToolCall(id="toolu_01", name="weather", arguments={"city": "Oslo 🗺", "days": [1, 2]}),
        ),
        finish=Finish.TOOL_CALLS,
        usage=Usage(input=19, output=28, reasoning=25, cached=4),
        response_model=MODEL,
        id="msg_013Zva2CMHLNnXjNJJKqJ2EF",
    )


@pytest.mark.parametrize(
    ("name", "finish"),
    [
        ("text", Finish.STOP),
        ("a stop sequence", Finish.STOP),
        ("a limit", Finish.LENGTH),
        ("a full window", Finish.LENGTH),
        ("a call that ends a turn", Finish.TOOL_CALLS),
    ],
)
def test_an_end_is_translated(name: str, finish: Finish) -> None:
    assert read_reply(REPLIES[name]).finish is finish


def test_the_call_that_the_limit_cut_is_never_yielded() -> None:
    assert [call.name for call in read_reply(REPLIES["a limit in a call"]).tool_calls] == [
        "weather"
    ]


@pytest.mark.parametrize("written", ['{"city": "Os', "[]", "null", "no JSON", '"Oslo"'])
def test_a_call_whose_arguments_are_not_an_object_is_malformed(written: str) -> None:
    items = events(message(tool_use("toolu_01", "weather", {"a": 1}), stop="tool_use"), size=1000)
    for event in items:
        if event.get("delta", {}).get("partial_json"):
            event["delta"]["partial_json"] = written
    assert get_failure(read_stream, items).kind is Kind.MALFORMED


def test_a_thought_is_reported_and_its_private_state_is_kept() -> None:
    reply = read_reply(REPLIES["thoughts between calls"])
    assert reply.reasoning == "One.Two."
    assert decode_json(reply.provider_state) == [
        thinking_block("One."),
        7,
        thinking_block("Two.", "eA=="),
        None,
    ]
    assert read_reply(REPLIES["text"]).provider_state == ""


def test_thinking_and_streamed_calls_yield_working_chunks() -> None:
    reader = Reader()
    chunks = [
        chunk
        for event in events(REPLIES["thoughts between calls"])
        if (chunk := reader.read(event)) is not None
    ]
    assert all(chunk.text or chunk.working for chunk in chunks)
    assert not any(chunk.tool_call for chunk in chunks)


def test_a_ping_yields_a_working_chunk_only_while_the_model_thinks() -> None:
    start, ping, *items = events(message(thinking_block(""), text_block("Lisbon.")))
    reader = Reader()
    assert [reader.read(start), reader.read(ping)] == [None, None]
    reader.read(items[0])
    assert reader.read(ping) == Chunk(working=True)
    for event in items[1:]:
        reader.read(event)
    assert reader.read(ping) is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "Hello",
        3,
        {},
        {"type": "message"},
        {"content": [text_block("Lisbon.")]},
        {"type": "ping"},
    ],
)
def test_a_200_without_a_message_is_malformed(body: Any) -> None:
    assert get_failure(read_reply, body).kind is Kind.MALFORMED


@pytest.mark.parametrize(
    "content",
    [
        None,
        "Lisbon.",
        [None],
        [3],
        [{"type": "text"}],
        [{"type": "text", "text": 3}],
        [{"type": "thinking"}],
    ],
)
def test_content_of_another_shape_is_ignored(content: Any) -> None:
    assert read_reply(message(content=content)).text == ""


@pytest.mark.parametrize("read", [read_reply, lambda items: read_stream([items])])
def test_an_error_inside_a_200_counts_as_the_error_it_states(read: Any) -> None:
    items = get_failure(read, OVERLOADED)
    assert (items.kind, items.text, items.id) == (
        Kind.OVERLOADED,
        "200 overloaded_error. Overloaded",
        "req_011Cb6r",
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "an_event_of_2027", "index": 0},
        {"type": "content_block_delta", "index": 9, "delta": {"type": "text_delta", "text": "!"}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "citations_delta", "citation": {}},
        },
        {},
    ],
)
def test_an_unknown_event_changes_nothing(odd: dict[str, Any]) -> None:
    items = events(REPLIES["text"])
    assert read_stream([*items[:4], odd, *items[4:]]) == read_reply(REPLIES["text"])
