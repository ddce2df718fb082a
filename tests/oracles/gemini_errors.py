"""Error bodies that Gemini is known to send.

A row has the status, the code, the expected kind, the message, the details, and the delay in
seconds.
"""

from typing import Any

from standby.failures import Kind

QUOTA = "You exceeded your current quota, please check your plan and billing details."
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
DELAY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
HELP = {
    "@type": "type.googleapis.com/google.rpc.Help",
    "links": [{"description": "Learn more", "url": "https://ai.google.dev"}],
}


def quota_failure(quota: str, value: str = "10") -> dict[str, Any]:
    violation = {"quotaMetric": "generate_content_requests", "quotaId": quota, "quotaValue": value}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def error_info(reason: str, **metadata: str) -> dict[str, Any]:
    info = {"reason": reason, "domain": "googleapis.com", "metadata": metadata}
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}


def quota_message(limit: int, delay: str = " Please retry in 20.04s.") -> str:
    return (
        f"{QUOTA} For more information on this error, head to: "
        "https://ai.google.dev/gemini-api/docs/rate-limits.\n"
        f"* Quota exceeded for metric: generate_content_requests, limit: {limit}, "
        f"model: gemini-2.5-pro\n{delay}"
    )


INVALID = "INVALID_ARGUMENT"
EXHAUSTED = "RESOURCE_EXHAUSTED"
DENIED = "PERMISSION_DENIED"
GEMINI: list[tuple[Any, ...]] = [
    (
        500,
        "INTERNAL",
        Kind.SERVER_ERROR,
        (
            "An internal error has occurred. Please retry or report in "
            "https://developers.generativeai.google/guide/troubleshooting"
        ),
    ),
    (500, "INTERNAL", Kind.SERVER_ERROR, "Internal error encountered."),
    (503, "UNAVAILABLE", Kind.OVERLOADED, "The model is overloaded. Please try again later."),
    (
        503,
        "UNAVAILABLE",
        Kind.OVERLOADED,
        (
            "This model is currently experiencing high demand. Spikes in demand are usually "
            "temporary. Please try again later."
        ),
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
    (
        429,
        EXHAUSTED,
        Kind.RATE_LIMITED,
        quota_message(10),
        [quota_failure(PER_MINUTE), HELP, DELAY],
        34.4,
    ),
    (
        429,
        EXHAUSTED,
        Kind.RATE_LIMITED,
        quota_message(10),
        [quota_failure(PER_MINUTE), HELP],
        20.04,
    ),
    (
        429,
        EXHAUSTED,
        Kind.QUOTA_EXHAUSTED,
        quota_message(50),
        [quota_failure(PER_DAY, "50"), HELP, DELAY],
        34.4,
    ),
    (429, EXHAUSTED, Kind.RATE_LIMITED, "Resource has been exhausted (e.g. check quota)."),
    (
        429,
        EXHAUSTED,
        Kind.RATE_LIMITED,
        (
            "Resource exhausted. Please try again later. Please refer to "
            "https://cloud.google.com/vertex-ai/docs/error-code-429"
        ),
    ),
    (
        429,
        EXHAUSTED,
        Kind.QUOTA_EXHAUSTED,
        quota_message(0),
        [quota_failure(PER_MINUTE, "0"), HELP, DELAY],
        34.4,
    ),
    (429, EXHAUSTED, Kind.QUOTA_EXHAUSTED, quota_message(0, "")),
    (
        429,
        EXHAUSTED,
        Kind.QUOTA_EXHAUSTED,
        "Quota exceeded.",
        [error_info("RATE_LIMIT_EXCEEDED", quota_limit_value="0")],
    ),
    (
        400,
        INVALID,
        Kind.UNAUTHORIZED,
        "API key not valid. Please pass a valid API key.",
        [error_info("API_KEY_INVALID", service="generativelanguage.googleapis.com")],
    ),
    (
        400,
        INVALID,
        Kind.UNAUTHORIZED,
        "API Key not found. Please pass a valid API key.",
        [error_info("API_KEY_INVALID")],
    ),
    (
        400,
        INVALID,
        Kind.UNAUTHORIZED,
        "API key expired. Please renew the API key.",
        [error_info("API_KEY_INVALID")],
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
        (
            "Unable to submit request because it has a temperature value of 1000 but the "
            "supported range is from 0 to 2."
        ),
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
        [error_info("SERVICE_DISABLED")],
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
        (
            "models/x is not found for API version v1beta, or is not supported for "
            "generateContent. Call ModelService.ListModels"
        ),
    ),
    (404, "NOT_FOUND", Kind.MODEL_MISSING, "Publisher Model `projects/p/models/x` not found."),
    (
        404,
        "NOT_FOUND",
        Kind.MODEL_MISSING,
        (
            "This model models/gemini-2.5-pro is no longer available to new users. Please "
            "update your code to use a newer model."
        ),
    ),
]


def build_error(status: int, code: str, message: str, details: Any = ()) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": code, "details": list(details)}}
