"""Every error body that the vendors are known to send: its kind, and the vendor's own words, code and delay on the failure."""

import random
from typing import Any

import pytest

from standby.dispatch.policy import decide
from standby.dispatch.target import Route
from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Trigger
from standby_gemini.failures import parse_failure as gemini_failure
from standby_gemini.reply import Reader as GeminiReader
from standby_gemini.reply import parse_reply as gemini_reply
from standby_openai.chat_reply import Reader as ChatReader
from standby_openai.failures import parse_failure as openai_failure
from standby_openai.responses_reply import Reader as ResponsesReader
from tests.support.playing import target

QUOTA = "You exceeded your current quota, please check your plan and billing details."
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
DELAY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
HELP = {
    "@type": "type.googleapis.com/google.rpc.Help",
    "links": [{"description": "Learn more", "url": "https://ai.google.dev"}],
}


def violated(quota: str, value: str = "10") -> dict[str, Any]:
    violation = {"quotaMetric": "generate_content_requests", "quotaId": quota, "quotaValue": value}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def because(reason: str, **metadata: str) -> dict[str, Any]:
    named = {"reason": reason, "domain": "googleapis.com", "metadata": metadata}
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", **named}


def limited(limit: int, delay: str = " Please retry in 20.04s.") -> str:
    return (
        f"{QUOTA} For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n* Quota \
exceeded for metric: generate_content_requests, limit: {limit}, model: gemini-2.5-pro\n{delay}"
    )


INVALID = "INVALID_ARGUMENT"
SPENT = "RESOURCE_EXHAUSTED"
DENIED = "PERMISSION_DENIED"
GEMINI: list[tuple[Any, ...]] = [
    (
        500,
        "INTERNAL",
        Kind.SERVER_ERROR,
        "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
    ),
    (500, "INTERNAL", Kind.SERVER_ERROR, "Internal error encountered."),
    (503, "UNAVAILABLE", Kind.OVERLOADED, "The model is overloaded. Please try again later."),
    (
        503,
        "UNAVAILABLE",
        Kind.OVERLOADED,
        "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.",
    ),
    (503, "UNAVAILABLE", Kind.OVERLOADED, "Deadline expired before operation could complete."),
    (
        504,
        "DEADLINE_EXCEEDED",
        Kind.SERVER_ERROR,
        "The service is unable to finish processing within the deadline.",
    ),
    (
        504,
        "DEADLINE_EXCEEDED",
        Kind.SERVER_ERROR,
        "Deadline expired before operation could complete.",
    ),
    (499, "CANCELLED", Kind.SERVER_ERROR, "The operation was cancelled."),
    (429, SPENT, Kind.RATE_LIMITED, limited(10), [violated(PER_MINUTE), HELP, DELAY], 34.4),
    (429, SPENT, Kind.RATE_LIMITED, limited(10), [violated(PER_MINUTE), HELP], 20.04),
    (429, SPENT, Kind.QUOTA_EXHAUSTED, limited(50), [violated(PER_DAY, "50"), HELP, DELAY], 34.4),
    (429, SPENT, Kind.RATE_LIMITED, "Resource has been exhausted (e.g. check quota)."),
    (
        429,
        SPENT,
        Kind.RATE_LIMITED,
        "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/docs/error-code-429",
    ),
    (429, SPENT, Kind.QUOTA_EXHAUSTED, limited(0), [violated(PER_MINUTE, "0"), HELP, DELAY], 34.4),
    (429, SPENT, Kind.QUOTA_EXHAUSTED, limited(0, "")),
    (
        429,
        SPENT,
        Kind.QUOTA_EXHAUSTED,
        "Quota exceeded.",
        [because("RATE_LIMIT_EXCEEDED", quota_limit_value="0")],
    ),
    (
        400,
        INVALID,
        Kind.UNAUTHORIZED,
        "API key not valid. Please pass a valid API key.",
        [because("API_KEY_INVALID", service="generativelanguage.googleapis.com")],
    ),
    (
        400,
        INVALID,
        Kind.UNAUTHORIZED,
        "API Key not found. Please pass a valid API key.",
        [because("API_KEY_INVALID")],
    ),
    (
        400,
        INVALID,
        Kind.UNAUTHORIZED,
        "API key expired. Please renew the API key.",
        [because("API_KEY_INVALID")],
    ),
    (
        400,
        "FAILED_PRECONDITION",
        Kind.UNAUTHORIZED,
        "User location is not supported for the API use.",
    ),
    (
        400,
        INVALID,
        Kind.CONTEXT_TOO_LONG,
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
    ),
    (400, INVALID, Kind.INVALID_REQUEST, "Request contains an invalid argument."),
    (400, INVALID, Kind.INVALID_REQUEST, "Please use a valid role: user, model."),
    (
        400,
        INVALID,
        Kind.INVALID_REQUEST,
        "Unable to submit request because it has a temperature value of 1000 but the supported range is from 0 to 2.",
    ),
    (400, INVALID, Kind.INVALID_REQUEST, "Unable to process input image. Please retry or report."),
    (400, INVALID, Kind.INVALID_REQUEST, "Provided image is not valid"),
    (400, INVALID, Kind.INVALID_REQUEST, "Unsupported MIME type: png"),
    (
        400,
        INVALID,
        Kind.INVALID_REQUEST,
        "Cannot fetch content from the provided URL. Please ensure the URL is valid. URL_ROBOTED",
    ),
    (400, INVALID, Kind.UNSUPPORTED, "Penalty is not enabled for models/gemini-2.5-flash"),
    (
        400,
        INVALID,
        Kind.UNSUPPORTED,
        "Budget 0 is invalid. This model only works in thinking mode.",
    ),
    (
        400,
        INVALID,
        Kind.UNSUPPORTED,
        "Function calling with a response mime type: 'application/json' is unsupported",
    ),
    (
        400,
        INVALID,
        Kind.UNSUPPORTED,
        "Invalid JSON payload received. Unknown name \"const\" at 'tools[0]': Cannot find field.",
    ),
    (400, INVALID, Kind.UNSUPPORTED, "The schema exceeds the maximum allowed nesting depth."),
    (
        400,
        INVALID,
        Kind.UNSUPPORTED,
        "The specified schema produces a constraint that has too many states for serving.",
    ),
    (
        400,
        INVALID,
        Kind.UNSUPPORTED,
        "Function call is missing a thought_signature in functionCall parts.",
    ),
    (
        403,
        DENIED,
        Kind.UNAUTHORIZED,
        "Your API key was reported as leaked. Please use another API key.",
    ),
    (
        403,
        DENIED,
        Kind.UNAUTHORIZED,
        "Generative Language API has not been used in project 1 before or it is disabled.",
        [because("SERVICE_DISABLED")],
    ),
    (
        403,
        DENIED,
        Kind.UNAUTHORIZED,
        "Permission 'aiplatform.endpoints.predict' denied on resource 'x'",
    ),
    (
        404,
        "NOT_FOUND",
        Kind.MODEL_MISSING,
        "models/x is not found for API version v1beta, or is not supported for generateContent. Call ModelService.ListModels",
    ),
    (404, "NOT_FOUND", Kind.MODEL_MISSING, "Publisher Model `projects/p/models/x` not found."),
    (
        404,
        "NOT_FOUND",
        Kind.MODEL_MISSING,
        "This model models/gemini-2.5-pro is no longer available to new users. Please update your code to use a newer model.",
    ),
]
BAD = "invalid_request_error"
QUOTED = "insufficient_quota"
OPENAI: list[tuple[Any, ...]] = [
    (
        401,
        BAD,
        "invalid_api_key",
        Kind.UNAUTHORIZED,
        "Incorrect API key provided: ***. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    (
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        Kind.UNAUTHORIZED,
        "Country, region, or territory not supported",
    ),
    (
        404,
        BAD,
        "model_not_found",
        Kind.MODEL_MISSING,
        "The model `X` does not exist or you do not have access to it.",
    ),
    (
        404,
        BAD,
        "model_not_found",
        Kind.MODEL_MISSING,
        "The model `X` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations",
    ),
    (400, BAD, "model_not_found", Kind.MODEL_MISSING, "The requested model 'X' does not exist."),
    (
        429,
        "tokens",
        "rate_limit_exceeded",
        Kind.RATE_LIMITED,
        "Rate limit reached for X in organization o on tokens per min (TPM): Limit 1. Please try again in 174ms.",
        0.174,
    ),
    (
        429,
        "requests",
        "rate_limit_exceeded",
        Kind.RATE_LIMITED,
        "Rate limit reached for X on requests per day (RPD): Limit 200. Please try again in 7m12s.",
        432.0,
    ),
    (
        429,
        "tokens",
        "rate_limit_exceeded",
        Kind.CONTEXT_TOO_LONG,
        "Request too large for X in organization o on tokens per min (TPM): Limit 30000, Requested 37313.",
    ),
    (429, "insufficient_quota", "insufficient_quota", Kind.QUOTA_EXHAUSTED, QUOTA),
    (429, "insufficient_quota", "credit_balance_exhausted", Kind.QUOTA_EXHAUSTED, QUOTA),
    (429, "rate_limit_error", "slow_down", Kind.OVERLOADED, "Please reduce your request rate."),
    (
        500,
        "server_error",
        None,
        Kind.SERVER_ERROR,
        "The server had an error while processing your request. Sorry about that!",
    ),
    (
        503,
        "server_error",
        None,
        Kind.OVERLOADED,
        "That model is currently overloaded with other requests.",
    ),
    (
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        Kind.OVERLOADED,
        "That model is currently overloaded with other requests.",
    ),
    (502, "cf_bad_gateway", 502, Kind.SERVER_ERROR, "Bad gateway."),
    (520, "cf_unknown_error", 520, Kind.SERVER_ERROR, "Unknown error."),
    (
        400,
        BAD,
        "context_length_exceeded",
        Kind.CONTEXT_TOO_LONG,
        "This model's maximum context length is 200000 tokens. However, your messages resulted in 300000 tokens.",
    ),
    (
        400,
        BAD,
        "invalid_prompt",
        Kind.BLOCKED,
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again.",
    ),
    (
        400,
        BAD,
        "content_policy_violation",
        Kind.BLOCKED,
        "Your request was rejected by our safety system.",
    ),
    (
        400,
        None,
        "content_filter",
        Kind.BLOCKED,
        "The response was filtered due to the prompt triggering the policy.",
    ),
    (
        400,
        BAD,
        None,
        Kind.UNSUPPORTED,
        "Function tools with reasoning_effort are not supported for gpt-5.6-sol in /v1/chat/completions.",
    ),
    (
        400,
        BAD,
        None,
        Kind.UNSUPPORTED,
        "Invalid content type. image_url is only supported by certain models.",
    ),
    *(
        (
            400,
            BAD,
            code,
            Kind.UNSUPPORTED,
            f"{what}: 'temperature' is not supported with this model.",
        )
        for what in ("Unsupported parameter", "Unsupported value")
        for code in ("unsupported_parameter", "unsupported_value", None)
    ),
    *(
        (400, BAD, code, Kind.INVALID_REQUEST, "Error while downloading https://example.org/a.png.")
        for code in (
            "invalid_image_url",
            "invalid_image_format",
            "sanitizer_server_error",
            "image_parse_error",
        )
    ),
    *(
        (
            400,
            BAD,
            code,
            Kind.INVALID_REQUEST,
            f"Invalid schema for response_format 'r': In context=(), {words}",
        )
        for code in ("invalid_function_parameters", "invalid_json_schema", None)
        for words in (
            "'additionalProperties' is required to be supplied and to be false.",
            "'required' is required to be supplied and to be an array including every key in properties.",
        )
    ),
    *(
        (400, BAD, code, Kind.INVALID_REQUEST, "Invalid value.")
        for code in ("missing_required_parameter", "decimal_below_min_value", "invalid_value")
    ),
]


def google(status: int, code: str, message: str, details: Any = ()) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": code, "details": list(details)}}


def openai(kind: str | None, code: Any, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a list"])
@pytest.mark.parametrize("row", GEMINI, ids=lambda row: f"{row[0]} {row[3][:30]}")
def test_geminis_errors(row: tuple[Any, ...], *, wrapped: bool) -> None:
    status, code, kind, message, details, delay = (
        (*row, [], None)[:6] if len(row) != 5 else (*row, None)
    )
    told = google(status, code, message, details)
    expected = Failure(kind=kind, status=status, code=code, message=message, retry_after=delay)
    for said in (status, 200):  # a stream's status is sent before anything can go wrong
        assert gemini_failure(said, {}, [told] if wrapped else told) == expected


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a list"])
@pytest.mark.parametrize("row", OPENAI, ids=lambda row: f"{row[0]} {row[2]} {row[4][:30]}")
def test_openais_errors(row: tuple[Any, ...], *, wrapped: bool) -> None:
    status, kind_of, code, kind, message, delay = (*row, None)[:6]
    told = openai(kind_of, code, message)
    failure = openai_failure(status, {"x-request-id": "req_1"}, [told] if wrapped else told)
    assert (failure.kind, failure.status, failure.message, failure.id) == (
        kind,
        status,
        message,
        "req_1",
    )
    assert failure.code == (code if isinstance(code, str) else kind_of)
    assert failure.retry_after == pytest.approx(delay)


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {"retry-after-ms": "7000"}])
def test_a_header_states_the_delay_where_the_body_does_not(headers: dict[str, str]) -> None:
    told = [
        gemini_failure(
            429, headers, google(429, SPENT, "Resource has been exhausted (e.g. check quota).")
        )
    ]
    told.append(
        openai_failure(
            429, headers, openai("requests", "rate_limit_exceeded", "Rate limit reached for X.")
        )
    )
    assert [failure.retry_after for failure in told] == [7.0, 7.0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, Kind.MODEL_MISSING), (502, Kind.SERVER_ERROR), (520, Kind.SERVER_ERROR)],
)
def test_a_page_in_html_is_told_by_its_status(status: int, kind: Kind) -> None:
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
def test_geminis_200s_that_are_none(answer: dict[str, Any], kind: Kind, code: str | None) -> None:
    with pytest.raises(AttemptFailed) as caught:
        gemini_reply(answer)
    assert (caught.value.failure.kind, caught.value.failure.status, caught.value.failure.code) == (
        kind,
        200,
        code,
    )
    assert caught.value.failure.message


BUSY = openai("server_error", None, "The server had an error.")
STREAMED: list[tuple[Any, Any, Kind, int, str | None, str]] = [
    (
        GeminiReader,
        google(499, "CANCELLED", "Cancelled."),
        Kind.SERVER_ERROR,
        499,
        "CANCELLED",
        "Cancelled.",
    ),
    (
        GeminiReader,
        [google(503, "UNAVAILABLE", "Busy.")],
        Kind.OVERLOADED,
        503,
        "UNAVAILABLE",
        "Busy.",
    ),
    (
        GeminiReader,
        {"responseId": "r", **google(500, "INTERNAL", "Oh.")},
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
                {"type": "error", **openai(QUOTED, QUOTED, BUSY["error"]["message"])},
                Kind.QUOTA_EXHAUSTED,
                200,
                QUOTED,
            ),
            (
                openai("cf_bad_gateway", 502, BUSY["error"]["message"]),
                Kind.SERVER_ERROR,
                502,
                "cf_bad_gateway",
            ),
            ({"error": {**BUSY["error"], "type": None, "code": 429}}, Kind.RATE_LIMITED, 429, None),
        ]
    ),
]


@pytest.mark.parametrize(("reader", "event", "kind", "status", "code", "message"), STREAMED)
def test_an_error_in_a_stream(
    reader: Any, event: Any, kind: Kind, status: int, code: str | None, message: str
) -> None:
    with pytest.raises(AttemptFailed) as caught:
        reader().read(event)
    assert caught.value.failure == Failure(kind=kind, status=status, code=code, message=message)


def test_a_response_that_failed_is_an_error() -> None:
    reader = ResponsesReader()
    assert (
        reader.read(
            {"type": "response.failed", "response": {"status": "failed", "error": BUSY["error"]}}
        )
        is None
    )
    with pytest.raises(AttemptFailed) as caught:
        reader.final_chunks()
    assert (caught.value.failure.kind, caught.value.failure.message) == (
        Kind.SERVER_ERROR,
        "The server had an error.",
    )


def decided(failure: Failure, **trigger: Any) -> tuple[str, str | None]:
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
def test_a_400_that_echoes_the_prompt_stays_the_callers(message: str) -> None:
    for failure in (
        gemini_failure(400, {}, google(400, INVALID, message)),
        openai_failure(400, {}, openai(BAD, "invalid_value", message)),
        openai_failure(422, {}, openai(BAD, None, message)),
    ):
        assert (failure.kind, failure.message) == (Kind.INVALID_REQUEST, message)
        assert decided(failure) == ("stop", None)
        assert decided(failure, kind=Kind.RATE_LIMITED) == ("stop", None)
        assert decided(failure, provider="p") == decided(failure, model="m") == ("stop", None)
        assert (
            decided(failure, kind=Kind.INVALID_REQUEST)
            == decided(failure, status="4xx")
            == ("next", "busy")
        )
    blocked = openai_failure(400, {}, openai(BAD, "invalid_prompt", message))
    assert (blocked.kind, decided(blocked)) == (Kind.BLOCKED, ("stop", None))
    limited_too = openai_failure(429, {}, openai("requests", "rate_limit_exceeded", message))
    assert decided(limited_too) == ("next", "busy")
