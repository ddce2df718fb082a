"""Known errors of OpenAI, each in the form of `Failure.text`.

`standby validate` runs the triggers' patterns against them. The messages are recorded answers,
documented, or cited in public issues, as read in November 2026. The 502 and the 520 are those of
Cloudflare, which stands before the API.
"""

ERRORS = (
    (
        "500 server_error. The server had an error while processing your request. Sorry about"
        " that! You can retry your request, or contact us through our help center at "
        "help.openai.com if the error persists."
    ),
    (
        "503 server_error. That model is currently overloaded with other requests. You can "
        "retry your request."
    ),
    (
        "503 server_is_overloaded. That model is currently overloaded with other requests. "
        "You can retry your request."
    ),
    "502 Bad Gateway. 502 Bad Gateway cloudflare",
    "502 cf_bad_gateway. Bad gateway.",
    "520. Web server is returning an unknown error",
    (
        "429 rate_limit_exceeded. Rate limit reached for gpt-5.6-sol in organization org-1 on"
        " tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in "
        "174ms."
    ),
    (
        "429 rate_limit_exceeded. Request too large for gpt-5.6-sol in organization org-1 on "
        "tokens per min (TPM): Limit 30000, Requested 37313."
    ),
    (
        "429 insufficient_quota. You exceeded your current quota, please check your plan and "
        "billing details."
    ),
    (
        "429 credit_balance_exhausted. You exceeded your current quota, please check your "
        "plan and billing details."
    ),
    "429 slow_down. The rate of requests rose too fast. Please slow down.",
    (
        "401 invalid_api_key. Incorrect API key provided. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    ),
    "403 unsupported_country_region_territory. Country, region, or territory not supported",
    "404 model_not_found. The model `o3-mini` does not exist or you do not have access to it.",
    (
        "404 model_not_found. The model `o3-mini` has been deprecated, learn more here: "
        "https://platform.openai.com/docs/deprecations"
    ),
    "400 model_not_found. The requested model 'o3-mini' does not exist.",
    (
        "400 context_length_exceeded. This model's maximum context length is 200000 tokens. "
        "However, your messages resulted in 210000 tokens. Please reduce the length of the "
        "messages."
    ),
    (
        "400 invalid_prompt. Invalid prompt: your prompt was flagged as potentially violating"
        " our usage policy. Please try again with a different prompt."
    ),
    (
        "400 unsupported_parameter. Unsupported parameter: 'temperature' is not supported "
        "with this model."
    ),
    "400 unsupported_value. Unsupported value: 'temperature' does not support 0.2 with this model.",
    "400 invalid_image_url. Error while downloading https://example.com/meter.png.",
    (
        "400 invalid_function_parameters. Invalid schema for function 'weather': In "
        "context=(), 'additionalProperties' is required to be supplied and to be false."
    ),
)
