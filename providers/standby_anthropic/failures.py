"""What Anthropic answers when it fails, as failures. Pure; knows no SDK.

In this order: the HTTP status, then the structured code, then the text. The bodies are published
ones.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from standby.plugin import (
    Failure,
    Kind,
    get_object,
    get_str,
    hint_in,
    kind_of_status,
    retry_after,
    strip_markup,
)

_KIND_OF_CODE = {
    "billing_error": Kind.QUOTA_EXHAUSTED,
    # a 429 that no waiting ends before the next month
    "enforced_spend_limit_reached": Kind.QUOTA_EXHAUSTED,
    "contract_spend_limit_reached": Kind.QUOTA_EXHAUSTED,
    "linked_organization_spend_limit_reached": Kind.QUOTA_EXHAUSTED,
    "linked_organization_billing_unavailable": Kind.QUOTA_EXHAUSTED,
    "organization_on_hold": Kind.UNAUTHORIZED,
    "overloaded_error": Kind.OVERLOADED,
    "request_too_large": Kind.UNSUPPORTED,  # 32 MB: another vendor may take more
    "request_body_too_large_after_decoding": Kind.UNSUPPORTED,
}
"""`error.details.error_code` or `error.type`, where it says more than the HTTP status; names: anthropic 2.12, types.shared."""

_KIND_OF_CODE_ALONE = {
    "api_error": Kind.SERVER_ERROR,
    "timeout_error": Kind.SERVER_ERROR,
    "conflict_error": Kind.SERVER_ERROR,
    "rate_limit_error": Kind.RATE_LIMITED,
    "authentication_error": Kind.UNAUTHORIZED,
    "permission_error": Kind.UNAUTHORIZED,
    "not_found_error": Kind.MODEL_MISSING,
    "invalid_request_error": Kind.INVALID_REQUEST,
}
"""The same for an error inside a 200, where the status says nothing."""

_KIND_OF_TEXT = (
    (
        "prompt is too long",
        Kind.CONTEXT_TOO_LONG,
    ),  # "prompt is too long: 210000 tokens > 200000 maximum"
    (
        "exceed context limit",
        Kind.CONTEXT_TOO_LONG,
    ),  # "input length and `max_tokens` exceed context limit: …"
    ("credit balance is too low", Kind.QUOTA_EXHAUSTED),  # anthropics/claude-code #66314: a 400
    ("reached your specified api usage limits", Kind.QUOTA_EXHAUSTED),
    ("output blocked by content filtering policy", Kind.BLOCKED),
    ("does not support assistant message prefill", Kind.UNSUPPORTED),
    (
        "response is not supported",
        Kind.UNSUPPORTED,
    ),  # "When using tools, pre-filling the `assistant` response is not supported."
    ("thinking may not be enabled when tool_choice", Kind.UNSUPPORTED),
    ("cannot both be specified for this model", Kind.UNSUPPORTED),  # temperature and top_p
    (
        "not supported for this model",
        Kind.UNSUPPORTED,
    ),  # "tool_choice: type "tool" and "any" are not supported for this model"
    ("not supported by this model", Kind.UNSUPPORTED),
    ("does not support image", Kind.UNSUPPORTED),
    (
        "output_config.format.schema:",
        Kind.UNSUPPORTED,
    ),  # a schema that another vendor may well take
)
"""What only the words of a refused request tell."""


def failure_of(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    """Read an error answer; `body` is decoded JSON, or the text where it is none.

    An error inside a 200 counts as what it says it is: a stream's status is sent before anything
    can go wrong.
    """
    told = get_object(body)
    error = get_object(told.get("error"))
    names = [
        get_str(get_object(error.get("details")).get("error_code")),
        get_str(error.get("type")),
    ]
    names = [name for name in names if name]
    message = get_str(error.get("message")) or strip_markup(body)
    return Failure(
        kind=_kind(status, names, message),
        status=status,
        code=names[0] if names else None,
        message=message,
        retry_after=retry_after(headers, hint_in(message)),
        id=_header(headers, "request-id") or get_str(told.get("request_id")),
    )


def is_error(answer: Any) -> bool:
    """Say whether an answer is an error, whatever its status."""
    told = get_object(answer)
    return told.get("type") == "error" or bool(told.get("error"))


def _kind(status: int, names: Sequence[str], message: str) -> Kind:
    if (
        status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ):  # Cloudflare's, before Anthropic sees it, and maybe without a body
        return Kind.UNSUPPORTED
    kind = kind_of_status(status)
    known = _KIND_OF_CODE | _KIND_OF_CODE_ALONE if kind is Kind.MALFORMED else _KIND_OF_CODE
    kind = next((known[name] for name in names if name in known), kind)
    if kind is not Kind.INVALID_REQUEST:
        return kind
    return next((better for words, better in _KIND_OF_TEXT if words in message.lower()), kind)


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for one, value in headers.items() if one.lower() == name), "")
