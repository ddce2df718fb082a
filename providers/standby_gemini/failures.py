"""What Gemini answers when it fails, as failures. Pure; knows no SDK.

In this order: the HTTP status, then the structured reason, then the text. The bodies are recorded
or published ones.
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
    Kind.MALFORMED: {  # for an error inside a 200, which says no number
        "UNAVAILABLE": Kind.OVERLOADED,
        "RESOURCE_EXHAUSTED": Kind.RATE_LIMITED,
        "UNAUTHENTICATED": Kind.UNAUTHORIZED,
        "PERMISSION_DENIED": Kind.UNAUTHORIZED,
        "NOT_FOUND": Kind.MODEL_MISSING,
    },
    Kind.INVALID_REQUEST: {
        # the place, or the plan, from which the key is used
        "FAILED_PRECONDITION": Kind.UNAUTHORIZED,
    },
}
"""`google.rpc.Code`, where the HTTP status alone says too little."""

_KIND_OF_TEXT = {
    Kind.RATE_LIMITED: (
        ("perday", Kind.QUOTA_EXHAUSTED),
        ("limit: 0,", Kind.QUOTA_EXHAUSTED),  # this model is not in the plan at all
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
        (
            "is not enabled for models/",
            Kind.UNSUPPORTED,
        ),  # "Penalty is not enabled for models/gemini-2.5-flash"
        ("only works in thinking mode", Kind.UNSUPPORTED),
        ("is not supported by this model", Kind.UNSUPPORTED),
        ("is not supported for this model", Kind.UNSUPPORTED),
        ("is unsupported", Kind.UNSUPPORTED),
        ("unknown name", Kind.UNSUPPORTED),  # a field that this version of the API does not have
        ("maximum allowed nesting depth", Kind.UNSUPPORTED),
        ("too many states for serving", Kind.UNSUPPORTED),
        ("ending with a model turn are not supported", Kind.UNSUPPORTED),
        ("thought_signature", Kind.UNSUPPORTED),  # missing; another model may not want one
        ("thought signature", Kind.UNSUPPORTED),  # "Corrupted thought signature."
        ("no longer available", Kind.MODEL_MISSING),
    ),
}
"""What only the words tell, after status and reason have said a kind."""


def failure_of(status: int, headers: Mapping[str, str], body: Any) -> Failure:
    """Read an error answer; `body` is decoded JSON, or the text where it is none.

    An error inside a 200 counts as what it says it is: a stream's status is sent before anything
    can go wrong.
    """
    error = error_in(body)
    if status < HTTPStatus.BAD_REQUEST:
        status = max(status, get_int(error, "code"))
    code = get_str(error.get("status"))
    details = [get_object(detail) for detail in get_list(error.get("details"))]
    message = get_str(error.get("message")) or strip_markup(body)
    hints = [get_str(detail.get("retryDelay")) for detail in details]
    return Failure(
        kind=_kind(status, code, details, message),
        status=status,
        code=code or None,
        message=message,
        retry_after=retry_after(headers, *hints, hint_in(message)),
    )


def _kind(status: int, code: str, details: Sequence[Mapping[str, Any]], message: str) -> Kind:
    for detail in details:
        if detail.get("reason") in _KIND_OF_REASON:
            return _KIND_OF_REASON[detail["reason"]]
    kind = kind_of_status(status)
    kind = _KIND_OF_CODE.get(kind, {}).get(code, kind)
    told = f"{message} {_quota(details)}".lower()
    return next((better for words, better in _KIND_OF_TEXT.get(kind, ()) if words in told), kind)


def _quota(details: Sequence[Mapping[str, Any]]) -> str:
    """Return what a QuotaFailure names: "GenerateRequestsPerDayPerProjectPerModel-FreeTier limit: 50,"."""
    told: list[str] = []
    for detail in details:
        named = [get_object(violation) for violation in get_list(detail.get("violations"))]
        told += [
            f"{violation.get('quotaId')} limit: {violation.get('quotaValue')},"
            for violation in named
        ]
        told.append(f"limit: {get_object(detail.get('metadata')).get('quota_limit_value')},")
    return " ".join(told)


def error_in(body: Any) -> dict[str, Any]:
    """Return the error object, or an empty one; a stream that is no event stream wraps it in a list."""
    return get_object(get_object(next(iter(get_list(body)), body)).get("error"))
