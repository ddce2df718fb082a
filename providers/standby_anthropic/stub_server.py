"""Anthropic's stub server in `standby selftest`: the JSON that Anthropic would answer with.

The functions are pure and import no SDK. The shapes are those of the API reference, Messages and
Errors.
"""

from typing import Any

from standby.plugin import Failure, get_object, get_str


def answer(path: str, body: Any, outcome: str | Failure) -> Any:
    """Build the body of a reply or of an error.

    Args:
        path: The request's path, which is always the same.
        body: The request's JSON.
        outcome: The text to reply with, or the failure to answer with.

    Returns:
        The response's JSON.
    """
    del path
    if isinstance(outcome, Failure):
        error = {"type": outcome.code or "api_error", "message": outcome.message}
        return {"type": "error", "error": error}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": get_str(get_object(body).get("model")),
        "content": [{"type": "text", "text": outcome}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 2},
    }
