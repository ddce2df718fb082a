"""A call, as the JSON that Responses takes. Pure; knows no SDK.

Nothing is stored at OpenAI: the conversation goes along each time, and what a model thought comes
back to it encrypted.
"""

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
    Reasoning,
    Request,
    Text,
    ToolCall,
    ToolResult,
    deep_merge,
    get_list,
    get_object,
)
from standby_openai.request import short_id, tool_name
from standby_openai.schemas import described

_ABSENT = ("stop", "seed", "presence_penalty", "frequency_penalty")
"""Parameters that Responses does not have; the cards of its models refuse them."""


def body_of(call: ModelRequest, *, stream: bool) -> dict[str, Any]:
    """Return the request's body; raises `AttemptFailed` (`unsupported`) for what the API has no form for."""
    sampling = call.request.sampling
    absent = [name for name in _ABSENT if getattr(sampling, name) is not None]
    if absent:
        raise _unsupported(f"Responses has no {', '.join(absent)}; put it under the model's 'drop'")
    body: dict[str, Any] = {
        "model": call.model,
        "input": [item for message in call.request.messages for item in _items(message)],
        "store": False,
        **_tools(call.request),
        **_reasoning(call),
    }
    given = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_output_tokens": sampling.max_tokens,
    }
    body |= {name: value for name, value in given.items() if value is not None}
    if call.request.schema is not None:
        body["text"] = {"format": {"type": "json_schema", **described(call.request.schema)}}
    if "service_tier" in call.options:
        body["service_tier"] = call.options["service_tier"]
    if stream:
        body["stream"] = True
    return deep_merge(body, call.extra)


def _reasoning(call: ModelRequest) -> dict[str, Any]:
    """Say how hard to think and what to tell of it; only a model that thinks can give its thoughts away encrypted."""
    told = {
        "effort": call.request.sampling.reasoning_effort or call.options.get("reasoning_effort"),
        "summary": call.options.get("reasoning_summary"),
    }
    told = {name: value for name, value in told.items() if value is not None}
    said: dict[str, Any] = {"reasoning": told} if told else {}
    return {**said, "include": ["reasoning.encrypted_content"]} if call.card.efforts else said


def _items(message: Message) -> Iterator[dict[str, Any]]:
    """Give a message as the items that it is here: thoughts, words, calls and results each stand for themselves."""
    content: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Reasoning):
            yield from _thoughts(part.provider_state)
        elif isinstance(part, Text):
            content.append(
                {
                    "type": "output_text" if message.role == "assistant" else "input_text",
                    "text": part.text,
                }
            )
        elif isinstance(part, Media):
            content.append(_media(part))
        elif isinstance(part, ToolCall):
            others.append(_call(part))
        else:
            others.append(_result(part))
    if content:
        typed = (
            {"type": "message"} if message.role == "assistant" else {}
        )  # llama.cpp's server knows it by that
        yield {**typed, "role": message.role, "content": content}
    yield from others


def _thoughts(private: str) -> list[dict[str, Any]]:
    """Return the encrypted thoughts; what a caller has put there instead is none."""
    try:
        kept = [get_object(item) for item in get_list(msgspec.json.decode(private or "[]"))]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return []
    return [
        item for item in kept if item.get("type") == "reasoning" and item.get("encrypted_content")
    ]


def _media(media: Media) -> dict[str, Any]:
    url = media.url or f"data:{media.media_type};base64,{media.data}"
    if media.kind == "image":
        return {"type": "input_image", "image_url": url}
    if media.kind in ("pdf", "file"):
        if media.url:
            return {"type": "input_file", "file_url": url}
        return {
            "type": "input_file",
            "filename": media.name or f"file.{media.kind}",
            "file_data": url,
        }
    raise _unsupported(f"Responses takes no {media.media_type}")


def _call(call: ToolCall) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    return {
        "type": "function_call",
        "call_id": short_id(call.id),
        "name": tool_name(call.name),
        "arguments": arguments,
    }


def _result(result: ToolResult) -> dict[str, Any]:
    output: Any = result.text
    if result.media:
        said = [{"type": "input_text", "text": result.text}] if result.text else []
        output = [*said, *map(_media, result.media)]
    return {"type": "function_call_output", "call_id": short_id(result.id), "output": output}


def _tools(request: Request) -> dict[str, Any]:
    """Return what is said of tools; here strictness is the rule, so that it must be switched off."""
    if not request.tools:
        return {}
    told = (
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in request.tools
    )
    said: dict[str, Any] = {"tools": list(told)}
    if isinstance(request.tool_choice, Only):
        said["tool_choice"] = {"type": "function", "name": request.tool_choice.name}
    elif request.tool_choice != "auto":
        said["tool_choice"] = request.tool_choice
    if request.sampling.parallel_tool_calls is not None:
        said["parallel_tool_calls"] = request.sampling.parallel_tool_calls
    return said


def _unsupported(words: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=f"not sent: {words}"))
