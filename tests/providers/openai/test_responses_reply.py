"""What Responses answers, whole and streamed, read to one and the same reply, or to the failure that it was."""

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from standby.plugin import (
    AttemptFailed,
    Failure,
    Finish,
    Kind,
    Reply,
    ToolCall,
    Usage,
    decode_json,
    iter_events,
)
from standby_openai.responses_reply import Reader, reply_of
from tests.support.responses_wire import (
    RESPONSE_ID,
    SERVED,
    called,
    events_of_response,
    frames,
    incomplete,
    refused,
    response,
    said,
    thought,
)

USAGE = Usage(input=12, output=28, reasoning=25, cached=4)
SEALED = '[{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"gAAAA"}]'


def streamed(events: Sequence[Any]) -> Reply:
    """Read events, and put the chunks together as the dispatcher does."""
    reader = Reader()
    chunks = [chunk for chunk in map(reader.chunk, events) if chunk is not None]
    chunks += reader.rest()
    end = chunks[-1].end
    assert end is not None
    assert not any(chunk.end for chunk in chunks[:-1])
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


def as_stream(whole: dict[str, Any]) -> Reply:
    return streamed(events_of_response(whole))


def failing(read: Callable[[Any], Reply], answer: Any) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        read(answer)
    return caught.value.failure


BOTH = pytest.mark.parametrize("read", [reply_of, as_stream], ids=["whole", "streamed"])
CALL = ToolCall(id="call_1", name="now", arguments={})
WELL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": (response(said("Lisbon, says OpenAI.")), {"text": "Lisbon, says OpenAI."}),
    "texts": (
        response(said("Lis", "bon"), said(", yes", known_as="msg_2")),
        {"text": "Lisbon\n\n, yes"},
    ),
    "thoughts": (
        response(thought("Hm.", "So."), thought("Aha.", known_as="rs_2"), said("Lisbon")),
        {"text": "Lisbon", "reasoning": "Hm.\n\nSo.\n\nAha."},
    ),
    "sealed": (
        response(thought("Hm.", encrypted="gAAAA"), said("x")),
        {"text": "x", "reasoning": "Hm.", "provider_state": SEALED},
    ),
    "one sealed of two": (
        response(thought(known_as="rs_0"), thought("Hm.", encrypted="gAAAA"), said("x")),
        {"text": "x", "reasoning": "Hm.", "provider_state": SEALED},
    ),
    "a call": (
        response(thought(), called("look_up", '{"word": "Zürich", "deep": [1, null]}')),
        {
            "tool_calls": (
                ToolCall(
                    id="call_1", name="look_up", arguments={"word": "Zürich", "deep": [1, None]}
                ),
            ),
            "finish": Finish.TOOL_CALLS,
        },
    ),
    "a call without arguments": (
        response(called("now", "")),
        {"tool_calls": (CALL,), "finish": Finish.TOOL_CALLS},
    ),
    "two calls and words": (
        response(said("Let me see."), called("now", "{}"), called("now", "{}", "call_2")),
        {
            "text": "Let me see.",
            "tool_calls": (CALL, ToolCall(id="call_2", name="now", arguments={})),
            "finish": Finish.TOOL_CALLS,
        },
    ),
    "a call without an id": (
        response(called("now", "{}", "")),
        {
            "tool_calls": (ToolCall(id="call_0", name="now", arguments={}),),
            "finish": Finish.TOOL_CALLS,
        },
    ),
    "cut words": (
        incomplete("max_output_tokens", said("Lis")),
        {"text": "Lis", "finish": Finish.LENGTH},
    ),
    "cut arguments": (
        incomplete(
            "max_output_tokens", called("now", "{}"), called("look_up", '{"word": "Zü', "call_2")
        ),
        {"tool_calls": (CALL,), "finish": Finish.LENGTH},
    ),
    "arguments yet to come": (
        incomplete("max_output_tokens", said("Lis"), called("look_up", "")),
        {"text": "Lis", "finish": Finish.LENGTH},
    ),
    "items that nobody knows": (
        response(
            {"type": "web_search_call", "id": "ws_1"},
            said("x"),
            {"type": "from_the_future", "content": [{"text": "y"}]},
        ),
        {"text": "x"},
    ),
    "no usage": (response(said("x"), usage=None), {"text": "x", "usage": Usage()}),
    "nothing": (response(), {"text": ""}),
}
BADLY = {
    "refusal": (response(refused("I cannot help.")), Kind.BLOCKED, "refusal", "I cannot help."),
    "refusal after words": (
        response(said("Well, "), refused("no.")),
        Kind.BLOCKED,
        "refusal",
        "no.",
    ),
    "filter": (
        incomplete("content_filter", said("Lis")),
        Kind.BLOCKED,
        "content_filter",
        "content filter",
    ),
    "filter, nothing": (
        incomplete("content_filter"),
        Kind.BLOCKED,
        "content_filter",
        "content filter",
    ),
    "limit, only thoughts": (
        incomplete("max_output_tokens", thought("Hm.")),
        Kind.EMPTY,
        "max_output_tokens",
        "empty: max_tokens was spent, 25 tokens on reasoning",
    ),
    "limit, a cut call": (
        incomplete("max_output_tokens", called("now", '{"a')),
        Kind.EMPTY,
        "max_output_tokens",
        "empty: ",
    ),
    "unknown reason": (
        incomplete("the_moon", said("x")),
        Kind.MALFORMED,
        None,
        "the status 'incomplete'",
    ),
    "no reason": (incomplete(None, said("x")), Kind.MALFORMED, None, "the status 'incomplete'"),
    "queued": (response(said("x"), status="queued"), Kind.MALFORMED, None, "the status 'queued'"),
    "in progress": (
        response(said("x"), status="in_progress"),
        Kind.MALFORMED,
        None,
        "the status 'in_progress'",
    ),
    "cancelled": (
        response(said("x"), status="cancelled"),
        Kind.MALFORMED,
        None,
        "the status 'cancelled'",
    ),
    "no status": (response(said("x"), status=None), Kind.MALFORMED, None, "the status 'none'"),
    "failed, no word of why": (
        response(said("x"), status="failed"),
        Kind.MALFORMED,
        None,
        "the status 'failed'",
    ),
    "failed": (
        response(status="failed", error={"code": "server_error", "message": "An error occurred."}),
        Kind.SERVER_ERROR,
        "server_error",
        "An error occurred.",
    ),
    "failed, too many": (
        response(status="failed", error={"code": "rate_limit_exceeded", "message": "Slow down."}),
        Kind.RATE_LIMITED,
        "rate_limit_exceeded",
        "Slow down.",
    ),
    "failed, prompt": (
        response(status="failed", error={"code": "invalid_prompt", "message": "No."}),
        Kind.BLOCKED,
        "invalid_prompt",
        "No.",
    ),
    "bad arguments": (
        response(called("now", '{"a": ')),
        Kind.MALFORMED,
        None,
        "a tool call has no name, or arguments",
    ),
    "listed arguments": (
        response(called("now", "[1]")),
        Kind.MALFORMED,
        None,
        "a tool call has no name, or arguments",
    ),
    "a nameless call": (
        response(called("", "{}")),
        Kind.MALFORMED,
        None,
        "a tool call has no name, or arguments",
    ),
}


@BOTH
@pytest.mark.parametrize("case", WELL)
def test_an_answer_is_read_alike_whole_and_streamed(read: Any, case: str) -> None:
    answer, expected = WELL[case]
    whole = Reply(text="", usage=USAGE, response_model=SERVED, id=RESPONSE_ID)
    assert read(answer) == msgspec.structs.replace(whole, **expected)


@BOTH
@pytest.mark.parametrize("case", BADLY)
def test_an_answer_that_is_none_fails_alike_whole_and_streamed(read: Any, case: str) -> None:
    answer, kind, code, words = BADLY[case]
    failure = failing(read, answer)
    assert (failure.kind, failure.status, failure.code) == (kind, 200, code)
    assert words in failure.message


@pytest.mark.parametrize(
    "case", ["content_policy_violation", "image_content_policy_violation", "bio_policy"]
)
@pytest.mark.parametrize("read", [reply_of, as_stream], ids=["whole", "streamed"])
def test_a_response_that_a_policy_failed_is_blocked(read: Any, case: str) -> None:
    failure = failing(read, response(status="failed", error={"code": case, "message": "No."}))
    assert failure.kind is Kind.BLOCKED


@pytest.mark.parametrize("answer", ["<html></html>", None, [], ["x"], 7, True])
@pytest.mark.parametrize(
    "read", [reply_of, lambda event: streamed([event])], ids=["whole", "streamed"]
)
def test_what_is_no_object_is_malformed(read: Any, answer: Any) -> None:
    failure = failing(read, answer)
    assert (failure.kind, failure.message) == (
        Kind.MALFORMED,
        f"malformed: expected a JSON object, got a {type(answer).__name__}",
    )


@pytest.mark.parametrize(
    "output",
    [
        None,
        "x",
        [],
        [None, 7, "x"],
        [{}],
        [{"type": "message"}],
        [{"type": "message", "content": [1]}],
    ],
)
@BOTH
def test_an_output_of_another_shape_says_nothing(read: Any, output: Any) -> None:
    if read is reply_of:
        assert reply_of(response() | {"output": output}).text == ""
    else:
        assert (
            streamed(
                [{"type": "response.completed", "response": response() | {"output": output}}]
            ).text
            == ""
        )


ERRORS: list[tuple[dict[str, Any], Kind, str | None]] = [
    (
        {
            "type": "error",
            "error": {
                "type": "insufficient_quota",
                "code": "insufficient_quota",
                "message": "Spent.",
            },
        },
        Kind.QUOTA_EXHAUSTED,
        "insufficient_quota",
    ),
    (
        {"type": "error", "code": "rate_limit_exceeded", "message": "Spent.", "param": None},
        Kind.RATE_LIMITED,
        "rate_limit_exceeded",
    ),
    (
        {"type": "error", "code": "server_error", "message": "Spent.", "sequence_number": 3},
        Kind.SERVER_ERROR,
        "server_error",
    ),
    ({"type": "error", "code": None, "message": "Spent."}, Kind.MALFORMED, None),
    (
        {"error": {"message": "Spent.", "type": "server_error", "code": None}},
        Kind.SERVER_ERROR,
        "server_error",
    ),
    (
        {"error": {"message": "Spent.", "type": "overloaded", "code": 503}},
        Kind.OVERLOADED,
        "overloaded",
    ),
    ({"error": "Spent."}, Kind.MALFORMED, None),
]


@pytest.mark.parametrize("before", range(0, 9, 2))
@pytest.mark.parametrize(("event", "kind", "code"), ERRORS)
def test_an_error_event_fails_wherever_it_comes(
    event: dict[str, Any], kind: Kind, code: str | None, before: int
) -> None:
    failure = failing(streamed, [*events_of_response(response(said("Lisbon.")))[:before], event])
    assert (failure.kind, failure.code, failure.message) == (kind, code, "Spent.")


@pytest.mark.parametrize(("answer", "kind", "code"), ERRORS)
def test_an_error_inside_a_200_is_an_error(
    answer: dict[str, Any], kind: Kind, code: str | None
) -> None:
    failure = failing(reply_of, answer)
    assert (failure.kind, failure.code, failure.message) == (kind, code, "Spent.")


def test_a_stream_without_its_end_is_no_answer() -> None:
    events = events_of_response(response(thought("Hm."), said("Lisbon."), called("now", "{}")))
    for kept in range(len(events)):
        failure = failing(streamed, events[:kept])
        assert (failure.kind, failure.message) == (
            Kind.MALFORMED,
            "malformed: the stream has no response.completed, so the answer is not whole",
        )


@pytest.mark.parametrize("output", [[], None])
def test_an_end_without_output_has_the_items_that_came_before_it(output: Any) -> None:
    whole = response(thought("Hm.", encrypted="gAAAA"), said("Lisbon."), called("now", "{}"))
    events = events_of_response(whole)
    events[-1]["response"] = whole | {"output": output}
    assert streamed(events) == reply_of(whole)


def test_an_answer_whose_words_come_only_with_the_end_is_said() -> None:
    whole = response(said("Lisbon."), called("now", "{}"))
    assert streamed([{"type": "response.completed", "response": whole}]) == reply_of(whole)


def test_thoughts_that_come_only_with_the_end_are_told() -> None:
    whole = response(thought("Hm."), said("Lisbon."))
    assert streamed([{"type": "response.completed", "response": whole}]).reasoning == "Hm."


@pytest.mark.parametrize("summary", [("Hm.", "", "So."), ("Hm.", "")])
def test_an_empty_part_of_a_summary_makes_no_gap(summary: tuple[str, ...]) -> None:
    whole = response(thought(*summary), said("Lisbon."))
    assert as_stream(whole) == reply_of(whole)


def test_events_that_nobody_knows_say_nothing() -> None:
    whole = response(thought("Hm."), said("Lisbon."), called("now", "{}"))
    strays: list[dict[str, Any]] = [
        {"type": kind, "delta": "x", "text": "x"}
        for kind in ("response.from_the_future", "keepalive", "")
    ]
    strays += [{}, {"type": 7}, {"type": "response.output_text.delta", "delta": None}]
    strays += [
        {"type": f"response.{name}.delta", "delta": "x"}
        for name in ("audio", "refusal", "code_interpreter_call_code")
    ]
    events = [
        stray_or_not for event in events_of_response(whole) for stray_or_not in (*strays, event)
    ]
    assert streamed(events) == reply_of(whole)


@pytest.mark.parametrize(
    "event", [ERRORS[1][0], {"type": "response.failed", "response": response(status="failed")}]
)
def test_what_follows_the_end_changes_nothing(event: dict[str, Any]) -> None:
    whole = response(said("Lisbon."))
    assert streamed([*events_of_response(whole), event]) == reply_of(whole)


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete", "response.failed"])
def test_an_end_without_its_response_ends_nothing(kind: str) -> None:
    reader = Reader()
    assert reader.chunk({"type": kind}) is None
    assert not reader.finished


def test_arguments_that_are_an_object_and_no_text_are_taken() -> None:
    answer = response(called("look_up", "") | {"arguments": {"word": "Zürich"}})
    assert [call.arguments for call in reply_of(answer).tool_calls] == [{"word": "Zürich"}]


@pytest.mark.parametrize("arguments", [7, ["x"], None, True])
def test_arguments_that_are_neither_text_nor_an_object_are_malformed(arguments: Any) -> None:
    answer = response(called("look_up", "") | {"arguments": arguments})
    with pytest.raises(
        AttemptFailed, match="a tool call has no name, or arguments that are no JSON object"
    ) as caught:
        reply_of(answer)
    assert caught.value.failure.kind is Kind.MALFORMED


def life(whole: dict[str, Any]) -> list[bool]:
    reader = Reader()
    return [
        bool(chunk and chunk.working)
        for chunk in map(reader.chunk, events_of_response(whole, size=99))
    ]


def test_a_call_that_is_written_is_a_sign_of_life() -> None:
    assert life(response(called("now", "{}"))) == [False, False, True, True, True, True, False]


def test_thoughts_that_begin_are_no_sign_of_life() -> None:
    assert not any(life(response(thought(), said("Lisbon."))))


# How a stream is split


async def read_in_pieces(body: bytes, *cuts: int) -> Reply:
    async def pieces() -> AsyncIterator[bytes]:
        bounds = [0, *cuts, len(body)]
        for start, stop in pairwise(bounds):
            yield body[start:stop]

    return streamed(
        [decode_json(event.data) async for event in iter_events(pieces()) if event.data]
    )


async def test_where_a_stream_is_split_changes_nothing() -> None:
    whole = response(
        thought("Grübeln 🗺", encrypted="gAAAA"),
        said("Zürich 🚋\u2028ja"),
        called("look_up", '{"word": "ü\\n"}'),
    )
    body = b"".join(frames(events_of_response(whole, size=3)))
    for at in range(len(body)):
        assert await read_in_pieces(body, at) == reply_of(whole)
