"""Tool calls in replies on both wires: the same in any fragments, and never a cut one."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.plugin import AttemptFailed, Chunk, Failure, Finish, Kind, ToolCall
from standby_gemini.reply import Reader as GeminiReader
from standby_gemini.reply import read_reply as gemini_reply
from standby_openai.chat_reply import Reader as OpenAIReader
from standby_openai.chat_reply import read_reply as openai_reply

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


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": finish, "delta": fields}]}


def gemini(*parts: Any, finish: str | None = "STOP", **rest: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}], **rest}


def cut(arguments: str) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "clock", "arguments": arguments}}


def read_stream(reader: Any, events: list[dict[str, Any]]) -> list[Chunk]:
    for event in events:
        reader.read(event)
    chunks: list[Chunk] = reader.final_chunks()
    return chunks


def get_failure(read: Any, answer: Any) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        read(answer)
    return caught.value.failure


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_openais_complete_reply(finish: str) -> None:
    reply = openai_reply(openai(*CALLS, finish=finish, text="Let me see."))
    assert (reply.text, reply.tool_calls, reply.finish) == (
        "Let me see.",
        (A, B),
        Finish.TOOL_CALLS,
    )


def test_geminis_complete_reply() -> None:
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
        for start, end in pairwise([0, *sorted(min(index, len(raw)) for index in cuts), len(raw)])
    ]


def call_fragments(index: int, cuts: list[int]) -> list[dict[str, Any]]:
    """Split a call: first its id and name, then its arguments in pieces."""
    call: Any = CALLS[index]
    start = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
    pieces = fragments(RAW[index], cuts)
    return [start, *({"index": index, "function": {"arguments": piece}} for piece in pieces)]


CUTS = st.lists(st.integers(0, 40), max_size=8)


@given(CUTS, CUTS, st.randoms(use_true_random=False))
def test_openais_fragments_in_any_split_and_turn_give_the_same_calls(
    first: list[int], second: list[int], rng: Any
) -> None:
    queues = [call_fragments(0, first), call_fragments(1, second)]
    events = [delta(role="assistant", content="")]
    while unfinished := [queue for queue in queues if queue]:
        events.append(
            delta(tool_calls=[queue.pop(0) for queue in unfinished if rng.random() < 0.7])
        )
    chunks = read_stream(OpenAIReader(), [*events, delta("tool_calls")])
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
    chunks = read_stream(GeminiReader(), events)
    assert [chunk.tool_call for chunk in chunks[:-1]] == [A, B]
    assert chunks[-1].end is not None
    assert chunks[-1].end.finish is Finish.TOOL_CALLS


@pytest.mark.parametrize("arguments", ["{", "[1]", "null", "city=Rome", '{"a": 1}{"a": 1}'])
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
def test_openais_arguments_that_are_not_an_object_are_malformed(
    arguments: str, finish: str
) -> None:
    failure = get_failure(openai_reply, openai(CALLS[0], cut(arguments), finish=finish))
    message = "malformed: a tool call has no name, or its arguments are not a JSON object"
    assert (failure.kind, failure.message) == (Kind.MALFORMED, message)


@pytest.mark.parametrize(
    "call", [{}, None, {"name": ""}, {"name": "f", "args": "{}"}, {"name": "f", "args": [1]}]
)
def test_geminis_call_without_a_name_or_an_object_is_malformed(call: Any) -> None:
    failure = get_failure(gemini_reply, gemini({"functionCall": call}))
    assert (failure.kind, failure.message) == (
        Kind.MALFORMED,
        "malformed: a functionCall has no name, or its args are not an object",
    )


@pytest.mark.parametrize("arguments", ["{", '{"city": "Ro', '{"city": "Rome"'])
def test_openais_cut_call_is_omitted(arguments: str) -> None:
    for calls, text in (((A,), ""), ((), "so"), ((A,), "so")):
        complete_calls = CALLS[: len(calls)]
        reply = openai_reply(openai(*complete_calls, cut(arguments), finish="length", text=text))
        assert (reply.text, reply.tool_calls, reply.finish) == (text, calls, Finish.LENGTH)


@pytest.mark.parametrize("arguments", ["{", '{"city": "Ro'])
def test_openais_cut_call_with_nothing_else_is_empty(arguments: str) -> None:
    failure = get_failure(openai_reply, openai(cut(arguments), finish="length"))
    assert (failure.kind, failure.code) == (Kind.EMPTY, "length")


def test_at_the_token_limit_gemini_keeps_complete_calls_and_is_empty_without_any() -> None:
    reply = gemini_reply(gemini(PARTS[0], finish="MAX_TOKENS"))
    assert (reply.tool_calls, reply.finish) == ((A,), Finish.LENGTH)
    assert get_failure(gemini_reply, gemini(finish="MAX_TOKENS")).kind is Kind.EMPTY


@pytest.mark.parametrize("events", [[], [delta("length")]])
def test_a_broken_stream_yields_no_incomplete_call(
    events: list[dict[str, Any]],
) -> None:
    start = delta(tool_calls=[{"index": 0, **cut('{"city": ')}])
    assert get_failure(lambda each: read_stream(OpenAIReader(), each), [start, *events]).kind in (
        Kind.MALFORMED,
        Kind.EMPTY,
    )
