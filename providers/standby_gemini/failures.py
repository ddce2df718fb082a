"""Gemini's error responses, parsed into failures.

The HTTP status is read first, then the structured reason, and the text last. The bodies are
recorded or published ones. The functions are pure and import no SDK.
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

_KIND_OF_REASON = {
    "API_KEY_INVALID": Kind.UNAUTHORIZED,
    "API_KEY_EXPIRED": Kind.UNAUTHORIZED,
    "API_KEY_SERVICE_BLOCKED": Kind.UNAUTHORIZED,
    "SERVICE_DISABLED": Kind.UNAUTHORIZED,
}
"""`google.rpc.ErrorInfo.reason`."""

_KIND_OF_CODE = {
    Kind.MALFORMED: {  # for an error inside a 200, which states no number
        "UNAVAILABLE": Kind.OVERLOADED,
        "RESOURCE_EXHAUSTED": Kind.RATE_LIMITED,
        "UNAUTHENTICATED": Kind.UNAUTHORIZED,
        "PERMISSION_DENIED": Kind.UNAUTHORIZED,
        "NOT_FOUND": Kind.MODEL_MISSING,
    },
    Kind.INVALID_REQUEST: {
        # the location, or the plan, that the key is used from
        "FAILED_PRECONDITION": Kind.UNAUTHORIZED,
    },
}
"""`google.rpc.Code`, where the HTTP status alone says too little."""

_KIND_OF_TEXT = {
    Kind.RATE_LIMITED: (
        ("perday", Kind.QUOTA_EXHAUSTED),
        ("limit: 0,", Kind.QUOTA_EXHAUSTED),  # the plan does not include this model
        ("limit: 0\n", Kind.QUOTA_EXHAUSTED),
        ("spending cap", Kind.QUOTA_EXHAUSTED),
        ("credits are depleted", Kind.QUOTA_EXHAUSTED),
    ),
    Kind.INVALID_REQUEST: (
        ("api key not valid", Kind.UNAUTHORIZED),
        ("api key not found", Kind.UNAUTHORIZED),
        ("api key expired", Kind.UNAUTHORIZED),
        ("user location is not supported", Kind.UNAUTHORIZED),
        ("input token count", Kind.CONTEXT_TOO_LONG),
        # "Penalty is not enabled for models/gemini-2.5-flash"
        ("is not enabled for models/", Kind.UNSUPPORTED),
        ("only works in thinking mode", Kind.UNSUPPORTED),
        ("is not supported by this model", Kind.UNSUPPORTED),
        ("is not supported for this model", Kind.UNSUPPORTED),
        ("is unsupported", Kind.UNSUPPORTED),
        ("unknown name", Kind.UNSUPPORTED),  # a field that this API version lacks
        ("maximum allowed nesting depth", Kind.UNSUPPORTED),
        ("too many states for serving", Kind.UNSUPPORTED),
        ("ending with a model turn are not supported", Kind.UNSUPPORTED),
        ("thought_signature", Kind.UNSUPPORTED),  # missing; another model may need none
        ("thought signature", Kind.UNSUPPORTED),  # "Corrupted thought signature."
        ("no longer available", Kind.MODEL_MISSING),
    ),
}
"""Message texts that refine the kind that status and reason gave."""


def read_failure(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    """Parse an error response.

    An error inside a 200 counts as the error that it states: a stream's status is sent before
    anything can go wrong.

    Args:
        status: The HTTP status.
        headers: The response's headers.
        body: The decoded JSON, or the text of a body that is not JSON.

    Returns:
        The failure, with the delay that Gemini states.
    """
    error = find_error(body)
    message = get_str(error.get("message")) or strip_markup(body, status)
    if status < HTTPStatus.BAD_REQUEST:
        status = max(status, get_int(error, "code"))
    code = get_str(error.get("status"))
    details = [get_object(detail) for detail in get_list(error.get("details"))]
    hints = [get_str(detail.get("retryDelay")) for detail in details]
    return Failure(
        kind=_classify(status, code, details, message),
        status=status,
        code=code or None,
        message=message,
        retry_after=retry_after(headers, *hints, hint_in(message)),
    )


def _classify(status: int, code: str, details: Sequence[Mapping[str, Any]], message: str) -> Kind:
    for detail in details:
        if detail.get("reason") in _KIND_OF_REASON:
            return _KIND_OF_REASON[detail["reason"]]
    kind = kind_of_status(status)
    kind = _KIND_OF_CODE.get(kind, {}).get(code, kind)
    text = f"{message} {_format_quotas(details)}".lower()
    refinements = _KIND_OF_TEXT.get(kind, ())
    return next((refined for phrase, refined in refinements if phrase in text), kind)


def _format_quotas(details: Sequence[Mapping[str, Any]]) -> str:
    """Return a QuotaFailure's quotas: "GenerateRequestsPerDayPerProjectPerModel limit: 50,"."""
    quotas: list[str] = []
    for detail in details:
        violations = map(get_object, get_list(detail.get("violations")))
        quotas += [f"{each.get('quotaId')} limit: {each.get('quotaValue')}," for each in violations]
        quotas.append(f"limit: {get_object(detail.get('metadata')).get('quota_limit_value')},")
    return " ".join(quotas)


def find_error(body: Any) -> dict[str, Any]:
    """Find the error object of a response.

    Args:
        body: The decoded JSON; a response that is not an event stream wraps the error in a list.

    Returns:
        The error object, or an empty one.
    """
    return get_object(get_object(next(iter(get_list(body)), body)).get("error"))
