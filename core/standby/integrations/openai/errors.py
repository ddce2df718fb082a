"""Errors as OpenAI's API writes them: a status, and the object below "error". Knows no SDK."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from standby.errors import (
    ChainExhausted,
    DeadlineExceeded,
    RequestError,
    StandbyError,
    Stopped,
    StreamBroken,
)
from standby.failures import Failure, Kind
from standby.types import Sampling

_CODES = {Kind.BLOCKED: "content_filter", Kind.CONTEXT_TOO_LONG: "context_length_exceeded"}

_STATUSES: Mapping[type[StandbyError], tuple[int, str]] = {
    ChainExhausted: (HTTPStatus.SERVICE_UNAVAILABLE, "chain_exhausted"),
    DeadlineExceeded: (HTTPStatus.GATEWAY_TIMEOUT, "deadline_exceeded"),
    StreamBroken: (HTTPStatus.BAD_GATEWAY, "stream_broken"),
    StandbyError: (HTTPStatus.INTERNAL_SERVER_ERROR, "standby_error"),
}
"""The status and the code of each error; the first class that matches counts."""

_SAME_NAME = (*Sampling.__struct_fields__, "messages", "tools", "tool_choice")
_OPENAI_NAMES = {
    "schema": "response_format",
    "tool": "tools",
    "extra": "standby.extra",
    "deadline": "standby.deadline",
    **{name: name for name in _SAME_NAME},
}
"""OpenAI's names of what the message of a `RequestError` begins with."""


class RejectedRequest(StandbyError):
    """A request that is answered with an error at once: nothing is sent to a model.

    It has the HTTP status, the parameter at fault, and OpenAI's code.
    """

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        """Keep what the error's body says."""
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


class ErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An error's HTTP status, the object below "error", and headers of its own."""

    status: int
    error: Mapping[str, Any]
    headers: Mapping[str, str] = {}

    @property
    def body(self) -> bytes:
        """Return the body, as JSON."""
        return msgspec.json.encode({"error": self.error})


def build_error(error: StandbyError) -> ErrorResponse:
    """Build the response for an error.

    Args:
        error: Any error of standby.

    Returns:
        The response, with the status from which OpenAI's SDK derives its exception.
    """
    if isinstance(error, RequestError):
        error = _reject(error)
    if isinstance(error, RejectedRequest):
        body = error_object(
            str(error), kind="invalid_request_error", code=error.code, param=error.param
        )
        return ErrorResponse(status=error.status, error=body)
    if isinstance(error, Stopped):
        return _stop_error(error)
    if isinstance(error, ChainExhausted) and _is_too_long(error):
        return _too_long(error)
    status, code = next(value for kind, value in _STATUSES.items() if isinstance(error, kind))
    delay = getattr(error, "retry_after", None)
    headers = {} if delay is None else {"retry-after": str(math.ceil(delay))}
    body = error_object(str(error), kind="server_error", code=code)
    return ErrorResponse(status=status, error=body, headers=headers)


def error_object(
    message: str, *, kind: str, code: str | None, param: str | None = None
) -> dict[str, Any]:
    """Build the object below "error".

    Args:
        message: The message.
        kind: OpenAI's type of the error.
        code: OpenAI's code, or standby's own.
        param: The parameter at fault, if there is one.

    Returns:
        The object.
    """
    return {"message": message, "type": kind, "param": param, "code": code}


def _reject(error: RequestError) -> RejectedRequest:
    """Name the parameter at fault as OpenAI names it."""
    if error.index is not None:
        return RejectedRequest(str(error), param=f"messages[{error.index}]")
    first_word = str(error).partition(":")[0].partition(" ")[0]
    return RejectedRequest(str(error), param=_OPENAI_NAMES.get(first_word))


def _is_too_long(error: ChainExhausted) -> bool:
    """Say whether only the request's length prevented an answer: the caller may shorten it."""
    kinds = {attempt.kind for attempt in error.trail}
    return kinds - {Kind.UNAVAILABLE, Kind.UNSUPPORTED} == {Kind.CONTEXT_TOO_LONG}


def _too_long(error: ChainExhausted) -> ErrorResponse:
    body = error_object(
        str(error),
        kind="invalid_request_error",
        code=_CODES[Kind.CONTEXT_TOO_LONG],
        param="messages",
    )
    return ErrorResponse(status=HTTPStatus.BAD_REQUEST, error=body)


def _stop_error(error: Stopped) -> ErrorResponse:
    failure = error.failure
    status = _failure_status(failure)
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    code = _CODES.get(failure.kind, failure.code) or failure.kind.value
    return ErrorResponse(status=status, error=error_object(str(error), kind=kind, code=code))


def _failure_status(failure: Failure) -> int:
    """Return the vendor's own status if it is an error's: a 200 may hold a refusal, or worse."""
    if failure.kind is Kind.BLOCKED:
        return HTTPStatus.BAD_REQUEST
    if failure.status is not None and failure.status >= HTTPStatus.BAD_REQUEST:
        return failure.status
    is_invalid = failure.kind is Kind.INVALID_REQUEST
    return HTTPStatus.BAD_REQUEST if is_invalid else HTTPStatus.BAD_GATEWAY
