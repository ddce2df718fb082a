from typing import Any

import pytest

from standby.plugin import Kind
from standby_gemini.failures import read_failure


def error(code: int, status: str, message: str, *details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def quota(quota_id: str, value: str = "50") -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": quota_id, "quotaValue": value}],
    }


def info(reason: str, **metadata: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "metadata": metadata,
    }


QUOTA = "You exceeded your current quota, please check your plan and billing details."
TABLE = [
    (
        500,
        "INTERNAL",
        "An internal error has occurred. Please retry or report in https://…",
        Kind.SERVER_ERROR,
    ),
    (500, "INTERNAL", "Internal error encountered.", Kind.SERVER_ERROR),
    (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", Kind.OVERLOADED),
    (503, "UNAVAILABLE", "This model is currently experiencing high demand.", Kind.OVERLOADED),
    (
        504,
        "DEADLINE_EXCEEDED",
        "Deadline expired before operation could complete.",
        Kind.SERVER_ERROR,
    ),
    (499, "CANCELLED", "The operation was cancelled.", Kind.SERVER_ERROR),
    (
        429,
        "RESOURCE_EXHAUSTED",
        "Resource has been exhausted (e.g. check quota).",
        Kind.RATE_LIMITED,
    ),
    (
        429,
        "RESOURCE_EXHAUSTED",
        f"{QUOTA} * Quota exceeded for metric: m, limit: 10, model: x",
        Kind.RATE_LIMITED,
    ),
    (
        429,
        "RESOURCE_EXHAUSTED",
        f"{QUOTA} * Quota exceeded for metric: m, limit: 0, model: x",
        Kind.QUOTA_EXHAUSTED,
    ),
    (
        429,
        "RESOURCE_EXHAUSTED",
        f"{QUOTA} * Quota exceeded for metric: m, limit: 0\nPlease retry",
        Kind.QUOTA_EXHAUSTED,
    ),
    (
        429,
        "RESOURCE_EXHAUSTED",
        "Your billing account has exceeded its monthly spending cap",
        Kind.QUOTA_EXHAUSTED,
    ),
    (402, "", "Payment required", Kind.QUOTA_EXHAUSTED),
    (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", Kind.UNAUTHORIZED),
    (400, "INVALID_ARGUMENT", "API Key not found. Please pass a valid API key.", Kind.UNAUTHORIZED),
    (400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", Kind.UNAUTHORIZED),
    (
        400,
        "FAILED_PRECONDITION",
        "User location is not supported for the API use.",
        Kind.UNAUTHORIZED,
    ),
    (
        400,
        "FAILED_PRECONDITION",
        "The free tier is not available in your country.",
        Kind.UNAUTHORIZED,
    ),
    (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", Kind.UNAUTHORIZED),
    (403, "PERMISSION_DENIED", "Your API key was reported as leaked.", Kind.UNAUTHORIZED),
    (404, "NOT_FOUND", "models/x is not found for API version v1beta", Kind.MODEL_MISSING),
    (
        404,
        "NOT_FOUND",
        "This model models/gemini-2.5-pro is no longer available to new users.",
        Kind.MODEL_MISSING,
    ),
    (
        400,
        "INVALID_ARGUMENT",
        "The input token count (2) exceeds the maximum number of tokens allowed (1048576).",
        Kind.CONTEXT_TOO_LONG,
    ),
    (
        400,
        "INVALID_ARGUMENT",
        "Penalty is not enabled for models/gemini-2.5-flash",
        Kind.UNSUPPORTED,
    ),
    (
        400,
        "INVALID_ARGUMENT",
        "Budget 0 is invalid. This model only works in thinking mode.",
        Kind.UNSUPPORTED,
    ),
    (
        400,
        "INVALID_ARGUMENT",
        "Function calling with a response mime type: 'application/json' is unsupported",
        Kind.UNSUPPORTED,
    ),
    (
        400,
        "INVALID_ARGUMENT",
        'Unknown name "systemInstruction": Cannot find field.',
        Kind.UNSUPPORTED,
    ),
    (
        400,
        "INVALID_ARGUMENT",
        "Requests ending with a model turn are not supported.",
        Kind.UNSUPPORTED,
    ),
    (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", Kind.INVALID_REQUEST),
    (400, "INVALID_ARGUMENT", "Please use a valid role: user, model.", Kind.INVALID_REQUEST),
    (400, "INVALID_ARGUMENT", "Provided image is not valid", Kind.INVALID_REQUEST),
]


@pytest.mark.parametrize(("status", "code", "message", "kind"), TABLE)
def test_every_known_error_has_its_kind_and_keeps_geminis_message(
    status: int, code: str, message: str, kind: Kind
) -> None:
    failure = read_failure(status, {}, error(status, code, message))
    assert (failure.kind, failure.status, failure.code, failure.message) == (
        kind,
        status,
        code or None,
        message,
    )


@pytest.mark.parametrize(
    ("detail", "kind"),
    [
        (quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"), Kind.RATE_LIMITED),
        (quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), Kind.QUOTA_EXHAUSTED),
        (quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "0"), Kind.QUOTA_EXHAUSTED),
        (info("RATE_LIMIT_EXCEEDED", quota_limit_value="0"), Kind.QUOTA_EXHAUSTED),
        (info("RATE_LIMIT_EXCEEDED", quota_limit_value="60"), Kind.RATE_LIMITED),
        ({"violations": 7, "metadata": []}, Kind.RATE_LIMITED),
        ("no object", Kind.RATE_LIMITED),
    ],
)
def test_the_violated_limit_distinguishes_quota_from_rate(detail: Any, kind: Kind) -> None:
    assert read_failure(429, {}, error(429, "RESOURCE_EXHAUSTED", QUOTA, detail)).kind is kind


def test_the_structured_reason_outweighs_the_status() -> None:
    failure = read_failure(
        400,
        {},
        error(400, "INVALID_ARGUMENT", "Bitte einen API-Schlüssel.", info("API_KEY_INVALID")),
    )
    assert failure.kind is Kind.UNAUTHORIZED


@pytest.mark.parametrize(
    ("headers", "message", "details", "seconds"),
    [
        ({}, QUOTA, [{"retryDelay": "34.4s"}], 34.4),
        ({"Retry-After": "7"}, QUOTA, [{"retryDelay": "34.4s"}], 34.4),
        ({"Retry-After": "7"}, QUOTA, [], 7.0),
        ({}, f"{QUOTA} Please retry in 20.04s.", [], 20.04),
        ({}, QUOTA, [{"retryDelay": 5}], None),
        ({}, QUOTA, [], None),
    ],
)
def test_the_stated_delay_is_kept(
    headers: dict[str, str], message: str, details: Any, seconds: float | None
) -> None:
    assert (
        read_failure(429, headers, error(429, "RESOURCE_EXHAUSTED", message, *details)).retry_after
        == seconds
    )


def test_an_error_in_a_list_is_read() -> None:
    failure = read_failure(503, {}, [error(503, "UNAVAILABLE", "The model is overloaded.")])
    assert failure.text == "503 UNAVAILABLE. The model is overloaded."


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            502,
            "<html><style>p {color: red}</style><h1>Bad\nGateway</h1></html>",
            "502 Bad Gateway. Bad Gateway",
        ),
        (503, "upstream connect error", "503 Service Unavailable. upstream connect error"),
        (500, None, "500 Internal Server Error"),
        (500, {}, "500 Internal Server Error"),
        (500, {"error": "boom"}, '500 Internal Server Error. {"error":"boom"}'),
        (500, [], "500 Internal Server Error. []"),
        (302, "", "302 Found"),
    ],
)
def test_a_proxys_error_page_is_read(status: int, body: Any, text: str) -> None:
    assert read_failure(status, {}, body).text == text


def test_debugging_details_stay_out_of_the_message() -> None:
    detail = {
        "@type": "type.googleapis.com/google.rpc.DebugInfo",
        "detail": "Invalid API key: key1234",
    }
    assert (
        "key1234"
        not in read_failure(
            400, {}, error(400, "INVALID_ARGUMENT", "API key not valid.", detail)
        ).text
    )
