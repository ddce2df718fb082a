"""Replies with tool calls on both wires: whole or in any fragments the same calls, and none that is cut."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.plugin import AttemptFailed, Chunk, Failure, Finish, Kind, ToolCall
from standby_gemini.reply import Reader as GeminiReader
from standby_gemini.reply import reply_of as gemini_reply
from standby_openai.reply import Reader as OpenAIReader
from standby_openai.reply import reply_of as openai_reply

A = ToolCall(id="a", name="weather", arguments={"city": "Rome", "days": [1, 2]})
B = ToolCall(id="b", name="clock", arguments={})
RAW = ('{"city": "Rome", "days": [1, 2]}', "{}")
CALLS = (
    {"id": "a", "type": "function", "function": {"name": "weather", "arguments": RAW[0]}},
    {"id": "b", "type": "function", "function": {"name": "clock", "arguments": RAW[1]}},
)
PARTS = (
    {"functionCall": {"id": "a", "name": "weather", "args": {"city": "Rome", "days": [1, 2]}}},
    {"functionCall": {"id": "b", "name": "clock"}},
)


def openai(*calls: Any, finish: str = "tool_calls", text: str | None = None) -> dict[str, Any]:
    return {
        "choices": [
            {"finish_reason": finish, "message": {"content": text, "tool_calls": list(calls)}}
        ]
    }


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": finish, "delta": said}]}


def gemini(*parts: Any, finish: str | None = "STOP", **rest: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}], **rest}


def cut(arguments: str) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "clock", "arguments": arguments}}


def streamed(reader: Any, events: list[dict[str, Any]]) -> list[Chunk]:
    for event in events:
        reader.chunk(event)
    chunks: list[Chunk] = reader.rest()
    return chunks


def failure(read: Any, answer: Any) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        read(answer)
    return caught.value.failure


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_openais_whole_reply(finish: str) -> None:
    reply = openai_reply(openai(*CALLS, finish=finish, text="Let me see."))
    assert (reply.text, reply.tool_calls, reply.finish) == (
        "Let me see.",
        (A, B),
        Finish.TOOL_CALLS,
    )


def test_geminis_whole_reply() -> None:
    reply = gemini_reply(gemini({"text": "Let me see."}, *PARTS))
    assert (reply.text, reply.tool_calls, reply.finish) == (
        "Let me see.",
        (A, B),
        Finish.TOOL_CALLS,
    )


def test_geminis_signature_is_kept_as_the_calls_private_state() -> None:
    first, second = gemini_reply(
        gemini({**PARTS[0], "thoughtSignature": "own"}, PARTS[1])
    ).tool_calls
    assert (first.provider_state, second.provider_state) == ("own", "")


def test_geminis_calls_without_an_id_get_one_each() -> None:
    nameless = {"functionCall": {"name": "clock"}}
    calls = gemini_reply(gemini(nameless, nameless, responseId="r1")).tool_calls
    assert [call.id for call in calls] == ["call_r1_0", "call_r1_1"]


def fragments(raw: str, cuts: list[int]) -> list[str]:
    return [
        raw[start:end]
        for start, end in pairwise([0, *sorted(min(place, len(raw)) for place in cuts), len(raw)])
    ]


CUTS = st.lists(st.integers(0, 40), max_size=8)


@given(CUTS, CUTS, st.randoms(use_true_random=False))
def test_openais_fragments_in_any_split_and_turn_give_the_same_calls(
    first: list[int], second: list[int], dice: Any
) -> None:
    queues = [
        [{"index": place, **call, "function": {"name": call["function"]["name"], "arguments": ""}}]
        + [{"index": place, "function": {"arguments": piece}} for piece in fragments(raw, cuts)]
        for place, (call, raw, cuts) in enumerate(zip(CALLS, RAW, (first, second), strict=True))  # type: ignore[index]
    ]
    events = [delta(role="assistant", content="")]
    while left := [queue for queue in queues if queue]:
        events.append(delta(tool_calls=[queue.pop(0) for queue in left if dice.random() < 0.7]))
    chunks = streamed(OpenAIReader(), [*events, delta("tool_calls")])
    assert [chunk.tool_call for chunk in chunks[:-1]] == [A, B]
    assert chunks[-1].end is not None
    assert chunks[-1].end.finish is Finish.TOOL_CALLS


@pytest.mark.parametrize(
    "events",
    [
        [gemini(*PARTS)],
        [gemini(PARTS[0], finish=None), gemini(PARTS[1])],
        [gemini(PARTS[0], finish=None), gemini(PARTS[1], finish=None), gemini({"text": ""})],
        [gemini(finish=None), gemini(*PARTS, finish=None), gemini()],
    ],
)
def test_geminis_events_in_any_split_give_the_same_calls(events: list[dict[str, Any]]) -> None:
    chunks = streamed(GeminiReader(), events)
    assert [chunk.tool_call for chunk in chunks[:-1]] == [A, B]
    assert chunks[-1].end is not None
    assert chunks[-1].end.finish is Finish.TOOL_CALLS


@pytest.mark.parametrize("arguments", ["{", "[1]", "null", "city=Rome", '{"a": 1}{"a": 1}'])
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_openais_arguments_that_are_no_object_are_malformed(arguments: str, finish: str) -> None:
    found = failure(openai_reply, openai(CALLS[0], cut(arguments), finish=finish))
    words = "malformed: a tool call has no name, or arguments that are no JSON object"
    assert (found.kind, found.message) == (Kind.MALFORMED, words)


@pytest.mark.parametrize(
    "call", [{}, None, {"name": ""}, {"name": "f", "args": "{}"}, {"name": "f", "args": [1]}]
)
def test_geminis_call_without_a_name_or_an_object_is_malformed(call: Any) -> None:
    found = failure(gemini_reply, gemini({"functionCall": call}))
    assert (found.kind, found.message) == (
        Kind.MALFORMED,
        "malformed: a functionCall has no name, or args that are no object",
    )


@pytest.mark.parametrize("arguments", ["{", '{"city": "Ro', '{"city": "Rome"'])
def test_openais_cut_call_is_left_out(arguments: str) -> None:
    for calls, text in (((A,), ""), ((), "so"), ((A,), "so")):
        whole = CALLS[: len(calls)]
        reply = openai_reply(openai(*whole, cut(arguments), finish="length", text=text))
        assert (reply.text, reply.tool_calls, reply.finish) == (text, calls, Finish.LENGTH)


@pytest.mark.parametrize("arguments", ["{", '{"city": "Ro'])
def test_openais_cut_call_with_nothing_else_is_empty(arguments: str) -> None:
    found = failure(openai_reply, openai(cut(arguments), finish="length"))
    assert (found.kind, found.code) == (Kind.EMPTY, "length")


def test_gemini_at_its_token_limit_keeps_the_whole_calls_and_is_empty_without_any() -> None:
    reply = gemini_reply(gemini(PARTS[0], finish="MAX_TOKENS"))
    assert (reply.tool_calls, reply.finish) == ((A,), Finish.LENGTH)
    assert failure(gemini_reply, gemini(finish="MAX_TOKENS")).kind is Kind.EMPTY


@pytest.mark.parametrize("events", [[], [delta("length")]])
def test_a_stream_that_breaks_hands_out_no_call_that_is_not_whole(
    events: list[dict[str, Any]],
) -> None:
    began = delta(tool_calls=[{"index": 0, **cut('{"city": ')}])
    assert failure(lambda each: streamed(OpenAIReader(), each), [began, *events]).kind in (
        Kind.MALFORMED,
        Kind.EMPTY,
    )
