"""Anthropic's error responses, parsed into failures.

The HTTP status is read first, then the structured code, and the text last. The bodies are published
ones. The functions are pure and import no SDK.
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
    # a 429 that lasts until the next month
    "enforced_spend_limit_reached": Kind.QUOTA_EXHAUSTED,
    "contract_spend_limit_reached": Kind.QUOTA_EXHAUSTED,
    "linked_organization_spend_limit_reached": Kind.QUOTA_EXHAUSTED,
    "linked_organization_billing_unavailable": Kind.QUOTA_EXHAUSTED,
    "organization_on_hold": Kind.UNAUTHORIZED,
    "overloaded_error": Kind.OVERLOADED,
    "request_too_large": Kind.UNSUPPORTED,  # 32 MB: another vendor may take more
    "request_body_too_large_after_decoding": Kind.UNSUPPORTED,
}
"""`error.details.error_code` or `error.type`, where it says more than the HTTP status.

Names: anthropic 2.12, types.shared.
"""

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
"""The same for an error inside a 200, whose status carries no information."""

_KIND_OF_TEXT = (
    # as in "prompt is too long: 210000 tokens > 200000 maximum"
    ("prompt is too long", Kind.CONTEXT_TOO_LONG),
    # as in "input length and `max_tokens` exceed context limit: …"
    ("exceed context limit", Kind.CONTEXT_TOO_LONG),
    ("credit balance is too low", Kind.QUOTA_EXHAUSTED),  # anthropics/claude-code #66314: a 400
    ("reached your specified api usage limits", Kind.QUOTA_EXHAUSTED),
    ("output blocked by content filtering policy", Kind.BLOCKED),
    ("does not support assistant message prefill", Kind.UNSUPPORTED),
    # as in "When using tools, pre-filling the `assistant` response is not supported."
    ("response is not supported", Kind.UNSUPPORTED),
    ("thinking may not be enabled when tool_choice", Kind.UNSUPPORTED),
    ("cannot both be specified for this model", Kind.UNSUPPORTED),  # temperature and top_p
    # as in "tool_choice: type "tool" and "any" are not supported for this model"
    ("not supported for this model", Kind.UNSUPPORTED),
    ("not supported by this model", Kind.UNSUPPORTED),
    ("does not support image", Kind.UNSUPPORTED),
    # a schema that another vendor may accept
    ("output_config.format.schema:", Kind.UNSUPPORTED),
)
"""Message texts that refine the kind of an invalid request."""


def read_failure(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    """Parse an error response.

    An error inside a 200 counts as the error that it states: a stream's status is sent before
    anything can go wrong.

    Args:
        status: The HTTP status.
        headers: The response's headers.
        body: The decoded JSON, or the text of a body that is not JSON.

    Returns:
        The failure, with the delay that Anthropic states and the request's id.
    """
    content = get_object(body)
    error = get_object(content.get("error"))
    error_code = get_str(get_object(error.get("details")).get("error_code"))
    names = [name for name in (error_code, get_str(error.get("type"))) if name]
    message = get_str(error.get("message")) or strip_markup(body, status)
    return Failure(
        kind=_classify(status, names, message),
        status=status,
        code=names[0] if names else None,
        message=message,
        retry_after=retry_after(headers, hint_in(message)),
        id=_find_header(headers, "request-id") or get_str(content.get("request_id")),
    )


def is_error(answer: Any) -> bool:
    """Check whether a response is an error, whatever its status.

    Args:
        answer: The decoded JSON.

    Returns:
        True for an error.
    """
    content = get_object(answer)
    return content.get("type") == "error" or bool(content.get("error"))


def _classify(status: int, names: Sequence[str], message: str) -> Kind:
    # Cloudflare sends this before Anthropic sees the request, possibly without a body
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Kind.UNSUPPORTED
    kind = kind_of_status(status)
    kinds = _KIND_OF_CODE | _KIND_OF_CODE_ALONE if kind is Kind.MALFORMED else _KIND_OF_CODE
    kind = next((kinds[name] for name in names if name in kinds), kind)
    if kind is not Kind.INVALID_REQUEST:
        return kind
    text = message.lower()
    return next((refined for phrase, refined in _KIND_OF_TEXT if phrase in text), kind)


def _find_header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")
