"""What stands in for OpenAI in `standby selftest`: the JSON that it would answer with. Pure; knows no SDK.

The shapes are those of the API reference, Chat Completions and Responses.
"""

from typing import Any

from standby.plugin import Failure, get_object, get_str

_USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
_USAGE_OF_RESPONSES = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}


def answer(path: str, asked: Any, says: str | Failure) -> Any:
    """Return the body of an answer that says this, or of an error, for a request to `path` that asked with `asked`."""
    if isinstance(says, Failure):
        kind = says.code or "server_error"
        return {"error": {"message": says.message, "type": kind, "param": None, "code": says.code}}
    model = get_str(get_object(asked).get("model"))
    if path.endswith("/responses"):
        said: dict[str, Any] = {"type": "output_text", "text": says, "annotations": []}
        message: dict[str, Any] = {
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [said],
        }
        told: dict[str, Any] = {
            "id": "resp_1",
            "object": "response",
            "status": "completed",
            "error": None,
            "incomplete_details": None,
        }
        return {**told, "model": model, "output": [message], "usage": _USAGE_OF_RESPONSES}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": says, "refusal": None},
        "finish_reason": "stop",
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [choice],
        "usage": _USAGE,
    }
