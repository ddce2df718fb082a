"""OpenAI's stub server in `standby selftest`: the JSON that OpenAI would answer with.

The functions are pure and import no SDK. The shapes are those of the API reference, Chat
Completions and Responses.
"""

from typing import Any

from standby.plugin import Failure, get_object, get_str

_CHAT_USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
_RESPONSES_USAGE = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}


def answer(path: str, body: Any, outcome: str | Failure) -> Any:
    """Build the body of a reply or of an error.

    Args:
        path: The request's path, which distinguishes the two APIs.
        body: The request's JSON.
        outcome: The text to reply with, or the failure to answer with.

    Returns:
        The response's JSON.
    """
    if isinstance(outcome, Failure):
        kind = outcome.code or "server_error"
        error = {"message": outcome.message, "type": kind, "param": None, "code": outcome.code}
        return {"error": error}
    model = get_str(get_object(body).get("model"))
    return _response(model, outcome) if path.endswith("/responses") else _completion(model, outcome)


def _response(model: str, text: str) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    message: dict[str, Any] = {
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [content],
    }
    return {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [message],
        "usage": _RESPONSES_USAGE,
    }


def _completion(model: str, text: str) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "finish_reason": "stop",
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [choice],
        "usage": _CHAT_USAGE,
    }
