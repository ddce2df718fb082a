from typing import Any

import pytest

from standby.plugin import Kind
from standby_anthropic.failures import read_failure


def body(kind: str, message: str, **details: Any) -> dict[str, Any]:
    return {
        "type": "error",
        "error": {"type": kind, "message": message, **({"details": details} if details else {})},
    }


NO_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)
NO_PREFILL = (
    "This model does not support assistant message prefill. "
    "The conversation must end with a user message."
)
NO_OBJECT = (
    "output_config.format.schema: "
    "For 'object' type, 'additionalProperties' must be explicitly set to false"
)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (400, body("invalid_request_error", "max_tokens: Field required"), Kind.INVALID_REQUEST),
        (
            400,
            body("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            Kind.CONTEXT_TOO_LONG,
        ),
        (
            400,
            body(
                "invalid_request_error",
                "input length and `max_tokens` exceed context limit: 197202 + 21333 > 200000",
            ),
            Kind.CONTEXT_TOO_LONG,
        ),
        (400, body("invalid_request_error", NO_CREDIT), Kind.QUOTA_EXHAUSTED),
        (
            400,
            body("invalid_request_error", "You have reached your specified API usage limits."),
            Kind.QUOTA_EXHAUSTED,
        ),
        (
            400,
            body("invalid_request_error", "Output blocked by content filtering policy"),
            Kind.BLOCKED,
        ),
        (400, body("invalid_request_error", NO_PREFILL), Kind.UNSUPPORTED),
        (400, body("invalid_request_error", NO_OBJECT), Kind.UNSUPPORTED),
        (
            400,
            body(
                "invalid_request_error",
                'tool_choice: type "tool" and "any" are not supported for this model',
            ),
            Kind.UNSUPPORTED,
        ),
        (
            400,
            body(
                "invalid_request_error",
                "Thinking may not be enabled when tool_choice forces tool use.",
            ),
            Kind.UNSUPPORTED,
        ),
        (401, body("authentication_error", "invalid x-api-key"), Kind.UNAUTHORIZED),
        (402, body("billing_error", "There is an issue with your billing."), Kind.QUOTA_EXHAUSTED),
        (
            403,
            body("permission_error", "Your API key does not have permission."),
            Kind.UNAUTHORIZED,
        ),
        (
            403,
            body("permission_error", "On hold.", error_code="organization_on_hold"),
            Kind.UNAUTHORIZED,
        ),
        (404, body("not_found_error", "model: claude-sonet-4-5"), Kind.MODEL_MISSING),
        (413, body("request_too_large", "Request exceeds the maximum size"), Kind.UNSUPPORTED),
        (413, "", Kind.UNSUPPORTED),
        (
            429,
            body("rate_limit_error", "This request would exceed your rate limit."),
            Kind.RATE_LIMITED,
        ),
        (
            429,
            body("rate_limit_error", "Slow.", error_code="ramp_limit_exceeded"),
            Kind.RATE_LIMITED,
        ),
        (
            429,
            body("rate_limit_error", "Spent.", error_code="enforced_spend_limit_reached"),
            Kind.QUOTA_EXHAUSTED,
        ),
        (500, body("api_error", "Internal server error"), Kind.SERVER_ERROR),
        (500, body("overloaded_error", "Overloaded"), Kind.OVERLOADED),
        (504, body("timeout_error", "The request timed out."), Kind.SERVER_ERROR),
        (529, body("overloaded_error", "Overloaded"), Kind.OVERLOADED),
        (529, "", Kind.OVERLOADED),
        (502, "<html><h1>Bad Gateway</h1></html>", Kind.SERVER_ERROR),
        (500, body("an_error_of_2027", "Oh."), Kind.SERVER_ERROR),
        (400, [body("x", "y")], Kind.INVALID_REQUEST),
    ],
)
def test_a_status_and_a_code_are_one_kind(status: int, content: Any, kind: Kind) -> None:
    assert read_failure(status, {}, content).kind is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("overloaded_error", Kind.OVERLOADED),
        ("rate_limit_error", Kind.RATE_LIMITED),
        ("api_error", Kind.SERVER_ERROR),
        ("timeout_error", Kind.SERVER_ERROR),
        ("authentication_error", Kind.UNAUTHORIZED),
        ("not_found_error", Kind.MODEL_MISSING),
        ("billing_error", Kind.QUOTA_EXHAUSTED),
        ("invalid_request_error", Kind.INVALID_REQUEST),
        ("request_too_large", Kind.UNSUPPORTED),
        ("an_error_of_2027", Kind.MALFORMED),
    ],
)
def test_inside_a_200_the_code_alone_gives_the_kind(code: str, kind: Kind) -> None:
    assert read_failure(200, {}, body(code, "Oh.")).kind is kind


def test_every_error_type_of_the_sdk_is_mapped() -> None:
    from anthropic.types.shared.error_type import ErrorType  # noqa: PLC0415 - only this test

    of_other_apis = {"memory_precondition_failed_error", "memory_path_conflict_error"}
    for code in set(ErrorType.__args__) - of_other_apis:
        assert read_failure(200, {}, body(code, "Oh.")).kind is not Kind.MALFORMED


def test_a_misspelt_model_fails_as_recorded() -> None:
    content = read_failure(
        404,
        {},
        body("not_found_error", "model: claude-sonet-4-5")
        | {"request_id": "req_011CdufXo8Y2LVfY2veyuQWG"},
    )
    assert (content.kind, content.text) == (
        Kind.MODEL_MISSING,
        "404 not_found_error. model: claude-sonet-4-5",
    )
    assert content.id == "req_011CdufXo8Y2LVfY2veyuQWG"


def test_the_requests_id_is_in_a_header_or_in_the_body() -> None:
    content = body("api_error", "Oh.") | {"request_id": "req_body"}
    assert read_failure(500, {"Request-Id": "req_header"}, content).id == "req_header"
    assert read_failure(500, {}, content).id == "req_body"
    assert read_failure(500, {}, "Oh.").id == ""


def test_a_stated_delay_is_kept() -> None:
    assert (
        read_failure(429, {"retry-after": "12"}, body("rate_limit_error", "Slow.")).retry_after
        == 12.0
    )
    assert read_failure(529, {}, body("overloaded_error", "Overloaded")).retry_after is None


@pytest.mark.parametrize(
    "content",
    [None, {}, [], 3, {"error": None}, {"error": "Oh."}, {"error": {"type": 3, "message": []}}],
)
def test_an_error_of_another_shape_is_still_a_failure(content: Any) -> None:
    assert read_failure(500, {}, content).kind is Kind.SERVER_ERROR
