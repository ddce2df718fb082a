"""Gemini's stub server in `standby selftest`: the JSON that Gemini would answer with.

The functions are pure and import no SDK. The shapes are those of the API reference,
generateContent and google.rpc.Status.
"""

from typing import Any

from standby.plugin import Failure

_USAGE = {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9}

_CODES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""`google.rpc.Code` by the HTTP status that it comes with."""


def answer(path: str, body: Any, outcome: str | Failure) -> Any:
    """Build the body of a reply or of an error.

    Args:
        path: The request's path, which holds the model.
        body: The request's JSON, which is not used here.
        outcome: The text to reply with, or the failure to answer with.

    Returns:
        The response's JSON.
    """
    del body
    if isinstance(outcome, Failure):
        code = outcome.code or _CODES.get(outcome.status or 0, "UNKNOWN")
        return {"error": {"code": outcome.status, "message": outcome.message, "status": code}}
    model = path.rpartition("/models/")[2].partition(":")[0]
    candidate = {
        "content": {"role": "model", "parts": [{"text": outcome}]},
        "finishReason": "STOP",
        "index": 0,
    }
    return {
        "candidates": [candidate],
        "usageMetadata": _USAGE,
        "modelVersion": model,
        "responseId": "response-1",
    }
