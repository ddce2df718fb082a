"""What went wrong with one attempt, normalised, and the attempt itself.

`REACTIONS` is the only table of what follows each kind of failure when no trigger matches.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Literal

import msgspec

Then = Literal["retry", "next", "stop"]
"""What follows a failure: ask the same model again, ask the next one, or raise it to the caller."""


class Kind(StrEnum):
    """What a failure is, independent of the vendor."""

    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    EMPTY = "empty"
    SCHEMA_MISMATCH = "schema_mismatch"
    REJECTED = "rejected"
    TRUNCATED = "truncated"
    WRONG_MODEL = "wrong_model"
    UNAUTHORIZED = "unauthorized"
    MODEL_MISSING = "model_missing"
    CONTEXT_TOO_LONG = "context_too_long"
    UNSUPPORTED = "unsupported"
    BLOCKED = "blocked"
    INVALID_REQUEST = "invalid_request"
    CONTRACT = "contract"
    UNAVAILABLE = "unavailable"
    DEADLINE = "deadline"


class Reaction(msgspec.Struct, frozen=True):
    """What follows a failure of one kind by default.

    Attributes:
        then: "accept" means that the reply is used, with a mark in the trail.
        health: "failure" counts towards a rest of the model, "rest" rests it at once for as long as
            the vendor says, "rest long" for so long that a person may have acted.
        alert: Whether a person's attention is needed.
        pause: Seconds that the first pause before a retry takes at most, unless the chain says
            otherwise. It is short where the server may be well a moment later, so that a fallback
            does not cost half a second. 0.5 s is openai-python's limit.
    """

    then: Literal["retry", "next", "stop", "accept"]
    health: Literal["failure", "rest", "rest long", "ignored"] = "ignored"
    alert: bool = False
    pause: float = 0.5


REACTIONS: dict[Kind, Reaction] = {
    Kind.RATE_LIMITED: Reaction("retry", "rest"),
    Kind.QUOTA_EXHAUSTED: Reaction("next", "rest long", alert=True),
    Kind.OVERLOADED: Reaction("retry", "failure"),
    Kind.SERVER_ERROR: Reaction("retry", "failure", pause=0.1),
    Kind.CONNECTION: Reaction("retry", "failure", pause=0.1),
    Kind.TIMEOUT: Reaction("next", "failure"),
    Kind.MALFORMED: Reaction("retry", "failure", pause=0.1),
    Kind.EMPTY: Reaction("next", "failure"),
    Kind.SCHEMA_MISMATCH: Reaction("retry"),
    Kind.REJECTED: Reaction("next"),
    Kind.TRUNCATED: Reaction("accept"),
    Kind.WRONG_MODEL: Reaction("accept", alert=True),
    Kind.UNAUTHORIZED: Reaction("next", "rest long", alert=True),
    Kind.MODEL_MISSING: Reaction("next", "rest long", alert=True),
    Kind.CONTEXT_TOO_LONG: Reaction("next"),
    Kind.UNSUPPORTED: Reaction("next"),
    Kind.BLOCKED: Reaction("stop"),
    Kind.INVALID_REQUEST: Reaction("stop"),
    Kind.CONTRACT: Reaction("next", alert=True),
    Kind.UNAVAILABLE: Reaction("next"),
    Kind.DEADLINE: Reaction("stop"),
}
"""Every kind and what follows it. "retry" means one retry; after it comes the next model."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong with one attempt.

    Attributes:
        kind: What it is.
        message: The vendor's message, or ours for a failure that no vendor reported.
        status: The HTTP status.
        code: The vendor's own status or error code.
        retry_after: The delay that the vendor states, in seconds.
        id: The vendor's id of the request.
        lasting: Whether it lasts until a person corrects the settings or installs a package.
    """

    kind: Kind
    message: str
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    id: str = ""
    lasting: bool = False

    @property
    def text(self) -> str:
        """The line that triggers match and people read: `<status> <code>. <message>`.

        Without a vendor's code it has the status's reason phrase ("503 Service Unavailable").
        """
        status = "" if self.status is None else str(self.status)
        code = self.code or ("" if self.status is None else _reason_phrase(self.status))
        head = " ".join(part for part in (status, code) if part)
        return " ".join(". ".join(part for part in (head, self.message) if part).split())


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One request to one model, or why there was none.

    Attributes:
        model: The model's name.
        provider: The provider's name.
        outcome: How it ended.
        start: Seconds since the call began.
        duration: Seconds.
        setup: Seconds of these that no time-out counts, before the model's first word: its adapter
            was imported, or a connection was not free yet.
        kind: The failure's kind.
        status: The failure's HTTP status.
        text: The failure's text.
        trigger: The name of the trigger that matched.
        then: What follows the failure.
        dropped: The parameters that were not sent to this model.
        id: The vendor's id of the answer, or of the failed request; its support asks for it.
    """

    model: str
    provider: str
    outcome: Literal["answered", "failed", "skipped", "cancelled"]
    start: float
    duration: float
    setup: float = 0.0
    kind: Kind | None = None
    status: int | None = None
    text: str = ""
    trigger: str | None = None
    then: Then | None = None
    dropped: tuple[str, ...] = ()
    id: str = ""


def kind_of_status(status: int) -> Kind:
    """Return the kind that an HTTP status stands for when the body says nothing more precise.

    Args:
        status: The HTTP status.

    Returns:
        The failure's kind.
    """
    if status in _KIND_OF_STATUS:
        return _KIND_OF_STATUS[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Kind.SERVER_ERROR
    if status >= HTTPStatus.BAD_REQUEST:
        return Kind.INVALID_REQUEST
    return Kind.MALFORMED


_KIND_OF_STATUS: dict[int, Kind] = {
    401: Kind.UNAUTHORIZED,
    402: Kind.QUOTA_EXHAUSTED,
    403: Kind.UNAUTHORIZED,
    404: Kind.MODEL_MISSING,
    408: Kind.SERVER_ERROR,
    409: Kind.SERVER_ERROR,
    429: Kind.RATE_LIMITED,
    499: Kind.SERVER_ERROR,  # Google's CANCELLED: the server ended it, not we
    501: Kind.UNSUPPORTED,
    505: Kind.UNSUPPORTED,
    503: Kind.OVERLOADED,
    529: Kind.OVERLOADED,
}


def _reason_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
