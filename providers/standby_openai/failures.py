"""What OpenAI answers when it fails, as failures. Pure; knows no SDK.

In this order: the HTTP status, then the structured code, then the text. The bodies are recorded or
published ones.
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
    "invalid_encrypted_content": Kind.UNSUPPORTED,  # thoughts that another model may do without
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
"""The same for an error inside a 200, where the status says nothing."""

_KIND_OF_TEXT = {
    Kind.RATE_LIMITED: (
        ("request too large", Kind.CONTEXT_TOO_LONG),
    ),  # never fits this model's limit, however long we wait
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
"""What only the words tell, after status and code have said a kind."""


def failure_of(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    """Read an error answer; `body` is decoded JSON, or the text where it is none.

    An error inside a 200 counts as what it says it is: a stream's status is sent before anything
    can go wrong.
    """
    error = _error_in(body)
    if status < HTTPStatus.BAD_REQUEST:
        status = max(
            status, get_int(error, "code")
        )  # some say the status there: Cloudflare, vLLM, OpenRouter
    names = [
        name
        for name in (get_str(error.get("code")), get_str(error.get("type")))
        if name not in ("", "error")
    ]
    message = get_str(error.get("message")) or strip_markup(body)
    return Failure(
        kind=_kind(status, names, message),
        status=status,
        code=names[0] if names else None,
        message=message,
        retry_after=retry_after(headers, hint_in(message)),
        id=headers.get("x-request-id", ""),
    )


def is_error(answer: Any) -> bool:
    """Say whether an answer is an error, whatever its status: nested, flat, or in a list."""
    told = _first(answer)
    return bool(told.get("error")) or told.get("type") == "error" or told.get("object") == "error"


def _kind(status: int, names: Sequence[str], message: str) -> Kind:
    kind = kind_of_status(status)
    known = _KIND_OF_CODE | _KIND_OF_CODE_ALONE if kind is Kind.MALFORMED else _KIND_OF_CODE
    kind = next((known[name] for name in names if name in known), kind)
    return next(
        (better for words, better in _KIND_OF_TEXT.get(kind, ()) if words in message.lower()), kind
    )


def _error_in(body: Any) -> dict[str, Any]:
    """Return the error object; a flat one is the body itself, and some servers give the words alone."""
    told = _first(body)
    error = told.get("error")
    return {"message": error} if isinstance(error, str) else get_object(error) or told


def _first(body: Any) -> dict[str, Any]:
    """Return the body's object; Google's compatible endpoint wraps it in a list."""
    return get_object(next(iter(get_list(body)), body))
