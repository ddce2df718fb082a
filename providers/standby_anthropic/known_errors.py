"""Known errors of Anthropic, each in the form of `Failure.text`.

`standby validate` runs the triggers' patterns against them. The messages are documented, or cited
in public issues (529: anthropic-sdk-typescript #616; credit: claude-code #66314), as read in
November 2026. The 502 and the 520 are those of Cloudflare, which stands before the API.
"""

ERRORS = (
    "500 api_error. Internal server error",
    "500 api_error. Overloaded",
    "504 timeout_error. The request timed out.",
    "529 overloaded_error. Overloaded",
    "502 Bad Gateway. 502 Bad Gateway cloudflare",
    "520. Web server is returning an unknown error",
    (
        "429 rate_limit_error. This request would exceed your organization's rate limit of 50"
        " requests per minute."
    ),
    "401 authentication_error. invalid x-api-key",
    "401 authentication_error. Invalid authentication credentials",
    "402 billing_error. There is an issue with your billing.",
    "403 permission_error. Your API key does not have permission to use the specified resource.",
    "404 not_found_error. model: claude-sonnet-4-5",
    "413 request_too_large. Request exceeds the maximum size",
    "400 invalid_request_error. prompt is too long: 210000 tokens > 200000 maximum",
    (
        "400 invalid_request_error. Your credit balance is too low to access the Anthropic "
        "API. Please go to Plans & Billing to upgrade or purchase credits."
    ),
    "400 invalid_request_error. You have reached your specified API usage limits.",
    "400 invalid_request_error. Output blocked by content filtering policy",
    (
        "400 invalid_request_error. This model does not support assistant message prefill. "
        "The conversation must end with a user message."
    ),
)
