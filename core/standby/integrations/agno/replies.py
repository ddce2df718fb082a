"""A reply converted to Agno's model response, and a failed call to Agno's error."""

# Agno is an extra: where it is not installed, its types are unknown.
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false
# pyright: reportUnknownArgumentType=false, reportUnnecessaryComparison=false

import json
from typing import Any

import agno.exceptions
import msgspec
from agno.exceptions import ModelProviderError, ModelRateLimitError
from agno.models.message import Message
from agno.models.response import ModelResponse

from standby.errors import CallFailed, DeadlineExceeded, StandbyError, Stopped, StreamBroken
from standby.failures import Attempt, Kind
from standby.integrations.agno.messages import STATE_KEY
from standby.types import Reply, ToolCall, Usage

_RATE_LIMITS = frozenset({Kind.RATE_LIMITED, Kind.QUOTA_EXHAUSTED})
_NOT_REQUESTED = frozenset({None, Kind.UNAVAILABLE, Kind.UNSUPPORTED})
"""Kinds that do not explain why the models that were requested gave no answer."""

_BAD_REQUEST, _RATE_LIMITED = 400, 429
_BAD_GATEWAY, _UNAVAILABLE, _GATEWAY_TIMEOUT = 502, 503, 504

_REPLY_FACTS = ("id", "model", "provider", "response_model", "disclaimer")

# Agno 2.0 has the class under another name in another module.
_Metrics: Any = type(Message(role="assistant").metrics)


def convert_reply(reply: Reply, *, streamed: bool = False) -> ModelResponse:
    """Convert a whole reply.

    Args:
        reply: The reply.
        streamed: Whether its text has been yielded already, so that only the rest is converted.

    Returns:
        Agno's response.
    """
    response = ModelResponse(role="assistant")
    if not streamed:
        response.content = reply.text or None
        response.reasoning_content = reply.reasoning or None
    response.parsed = reply.data
    response.tool_calls = [_convert_call(call) for call in reply.tool_calls]
    response.response_usage = _convert_usage(reply)
    response.provider_data = build_provider_data(reply)
    return response


def build_provider_data(reply: Reply) -> dict[str, Any]:
    """Describe how a reply came about, in JSON.

    Args:
        reply: The reply.

    Returns:
        The model, the finish and the trail; `standby` holds what only that model can read.
    """
    facts = {name: getattr(reply, name) for name in _REPLY_FACTS}
    data: dict[str, Any] = {name: value for name, value in facts.items() if value}
    data["finish"] = reply.finish.value
    data["trail"] = [_convert_attempt(attempt) for attempt in reply.trail]
    data[STATE_KEY] = _provider_state(reply)
    return data


def convert_error(error: StandbyError, model: str, chain: str) -> ModelProviderError:
    """Convert an error of standby; the caller raises the result from it.

    Args:
        error: The error.
        model: The name to report if no model was requested.
        chain: The name of the chain.

    Returns:
        Agno's error, with an HTTP status that says what it is.
    """
    trail = error.trail if isinstance(error, CallFailed) else ()
    requested = [attempt.model for attempt in trail if attempt.outcome != "skipped"]
    kinds = {attempt.kind for attempt in trail if attempt.kind not in _NOT_REQUESTED}
    error_class: Any = ModelProviderError
    status = _error_status(error, trail)
    if kinds and kinds <= _RATE_LIMITS:
        error_class, status = ModelRateLimitError, _RATE_LIMITED
    elif kinds == {Kind.CONTEXT_TOO_LONG}:  # Agno 2.0 has no error for it
        error_class = getattr(agno.exceptions, "ContextWindowExceededError", ModelProviderError)
    name = requested[-1] if requested else model
    return error_class(str(error), status_code=status, model_name=name, model_id=chain)


def _error_status(error: StandbyError, trail: tuple[Attempt, ...]) -> int:
    if isinstance(error, Stopped):
        return error.failure.status or _BAD_REQUEST
    if isinstance(error, DeadlineExceeded):
        return _GATEWAY_TIMEOUT
    if isinstance(error, StreamBroken):
        return _BAD_GATEWAY
    if not isinstance(error, CallFailed):
        return _BAD_REQUEST  # the request itself: nothing was sent
    statuses = {attempt.status for attempt in trail if attempt.outcome == "failed"}
    return (statuses.pop() if len(statuses) == 1 else None) or _UNAVAILABLE


def _convert_usage(reply: Reply) -> Any:
    usage = reply.usage
    return _Metrics(
        input_tokens=usage.input,
        output_tokens=usage.output,
        total_tokens=usage.input + usage.output,
        reasoning_tokens=usage.reasoning,
        cache_read_tokens=usage.cached,
        provider_metrics=_count_by_model(reply.model, usage),
    )


def _count_by_model(model: str, usage: Usage) -> dict[str, int]:
    """Count for the model that answered: Agno adds up equal names, and knows only the chain's."""
    return {
        f"{model} answers": 1,
        f"{model} input_tokens": usage.input,
        f"{model} output_tokens": usage.output,
    }


def _convert_call(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _provider_state(reply: Reply) -> dict[str, Any]:
    """Return what only the model that answered can read of its reasoning and its calls."""
    state: dict[str, Any] = {}
    if reply.provider_state:
        state["reasoning"] = {
            "provider_state": reply.provider_state,
            "produced_by": reply.produced_by,
        }
    calls = {
        call.id: {"provider_state": call.provider_state, "produced_by": call.produced_by}
        for call in reply.tool_calls
        if call.provider_state
    }
    return {**state, "calls": calls} if calls else state


def _convert_attempt(attempt: Attempt) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(attempt))
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
