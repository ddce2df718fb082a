"""A call, as the JSON that the Messages API takes. Pure; knows no SDK."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from standby.plugin import (
    AttemptFailed,
    Failure,
    Kind,
    Media,
    Message,
    ModelRequest,
    Only,
    Part,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    deep_merge,
)
from standby_anthropic.documents import block_of
from standby_anthropic.schemas import sendable
from standby_anthropic.thoughts import placed

MAX_TOKENS = 16_384
"""Tokens of an answer where neither the request nor the card says: the Messages API demands a number."""

BUDGETS = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}
"""Tokens for thinking, for models that take no effort; the least is Anthropic's, above the greatest it advises batches."""

LEAST_BUDGET = 1024

_ID = re.compile(r"[a-zA-Z0-9_-]+")
"""The 400 for anything else: "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"."""

_ROLES = {"user": "user", "assistant": "assistant", "tool": "user"}
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop_sequences",
}

Block = dict[str, Any]


def body_of(call: ModelRequest, *, stream: bool) -> Block:
    """Return the request's body; raises `AttemptFailed` (`unsupported`) for what the Messages API has no form for.

    System messages become the one `system` that every model takes, in order, wherever they stood.
    Turns of one role in a row become one turn. An empty text is a 400, and is left out; where
    nothing but a system's text is left, it is the user's.
    """
    request = call.request
    system = [
        _text(part.text)
        for part in _parts_of("system", request)
        if isinstance(part, Text) and part.text.strip()
    ]
    turns = _turns(request.messages)
    limit = request.sampling.max_tokens or call.card.output_limit or MAX_TOKENS
    body: Block = {
        "model": call.model,
        "max_tokens": limit,
        "messages": turns or [{"role": "user", "content": system}],
    }
    if system and turns:
        body["system"] = system
    for ours, theirs in _SAMPLING.items():
        if (value := getattr(request.sampling, ours)) is not None:
            body[theirs] = value
    body = deep_merge(body | _tools(call), _format(request))
    body = deep_merge(deep_merge(body, _effort(call, limit)), _options(call))
    if stream:
        body["stream"] = True
    return deep_merge(body, call.extra)


def _parts_of(role: str, request: Request) -> Iterator[Part]:
    return (part for message in request.messages if message.role == role for part in message.parts)


def _turns(messages: Iterable[Message]) -> list[Block]:
    """Give the turns, the results of tools first in theirs; words that the model is to go on with end in no blank."""
    spoken = (message for message in messages if message.role != "system")
    grouped = (
        (role, list(turn))
        for role, turn in groupby(spoken, key=lambda message: _ROLES[message.role])
    )
    turns: list[Block] = [
        {"role": role, "content": [block for message in turn for block in _blocks(message)]}
        for role, turn in grouped
    ]
    turns = [turn for turn in turns if turn["content"]]
    last: Block = turns[-1]["content"][-1] if turns and turns[-1]["role"] == "assistant" else {}
    if last.get("type") == "text":
        last["text"] = last[
            "text"
        ].rstrip()  # "final assistant content cannot end with trailing whitespace"
    return turns


def _blocks(message: Message) -> Iterator[Block]:
    for part in placed(message.parts) if message.role == "assistant" else message.parts:
        if isinstance(part, dict):
            yield part
        elif isinstance(part, Text):
            if part.text.strip():  # "text content blocks must contain non-whitespace text"
                yield _text(part.text)
        elif isinstance(part, Media):
            yield block_of(part)
        elif isinstance(part, ToolCall):
            yield {
                "type": "tool_use",
                "id": _id(part.id),
                "name": part.name,
                "input": part.arguments,
            }
        elif isinstance(part, ToolResult):
            yield _result(part)


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _result(result: ToolResult) -> Block:
    said = [_text(result.text)] if result.text.strip() else []
    content = [*said, *map(block_of, result.media)] if result.media else result.text
    return {"type": "tool_result", "tool_use_id": _id(result.id), "content": content}


def _id(known_as: str) -> str:
    """Replace an id that another vendor gave and this one refuses, the same way wherever it stands."""
    return (
        known_as
        if _ID.fullmatch(known_as)
        else f"toolu_{hashlib.sha256(known_as.encode()).hexdigest()[:24]}"
    )


def _tools(call: ModelRequest) -> Block:
    """Return what is said of tools; raises `AttemptFailed` (`unsupported`) where the model cannot be made to call one."""
    request = call.request
    if not request.tools:
        return {}
    choice = request.tool_choice
    if _is_forced(request) and not (call.card.wire or {}).get("forced_tools", True):
        words = f"not sent: {call.model} cannot be made to call a tool; it takes tool_choice auto or none"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
    told: Block = (
        {"type": "tool", "name": choice.name}
        if isinstance(choice, Only)
        else {"type": _CHOICES[choice]}
    )
    if request.sampling.parallel_tool_calls is not None and choice != "none":
        told["disable_parallel_tool_use"] = not request.sampling.parallel_tool_calls
    said: Block = {"tools": [_described(tool) for tool in request.tools]}
    return said if told == {"type": "auto"} else {**said, "tool_choice": told}


def _is_forced(request: Request) -> bool:
    return isinstance(request.tool_choice, Only) or request.tool_choice == "required"


def _described(tool: Tool) -> Block:
    about = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **about, "input_schema": tool.parameters}


def _format(request: Request) -> Block:
    if request.schema is None:
        return {}
    return {
        "output_config": {
            "format": {"type": "json_schema", "schema": sendable(request.schema.json_schema)}
        }
    }


def _effort(call: ModelRequest, limit: int) -> Block:
    """Say how hard to think, in the way that the card's `thinks` names; the core has sent one of the card's efforts."""
    effort = call.request.sampling.reasoning_effort
    thinks = (call.card.wire or {}).get("thinks")
    if effort is None:
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}} if thinks == "by default" else {}
    if thinks == "on budget":
        return _budget(min(BUDGETS[effort], limit // 2), call)
    adaptive: Block = {"thinking": {"type": "adaptive"}} if thinks == "on demand" else {}
    return {**adaptive, "output_config": {"effort": effort}}


def _budget(tokens: int, call: ModelRequest) -> Block:
    """Ask for thinking within a budget, where that is no 400: from the least on, and with no tool that must be called.

    "When `thinking` is enabled, a final `assistant` message must start with a thinking block": a
    call that another model made has none, and goes on without.
    """
    turns = _turns(call.request.messages)
    ends_in_results = bool(turns) and turns[-1]["content"][0]["type"] == "tool_result"
    thought = ends_in_results and turns[-2]["content"][0]["type"] in (
        "thinking",
        "redacted_thinking",
    )
    if tokens < LEAST_BUDGET or _is_forced(call.request) or (ends_in_results and not thought):
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def _options(call: ModelRequest) -> Block:
    said: Block = {}
    if "effort" in call.options:
        said["output_config"] = {"effort": call.options["effort"]}
    if "service_tier" in call.options:
        said["service_tier"] = call.options["service_tier"]
    return said | (
        _budget(call.options["thinking_budget"], call) if "thinking_budget" in call.options else {}
    )
