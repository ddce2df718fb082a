"""Known errors of Gemini, each in the form of `Failure.text`.

`standby validate` runs the triggers' patterns against them. The messages are recorded answers or
cited in public issues, as read in November 2026; parts that differ each time are omitted.
"""

ERRORS = (
    (
        "500 INTERNAL. An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting"
    ),
    "500 INTERNAL. Internal error encountered.",
    "503 UNAVAILABLE. The model is overloaded. Please try again later.",
    (
        "503 UNAVAILABLE. This model is currently experiencing high demand. Spikes in demand "
        "are usually temporary. Please try again later."
    ),
    "503 UNAVAILABLE. Deadline expired before operation could complete.",
    "504 DEADLINE_EXCEEDED. The service is unable to finish processing within the deadline.",
    "504 DEADLINE_EXCEEDED. Deadline expired before operation could complete.",
    "499 CANCELLED. The operation was cancelled.",
    (
        "429 RESOURCE_EXHAUSTED. You exceeded your current quota, please check your plan and "
        "billing details. * Quota exceeded for metric: "
        "generativelanguage.googleapis.com/generate_content_free_tier_requests, limit: 0, "
        "model: gemini-2.5-pro Please retry in 20.04s."
    ),
    "429 RESOURCE_EXHAUSTED. Resource has been exhausted (e.g. check quota).",
    "429 RESOURCE_EXHAUSTED. Resource exhausted. Please try again later. error-code-429",
    "400 INVALID_ARGUMENT. API key not valid. Please pass a valid API key.",
    "400 INVALID_ARGUMENT. API Key not found. Please pass a valid API key.",
    "400 INVALID_ARGUMENT. API key expired. Please renew the API key.",
    "400 FAILED_PRECONDITION. User location is not supported for the API use.",
    (
        "400 INVALID_ARGUMENT. The input token count (1200000) exceeds the maximum number of "
        "tokens allowed (1048576)."
    ),
    "400 INVALID_ARGUMENT. Request contains an invalid argument.",
    "403 PERMISSION_DENIED. Your API key was reported as leaked. Please use another API key.",
    (
        "403 PERMISSION_DENIED. Generative Language API has not been used in project 1 before"
        " or it is disabled."
    ),
    (
        "404 NOT_FOUND. models/gemini-2.5-pro is not found for API version v1beta, or is not "
        "supported for generateContent. Call ModelService.ListModels to see the list of "
        "available models and their supported methods."
    ),
    (
        "404 NOT_FOUND. This model models/gemini-2.5-pro is no longer available to new users."
        " Please update your code to use a newer model."
    ),
    "SAFETY. the answer was blocked: SAFETY",
    "OTHER. Model failed to generate content due to internal error.",
    "MAX_TOKENS. empty: max_tokens was spent, 1024 tokens on thinking, before any text came",
)
