"""Anthropic's stub server in `standby selftest`: the JSON that Anthropic would answer with.

The functions are pure and import no SDK. The shapes are those of the API reference, Messages and
Errors.
"""

from typing import Any

from standby.plugin import Failure, get_object, get_str


def answer(path: str, request: Any, reply: str | Failure) -> Any:
    """Build the body of a reply or of an error.

    Args:
        path: The request's path, which is always the same.
        request: The request's JSON.
        reply: The text to reply with, or the failure to answer with.

    Returns:
        The response's JSON.
    """
    del path
    if isinstance(reply, Failure):
        error = {"type": reply.code or "api_error", "message": reply.message}
        return {"type": "error", "error": error}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": get_str(get_object(request).get("model")),
        "content": [{"type": "text", "text": reply}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 2},
    }
