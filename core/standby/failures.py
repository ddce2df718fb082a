"""What went wrong with one attempt, normalised: kinds, the value that carries one, and what each kind means by default.

This module is the one place that says how a kind is reacted to when no trigger speaks up
(`REACTIONS`).
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Literal

import msgspec

Then = Literal["retry", "next", "stop"]
"""What to do about a failure: ask the same model again, go on to the next, or stop and tell the caller."""


class Kind(StrEnum):
    """What a failure is, in the words of this project rather than of a vendor."""

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
    """What happens by default after a failure of one kind.

    `then` is `"accept"` for a reply that is marked but good enough. `health` is what it teaches of
    the model: "failure" counts towards its rest, "rest" rests it at once for as long as the vendor
    says, "rest long" until a person may have acted. `alert` asks for a person's attention. `pause`:
    the seconds that the first pause before a retry takes at most, unless the chain says otherwise;
    short where the next moment may find a server that is well, so that a fallback costs nobody half
    a second; 0.5 s is openai-python's own bound.
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
"""Every kind and what follows it. A "retry" here is one retry, never more; after it comes the next model."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong with one attempt.

    `status` is the HTTP status, `code` the vendor's own status or error code, `message` the
    vendor's words (or ours, for a failure that no vendor reported), `retry_after` the vendor's
    stated delay in seconds, `id` its id of the request. `lasting`: it stays so until a person mends
    the settings or installs what is missing.
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
        """The line that triggers are matched with and people read: `<status> <code>. <message>`.

        Where the vendor gives no code, the status's reason phrase stands in its place ("503 Service
        Unavailable").
        """
        status = "" if self.status is None else str(self.status)
        code = self.code or ("" if self.status is None else _phrase(self.status))
        head = " ".join(part for part in (status, code) if part)
        return " ".join(". ".join(part for part in (head, self.message) if part).split())


def kind_of_status(status: int) -> Kind:
    """Return the kind that an HTTP status stands for when the body says nothing better."""
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
    499: Kind.SERVER_ERROR,  # Google's CANCELLED: the server gave up, not we
    501: Kind.UNSUPPORTED,
    505: Kind.UNSUPPORTED,
    503: Kind.OVERLOADED,
    529: Kind.OVERLOADED,
}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
