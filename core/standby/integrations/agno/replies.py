"""A reply as Agno's model response, and a call that failed as Agno's error."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false,
# reportUnknownMemberType=false pyright: reportUnknownParameterType=false,
# reportUnknownArgumentType=false, reportUnnecessaryComparison=false Agno is an extra: where it is
# not installed its types are unknown

import json
from typing import Any

import agno.exceptions
import msgspec
from agno.exceptions import ModelProviderError, ModelRateLimitError
from agno.models.message import Message
from agno.models.response import ModelResponse

from standby.errors import CallFailed, DeadlineExceeded, StandbyError, Stopped, StreamBroken
from standby.failures import Kind
from standby.integrations.agno.messages import OURS
from standby.types import Attempt, Reply, ToolCall, Usage

_TOO_OFTEN = frozenset({Kind.RATE_LIMITED, Kind.QUOTA_EXHAUSTED})
_NOT_ASKED = frozenset({None, Kind.UNAVAILABLE, Kind.UNSUPPORTED})
"""Kinds that say nothing of why the models that were asked gave no answer."""

_BAD_REQUEST, _BAD_GATEWAY, _UNAVAILABLE, _GATEWAY_TIMEOUT = 400, 502, 503, 504

_Metrics: Any = type(
    Message(role="assistant").metrics
)  # the class has another name and another home in Agno 2.0


def response_of(reply: Reply, *, streamed: bool = False) -> ModelResponse:
    """Translate a whole reply; `streamed`: its words are out already, and only the rest is told."""
    response = ModelResponse(role="assistant")
    if not streamed:
        response.content = reply.text or None
        response.reasoning_content = reply.reasoning or None
    response.parsed = reply.data
    response.tool_calls = [_call(call) for call in reply.tool_calls]
    response.response_usage = _metrics(reply)
    response.provider_data = provider_data(reply)
    return response


def provider_data(reply: Reply) -> dict[str, Any]:
    """Say who answered and how it came about, in JSON; `standby` holds what only the model that answered can read."""
    told = {
        name: getattr(reply, name)
        for name in ("id", "model", "provider", "response_model", "disclaimer")
    }
    data: dict[str, Any] = {name: value for name, value in told.items() if value}
    data["finish"] = reply.finish.value
    data["trail"] = [_shown(attempt) for attempt in reply.trail]
    data[OURS] = _private(reply)
    return data


def error_of(error: StandbyError, model: str, chain: str) -> ModelProviderError:
    """Return Agno's error for one of ours, with an HTTP status that says what it is; raise it from ours."""
    trail = error.trail if isinstance(error, CallFailed) else ()
    asked = [attempt.model for attempt in trail if attempt.outcome != "skipped"]
    kinds = {attempt.kind for attempt in trail if attempt.kind not in _NOT_ASKED}
    made: Any = ModelProviderError
    if kinds and kinds <= _TOO_OFTEN:
        made = ModelRateLimitError
    elif kinds == {Kind.CONTEXT_TOO_LONG}:
        made = getattr(
            agno.exceptions, "ContextWindowExceededError", ModelProviderError
        )  # not in Agno 2.0
    name = asked[-1] if asked else model
    status = 429 if made is ModelRateLimitError else _status_of(error, trail)
    return made(str(error), status_code=status, model_name=name, model_id=chain)


def _status_of(error: StandbyError, trail: tuple[Attempt, ...]) -> int:
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


def _metrics(reply: Reply) -> Any:
    usage = reply.usage
    return _Metrics(
        input_tokens=usage.input,
        output_tokens=usage.output,
        total_tokens=usage.input + usage.output,
        reasoning_tokens=usage.reasoning,
        cache_read_tokens=usage.cached,
        provider_metrics=_of_model(reply.model, usage),
    )


def _of_model(model: str, usage: Usage) -> dict[str, int]:
    """Count for the model that answered; Agno adds up what has one name, and knows the chain only."""
    return {
        f"{model} answers": 1,
        f"{model} input_tokens": usage.input,
        f"{model} output_tokens": usage.output,
    }


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _private(reply: Reply) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    if reply.provider_state:
        kept["reasoning"] = {
            "provider_state": reply.provider_state,
            "produced_by": reply.produced_by,
        }
    calls = {
        call.id: {"provider_state": call.provider_state, "produced_by": call.produced_by}
        for call in reply.tool_calls
        if call.provider_state
    }
    return {**kept, "calls": calls} if calls else kept


def _shown(attempt: Attempt) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(attempt))
    return {name: value for name, value in told.items() if value not in (None, "", [])}
