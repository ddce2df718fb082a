"""A call, as the JSON that Chat Completions takes. Pure; knows no SDK."""

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
from standby_openai.schemas import described

MOST_STOPS = 4
"""Texts to stop at (OpenAI, API reference, "stop")."""

LONGEST_ID = 40
"""Characters of a tool call's id; the 400 beyond it: "Expected a string with maximum length 40" (vercel/ai #5171)."""

_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_SAMPLING = ("temperature", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty")


def body_of(call: ModelRequest, *, stream: bool, max_tokens: str) -> dict[str, Any]:
    """Return the request's body; `max_tokens` is the name that the endpoint has for it, where the card says no better."""
    sampling = call.request.sampling
    if len(sampling.stop or ()) > MOST_STOPS:
        words = f"not sent: OpenAI takes up to {MOST_STOPS} texts to stop at"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
    body: dict[str, Any] = {
        "model": call.model,
        "messages": [turn for message in call.request.messages for turn in _turns(message)],
        **_tools(call.request),
        **_format(call.request),
    }
    for name in _SAMPLING:
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    if sampling.max_tokens is not None:
        body[(call.card.wire or {}).get("max_tokens", max_tokens)] = sampling.max_tokens
    effort = sampling.reasoning_effort or call.options.get("reasoning_effort")
    if effort is not None:
        body["reasoning_effort"] = effort
    if "service_tier" in call.options:
        body["service_tier"] = call.options["service_tier"]
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return deep_merge(body, call.extra)


def _turns(message: Message) -> Iterator[dict[str, Any]]:
    """Give a message as the wire has it: each result is a message of its own, an assistant's calls stand beside its words."""
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    if results:
        yield from (
            {"role": "tool", "tool_call_id": short_id(part.id), "content": _result(part)}
            for part in results
        )
        return
    words = _words(message.parts)
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        yield {"role": message.role, "content": words or None, "tool_calls": calls}
    else:
        yield {
            "role": message.role,
            "content": _content(message.parts) if _has_media(message) else words,
        }


def _result(result: ToolResult) -> str:
    """Return what a tool returned; raises `AttemptFailed` (`unsupported`) for a picture, which has no place there."""
    if result.media:
        raise AttemptFailed(
            Failure(
                kind=Kind.UNSUPPORTED,
                message="not sent: Chat Completions takes text alone from a tool",
            )
        )
    return result.text


def _words(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def _has_media(message: Message) -> bool:
    return any(isinstance(part, Media) for part in message.parts)


def _content(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    texts_and_media = (part for part in parts if isinstance(part, Text | Media))
    return [
        _media(part) if isinstance(part, Media) else {"type": "text", "text": part.text}
        for part in texts_and_media
    ]


def _media(media: Media) -> dict[str, Any]:
    """Give a part that is no text; raises `AttemptFailed` (`unsupported`) where the wire has no form for it."""
    url = media.url or f"data:{media.media_type};base64,{media.data}"
    if media.kind == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if media.kind == "audio" and media.media_type in _AUDIO and media.data:
        return {
            "type": "input_audio",
            "input_audio": {"data": media.data, "format": _AUDIO[media.media_type]},
        }
    if media.kind in ("pdf", "file") and media.data:
        return {
            "type": "file",
            "file": {"filename": media.name or f"file.{media.kind}", "file_data": url},
        }
    words = f"not sent: Chat Completions takes no {media.media_type} {'by its URL' if media.url else 'as data'}"
    raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {
        "id": short_id(call.id),
        "type": "function",
        "function": {"name": tool_name(call.name), "arguments": arguments},
    }


def tool_name(name: str) -> str:
    """Return the name of a tool in a history as OpenAI takes it; other vendors take dots and colons too."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]


def short_id(known_as: str) -> str:
    """Shorten an id that another vendor gave, the same way wherever it stands."""
    return (
        known_as
        if len(known_as) <= LONGEST_ID
        else f"call_{hashlib.sha256(known_as.encode()).hexdigest()[:24]}"
    )


def _tools(request: Request) -> dict[str, Any]:
    """Return what is said of tools; without any, to say how to choose is a 400."""
    if not request.tools:
        return {}
    said: dict[str, Any] = {
        "tools": [{"type": "function", "function": _described(tool)} for tool in request.tools]
    }
    if isinstance(request.tool_choice, Only):
        said["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice.name}}
    elif request.tool_choice != "auto":
        said["tool_choice"] = request.tool_choice
    if request.sampling.parallel_tool_calls is not None:
        said["parallel_tool_calls"] = request.sampling.parallel_tool_calls
    return said


def _format(request: Request) -> dict[str, Any]:
    if request.schema is None:
        return {}
    return {"response_format": {"type": "json_schema", "json_schema": described(request.schema)}}


def _described(tool: Tool) -> dict[str, Any]:
    about = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **about, "parameters": tool.parameters}
