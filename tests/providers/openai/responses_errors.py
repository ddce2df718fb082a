"""Errors of the Responses API."""

from tests.support.loopback import openai_error

MISSING = openai_error(
    400,
    "The requested model 'gpt-9' does not exist.",
    kind="invalid_request_error",
    code="model_not_found",
    param="model",
)
