"""The engine's output, and the reply that is read from it."""

from typing import Any

import pytest

from standby.plugin import AttemptFailed, End, Finish, Kind, Usage
from standby_local.reply import Reader


def chunk(content: str | None = None, finish: str | None = None) -> dict[str, Any]:
    return {
        "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}],
        "model": "/some/path.gguf",
    }


USAGE = {
    "choices": [],
    "usage": {
        "prompt_tokens": 31,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 24},
    },
}


def get_failure(raw: object) -> tuple[Kind, str]:
    with pytest.raises(AttemptFailed) as caught:
        Reader("m").read(raw)
    return caught.value.failure.kind, caught.value.failure.text


def test_a_stream_is_read_to_its_end() -> None:
    reader = Reader("m")
    texts = [
        reader.read(raw)
        for raw in (chunk(None), chunk("Hello"), chunk(" you"), chunk(finish="stop"), USAGE)
    ]
    assert texts == ["", "Hello", " you", "", ""]
    assert reader.build_end() == End(
        finish=Finish.STOP, usage=Usage(input=31, output=5, cached=24), response_model="m"
    )


def test_the_token_limit_is_a_finish_of_its_own() -> None:
    reader = Reader("m")
    reader.read(chunk(finish="length"))
    assert reader.build_end().finish is Finish.LENGTH


def test_a_stream_without_a_finish_reason_is_malformed() -> None:
    reader = Reader("m")
    reader.read(chunk("Hello"))
    with pytest.raises(AttemptFailed, match="stopped without a finish reason") as caught:
        reader.build_end()
    assert caught.value.failure.kind is Kind.MALFORMED


def test_an_oversized_prompt_is_too_long() -> None:
    error = {
        "code": 400,
        "message": "request (5031 tokens) exceeds",
        "type": "exceed_context_size_error",
        "n_ctx": 4096,
    }
    assert get_failure({"error": error}) == (
        Kind.CONTEXT_TOO_LONG,
        "400 exceed_context_size_error. request (5031 tokens) exceeds",
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, Kind.INVALID_REQUEST),
        (500, Kind.SERVER_ERROR),
        (501, Kind.UNSUPPORTED),
        (503, Kind.OVERLOADED),
    ],
)
def test_any_other_error_follows_its_status(code: int, kind: Kind) -> None:
    assert get_failure({"error": {"code": code, "message": "text"}})[0] is kind


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "text",
        3,
        {"choices": "none"},
        {"choices": [{"finish_reason": "tired"}]},
        {"error": "?"},
    ],
)
def test_a_chunk_of_an_unknown_shape_is_malformed(raw: object) -> None:
    assert get_failure(raw)[0] is Kind.MALFORMED
