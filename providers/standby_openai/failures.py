"""OpenAI's error responses, parsed into failures.

The HTTP status is read first, then the structured code, and the text last. The bodies are recorded
or published ones. The functions are pure and import no SDK.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from standby.plugin import (
    Failure,
    Kind,
    get_int,
    get_list,
    get_object,
    get_str,
    hint_in,
    kind_of_status,
    retry_after,
    strip_markup,
)

_KIND_OF_CODE = {
    "insufficient_quota": Kind.QUOTA_EXHAUSTED,
    "credit_balance_exhausted": Kind.QUOTA_EXHAUSTED,
    "billing_hard_limit_reached": Kind.QUOTA_EXHAUSTED,
    "slow_down": Kind.OVERLOADED,
    "server_is_overloaded": Kind.OVERLOADED,
    "invalid_api_key": Kind.UNAUTHORIZED,
    "unsupported_country_region_territory": Kind.UNAUTHORIZED,
    "model_not_found": Kind.MODEL_MISSING,
    "context_length_exceeded": Kind.CONTEXT_TOO_LONG,
    "exceed_context_size_error": Kind.CONTEXT_TOO_LONG,  # llama.cpp's server
    "invalid_prompt": Kind.BLOCKED,
    "content_policy_violation": Kind.BLOCKED,
    "content_filter": Kind.BLOCKED,
    "image_content_policy_violation": Kind.BLOCKED,
    "bio_policy": Kind.BLOCKED,
    "misalignment_policy_violation": Kind.BLOCKED,
    "invalid_encrypted_content": Kind.UNSUPPORTED,  # thoughts that another model does not need
    "unsupported_parameter": Kind.UNSUPPORTED,
    "unsupported_value": Kind.UNSUPPORTED,
}
"""`error.code` or `error.type`, where it says more than the HTTP status."""

_KIND_OF_CODE_ALONE = {
    "server_error": Kind.SERVER_ERROR,
    "internal_server_error": Kind.SERVER_ERROR,
    "service_unavailable_error": Kind.OVERLOADED,
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "rate_limit_error": Kind.RATE_LIMITED,
    "authentication_error": Kind.UNAUTHORIZED,
    "permission_error": Kind.UNAUTHORIZED,
}
"""The same for an error inside a 200, whose status carries no information."""

_KIND_OF_TEXT = {
    # a request that never fits this model's limit, however long one waits
    Kind.RATE_LIMITED: (("request too large", Kind.CONTEXT_TOO_LONG),),
    Kind.INVALID_REQUEST: (
        ("maximum context length", Kind.CONTEXT_TOO_LONG),
        ("exceeds the context window", Kind.CONTEXT_TOO_LONG),
        ("unsupported parameter", Kind.UNSUPPORTED),
        ("unsupported value", Kind.UNSUPPORTED),
        ("is not supported with this model", Kind.UNSUPPORTED),
        ("only supported by certain models", Kind.UNSUPPORTED),
        ("function tools with reasoning_effort are not supported", Kind.UNSUPPORTED),
    ),
}
"""Message texts that refine the kind that status and code gave."""


def read_failure(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    """Parse an error response.

    An error inside a 200 counts as the error that it states: a stream's status is sent before
    anything can go wrong.

    Args:
        status: The HTTP status.
        headers: The response's headers.
        body: The decoded JSON, or the text of a body that is not JSON.

    Returns:
        The failure, with the delay that the server states and the request's id.
    """
    error = _find_error(body)
    message = get_str(error.get("message")) or strip_markup(body, status)
    if status < HTTPStatus.BAD_REQUEST:
        # some servers state the status in the code: Cloudflare, vLLM, OpenRouter
        status = max(status, get_int(error, "code"))
    candidates = (get_str(error.get("code")), get_str(error.get("type")))
    names = [name for name in candidates if name not in ("", "error")]
    return Failure(
        kind=_classify(status, names, message),
        status=status,
        code=names[0] if names else None,
        message=message,
        retry_after=retry_after(headers, hint_in(message)),
        id=headers.get("x-request-id", ""),
    )


def is_error(answer: Any) -> bool:
    """Check whether a response is an error, whatever its status.

    Args:
        answer: The decoded JSON; the error may be nested, flat, or in a list.

    Returns:
        True for an error.
    """
    content = _unwrap(answer)
    return any(
        (content.get("error"), content.get("type") == "error", content.get("object") == "error")
    )


def _classify(status: int, names: Sequence[str], message: str) -> Kind:
    kind = kind_of_status(status)
    kinds = _KIND_OF_CODE | _KIND_OF_CODE_ALONE if kind is Kind.MALFORMED else _KIND_OF_CODE
    kind = next((kinds[name] for name in names if name in kinds), kind)
    text, refinements = message.lower(), _KIND_OF_TEXT.get(kind, ())
    return next((refined for phrase, refined in refinements if phrase in text), kind)


def _find_error(body: Any) -> dict[str, Any]:
    """Find the error object: the body itself where it is flat, or a message alone."""
    content = _unwrap(body)
    error = content.get("error")
    return {"message": error} if isinstance(error, str) else get_object(error) or content


def _unwrap(body: Any) -> dict[str, Any]:
    """Return the body's object; Google's compatible endpoint wraps it in a list."""
    return get_object(next(iter(get_list(body)), body))
