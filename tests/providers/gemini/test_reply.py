from typing import Any

import pytest

from standby.plugin import AttemptFailed, Chunk, End, Failure, Finish, Kind, Usage, decode_json
from standby_gemini.reply import Reader, read_reply


def answer(*parts: Any, finish: str | None = "STOP", **rest: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-2.5-pro", **rest}


def get_failure(body: Any) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        read_reply(body)
    return caught.value.failure


def test_a_reply_is_all_text_except_the_thoughts() -> None:
    reply = read_reply(
        answer(
            {"text": "Lis"},
            {"text": "hm", "thought": True},
            {"functionCall": {"name": "f"}},
            {"text": "bon"},
        )
    )
    assert (reply.text, reply.finish, reply.response_model) == (
        "Lisbon",
        Finish.TOOL_CALLS,
        "gemini-2.5-pro",
    )


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({}, Usage()),
        ({"promptTokenCount": 12}, Usage(input=12)),
        (
            {
                "promptTokenCount": 12,
                "toolUsePromptTokenCount": 5,
                "candidatesTokenCount": 3,
                "thoughtsTokenCount": 25,
                "cachedContentTokenCount": 4,
                "totalTokenCount": 45,
            },
            Usage(input=17, output=28, reasoning=25, cached=4),
        ),
        (
            {"promptTokenCount": None, "candidatesTokenCount": "3", "thoughtsTokenCount": True},
            Usage(),
        ),
    ],
)
def test_usage_counts_thoughts_as_output_and_tool_prompts_as_input(
    counts: dict[str, Any], usage: Usage
) -> None:
    assert read_reply(answer({"text": "x"}, usageMetadata=counts)).usage == usage


def test_a_token_limit_with_text_is_a_truncated_reply() -> None:
    assert read_reply(answer({"text": "Lis"}, finish="MAX_TOKENS")).finish is Finish.LENGTH


def test_a_token_limit_without_text_says_that_thinking_took_it() -> None:
    failure = get_failure(answer(finish="MAX_TOKENS", usageMetadata={"thoughtsTokenCount": 98}))
    assert failure.kind is Kind.EMPTY
    assert "98 tokens on thinking" in failure.message


@pytest.mark.parametrize(
    ("finish", "kind"),
    [
        ("SAFETY", Kind.BLOCKED),
        ("RECITATION", Kind.BLOCKED),
        ("LANGUAGE", Kind.BLOCKED),
        ("BLOCKLIST", Kind.BLOCKED),
        ("PROHIBITED_CONTENT", Kind.BLOCKED),
        ("SPII", Kind.BLOCKED),
        ("MODEL_ARMOR", Kind.BLOCKED),
        ("ESCALATION", Kind.BLOCKED),
        ("IMAGE_SAFETY", Kind.BLOCKED),
        ("PUP_LIMITED_DISABLED", Kind.UNAUTHORIZED),
        ("OTHER", Kind.MALFORMED),
        ("MALFORMED_FUNCTION_CALL", Kind.MALFORMED),
        ("MALFORMED_RESPONSE", Kind.MALFORMED),
        ("UNEXPECTED_TOOL_CALL", Kind.MALFORMED),
        ("TOO_MANY_TOOL_CALLS", Kind.MALFORMED),
        ("MISSING_THOUGHT_SIGNATURE", Kind.MALFORMED),
        ("CONTINUATION", Kind.MALFORMED),
        ("FINISH_REASON_UNSPECIFIED", Kind.MALFORMED),
        ("A_REASON_OF_2027", Kind.MALFORMED),
    ],
)
def test_any_other_finish_is_a_failure_with_geminis_reason(finish: str, kind: Kind) -> None:
    failure = get_failure(answer({"text": "Lis"}, finish=finish))
    assert (failure.kind, failure.code) == (kind, finish)
    assert finish in failure.text


def test_geminis_finish_message_is_kept() -> None:
    body = answer(finish="OTHER")
    body["candidates"][0]["finishMessage"] = (
        "Model failed to generate content due to internal error."
    )
    assert get_failure(body).message == "Model failed to generate content due to internal error."


def test_a_finish_message_that_quotes_the_answer_is_dropped() -> None:
    body = answer(finish="MALFORMED_FUNCTION_CALL")
    body["candidates"][0]["finishMessage"] = "Malformed function call: print(api.tell('Lisbon'))"
    assert get_failure(body).message == "the answer ended with MALFORMED_FUNCTION_CALL"


@pytest.mark.parametrize("candidates", [{}, {"candidates": []}, {"candidates": None}])
@pytest.mark.parametrize(
    ("feedback", "code", "message"),
    [
        (
            {"blockReason": "PROHIBITED_CONTENT"},
            "PROHIBITED_CONTENT",
            "the prompt was blocked: PROHIBITED_CONTENT",
        ),
        (
            {"blockReason": "A_REASON_OF_2027"},
            "A_REASON_OF_2027",
            "the prompt was blocked: A_REASON_OF_2027",
        ),
        ({"blockReasonMessage": "By Model Armor."}, None, "By Model Armor."),
    ],
)
def test_a_blocked_prompt_is_blocked(
    candidates: Any, feedback: Any, code: str | None, message: str
) -> None:
    failure = get_failure({"promptFeedback": feedback, **candidates})
    assert (failure.kind, failure.code, failure.message) == (Kind.BLOCKED, code, message)


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
        b'{"candidates": []}',
        b'{"candidates": {"0": 1}}',
        b'{"candidates": [null]}',
        b'{"candidates": [{"content": {"parts": [{"text": "Lisbon"}]}}]}',
        b'{"candidates": [{"finishReason": 1}]}',
        b'{"candidates": [{"finishReason": null, "content": {"parts": [{"text": "Lisbon"}]}}]}',
        b'[{"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "Lisbon"}]}}]}]',
        b'{"promptFeedback": {}}',
        b'{"error": "Internal error"}',
        b'{"error": {"message": "upstream failed"}}',
        b"<html><body>Sign in</body></html>",
        b'{"candidates": [{"content": {"parts": [{"text": "\xff\xfe"}]}, "finishReason": "STOP"}]}',
        b'{"candidates": [',
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
        answer(),
        answer(None, 7, {"text": 7}, {"text": None}),
        {"candidates": [{"finishReason": "STOP", "content": None}]},
    ],
)
def test_a_reply_without_text_is_left_to_the_dispatcher(body: Any) -> None:
    assert read_reply(body).text == ""


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: [error]])
def test_an_error_inside_a_200_counts_as_the_error_it_states(wrap: Any) -> None:
    failure = get_failure(
        wrap(
            {"error": {"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}}
        )
    )
    assert failure.text == "503 UNAVAILABLE. The model is overloaded."
    assert failure.kind is Kind.OVERLOADED


def test_a_stream_keeps_the_last_usage_and_ends_with_its_finish() -> None:
    reader = Reader()
    pieces = [
        answer(
            {"text": "Lis"},
            finish=None,
            usageMetadata={"promptTokenCount": 12, "candidatesTokenCount": 1},
        ),
        answer({"text": "hm", "thought": True}, finish=None),
        answer(
            {"text": "bon"},
            finish=None,
            usageMetadata={"promptTokenCount": 12, "candidatesTokenCount": 2},
        ),
        {"candidates": [{"finishReason": "STOP", "index": 0}]},
        {"usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3}},
    ]
    assert [(reader.read(piece) or Chunk()).text for piece in pieces] == ["Lis", "", "bon", "", ""]
    assert reader.build_end() == End(
        usage=Usage(input=12, output=3), response_model="gemini-2.5-pro"
    )


def test_a_stream_without_a_finish_is_malformed() -> None:
    reader = Reader()
    assert reader.read(answer({"text": "Lisbon."}, finish=None)) == Chunk("Lisbon.")
    with pytest.raises(AttemptFailed, match="no finishReason"):
        reader.build_end()
