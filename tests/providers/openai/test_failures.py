from typing import Any

import pytest

from standby.plugin import Kind
from standby_openai.failures import read_failure


def error(message: str, kind: str, code: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


BAD = "invalid_request_error"
QUOTA = "You exceeded your current quota, please check your plan and billing details."
TABLE = [
    (
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
        Kind.SERVER_ERROR,
    ),
    (
        503,
        "server_error",
        None,
        "That model is currently overloaded with other requests.",
        Kind.OVERLOADED,
    ),
    (
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "That model is currently overloaded.",
        Kind.OVERLOADED,
    ),
    (502, "cf_bad_gateway", 502, "Bad gateway.", Kind.SERVER_ERROR),
    (520, "cf_unknown", 520, "Web server is returning an unknown error.", Kind.SERVER_ERROR),
    (504, "server_error", None, "Gateway timeout.", Kind.SERVER_ERROR),
    (408, BAD, None, "Request timed out.", Kind.SERVER_ERROR),
    (409, "conflict_error", None, "Conflict.", Kind.SERVER_ERROR),
    (529, "overloaded_error", None, "Overloaded.", Kind.OVERLOADED),
    (
        429,
        "tokens",
        "rate_limit_exceeded",
        "Rate limit reached for o3-mini on tokens per min.",
        Kind.RATE_LIMITED,
    ),
    (
        429,
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for o3-mini on requests per min.",
        Kind.RATE_LIMITED,
    ),
    (
        429,
        "tokens",
        "rate_limit_exceeded",
        "Request too large for o3-mini: Limit 30000, Requested 37313.",
        Kind.CONTEXT_TOO_LONG,
    ),
    (429, "insufficient_quota", "insufficient_quota", QUOTA, Kind.QUOTA_EXHAUSTED),
    (429, "insufficient_quota", None, QUOTA, Kind.QUOTA_EXHAUSTED),
    (
        429,
        "insufficient_quota",
        "credit_balance_exhausted",
        "Your credit balance is exhausted.",
        Kind.QUOTA_EXHAUSTED,
    ),
    (
        400,
        BAD,
        "billing_hard_limit_reached",
        "Billing hard limit has been reached.",
        Kind.QUOTA_EXHAUSTED,
    ),
    (402, BAD, None, "Payment required.", Kind.QUOTA_EXHAUSTED),
    (
        429,
        "rate_limit_error",
        "slow_down",
        "Your traffic rose too fast: slow down.",
        Kind.OVERLOADED,
    ),
    (401, BAD, "invalid_api_key", "Incorrect API key provided: ***.", Kind.UNAUTHORIZED),
    (401, BAD, None, "You didn't provide an API key.", Kind.UNAUTHORIZED),
    (
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
        Kind.UNAUTHORIZED,
    ),
    (
        404,
        BAD,
        "model_not_found",
        "The model `x` does not exist or you do not have access to it.",
        Kind.MODEL_MISSING,
    ),
    (
        404,
        BAD,
        "model_not_found",
        "The model `o3-mini` has been deprecated, learn more here: https://…",
        Kind.MODEL_MISSING,
    ),
    (400, BAD, "model_not_found", "The requested model 'x' does not exist.", Kind.MODEL_MISSING),
    (
        400,
        BAD,
        "context_length_exceeded",
        "This model's maximum context length is 200000 tokens. However, …",
        Kind.CONTEXT_TOO_LONG,
    ),
    (
        400,
        BAD,
        None,
        "This model's maximum context length is 4096 tokens. However, …",
        Kind.CONTEXT_TOO_LONG,
    ),
    (
        400,
        "exceed_context_size_error",
        400,
        "the request exceeds the available context size, try increasing it",
        Kind.CONTEXT_TOO_LONG,
    ),
    (
        400,
        BAD,
        "invalid_prompt",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
        Kind.BLOCKED,
    ),
    (
        400,
        BAD,
        "content_policy_violation",
        "Your request was rejected by our safety system.",
        Kind.BLOCKED,
    ),
    (
        400,
        None,
        "content_filter",
        "The response was filtered due to the prompt triggering the policy.",
        Kind.BLOCKED,
    ),
    (400, BAD, "unsupported_parameter", "Unsupported parameter: 'temperature' …", Kind.UNSUPPORTED),
    (
        400,
        BAD,
        None,
        "Unsupported parameter: 'temperature' is not supported with this model.",
        Kind.UNSUPPORTED,
    ),
    (
        400,
        BAD,
        "unsupported_value",
        "Your organization must be verified to stream this model.",
        Kind.UNSUPPORTED,
    ),
    (
        400,
        BAD,
        None,
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        Kind.UNSUPPORTED,
    ),
    (
        400,
        BAD,
        None,
        "Invalid content type. image_url is only supported by certain models.",
        Kind.UNSUPPORTED,
    ),
    (
        400,
        BAD,
        None,
        (
            "Function tools with reasoning_effort are not supported for gpt-5.6-sol "
            "in /v1/chat/completions."
        ),
        Kind.UNSUPPORTED,
    ),
    (400, BAD, "invalid_image_url", "Error while downloading https://….", Kind.INVALID_REQUEST),
    (
        400,
        BAD,
        "invalid_function_parameters",
        "Invalid schema for function 'f'.",
        Kind.INVALID_REQUEST,
    ),
    (
        400,
        BAD,
        "invalid_json_schema",
        "Invalid schema for response_format 'r'.",
        Kind.INVALID_REQUEST,
    ),
    (
        400,
        BAD,
        "missing_required_parameter",
        "Missing required parameter: 'messages'.",
        Kind.INVALID_REQUEST,
    ),
    (
        400,
        BAD,
        "decimal_below_min_value",
        "Invalid 'temperature': decimal below minimum value.",
        Kind.INVALID_REQUEST,
    ),
    (422, BAD, None, "Unprocessable.", Kind.INVALID_REQUEST),
]


@pytest.mark.parametrize(("status", "error_type", "code", "message", "kind"), TABLE)
def test_every_known_error_has_its_kind_and_keeps_openais_message(
    status: int, error_type: str, code: Any, message: str, kind: Kind
) -> None:
    failure = read_failure(status, {}, error(message, error_type, code))
    assert (failure.kind, failure.status, failure.message) == (kind, status, message)
    assert failure.code == (code if isinstance(code, str) else error_type)


@pytest.mark.parametrize(
    "code",
    ["server_error", "service_unavailable_error", "rate_limit_exceeded", "authentication_error"],
)
def test_a_generic_code_never_outweighs_the_status(code: str) -> None:
    assert read_failure(503, {}, error("Oh.", code)).kind is Kind.OVERLOADED
    assert read_failure(500, {}, error("Oh.", code)).kind is Kind.SERVER_ERROR


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("server_error", Kind.SERVER_ERROR),
        ("internal_server_error", Kind.SERVER_ERROR),
        ("service_unavailable_error", Kind.OVERLOADED),
        ("server_is_overloaded", Kind.OVERLOADED),
        ("rate_limit_exceeded", Kind.RATE_LIMITED),
        ("rate_limit_error", Kind.RATE_LIMITED),
        ("insufficient_quota", Kind.QUOTA_EXHAUSTED),
        ("authentication_error", Kind.UNAUTHORIZED),
        ("permission_error", Kind.UNAUTHORIZED),
        ("context_length_exceeded", Kind.CONTEXT_TOO_LONG),
        ("invalid_prompt", Kind.BLOCKED),
        ("a_code_of_2027", Kind.MALFORMED),
        (None, Kind.MALFORMED),
    ],
)
@pytest.mark.parametrize("field", ["type", "code"])
def test_inside_a_200_the_code_or_the_type_gives_the_kind(
    name: str | None, kind: Kind, field: str
) -> None:
    failure = read_failure(200, {}, {"error": {"message": "Oh.", field: name}})
    assert (failure.kind, failure.code) == (kind, name)


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after-ms": "174"}, "Rate limit reached.", 0.174),
        ({"retry-after-ms": "174", "Retry-After": "1"}, "Rate limit reached.", 0.174),
        ({"Retry-After": "7"}, "Rate limit reached.", 7.0),
        ({"Retry-After": "7"}, "Rate limit reached. Please try again in 174ms.", 0.174),
        ({}, "Rate limit reached. Please try again in 6m0s. Visit https://…", 360.0),
        ({}, "Rate limit reached.", None),
    ],
)
def test_the_stated_delay_is_kept(
    headers: dict[str, str], message: str, seconds: float | None
) -> None:
    delay = read_failure(
        429, headers, error(message, "requests", "rate_limit_exceeded")
    ).retry_after
    assert delay == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Busy.", "type": "server_error"}},
        [{"error": {"message": "Busy.", "type": "server_error"}}],
        {"type": "error", "error": {"message": "Busy.", "type": "server_error"}},
        {"message": "Busy.", "type": "server_error", "object": "error"},
        {"type": "error", "code": "server_error", "message": "Busy.", "param": None},
    ],
)
def test_an_error_is_read_nested_flat_or_in_a_list(body: Any) -> None:
    assert read_failure(503, {}, body).text == "503 server_error. Busy."


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            502,
            "<html><style>p {color: red}</style><h1>Bad\nGateway</h1></html>",
            "502 Bad Gateway. Bad Gateway",
        ),
        (503, "upstream connect error", "503 Service Unavailable. upstream connect error"),
        (
            520,
            "<h1>Web server is returning an unknown error</h1>",
            "520. Web server is returning an unknown error",
        ),
        (500, None, "500 Internal Server Error"),
        (500, {}, "500 Internal Server Error"),
        (500, {"error": "boom"}, "500 Internal Server Error. boom"),
        (500, {"error": {}}, '500 Internal Server Error. {"error":{}}'),
        (404, {"detail": "Not Found"}, '404 Not Found. {"detail":"Not Found"}'),
        (500, [], "500 Internal Server Error. []"),
        (302, "", "302 Found"),
    ],
)
def test_a_proxys_error_page_is_read(status: int, body: Any, text: str) -> None:
    assert read_failure(status, {}, body).text == text


@pytest.mark.parametrize("code", [True, 1.5, [], {}, "", "error", -1])
def test_an_invalid_code_is_ignored(code: Any) -> None:
    failure = read_failure(200, {}, {"error": {"message": "Oh.", "code": code}})
    assert (failure.status, failure.code, failure.kind) == (200, None, Kind.MALFORMED)
