from typing import Any

import pytest

from standby.plugin import AttemptFailed, Chunk, End, Failure, Finish, Kind, Usage, decode_json
from standby_openai.chat_reply import Reader, read_reply

USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 28,
    "total_tokens": 40,
    "completion_tokens_details": {"reasoning_tokens": 25},
    "prompt_tokens_details": {"cached_tokens": 4},
}


def answer(
    content: Any = "Lisbon", finish: Any = "stop", refusal: Any = None, **rest: Any
) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "model": "o3-mini-2025-01-31",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        **rest,
    }


def piece(content: Any = None, finish: Any = None, **rest: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    return {
        "model": "o3-mini-2025-01-31",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **rest,
    }


def get_failure(body: Any) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        read_reply(body)
    return caught.value.failure


def test_a_reply_is_the_first_choices_text() -> None:
    reply = read_reply(answer("Lisbon"))
    assert (reply.text, reply.finish, reply.response_model) == (
        "Lisbon",
        Finish.STOP,
        "o3-mini-2025-01-31",
    )


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (None, Usage()),
        ({}, Usage()),
        ({"prompt_tokens": 12}, Usage(input=12)),
        (USAGE, Usage(input=12, output=28, reasoning=25, cached=4)),
        (
            {
                "prompt_tokens": None,
                "completion_tokens": "3",
                "completion_tokens_details": None,
                "prompt_tokens_details": [],
            },
            Usage(),
        ),
    ],
)
def test_usage_is_counted_where_it_is_reported(counts: Any, usage: Usage) -> None:
    assert read_reply(answer(usage=counts)).usage == usage


def test_a_token_limit_with_text_is_a_truncated_reply() -> None:
    assert read_reply(answer("Lis", "length")).finish is Finish.LENGTH


@pytest.mark.parametrize("content", ["", None])
def test_a_token_limit_without_text_says_that_reasoning_took_it(content: Any) -> None:
    failure = get_failure(answer(content, "length", usage=USAGE))
    assert (failure.kind, failure.code) == (Kind.EMPTY, "length")
    assert (
        failure.message
        == "empty: max_tokens was spent, 25 tokens on reasoning, before any text came"
    )


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            answer(None, "stop", refusal="I can't help with that."),
            "refusal",
            "I can't help with that.",
        ),
        (
            answer("Lis", "content_filter"),
            "content_filter",
            "the answer was blocked by the content filter",
        ),
    ],
)
def test_content_that_the_vendor_withholds_is_blocked(body: Any, code: str, message: str) -> None:
    failure = get_failure(body)
    assert (failure.kind, failure.code, failure.message) == (Kind.BLOCKED, code, message)


@pytest.mark.parametrize("finish", ["tool_calls", "function_call", "error", "a_reason_of_2027"])
def test_any_other_finish_is_a_failure_with_openais_reason(finish: str) -> None:
    failure = get_failure(answer("Lisbon", finish))
    assert failure.kind is Kind.MALFORMED
    assert repr(finish) in failure.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'["text"]',
        b'"text"',
        b"17",
        b"{}",
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [null]}',
        b'{"choices": [{"message": {"content": "Lisbon"}}]}',
        b'{"choices": [{"message": {"content": "Lisbon"}, "finish_reason": null}]}',
        b'{"choices": [{"message": {"content": "Lisbon"}, "finish_reason": 1}]}',
        b'[{"choices": [{"message": {"content": "Lisbon"}, "finish_reason": "stop"}]}]',
        b'{"error": "Internal error"}',
        b'{"error": true}',
        b'{"error": {"message": "upstream failed"}}',
        b"<html><body>Sign in</body></html>",
        b'{"choices": [{"message": {"content": "\xff\xfe"}, "finish_reason": "stop"}]}',
        b'{"choices": [',
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_200_without_an_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(AttemptFailed) as caught:
        read_reply(decode_json(body))
    assert caught.value.failure.kind is Kind.MALFORMED
    assert caught.value.failure.message


@pytest.mark.parametrize(
    "body",
    [
        answer(""),
        answer(None),
        answer(17),
        {"choices": [{"finish_reason": "stop"}]},
        answer("", error=None),
        answer("", error={}),
    ],
)
def test_a_reply_without_text_is_left_to_the_dispatcher(body: Any) -> None:
    assert read_reply(body).text == ""


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (
            {"error": {"message": "Oh.", "type": "server_error", "code": None}},
            Kind.SERVER_ERROR,
            "200 server_error. Oh.",
        ),
        (
            [{"error": {"message": "Busy.", "status": "UNAVAILABLE", "code": 503}}],
            Kind.OVERLOADED,
            "503 Service Unavailable. Busy.",
        ),
        (
            {"error": {"message": "Bad gateway.", "type": "cf_bad_gateway", "code": 502}},
            Kind.SERVER_ERROR,
            "502 cf_bad_gateway. Bad gateway.",
        ),
        (
            {"type": "error", "code": "rate_limit_exceeded", "message": "Slow.", "param": None},
            Kind.RATE_LIMITED,
            "200 rate_limit_exceeded. Slow.",
        ),
        (
            {"object": "error", "message": "Too long.", "type": "BadRequestError", "code": 400},
            Kind.INVALID_REQUEST,
            "400 BadRequestError. Too long.",
        ),
        (
            {"id": "gen-1", "choices": [], "error": {"message": "Gone.", "code": "server_error"}},
            Kind.SERVER_ERROR,
            "200 server_error. Gone.",
        ),
    ],
)
def test_an_error_inside_a_200_counts_as_the_error_it_states(
    body: Any, kind: Kind, text: str
) -> None:
    failure = get_failure(body)
    assert (failure.kind, failure.text) == (kind, text)


def test_a_stream_keeps_the_last_usage_and_ends_with_its_finish() -> None:
    reader = Reader()
    pieces = [
        {
            "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": "", "refusal": None}}
            ],
            "usage": None,
        },
        piece("Lis", usage={"prompt_tokens": 12, "completion_tokens": 1}),
        piece("bon", usage=None),
    ]
    assert [(reader.read(one) or Chunk()).text for one in pieces] == ["", "Lis", "bon"]
    assert not reader.finished
    assert [
        (reader.read(one) or Chunk()).text
        for one in (piece(None, "stop"), {"choices": [], "usage": USAGE})
    ] == ["", ""]
    assert reader.finished
    assert reader.build_end() == End(
        usage=Usage(input=12, output=28, reasoning=25, cached=4),
        response_model="o3-mini-2025-01-31",
    )


def test_a_refusal_may_come_in_pieces() -> None:
    reader = Reader()
    for message in ("I can't ", "help."):
        reader.read({"choices": [{"delta": {"refusal": message}}]})
    reader.read(piece(None, "stop"))
    with pytest.raises(AttemptFailed, match=r"I can't help\.") as caught:
        reader.build_end()
    assert caught.value.failure.kind is Kind.BLOCKED


def test_a_stream_without_a_finish_is_malformed() -> None:
    reader = Reader()
    assert reader.read(piece("Lisbon.")) == Chunk("Lisbon.")
    with pytest.raises(AttemptFailed, match="no finish_reason"):
        reader.build_end()
