"""What stands in for Gemini in `standby selftest`: the JSON that it would answer with. Pure; knows no SDK.

The shapes are those of the API reference, generateContent and google.rpc.Status.
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


def answer(path: str, asked: Any, says: str | Failure) -> Any:
    """Return the body of an answer that says this, or of an error, for a request to `path` that asked with `asked`."""
    del asked  # the model stands in the path
    if isinstance(says, Failure):
        code = says.code or _CODES.get(says.status or 0, "UNKNOWN")
        return {"error": {"code": says.status, "message": says.message, "status": code}}
    model = path.rpartition("/models/")[2].partition(":")[0]
    said = {
        "content": {"role": "model", "parts": [{"text": says}]},
        "finishReason": "STOP",
        "index": 0,
    }
    return {
        "candidates": [said],
        "usageMetadata": _USAGE,
        "modelVersion": model,
        "responseId": "response-1",
    }
