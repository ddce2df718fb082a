"""A request, as the JSON body of generateContent.

The functions are pure and import no SDK.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, TypeGuard

import msgspec

from standby.plugin import (
    AttemptFailed,
    Failure,
    Kind,
    Media,
    Message,
    ModelRequest,
    Only,
    Reasoning,
    Request,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    deep_merge,
    get_object,
    get_str,
)

SENTINEL = "skip_thought_signature_validator"
"""Replaces the signature that a 3.x model needs on a call, where another model made the call.

Source: Google, "Thought signatures".
"""

MAX_STOP_SEQUENCES = 5
"""The API's limit. Source: Google, GenerationConfig, "stopSequences"."""

_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_ROLES = {"user": "user", "assistant": "model", "tool": "user"}
_MODES = {"none": "NONE", "required": "ANY"}


def build_body(request: ModelRequest) -> dict[str, Any]:
    """Build the request's body.

    System messages become one systemInstruction, in order, wherever they stood: Gemini has no other
    place for them. Consecutive turns of one role become one turn, because Gemini requires user and
    model to alternate. Gemini refuses a turn without text, so empty turns are omitted. A request
    needs a turn: where there is no other, the system's text becomes the user's.

    Args:
        request: The attempt's request.

    Returns:
        The body, before JSON encoding.

    Raises:
        AttemptFailed: `unsupported`, for a conversation that Gemini has no form for.
    """
    conversation = request.request
    if len(conversation.sampling.stop or ()) > MAX_STOP_SEQUENCES:
        raise _unsupported_failure(f"Gemini takes at most {MAX_STOP_SEQUENCES} stop sequences")
    messages = [each for each in conversation.messages if any(map(_has_content, each.parts))]
    system = _system_parts(messages)
    contents = _build_contents(messages, request)
    body: dict[str, Any] = {"contents": contents or [{"role": "user", "parts": system}]}
    if system and contents:
        body["systemInstruction"] = {"parts": system}
    body |= _build_tools(conversation)
    config = _build_sampling(conversation.sampling)
    config |= _build_thinking(request) | _build_format(request)
    if config:
        body["generationConfig"] = config
    return deep_merge(body, request.extra)


def _system_parts(messages: Iterable[Message]) -> list[dict[str, Any]]:
    parts = (part for each in messages if each.role == "system" for part in each.parts)
    return [{"text": part.text} for part in parts if _is_text(part)]


def _build_contents(messages: Iterable[Message], request: ModelRequest) -> list[dict[str, Any]]:
    others = (message for message in messages if message.role != "system")
    by_role = groupby(others, key=lambda message: message.role)
    groups = [(role, list(group)) for role, group in by_role]
    _reject_leading_call(groups)
    signed = bool((request.card.wire or {}).get("signed_calls"))
    return [
        {
            "role": _ROLES[role],
            "parts": [part for message in group for part in _build_parts(message, signed=signed)],
        }
        for role, group in groups
    ]


def _is_text(part: object) -> TypeGuard[Text]:
    return isinstance(part, Text) and bool(part.text)


def _has_content(part: object) -> bool:
    return bool(part.text) if isinstance(part, Text) else not isinstance(part, Reasoning)


def _reject_leading_call(groups: list[tuple[str, list[Message]]]) -> None:
    """Reject what Gemini answers with a 400: a call's turn must follow a user turn."""
    role, messages = groups[0] if groups else ("", [])
    if role == "assistant" and any(map(_find_calls, messages)):
        raise _unsupported_failure(
            "the conversation begins with a tool call, and Gemini needs a user message before it"
        )


def _find_calls(message: Message) -> list[ToolCall]:
    return [part for part in message.parts if isinstance(part, ToolCall)]


def _build_parts(message: Message, *, signed: bool) -> Iterator[dict[str, Any]]:
    """Build a message's parts.

    Where the model requires signed calls, the message's first call bears a signature.
    """
    unsigned = _first_unsigned_call(message) if signed else None
    signature = ""
    for part in message.parts:
        match part:
            case Reasoning():
                signature = part.provider_state
            case Text():
                yield from _build_text(part, signature)
                signature = ""
            case ToolCall():
                sentinel = SENTINEL if part is unsigned else ""
                yield _build_call(part, part.provider_state or sentinel)
            case ToolResult():
                yield _build_result(part)
            case Media():
                yield _build_media(part)


def _first_unsigned_call(message: Message) -> ToolCall | None:
    """Return the first call of an assistant's message in which no call bears a signature."""
    calls = _find_calls(message) if message.role == "assistant" else []
    return None if any(call.provider_state for call in calls) else next(iter(calls), None)


def _build_text(text: Text, signature: str) -> list[dict[str, Any]]:
    """Build a text part, with the signature that the model itself put on it."""
    if not text.text:
        return []
    return [
        {"text": text.text, "thoughtSignature": signature} if signature else {"text": text.text}
    ]


def _build_media(media: Media) -> dict[str, Any]:
    """Build a media part; Google itself detects an unknown type at a URL."""
    if media.data:
        return {"inlineData": {"mimeType": media.media_type, "data": media.data}}
    mime_type = {} if media.media_type.endswith("/*") else {"mimeType": media.media_type}
    return {"fileData": {"fileUri": media.url, **mime_type}}


def _build_call(call: ToolCall, signature: str) -> dict[str, Any]:
    part = {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}
    return {**part, "thoughtSignature": signature} if signature else part


def _build_result(result: ToolResult) -> dict[str, Any]:
    """Build a tool's result; Gemini requires an object, so anything else is wrapped in one."""
    try:
        value: Any = msgspec.json.decode(result.text)
    except (msgspec.DecodeError, RecursionError):
        value = result.text
    response: dict[str, Any] = get_object(value) if isinstance(value, dict) else {"result": value}
    if any(media.url for media in result.media):
        raise _unsupported_failure("Gemini takes media in a tool's result as data, not as a URL")
    media_parts = {"parts": [_build_media(media) for media in result.media]} if result.media else {}
    return {
        "functionResponse": {
            "id": result.id,
            "name": result.name,
            "response": response,
            **media_parts,
        }
    }


def _build_tools(conversation: Request) -> dict[str, Any]:
    if not conversation.tools:
        return {}
    declarations = [_declare_tool(tool) for tool in conversation.tools]
    fields: dict[str, Any] = {"tools": [{"functionDeclarations": declarations}]}
    choice = conversation.tool_choice
    if isinstance(choice, Only):
        config = {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        fields["toolConfig"] = {"functionCallingConfig": config}
    elif choice != "auto":
        fields["toolConfig"] = {"functionCallingConfig": {"mode": _MODES[choice]}}
    return fields


def _build_format(request: ModelRequest) -> dict[str, Any]:
    """Build the response's format.

    Raises:
        AttemptFailed: `unsupported`, for tools and a schema together where the model takes only
            one of them.
    """
    conversation = request.request
    if conversation.schema is None:
        return {}
    if conversation.tools and request.card.tools_with_schema is False:
        raise _unsupported_failure(f"{request.model} takes tools or a schema, not both")
    fields = {"responseMimeType": "application/json"}
    if conversation.schema.json_schema == {"type": "object"}:  # any object: JSON mode
        return fields
    return {**fields, "responseJsonSchema": conversation.schema.json_schema}


def _declare_tool(tool: Tool) -> dict[str, Any]:
    """Declare a tool by JSON Schema: the older field's dialect lacks most keywords."""
    description = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **description, "parametersJsonSchema": tool.parameters}


def _build_sampling(sampling: Sampling) -> dict[str, Any]:
    fields = ((theirs, getattr(sampling, ours)) for ours, theirs in _SAMPLING.items())
    return {name: value for name, value in fields if value is not None}


def _build_thinking(request: ModelRequest) -> dict[str, Any]:
    """Build the thinking configuration.

    The request's effort comes first, in tokens where the card maps it to a number; without an
    effort, the options apply.
    """
    effort, options = request.request.sampling.reasoning_effort, request.options
    budget, level = options.get("thinking_budget"), get_str(options.get("thinking_level"))
    if effort is not None:
        budget = get_object((request.card.wire or {}).get("thinking_budgets")).get(effort)
        level = "" if budget is not None else effort
    config: dict[str, Any] = {} if budget is None else {"thinkingBudget": budget}
    if level:
        config["thinkingLevel"] = level.upper()
    if options.get("include_thoughts"):
        config["includeThoughts"] = True
    return {"thinkingConfig": config} if config else {}


def _unsupported_failure(message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=f"not sent: {message}"))
