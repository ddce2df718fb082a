"""Replies as Chat Completions writes them: bodies, the events of a stream, lists. Knows no SDK."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from standby.errors import CallFailed
from standby.integrations.openai.errors import build_error, error_object
from standby.types import Chunk, End, Finish, Reply, ToolCall, Usage

DONE = b"data: [DONE]\n\n"

RESTARTED = (
    "the stream broke, and another model started over (on_break: restart); "
    "this wire cannot take text back: set on_break to fail, or release to whole"
)


def encode_completion(reply: Reply, reply_id: str, created: int) -> bytes:
    """Encode a whole reply.

    Args:
        reply: The reply.
        reply_id: Its id.
        created: When it was created, in seconds since 1970.

    Returns:
        The body, as JSON.
    """
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [_build_call(call) for call in reply.tool_calls]
    choice = {"index": 0, "message": message, "finish_reason": reply.finish.value, "logprobs": None}
    return msgspec.json.encode(
        {
            "id": reply_id,
            "object": "chat.completion",
            "created": created,
            "model": reply.model,
            "choices": [choice],
            "usage": _build_usage(reply.usage),
        }
    )


def _build_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _build_call(call: ToolCall) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


class EventEncoder:
    """Encodes the chunks of one streamed reply as server-sent events, in order."""

    def __init__(self, reply_id: str, created: int, model: str, *, with_usage: bool) -> None:
        """Begin: the first event names the role. `created` is in seconds since 1970."""
        self._head = {
            "id": reply_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._with_usage = with_usage
        self._has_begun = False
        self._calls = 0

    def encode(self, chunk: Chunk) -> bytes:
        """Encode a chunk.

        Args:
            chunk: The next chunk of the reply.

        Returns:
            Its events; empty for a chunk without content.
        """
        delta: dict[str, Any] = {}
        if chunk.text:
            delta["content"] = chunk.text
        if chunk.reasoning:
            delta["reasoning_content"] = chunk.reasoning
        if chunk.tool_call is not None:
            delta["tool_calls"] = [{"index": self._calls, **_build_call(chunk.tool_call)}]
            self._calls += 1
        events = self._encode_delta(delta) if delta else b""
        return events if chunk.end is None else events + self._encode_end(chunk.end)

    def _encode_end(self, end: End) -> bytes:
        usage = b""
        if self._with_usage:
            usage = self._encode_event(choices=[], usage=_build_usage(end.usage))
        return self._encode_delta({}, end.finish) + usage + DONE

    def _encode_delta(self, delta: Mapping[str, Any], finish: Finish | None = None) -> bytes:
        role = {} if self._has_begun else {"role": "assistant"}
        self._has_begun = True
        choice = {
            "index": 0,
            "delta": {**role, **delta},
            "finish_reason": None if finish is None else finish.value,
            "logprobs": None,
        }
        usage = {"usage": None} if self._with_usage else {}
        return self._encode_event(choices=[choice], **usage)

    def _encode_event(self, **rest: Any) -> bytes:
        return _encode_data({**self._head, **rest})


def encode_break(error: CallFailed) -> bytes:
    """Encode the event that ends a broken stream; no end marker follows it.

    Args:
        error: The error of the call.

    Returns:
        The event.
    """
    return _encode_data({"error": build_error(error).error})


def encode_restart() -> bytes:
    """Encode the event that ends a stream which standby has started over.

    Returns:
        The event.
    """
    error = error_object(RESTARTED, kind="server_error", code="stream_restarted")
    return _encode_data({"error": error})


def _encode_data(value: Any) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def describe_model(chain: str) -> dict[str, Any]:
    """Describe a chain as a model: a request names it.

    Args:
        chain: The name of the chain.

    Returns:
        The object of OpenAI's list of models.
    """
    return {"id": chain, "object": "model", "created": 0, "owned_by": "standby"}


def encode_models(chains: Iterable[str]) -> bytes:
    """Encode the list of models.

    Args:
        chains: The names of the chains.

    Returns:
        The body, as JSON.
    """
    models = [describe_model(chain) for chain in chains]
    return msgspec.json.encode({"object": "list", "data": models})
