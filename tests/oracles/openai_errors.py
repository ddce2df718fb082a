"""Error bodies that OpenAI is known to send.

A row has the status, the type, the code, the expected kind, the message, and the delay in seconds.
"""

from typing import Any

from standby.failures import Kind

QUOTA = "You exceeded your current quota, please check your plan and billing details."
BAD = "invalid_request_error"
NO_QUOTA = "insufficient_quota"
OPENAI: list[tuple[Any, ...]] = [
    (
        401,
        BAD,
        "invalid_api_key",
        Kind.UNAUTHORIZED,
        (
            "Incorrect API key provided: ***. You can find your API key at "
            "https://platform.openai.com/account/api-keys."
        ),
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
        (
            "The model `X` has been deprecated, learn more here: "
            "https://platform.openai.com/docs/deprecations"
        ),
    ),
    (400, BAD, "model_not_found", Kind.MODEL_MISSING, "The requested model 'X' does not exist."),
    (
        429,
        "tokens",
        "rate_limit_exceeded",
        Kind.RATE_LIMITED,
        (
            "Rate limit reached for X in organization o on tokens per min (TPM): Limit 1. "
            "Please try again in 174ms."
        ),
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
        (
            "Request too large for X in organization o on tokens per min (TPM): Limit 30000, "
            "Requested 37313."
        ),
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
        (
            "This model's maximum context length is 200000 tokens. However, your messages "
            "resulted in 300000 tokens."
        ),
    ),
    (
        400,
        BAD,
        "invalid_prompt",
        Kind.BLOCKED,
        (
            "Invalid prompt: your prompt was flagged as potentially violating our usage "
            "policy. Please try again."
        ),
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
        (
            "Function tools with reasoning_effort are not supported for gpt-5.6-sol in "
            "/v1/chat/completions."
        ),
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
            f"{problem}: 'temperature' is not supported with this model.",
        )
        for problem in ("Unsupported parameter", "Unsupported value")
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
            f"Invalid schema for response_format 'r': In context=(), {rule}",
        )
        for code in ("invalid_function_parameters", "invalid_json_schema", None)
        for rule in (
            "'additionalProperties' is required to be supplied and to be false.",
            (
                "'required' is required to be supplied and to be an array including every key"
                " in properties."
            ),
        )
    ),
    *(
        (400, BAD, code, Kind.INVALID_REQUEST, "Invalid value.")
        for code in ("missing_required_parameter", "decimal_below_min_value", "invalid_value")
    ),
]


def build_error(error_type: str | None, code: Any, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": error_type, "param": None, "code": code}}
