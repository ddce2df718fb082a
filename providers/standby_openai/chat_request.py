"""A request, as the JSON body of Chat Completions.

The functions are pure and import no SDK.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import msgspec

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
from standby_openai.schemas import describe_schema

MAX_STOP_SEQUENCES = 4
"""The API's limit. Source: OpenAI, API reference, "stop"."""

MAX_ID_LENGTH = 40
"""Characters of a tool call's id.

A longer one is a 400: "Expected a string with maximum length 40" (vercel/ai #5171).
"""

_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_SAMPLING = ("temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty")


def build_body(request: ModelRequest, *, stream: bool, max_tokens: str) -> dict[str, Any]:
    """Build the request's body.

    Args:
        request: The attempt's request.
        stream: Whether to request a stream.
        max_tokens: The endpoint's name for the token limit, where the card states none.

    Returns:
        The body, before JSON encoding.

    Raises:
        AttemptFailed: `unsupported`, for anything that the API has no form for.
    """
    conversation = request.request
    if len(conversation.sampling.stop or ()) > MAX_STOP_SEQUENCES:
        raise _unsupported_failure(f"OpenAI takes at most {MAX_STOP_SEQUENCES} stop sequences")
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [turn for message in conversation.messages for turn in _build_turns(message)],
        **_build_tools(conversation),
        **_build_format(conversation),
        **_build_sampling(request, max_tokens),
    }
    if "service_tier" in request.options:
        body["service_tier"] = request.options["service_tier"]
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return deep_merge(body, request.extra)


def _build_sampling(request: ModelRequest, max_tokens: str) -> dict[str, Any]:
    sampling = request.request.sampling
    limit = (request.card.wire or {}).get("max_tokens", max_tokens)
    fields: dict[str, Any] = {name: getattr(sampling, name) for name in _SAMPLING}
    fields[limit] = sampling.max_tokens
    fields["reasoning_effort"] = sampling.reasoning_effort or request.options.get(
        "reasoning_effort"
    )
    return {name: value for name, value in fields.items() if value is not None}


def _build_turns(message: Message) -> Iterator[dict[str, Any]]:
    """Build a message's turns.

    Each tool result is a message of its own; an assistant's calls stand beside its text.
    """
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    if results:
        yield from map(_build_result, results)
        return
    text = _join_texts(message.parts)
    calls = [_build_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        yield {"role": message.role, "content": text or None, "tool_calls": calls}
    else:
        content = _build_content(message.parts) if _has_media(message) else text
        yield {"role": message.role, "content": content}


def _build_result(result: ToolResult) -> dict[str, Any]:
    if result.media:
        raise _unsupported_failure("Chat Completions takes only text in a tool's result")
    return {"role": "tool", "tool_call_id": shorten_id(result.id), "content": result.text}


def _join_texts(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def _has_media(message: Message) -> bool:
    return any(isinstance(part, Media) for part in message.parts)


def _build_content(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    texts_and_media = (part for part in parts if isinstance(part, Text | Media))
    return [
        _build_media(part) if isinstance(part, Media) else {"type": "text", "text": part.text}
        for part in texts_and_media
    ]


def _build_media(media: Media) -> dict[str, Any]:
    url = media.url or f"data:{media.media_type};base64,{media.data}"
    if media.kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if media.data and media.kind in ("pdf", "file"):
        file = {"filename": media.name or f"file.{media.kind}", "file_data": url}
        return {"type": "file", "file": file}
    if media.data and media.kind == "audio":
        audio_format = _AUDIO.get(media.media_type)
        if audio_format:
            audio = {"data": media.data, "format": audio_format}
            return {"type": "input_audio", "input_audio": audio}
    form = "as a URL" if media.url else "as data"
    raise _unsupported_failure(f"Chat Completions does not take {media.media_type} {form}")


def _build_call(call: ToolCall) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {
        "id": shorten_id(call.id),
        "type": "function",
        "function": {"name": clean_tool_name(call.name), "arguments": arguments},
    }


def clean_tool_name(name: str) -> str:
    """Replace the characters that OpenAI refuses in the name of a tool in a history.

    Args:
        name: The name, which may hold another vendor's dots and colons.

    Returns:
        The name as OpenAI takes it, at most 64 characters.
    """
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]


def shorten_id(call_id: str) -> str:
    """Shorten another vendor's id, to the same text wherever it stands.

    Args:
        call_id: The id of a tool call.

    Returns:
        The id itself, or a hash of one that is longer than `MAX_ID_LENGTH`.
    """
    if len(call_id) <= MAX_ID_LENGTH:
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


def _build_tools(conversation: Request) -> dict[str, Any]:
    """Build the tools and their choice; a choice without tools would be a 400."""
    if not conversation.tools:
        return {}
    tools = [{"type": "function", "function": _describe_tool(tool)} for tool in conversation.tools]
    fields: dict[str, Any] = {"tools": tools}
    choice = conversation.tool_choice
    if isinstance(choice, Only):
        fields["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif choice != "auto":
        fields["tool_choice"] = choice
    if conversation.sampling.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = conversation.sampling.parallel_tool_calls
    return fields


def _build_format(conversation: Request) -> dict[str, Any]:
    if conversation.schema is None:
        return {}
    schema = describe_schema(conversation.schema)
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _describe_tool(tool: Tool) -> dict[str, Any]:
    description = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **description, "parameters": tool.parameters}


def _unsupported_failure(message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=f"not sent: {message}"))
