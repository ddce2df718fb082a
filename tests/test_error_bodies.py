"""Every known error body of the vendors: its kind, and the vendor's message, code and delay."""

import random
from typing import Any

import pytest

from standby.dispatch.policy import decide
from standby.dispatch.target import Route
from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Trigger
from standby_gemini.failures import read_failure as gemini_failure
from standby_gemini.reply import Reader as GeminiReader
from standby_gemini.reply import read_reply as gemini_reply
from standby_openai.chat_reply import Reader as ChatReader
from standby_openai.failures import read_failure as openai_failure
from standby_openai.responses_reply import Reader as ResponsesReader
from tests.oracles.gemini_errors import EXHAUSTED, GEMINI, INVALID
from tests.oracles.gemini_errors import build_error as gemini_error
from tests.oracles.openai_errors import BAD, NO_QUOTA, OPENAI
from tests.oracles.openai_errors import build_error as openai_error
from tests.support.playing import target


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a list"])
@pytest.mark.parametrize("row", GEMINI, ids=lambda row: f"{row[0]} {row[3][:30]}")
def test_every_known_error_of_gemini(row: tuple[Any, ...], *, wrapped: bool) -> None:
    status, code, kind, message, details, delay = (
        (*row, [], None)[:6] if len(row) != 5 else (*row, None)
    )
    body = gemini_error(status, code, message, details)
    expected = Failure(kind=kind, status=status, code=code, message=message, retry_after=delay)
    for http_status in (status, 200):  # a stream's status is sent before anything can go wrong
        assert gemini_failure(http_status, {}, [body] if wrapped else body) == expected


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a list"])
@pytest.mark.parametrize("row", OPENAI, ids=lambda row: f"{row[0]} {row[2]} {row[4][:30]}")
def test_every_known_error_of_openai(row: tuple[Any, ...], *, wrapped: bool) -> None:
    status, error_type, code, kind, message, delay = (*row, None)[:6]
    body = openai_error(error_type, code, message)
    failure = openai_failure(status, {"x-request-id": "req_1"}, [body] if wrapped else body)
    assert (failure.kind, failure.status, failure.message, failure.id) == (
        kind,
        status,
        message,
        "req_1",
    )
    assert failure.code == (code if isinstance(code, str) else error_type)
    assert failure.retry_after == pytest.approx(delay)


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {"retry-after-ms": "7000"}])
def test_a_header_states_the_delay_where_the_body_does_not(headers: dict[str, str]) -> None:
    gemini_body = gemini_error(429, EXHAUSTED, "Resource has been exhausted (e.g. check quota).")
    openai_body = openai_error("requests", "rate_limit_exceeded", "Rate limit reached for X.")
    failures = (
        gemini_failure(429, headers, gemini_body),
        openai_failure(429, headers, openai_body),
    )
    assert [failure.retry_after for failure in failures] == [7.0, 7.0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, Kind.MODEL_MISSING), (502, Kind.SERVER_ERROR), (520, Kind.SERVER_ERROR)],
)
def test_an_html_page_is_classified_by_its_status(status: int, kind: Kind) -> None:
    page = "<html><head><title>Error</title></head><body><h1>That is an error.</h1></body></html>"
    for failure in (gemini_failure(status, {}, page), openai_failure(status, {}, page)):
        assert (failure.kind, failure.status, failure.code, failure.message) == (
            kind,
            status,
            None,
            "Error That is an error.",
        )


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, Kind.BLOCKED, "SAFETY"),
        ({"promptFeedback": {"blockReason": "OTHER"}, "candidates": []}, Kind.BLOCKED, "OTHER"),
        ({"promptFeedback": {"blockReasonMessage": "The prompt was blocked."}}, Kind.BLOCKED, None),
        ({"candidates": [{"content": {}, "finishReason": "SAFETY"}]}, Kind.BLOCKED, "SAFETY"),
        (
            {"candidates": [{"finishReason": "OTHER", "finishMessage": "internal error."}]},
            Kind.MALFORMED,
            "OTHER",
        ),
        (
            {"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]},
            Kind.EMPTY,
            "MAX_TOKENS",
        ),
        ({"candidates": [{"content": {"role": "model"}}]}, Kind.MALFORMED, None),
    ],
)
def test_geminis_200s_that_are_failures(
    answer: dict[str, Any], kind: Kind, code: str | None
) -> None:
    with pytest.raises(AttemptFailed) as caught:
        gemini_reply(answer)
    assert (caught.value.failure.kind, caught.value.failure.status, caught.value.failure.code) == (
        kind,
        200,
        code,
    )
    assert caught.value.failure.message


BUSY = openai_error("server_error", None, "The server had an error.")
STREAM_ERRORS: list[tuple[Any, Any, Kind, int, str | None, str]] = [
    (
        GeminiReader,
        gemini_error(499, "CANCELLED", "Cancelled."),
        Kind.SERVER_ERROR,
        499,
        "CANCELLED",
        "Cancelled.",
    ),
    (
        GeminiReader,
        [gemini_error(503, "UNAVAILABLE", "Busy.")],
        Kind.OVERLOADED,
        503,
        "UNAVAILABLE",
        "Busy.",
    ),
    (
        GeminiReader,
        {"responseId": "r", **gemini_error(500, "INTERNAL", "Oh.")},
        Kind.SERVER_ERROR,
        500,
        "INTERNAL",
        "Oh.",
    ),
    (
        GeminiReader,
        {"error": {"status": "UNAVAILABLE", "message": "Busy."}},
        Kind.OVERLOADED,
        200,
        "UNAVAILABLE",
        "Busy.",
    ),
    (
        GeminiReader,
        {"error": {"code": "503", "message": "Busy."}},
        Kind.MALFORMED,
        200,
        None,
        "Busy.",
    ),
    *(
        (reader, body, kind, status, code, "The server had an error.")
        for reader in (ChatReader, ResponsesReader)
        for body, kind, status, code in [
            (BUSY, Kind.SERVER_ERROR, 200, "server_error"),
            ([BUSY], Kind.SERVER_ERROR, 200, "server_error"),
            ({"type": "error", **BUSY}, Kind.SERVER_ERROR, 200, "server_error"),
            (
                {**BUSY["error"], "type": "error", "code": "server_error"},
                Kind.SERVER_ERROR,
                200,
                "server_error",
            ),
            (
                {"type": "error", **openai_error(NO_QUOTA, NO_QUOTA, BUSY["error"]["message"])},
                Kind.QUOTA_EXHAUSTED,
                200,
                NO_QUOTA,
            ),
            (
                openai_error("cf_bad_gateway", 502, BUSY["error"]["message"]),
                Kind.SERVER_ERROR,
                502,
                "cf_bad_gateway",
            ),
            ({"error": {**BUSY["error"], "type": None, "code": 429}}, Kind.RATE_LIMITED, 429, None),
        ]
    ),
]


@pytest.mark.parametrize(("reader", "event", "kind", "status", "code", "message"), STREAM_ERRORS)
def test_an_error_in_a_stream_keeps_its_kind(
    reader: Any, event: Any, kind: Kind, status: int, code: str | None, message: str
) -> None:
    with pytest.raises(AttemptFailed) as caught:
        reader().read(event)
    assert caught.value.failure == Failure(kind=kind, status=status, code=code, message=message)


def test_a_failed_response_is_an_error() -> None:
    reader = ResponsesReader()
    response = {"status": "failed", "error": BUSY["error"]}
    assert reader.read({"type": "response.failed", "response": response}) is None
    with pytest.raises(AttemptFailed) as caught:
        reader.final_chunks()
    assert (caught.value.failure.kind, caught.value.failure.message) == (
        Kind.SERVER_ERROR,
        "The server had an error.",
    )


def decide_for(failure: Failure, **trigger: Any) -> tuple[str, str | None]:
    route = Route(
        name="r",
        chain=Chain(models=("m",)),
        targets=(),
        triggers=Triggers(
            [("busy", Trigger(message=("429", "rate limit"), then="next", **trigger))]
        ),
    )
    decision = decide(failure, target("m", None), route.chain, route.triggers, 1, random.Random(1))
    return decision.then, decision.trigger


@pytest.mark.parametrize(
    "message",
    ["Invalid value: 'explain rate limit 429'.", "explain rate limit 429", "429 rate limit"],
)
def test_a_400_that_echoes_the_prompt_stays_an_invalid_request(message: str) -> None:
    for failure in (
        gemini_failure(400, {}, gemini_error(400, INVALID, message)),
        openai_failure(400, {}, openai_error(BAD, "invalid_value", message)),
        openai_failure(422, {}, openai_error(BAD, None, message)),
    ):
        assert (failure.kind, failure.message) == (Kind.INVALID_REQUEST, message)
        assert decide_for(failure) == ("stop", None)
        assert decide_for(failure, kind=Kind.RATE_LIMITED) == ("stop", None)
        assert decide_for(failure, provider="p") == decide_for(failure, model="m") == ("stop", None)
        for trigger in ({"kind": Kind.INVALID_REQUEST}, {"status": "4xx"}):
            assert decide_for(failure, **trigger) == ("next", "busy")
    blocked = openai_failure(400, {}, openai_error(BAD, "invalid_prompt", message))
    assert (blocked.kind, decide_for(blocked)) == (Kind.BLOCKED, ("stop", None))
    limited = openai_failure(429, {}, openai_error("requests", "rate_limit_exceeded", message))
    assert decide_for(limited) == ("next", "busy")
