"""A request, as the JSON body of Responses.

Nothing is stored at OpenAI: each request carries the whole conversation, and a model's thoughts
return to it encrypted. The functions are pure and import no SDK.
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
    Sampling,
    Text,
    ToolCall,
    ToolResult,
    deep_merge,
    get_list,
    get_object,
)
from standby_openai.chat_request import clean_tool_name, shorten_id
from standby_openai.schemas import describe_schema

_ABSENT = ("stop", "seed", "presence_penalty", "frequency_penalty")
"""Parameters that Responses does not have; the cards of its models refuse them."""

_SAMPLING = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_output_tokens"}


def build_body(request: ModelRequest, *, stream: bool) -> dict[str, Any]:
    """Build the request's body.

    Args:
        request: The attempt's request.
        stream: Whether to request a stream.

    Returns:
        The body, before JSON encoding.

    Raises:
        AttemptFailed: `unsupported`, for anything that the API has no form for.
    """
    conversation = request.request
    sampling = _build_sampling(conversation.sampling)
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item for message in conversation.messages for item in _build_items(message)],
        "store": False,
        **_build_tools(conversation),
        **_build_reasoning(request),
        **sampling,
    }
    if conversation.schema is not None:
        schema = describe_schema(conversation.schema)
        body["text"] = {"format": {"type": "json_schema", **schema}}
    if "service_tier" in request.options:
        body["service_tier"] = request.options["service_tier"]
    if stream:
        body["stream"] = True
    return deep_merge(body, request.extra)


def _build_sampling(sampling: Sampling) -> dict[str, Any]:
    absent = [name for name in _ABSENT if getattr(sampling, name) is not None]
    if absent:
        raise _unsupported_failure(
            f"Responses has no {', '.join(absent)}; put it under the model's 'drop'"
        )
    fields = ((theirs, getattr(sampling, ours)) for ours, theirs in _SAMPLING.items())
    return {name: value for name, value in fields if value is not None}


def _build_reasoning(request: ModelRequest) -> dict[str, Any]:
    """Build the effort and the summary; only a reasoning model can return encrypted thoughts."""
    options = request.options
    reasoning = {
        "effort": request.request.sampling.reasoning_effort or options.get("reasoning_effort"),
        "summary": options.get("reasoning_summary"),
    }
    reasoning = {name: value for name, value in reasoning.items() if value is not None}
    fields: dict[str, Any] = {"reasoning": reasoning} if reasoning else {}
    if request.card.efforts:
        fields["include"] = ["reasoning.encrypted_content"]
    return fields


def _build_items(message: Message) -> Iterator[dict[str, Any]]:
    """Build a message's items: thoughts, text, calls and results are separate items here."""
    content: list[dict[str, Any]] = []
    calls_and_results: list[dict[str, Any]] = []
    text_type = "output_text" if message.role == "assistant" else "input_text"
    for part in message.parts:
        match part:
            case Reasoning():
                yield from _decode_thoughts(part.provider_state)
            case Text():
                content.append({"type": text_type, "text": part.text})
            case Media():
                content.append(_build_media(part))
            case ToolCall():
                calls_and_results.append(_build_call(part))
            case ToolResult():
                calls_and_results.append(_build_result(part))
    if content:
        # llama.cpp's server recognises an assistant's message by its type
        item_type = {"type": "message"} if message.role == "assistant" else {}
        yield {**item_type, "role": message.role, "content": content}
    yield from calls_and_results


def _decode_thoughts(provider_state: str) -> list[dict[str, Any]]:
    """Decode the encrypted thoughts; anything else in the state is ignored."""
    try:
        items = get_list(msgspec.json.decode(provider_state or "[]"))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return []
    thoughts = (get_object(item) for item in items)
    return [
        each
        for each in thoughts
        if each.get("type") == "reasoning" and each.get("encrypted_content")
    ]


def _build_media(media: Media) -> dict[str, Any]:
    url = media.url or f"data:{media.media_type};base64,{media.data}"
    if media.kind == "image":
        return {"type": "input_image", "image_url": url}
    if media.kind not in ("pdf", "file"):
        raise _unsupported_failure(f"Responses does not take {media.media_type}")
    if media.url:
        return {"type": "input_file", "file_url": url}
    name = media.name or f"file.{media.kind}"
    return {"type": "input_file", "filename": name, "file_data": url}


def _build_call(call: ToolCall) -> dict[str, Any]:
    return {
        "type": "function_call",
        "call_id": shorten_id(call.id),
        "name": clean_tool_name(call.name),
        "arguments": msgspec.json.encode(call.arguments).decode(),
    }


def _build_result(result: ToolResult) -> dict[str, Any]:
    output: Any = result.text
    if result.media:
        text = [{"type": "input_text", "text": result.text}] if result.text else []
        output = [*text, *map(_build_media, result.media)]
    return {"type": "function_call_output", "call_id": shorten_id(result.id), "output": output}


def _build_tools(conversation: Request) -> dict[str, Any]:
    """Build the tools and their choice; strict is the API's default, so it is switched off."""
    if not conversation.tools:
        return {}
    tools = [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in conversation.tools
    ]
    fields: dict[str, Any] = {"tools": tools}
    choice = conversation.tool_choice
    if isinstance(choice, Only):
        fields["tool_choice"] = {"type": "function", "name": choice.name}
    elif choice != "auto":
        fields["tool_choice"] = choice
    if conversation.sampling.parallel_tool_calls is not None:
        fields["parallel_tool_calls"] = conversation.sampling.parallel_tool_calls
    return fields


def _unsupported_failure(message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=f"not sent: {message}"))
