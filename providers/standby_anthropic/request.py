"""A request, as the JSON body of the Messages API.

The functions are pure and import no SDK.
"""

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
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    deep_merge,
)
from standby_anthropic.documents import build_media_block
from standby_anthropic.schemas import convert_schema
from standby_anthropic.thoughts import insert_thoughts

MAX_TOKENS = 16_384
"""The answer's limit in tokens where neither the request nor the card states one.

The Messages API requires a number.
"""

BUDGETS = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}
"""Tokens for thinking, by effort, for models that take no effort.

The smallest is Anthropic's minimum; above the largest Anthropic advises batches.
"""

MIN_BUDGET = 1024

_ID = re.compile(r"[a-zA-Z0-9_-]+")
"""Any other id is a 400: "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"."""

_ROLES = {"user": "user", "assistant": "assistant", "tool": "user"}
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop_sequences",
}

Block = dict[str, Any]


def build_body(request: ModelRequest, *, stream: bool) -> Block:
    """Build the request's body.

    System messages become the one `system` that every model takes, in order, wherever they stood.
    Consecutive messages of one role become one. An empty text would be a 400 and is omitted.
    Where only the system's text remains, it becomes the user's.

    Args:
        request: The attempt's request.
        stream: Whether to request a stream.

    Returns:
        The body, before JSON encoding.

    Raises:
        AttemptFailed: `unsupported`, for anything that the API has no form for.
    """
    conversation = request.request
    system = _build_system(conversation.messages)
    wire_messages = _build_messages(conversation.messages)
    card_limit = request.card.output_limit or MAX_TOKENS
    limit = conversation.sampling.max_tokens or card_limit
    body: Block = {
        "model": request.model,
        "max_tokens": limit,
        "messages": wire_messages or [{"role": "user", "content": system}],
    }
    if system and wire_messages:
        body["system"] = system
    fields = ((theirs, getattr(conversation.sampling, ours)) for ours, theirs in _SAMPLING.items())
    body |= {name: value for name, value in fields if value is not None}
    body = deep_merge(body | _build_tools(request), _build_format(conversation))
    body = deep_merge(deep_merge(body, _build_effort(request, limit)), _build_options(request))
    if stream:
        body["stream"] = True
    return deep_merge(body, request.extra)


def _build_system(messages: Iterable[Message]) -> list[Block]:
    parts = (part for message in messages if message.role == "system" for part in message.parts)
    return [_build_text(part.text) for part in parts if isinstance(part, Text) and _has_text(part)]


def _has_text(text: Text) -> bool:
    """Check for text: "text content blocks must contain non-whitespace text"."""
    return bool(text.text.strip())


def _build_messages(messages: Iterable[Message]) -> list[Block]:
    """Build the messages, with user and assistant in alternation."""
    others = (message for message in messages if message.role != "system")
    by_role = groupby(others, key=lambda message: _ROLES[message.role])
    wire_messages: list[Block] = [
        {"role": role, "content": [block for message in group for block in _build_blocks(message)]}
        for role, group in by_role
    ]
    wire_messages = [message for message in wire_messages if message["content"]]
    if wire_messages and wire_messages[-1]["role"] == "assistant":
        _strip_final_text(wire_messages[-1]["content"][-1])
    return wire_messages


def _strip_final_text(block: Block) -> None:
    """Strip a text: "final assistant content cannot end with trailing whitespace"."""
    if block.get("type") == "text":
        block["text"] = block["text"].rstrip()


def _build_blocks(message: Message) -> Iterator[Block]:
    parts = insert_thoughts(message.parts) if message.role == "assistant" else message.parts
    for part in parts:
        match part:
            case dict():
                yield part
            case Text() if _has_text(part):
                yield _build_text(part.text)
            case Media():
                yield build_media_block(part)
            case ToolCall():
                yield _build_call(part)
            case ToolResult():
                yield _build_result(part)
            case _:
                pass  # an empty text is omitted


def _build_text(text: str) -> Block:
    return {"type": "text", "text": text}


def _build_call(call: ToolCall) -> Block:
    return {
        "type": "tool_use",
        "id": _clean_id(call.id),
        "name": call.name,
        "input": call.arguments,
    }


def _build_result(result: ToolResult) -> Block:
    text = [_build_text(result.text)] if result.text.strip() else []
    content = [*text, *map(build_media_block, result.media)] if result.media else result.text
    return {"type": "tool_result", "tool_use_id": _clean_id(result.id), "content": content}


def _clean_id(call_id: str) -> str:
    """Replace another vendor's id that Anthropic refuses, by the same text wherever it stands."""
    if _ID.fullmatch(call_id):
        return call_id
    return f"toolu_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


def _build_tools(request: ModelRequest) -> Block:
    """Build the tools and their choice.

    Raises:
        AttemptFailed: `unsupported`, for a forced tool where the model refuses one.
    """
    conversation = request.request
    if not conversation.tools:
        return {}
    if _forces_tool(conversation) and not (request.card.wire or {}).get("forced_tools", True):
        message = (
            f"not sent: {request.model} cannot be forced to call a tool; "
            "it takes tool_choice auto or none"
        )
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=message))
    tools = [_describe_tool(tool) for tool in conversation.tools]
    choice = _build_choice(conversation)
    if choice == {"type": "auto"}:
        return {"tools": tools}
    return {"tools": tools, "tool_choice": choice}


def _build_choice(conversation: Request) -> Block:
    choice, parallel = conversation.tool_choice, conversation.sampling.parallel_tool_calls
    fields: Block = (
        {"type": "tool", "name": choice.name}
        if isinstance(choice, Only)
        else {"type": _CHOICES[choice]}
    )
    if parallel is not None and choice != "none":
        fields["disable_parallel_tool_use"] = not parallel
    return fields


def _forces_tool(conversation: Request) -> bool:
    return isinstance(conversation.tool_choice, Only) or conversation.tool_choice == "required"


def _describe_tool(tool: Tool) -> Block:
    description = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **description, "input_schema": tool.parameters}


def _build_format(conversation: Request) -> Block:
    if conversation.schema is None:
        return {}
    schema = convert_schema(conversation.schema.json_schema)
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def _build_effort(request: ModelRequest, limit: int) -> Block:
    """Build the effort in the way that the card's `thinks` names.

    The core passes only efforts that the card lists.
    """
    effort = request.request.sampling.reasoning_effort
    thinks = (request.card.wire or {}).get("thinks")
    if effort is None:
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}} if thinks == "by default" else {}
    if thinks == "on budget":
        return _build_budget(min(BUDGETS[effort], limit // 2), request.request)
    adaptive: Block = {"thinking": {"type": "adaptive"}} if thinks == "on demand" else {}
    return {**adaptive, "output_config": {"effort": effort}}


def _build_budget(tokens: int, conversation: Request) -> Block:
    """Build a budget for thinking, or nothing where a budget would be a 400.

    A budget below the minimum and a forced tool are 400s. So is a turn of results after a call
    without a thought, such as another model's call: "When `thinking` is enabled, a final
    `assistant` message must start with a thinking block".
    """
    refused = _forces_tool(conversation) or _lacks_thought(conversation)
    if tokens < MIN_BUDGET or refused:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


def _lacks_thought(conversation: Request) -> bool:
    """Check whether the conversation ends in results of calls that began without a thought."""
    wire_messages = _build_messages(conversation.messages)
    if not wire_messages or wire_messages[-1]["content"][0]["type"] != "tool_result":
        return False
    return wire_messages[-2]["content"][0]["type"] not in ("thinking", "redacted_thinking")


def _build_options(request: ModelRequest) -> Block:
    options = request.options
    fields: Block = {}
    if "effort" in options:
        fields["output_config"] = {"effort": options["effort"]}
    if "service_tier" in options:
        fields["service_tier"] = options["service_tier"]
    if "thinking_budget" in options:
        fields |= _build_budget(options["thinking_budget"], request.request)
    return fields
