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
from standby_anthropic.reply import Reader, reply_of
from tests.providers.anthropic.wire_server import (
    MODEL,
    OVERLOADED,
    events,
    framed,
    message,
    text,
    thought,
    tool_use,
)

REDACTED = {"type": "redacted_thinking", "data": "b3BhcXVl"}
WEATHER = tool_use("toolu_01", "weather", {"city": "Oslo 🗺", "days": [1, 2]})
NOW = tool_use("toolu_02", "now", {})
ANSWERS = {
    "words": message(text("Lisbon, says "), text("Claude. 🗺")),
    "a call": message(text("I look."), WEATHER, stop="tool_use"),
    "two calls and no words": message(WEATHER, NOW, stop="tool_use"),
    "a call that ends a turn": message(WEATHER, stop="end_turn"),
    "thoughts": message(thought("Which city do they mean?"), text("Lisbon.")),
    "thoughts that are not shown": message(thought(""), REDACTED, text("Lisbon.")),
    "thoughts between calls": message(
        thought("One."), text("I look."), thought("Two.", "eA=="), WEATHER, stop="tool_use"
    ),
    "a limit": message(text("Lis"), stop="max_tokens"),
    "a full window": message(text("Lis"), stop="model_context_window_exceeded"),
    "a limit in a call": message(text("I look."), WEATHER, NOW, stop="max_tokens"),
    "a stop sequence": message(text("Lis"), stop="stop_sequence", stop_sequence="b"),
}
FAILURES = {
    "a refusal": message(text("Sure, "), stop="refusal"),
    "a refusal that is explained": message(
        stop="refusal",
        stop_details={
            "type": "refusal",
            "category": "bio",
            "explanation": "This asks for a lab method.",
        },
    ),
    "a pause": message(text("Lis"), stop="pause_turn"),
    "an end of 2027": message(text("Lis"), stop="a_reason_of_2027"),
    "no end": message(text("Lisbon."), stop=None),
    "a call that is none": message(text("Lisbon."), stop="tool_use"),
    "a call without a name": message(tool_use("toolu_01", "", {"a": 1}), stop="tool_use"),
    "a limit before any word": message(thought("Well"), stop="max_tokens"),
    "a limit in the first call": message(NOW, stop="max_tokens"),
}
KINDS = [Kind.BLOCKED] * 2 + [Kind.MALFORMED] * 5 + [Kind.EMPTY] * 2


def streamed(told: list[dict[str, Any]]) -> Reply:
    """Read a stream as the core does."""
    reader = Reader()
    chunks = [chunk for one in told if (chunk := reader.chunk(one)) is not None]
    return replied([*chunks, *reader.rest()])


def replied(chunks: list[Chunk]) -> Reply:
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


def failed(read: Any, told: Any) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        read(told)
    return caught.value.failure


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_an_answer_is_the_same_whole_and_streamed(name: str, size: int) -> None:
    assert streamed(events(ANSWERS[name], size=size)) == reply_of(ANSWERS[name])


@pytest.mark.parametrize(("name", "kind"), list(zip(FAILURES, KINDS, strict=True)))
def test_a_failure_is_the_same_whole_and_streamed(name: str, kind: Kind) -> None:
    whole = failed(reply_of, FAILURES[name])
    assert whole.kind is kind
    assert failed(streamed, events(FAILURES[name])) == whole


@pytest.mark.parametrize("name", ["a call", "thoughts between calls"])
async def test_a_stream_is_the_same_wherever_its_bytes_are_split(name: str) -> None:
    body = framed(events(ANSWERS[name]))

    async def split(at: int) -> AsyncIterator[bytes]:
        yield body[:at]
        await asyncio.sleep(0)
        yield body[at:]

    for at in range(len(body)):
        read = [decode_json(event.data) async for event in iter_events(split(at))]
        assert streamed(read) == reply_of(ANSWERS[name])


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_that_is_cut_anywhere_is_no_answer(name: str) -> None:
    told = events(ANSWERS[name])
    for end in range(len(told)):
        assert failed(streamed, told[:end]).kind is Kind.MALFORMED


def test_a_reply_has_all_that_was_told() -> None:
    assert reply_of(ANSWERS["a call"]) == Reply(
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
        ("words", Finish.STOP),
        ("a stop sequence", Finish.STOP),
        ("a limit", Finish.LENGTH),
        ("a full window", Finish.LENGTH),
        ("a call that ends a turn", Finish.TOOL_CALLS),
    ],
)
def test_an_end_is_translated(name: str, finish: Finish) -> None:
    assert reply_of(ANSWERS[name]).finish is finish


def test_the_call_in_which_an_answer_was_cut_is_never_handed_out() -> None:
    assert [call.name for call in reply_of(ANSWERS["a limit in a call"]).tool_calls] == ["weather"]


@pytest.mark.parametrize("written", ['{"city": "Os', "[]", "null", "no JSON", '"Oslo"'])
def test_a_call_whose_arguments_are_no_object_is_no_call(written: str) -> None:
    told = events(message(tool_use("toolu_01", "weather", {"a": 1}), stop="tool_use"), size=1000)
    for one in told:
        if one.get("delta", {}).get("partial_json"):
            one["delta"]["partial_json"] = written
    assert failed(streamed, told).kind is Kind.MALFORMED


def test_a_thought_is_told_and_what_only_the_model_reads_is_kept() -> None:
    reply = reply_of(ANSWERS["thoughts between calls"])
    assert reply.reasoning == "One.Two."
    assert decode_json(reply.provider_state) == [thought("One."), 7, thought("Two.", "eA=="), None]
    assert reply_of(ANSWERS["words"]).provider_state == ""


def test_thinking_and_the_writing_of_a_call_are_signs_of_life() -> None:
    reader = Reader()
    chunks = [
        chunk
        for one in events(ANSWERS["thoughts between calls"])
        if (chunk := reader.chunk(one)) is not None
    ]
    assert all(chunk.text or chunk.working for chunk in chunks)
    assert not any(chunk.tool_call for chunk in chunks)


def test_a_ping_is_a_sign_of_life_while_the_model_thinks_and_at_no_other_time() -> None:
    start, ping, *told = events(message(thought(""), text("Lisbon.")))
    reader = Reader()
    assert [reader.chunk(start), reader.chunk(ping)] == [None, None]
    reader.chunk(told[0])
    assert reader.chunk(ping) == Chunk(working=True)
    for one in told[1:]:
        reader.chunk(one)
    assert reader.chunk(ping) is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "Hello",
        3,
        {},
        {"type": "message"},
        {"content": [text("Lisbon.")]},
        {"type": "ping"},
    ],
)
def test_a_200_that_is_no_message_is_malformed(body: Any) -> None:
    assert failed(reply_of, body).kind is Kind.MALFORMED


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
def test_content_of_another_shape_is_no_text(content: Any) -> None:
    assert reply_of(message(content=content)).text == ""


@pytest.mark.parametrize("read", [reply_of, lambda told: streamed([told])])
def test_an_error_inside_a_200_is_what_it_says_it_is(read: Any) -> None:
    told = failed(read, OVERLOADED)
    assert (told.kind, told.text, told.id) == (
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
def test_an_event_that_is_not_known_changes_nothing(odd: dict[str, Any]) -> None:
    told = events(ANSWERS["words"])
    assert streamed([*told[:4], odd, *told[4:]]) == reply_of(ANSWERS["words"])
