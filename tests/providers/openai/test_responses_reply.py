"""Answers of Responses: complete or streamed, they become the same reply or failure."""

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from standby.plugin import (
    AttemptFailed,
    Failure,
    Kind,
    Reply,
    decode_json,
    iter_events,
)
from standby_openai.responses_reply import Reader, read_reply
from tests.providers.openai.responses_replies import FAILURES, REPLIES, USAGE
from tests.support.responses_wire import (
    RESPONSE_ID,
    RESPONSE_MODEL,
    call_item,
    events_of_response,
    frames,
    message_item,
    reasoning_item,
    response,
)


def read_stream(events: Sequence[Any]) -> Reply:
    """Read events, and put the chunks together as the dispatcher does."""
    reader = Reader()
    chunks = [chunk for chunk in map(reader.read, events) if chunk is not None]
    chunks += reader.final_chunks()
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


def read_as_stream(answer: dict[str, Any]) -> Reply:
    return read_stream(events_of_response(answer))


def get_failure(read: Callable[[Any], Reply], answer: Any) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        read(answer)
    return caught.value.failure


BOTH = pytest.mark.parametrize("read", [read_reply, read_as_stream], ids=["whole", "streamed"])


@BOTH
@pytest.mark.parametrize("case", REPLIES)
def test_an_answer_is_read_alike_complete_and_streamed(read: Any, case: str) -> None:
    answer, expected = REPLIES[case]
    base = Reply(text="", usage=USAGE, response_model=RESPONSE_MODEL, id=RESPONSE_ID)
    assert read(answer) == msgspec.structs.replace(base, **expected)


@BOTH
@pytest.mark.parametrize("case", FAILURES)
def test_an_invalid_answer_fails_alike_complete_and_streamed(read: Any, case: str) -> None:
    answer, kind, code, text = FAILURES[case]
    failure = get_failure(read, answer)
    assert (failure.kind, failure.status, failure.code) == (kind, 200, code)
    assert text in failure.message


@pytest.mark.parametrize(
    "case", ["content_policy_violation", "image_content_policy_violation", "bio_policy"]
)
@pytest.mark.parametrize("read", [read_reply, read_as_stream], ids=["whole", "streamed"])
def test_a_response_that_a_policy_failed_is_blocked(read: Any, case: str) -> None:
    failure = get_failure(read, response(status="failed", error={"code": case, "message": "No."}))
    assert failure.kind is Kind.BLOCKED


@pytest.mark.parametrize("answer", ["<html></html>", None, [], ["x"], 7, True])
@pytest.mark.parametrize(
    "read", [read_reply, lambda event: read_stream([event])], ids=["whole", "streamed"]
)
def test_anything_but_an_object_is_malformed(read: Any, answer: Any) -> None:
    failure = get_failure(read, answer)
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
def test_an_output_of_another_shape_is_ignored(read: Any, output: Any) -> None:
    if read is read_reply:
        assert read_reply(response() | {"output": output}).text == ""
    else:
        assert (
            read_stream(
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
    failure = get_failure(
        read_stream, [*events_of_response(response(message_item("Lisbon.")))[:before], event]
    )
    assert (failure.kind, failure.code, failure.message) == (kind, code, "Spent.")


@pytest.mark.parametrize(("answer", "kind", "code"), ERRORS)
def test_an_error_inside_a_200_is_an_error(
    answer: dict[str, Any], kind: Kind, code: str | None
) -> None:
    failure = get_failure(read_reply, answer)
    assert (failure.kind, failure.code, failure.message) == (kind, code, "Spent.")


def test_a_stream_without_its_end_is_a_failure() -> None:
    events = events_of_response(
        response(reasoning_item("Hm."), message_item("Lisbon."), call_item("now", "{}"))
    )
    for kept in range(len(events)):
        failure = get_failure(read_stream, events[:kept])
        assert (failure.kind, failure.message) == (
            Kind.MALFORMED,
            "malformed: the stream has no response.completed, so the answer is incomplete",
        )


@pytest.mark.parametrize("output", [[], None])
def test_an_end_without_output_has_the_items_that_came_before_it(output: Any) -> None:
    answer = response(
        reasoning_item("Hm.", encrypted="gAAAA"), message_item("Lisbon."), call_item("now", "{}")
    )
    events = events_of_response(answer)
    events[-1]["response"] = answer | {"output": output}
    assert read_stream(events) == read_reply(answer)


def test_text_that_comes_only_with_the_end_is_yielded() -> None:
    answer = response(message_item("Lisbon."), call_item("now", "{}"))
    assert read_stream([{"type": "response.completed", "response": answer}]) == read_reply(answer)


def test_thoughts_that_come_only_with_the_end_are_yielded() -> None:
    answer = response(reasoning_item("Hm."), message_item("Lisbon."))
    assert read_stream([{"type": "response.completed", "response": answer}]).reasoning == "Hm."


@pytest.mark.parametrize("summary", [("Hm.", "", "So."), ("Hm.", "")])
def test_an_empty_summary_part_adds_no_gap(summary: tuple[str, ...]) -> None:
    answer = response(reasoning_item(*summary), message_item("Lisbon."))
    assert read_as_stream(answer) == read_reply(answer)


def test_unknown_events_are_ignored() -> None:
    answer = response(reasoning_item("Hm."), message_item("Lisbon."), call_item("now", "{}"))
    strays: list[dict[str, Any]] = [
        {"type": kind, "delta": "x", "text": "x"}
        for kind in ("response.from_the_future", "keepalive", "")
    ]
    strays += [{}, {"type": 7}, {"type": "response.output_text.delta", "delta": None}]
    strays += [
        {"type": f"response.{name}.delta", "delta": "x"}
        for name in ("audio", "refusal", "code_interpreter_call_code")
    ]
    events = [each for event in events_of_response(answer) for each in (*strays, event)]
    assert read_stream(events) == read_reply(answer)


@pytest.mark.parametrize(
    "event", [ERRORS[1][0], {"type": "response.failed", "response": response(status="failed")}]
)
def test_data_after_the_end_changes_nothing(event: dict[str, Any]) -> None:
    answer = response(message_item("Lisbon."))
    assert read_stream([*events_of_response(answer), event]) == read_reply(answer)


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete", "response.failed"])
def test_an_end_without_its_response_ends_nothing(kind: str) -> None:
    reader = Reader()
    assert reader.read({"type": kind}) is None
    assert not reader.finished


def test_arguments_that_are_already_an_object_are_accepted() -> None:
    answer = response(call_item("look_up", "") | {"arguments": {"word": "Zürich"}})
    assert [call.arguments for call in read_reply(answer).tool_calls] == [{"word": "Zürich"}]


@pytest.mark.parametrize("arguments", [7, ["x"], None, True])
def test_arguments_that_are_neither_text_nor_an_object_are_malformed(arguments: Any) -> None:
    answer = response(call_item("look_up", "") | {"arguments": arguments})
    with pytest.raises(
        AttemptFailed, match="a tool call has no name, or its arguments are not a JSON object"
    ) as caught:
        read_reply(answer)
    assert caught.value.failure.kind is Kind.MALFORMED


def life(answer: dict[str, Any]) -> list[bool]:
    reader = Reader()
    return [
        bool(chunk and chunk.working)
        for chunk in map(reader.read, events_of_response(answer, size=99))
    ]


def test_a_streamed_call_yields_working_chunks() -> None:
    assert life(response(call_item("now", "{}"))) == [False, False, True, True, True, True, False]


def test_the_start_of_a_thought_yields_no_chunk() -> None:
    assert not any(life(response(reasoning_item(), message_item("Lisbon."))))


# How a stream is split


async def read_in_pieces(body: bytes, *cuts: int) -> Reply:
    async def pieces() -> AsyncIterator[bytes]:
        bounds = [0, *cuts, len(body)]
        for start, stop in pairwise(bounds):
            yield body[start:stop]

    return read_stream(
        [decode_json(event.data) async for event in iter_events(pieces()) if event.data]
    )


async def test_where_a_stream_is_split_changes_nothing() -> None:
    answer = response(
        reasoning_item("Grübeln 🗺", encrypted="gAAAA"),
        message_item("Zürich 🚋\u2028ja"),
        call_item("look_up", '{"word": "ü\\n"}'),
    )
    body = b"".join(frames(events_of_response(answer, size=3)))
    for at in range(len(body)):
        assert await read_in_pieces(body, at) == read_reply(answer)
