"""What the first model can do wrong: one row for each line of the project's table of failures."""

import msgspec

from standby.testing import events
from tests.heavy.replica_servers import FaultAnswer, gemini_payload
from tests.support.loopback import (
    GEMINI_429,
    GEMINI_500,
    GEMINI_503,
    GEMINI_504,
    GEMINI_BAD_KEY,
    Answer,
    cut,
    gemini_error,
    hang,
    html,
    reset,
    respond,
)


def _always(answer: Answer) -> FaultAnswer:
    return lambda _: answer


def _in_a_200(payload: object) -> FaultAnswer:
    return lambda streamed: events([payload], "\r\n\r\n") if streamed else respond(200, payload)


BEGUN = "Let me see, "
"""The text that is sent before a stream breaks."""


def _begun() -> Answer:
    return events([gemini_payload([{"text": BEGUN}], None)], "\r\n\r\n")


def _resets(streamed: bool) -> Answer:
    if streamed:
        return cut(_begun(), 30, "reset")
    return cut(respond(200, gemini_payload([{"text": BEGUN}], "STOP")), 30, "reset")


def _broken_json(streamed: bool) -> Answer:
    raw = b'{"candidates": [{"content": {"par'
    return events([b"data: " + raw + b"\r\n\r\n"]) if streamed else respond(200, raw)


BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "gemini-2.5-pro"}
EMPTY = gemini_payload([], "STOP")
ERROR = {
    "error": {
        "code": 503,
        "status": "UNAVAILABLE",
        "message": "The model is overloaded. Please try again later.",
    }
}
PER_DAY = gemini_error(
    429,
    "RESOURCE_EXHAUSTED",
    "Quota exceeded for metric: generate_content_free_tier_requests, "
    "limit: 0, model: gemini-2.5-pro",
)
TOO_LONG = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."

FAULTS: dict[str, FaultAnswer] = {
    "500 INTERNAL": _always(GEMINI_500),
    "503 UNAVAILABLE": _always(GEMINI_503),
    "502, HTML": _always(html(502)),
    "504 DEADLINE_EXCEEDED": _always(GEMINI_504),
    "429, retry in 34.4s": _always(GEMINI_429),
    "429, quota": _always(PER_DAY),
    "401": _always(
        gemini_error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    ),
    "403": _always(gemini_error(403, "PERMISSION_DENIED", "The caller does not have permission.")),
    "400 API_KEY_INVALID": _always(GEMINI_BAD_KEY),
    "404, retired": _always(
        gemini_error(404, "NOT_FOUND", "models/gemini-2.5-pro is not found for API version v1beta.")
    ),
    "reset": _always(reset()),
    "reset in the body": _resets,
    "hang": _always(hang()),
    "empty 200": _in_a_200(EMPTY),
    "HTML in a 200": _always(html(200)),
    "error in a 200": _in_a_200(ERROR),
    "broken JSON": _broken_json,
    "safety block": _in_a_200(BLOCKED),
    "context too long": _always(gemini_error(400, "INVALID_ARGUMENT", TOO_LONG)),
    "400, invalid": _always(
        gemini_error(400, "INVALID_ARGUMENT", "Invalid value at 'contents[0]'.")
    ),
}
"""Faults of an answer: `fault(streamed)` is what the first model sends."""

STREAMED: dict[str, FaultAnswer] = {
    "stream without its end": lambda _: _begun(),
    "stream breaks after text": lambda _: msgspec.structs.replace(_begun(), then="close"),
    "stream stalls after text": lambda _: msgspec.structs.replace(_begun(), then="hang"),
}
"""Faults that only a stream has."""

OUTAGES = ("connection refused", "missing key")
"""Faults of no step: there is no server, or no key."""

REPORTED_BY_STANDBY = ("safety block", "context too long", "400, invalid")
"""Faults that the user sees: another model would not answer either, unless a trigger says so."""

ALL: dict[str, FaultAnswer] = FAULTS | STREAMED
