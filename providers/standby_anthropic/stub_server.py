"""What stands in for Anthropic in `standby selftest`: the JSON that it would answer with. Pure; knows no SDK.

The shapes are those of the API reference, Messages and Errors.
"""

from typing import Any

from standby.plugin import Failure, get_object, get_str


def answer(path: str, asked: Any, says: str | Failure) -> Any:
    """Return the body of an answer that says this, or of an error, for a request to `path` that asked with `asked`."""
    del path  # there is but one
    if isinstance(says, Failure):
        return {
            "type": "error",
            "error": {"type": says.code or "api_error", "message": says.message},
        }
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": get_str(get_object(asked).get("model")),
        "content": [{"type": "text", "text": says}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 2},
    }
