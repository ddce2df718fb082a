"""What OpenAI answers when it fails, and what the transport raises, as failures. Pure; knows no SDK.

In this order: the HTTP status, then the structured code, then the text. The bodies are recorded or published ones.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from standby.plugin import Failure, Kind, hint_in, kind_of_status, retry_after

_KIND_OF_CODE = {
    "insufficient_quota": Kind.QUOTA_EXHAUSTED,
    "credit_balance_exhausted": Kind.QUOTA_EXHAUSTED,
    "billing_hard_limit_reached": Kind.QUOTA_EXHAUSTED,
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "slow_down": Kind.OVERLOADED,
    "server_is_overloaded": Kind.OVERLOADED,
    "server_error": Kind.SERVER_ERROR,
    "invalid_api_key": Kind.UNAUTHORIZED,
    "unsupported_country_region_territory": Kind.UNAUTHORIZED,
    "model_not_found": Kind.MODEL_MISSING,
    "context_length_exceeded": Kind.CONTEXT_TOO_LONG,
    "invalid_prompt": Kind.BLOCKED,
    "content_policy_violation": Kind.BLOCKED,
    "content_filter": Kind.BLOCKED,
    "unsupported_parameter": Kind.UNSUPPORTED,
    "unsupported_value": Kind.UNSUPPORTED,
}
"""`error.code`, and where that is null `error.type`."""

_KIND_OF_TEXT = {
    Kind.RATE_LIMITED: (("request too large", Kind.CONTEXT_TOO_LONG),),  # never fits this model's limit, however long we wait
    Kind.INVALID_REQUEST: (
        ("maximum context length", Kind.CONTEXT_TOO_LONG),
        ("unsupported parameter", Kind.UNSUPPORTED),
        ("is not supported with this model", Kind.UNSUPPORTED),
        ("only supported by certain models", Kind.UNSUPPORTED),
        ("function tools with reasoning_effort are not supported", Kind.UNSUPPORTED),
    ),
}
"""What only the words tell, after status and code have said a kind."""


def failure_of(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    """Read an error answer; `body` is decoded JSON, or the text where it is none."""
    error = _error(body)
    names = [str(error[name]) for name in ("code", "type") if isinstance(error.get(name), str | int) and error[name] != "error"]
    message = _message(error, body)
    return Failure(
        kind=_kind(status, names, message),
        status=status,
        code=names[0] if names else None,
        message=message,
        retry_after=retry_after(headers, hint_in(message)),
    )


def lost(error: BaseException) -> Failure:
    """Read what the transport raised: a connection that was refused, reset, cut, or too slow to come about."""
    cause = error.__cause__ or error
    words = str(cause) or type(cause).__name__
    if "Timeout" in type(error).__name__:
        return Failure(kind=Kind.TIMEOUT, message=f"timeout: {words}")
    return Failure(kind=Kind.CONNECTION, message=f"connection error: {words}")


def _kind(status: int, names: list[str], message: str) -> Kind:
    kind = next((_KIND_OF_CODE[name] for name in names if name in _KIND_OF_CODE), kind_of_status(status))
    return next((better for words, better in _KIND_OF_TEXT.get(kind, ()) if words in message.lower()), kind)


def _error(body: Any) -> dict[str, Any]:
    """Return the error object, nested or flat."""
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else body


def _message(error: Mapping[str, Any], body: Any) -> str:
    if isinstance(error.get("message"), str) and error["message"]:
        return str(error["message"])
    text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
    return " ".join(text.split()) if text not in ("", "null", "{}") else ""
