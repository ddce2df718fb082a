"""Agno's conversation converted to standby's, with the state that only one model can read."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from standby.http.bodies import get_list, get_object, get_str
from standby.integrations.agno.media import convert_media
from standby.types import Message, Reasoning, Text, ToolCall

STATE_KEY = "standby"
"""The key in an Agno message's provider data under which a turn's provider state is kept."""

Converted = Message | Mapping[str, Any]


def convert_messages(messages: Iterable[Any], *, compressed: bool = False) -> list[Converted]:
    """Convert a conversation.

    Calls without a result and results without a call are removed, as no vendor takes them: Agno
    leaves them when it trims a history.

    Args:
        messages: Agno messages, in order.
        compressed: Whether to use the short form of tool results, where Agno has made one.

    Returns:
        The messages, as `AsyncStandby.chat` takes them.

    Raises:
        RequestError: Media cannot be read.
    """
    history = [turn for message in messages for turn in _split_results(message)]
    converted: list[Converted] = []
    index = 0
    while index < len(history):
        results = _results_after(history, index) if history[index].role == "assistant" else ()
        converted += _convert_turn(history[index], results, compressed=compressed)
        index += 1 + len(results)
    return converted


def _split_results(message: Any) -> Iterator[Any]:
    """Yield one message for each result: one of Agno's models keeps a turn's results as one."""
    is_combined = message.tool_calls and not message.tool_call_id
    if message.role != "tool" or not is_combined:
        yield message
        return
    contents = _as_list(message.content)
    for index, call in enumerate(message.tool_calls):
        content = contents[index] if index < len(contents) else call.get("content")
        yield type(message)(
            role="tool",
            content=content,
            tool_call_id=call.get("tool_call_id"),
            tool_name=call.get("tool_name"),
        )


def _results_after(history: Sequence[Any], index: int) -> Sequence[Any]:
    end = index + 1
    while end < len(history) and history[end].role == "tool":
        end += 1
    return history[index + 1 : end]


def _convert_turn(message: Any, results: Sequence[Any], *, compressed: bool) -> Iterator[Converted]:
    if message.role == "assistant":
        yield from _convert_answer(message, results, compressed=compressed)
    elif message.role != "tool":
        media = convert_media(message) if message.role == "user" else ()
        content = [*_convert_parts(message.content), *media]
        if content:
            yield {"role": message.role, "content": content}


def _convert_answer(
    message: Any, results: Sequence[Any], *, compressed: bool
) -> Iterator[Converted]:
    calls, kept = _match_results(_convert_calls(message), results)
    yield Message("assistant", (*_reasoning(message), *_answer_text(message), *calls))
    for call_id, result in kept:
        yield {
            "role": "tool",
            "tool_call_id": call_id,
            "content": [_result_text(result, compressed), *convert_media(result)],
        }


def _match_results(
    calls: Sequence[ToolCall], results: Sequence[Any]
) -> tuple[list[ToolCall], list[tuple[str, Any]]]:
    """Keep the calls that have a result, and the first result of each.

    A result without an id belongs to the call at its position.
    """
    by_id: dict[str, Any] = {}
    for index, result in enumerate(results):
        call_id = result.tool_call_id or (calls[index].id if index < len(calls) else "")
        by_id.setdefault(call_id, result)
    kept = [call for call in calls if call.id in by_id]
    return kept, [(call.id, by_id[call.id]) for call in kept]


def _result_text(message: Any, compressed: bool) -> Text:
    short = getattr(message, "compressed_content", None) if compressed else None
    text = short or _as_text(message.content)
    return Text(text or "(no output)")


def _convert_parts(content: Any) -> Iterator[Any]:
    for part in _as_list(content):
        if part:
            yield Text(part) if isinstance(part, str) else part


def _answer_text(message: Any) -> Iterator[Text]:
    parts = _as_list(message.content)  # Agno's models of some vendors keep a list
    texts = (
        part if isinstance(part, str) else get_str(get_object(part).get("text")) for part in parts
    )
    if text := "".join(texts):
        yield Text(text)


def _as_text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return json.dumps(content, ensure_ascii=False, default=str)


def _convert_calls(message: Any) -> list[ToolCall]:
    states = get_object(_provider_state(message).get("calls"))
    calls: dict[str, ToolCall] = {}
    for call in map(get_object, message.tool_calls or ()):
        function, call_id = get_object(call.get("function")), get_str(call.get("id"))
        name = get_str(function.get("name"))
        if call_id and name:
            arguments = _parse_arguments(function.get("arguments"))
            state = get_object(states.get(call_id))
            calls[call_id] = ToolCall(id=call_id, name=name, arguments=arguments, **state)
    return list(calls.values())


def _parse_arguments(arguments: Any) -> Mapping[str, Any]:
    """Return a call's arguments; Agno has refused any that are not a JSON object, as a result."""
    try:
        return get_object(json.loads(arguments) if isinstance(arguments, str) else arguments)
    except ValueError:
        return {}


def _reasoning(message: Any) -> Iterator[Reasoning]:
    state = get_object(_provider_state(message).get("reasoning"))
    if state:
        yield Reasoning(text=message.reasoning_content or "", **state)


def _provider_state(message: Any) -> Mapping[str, Any]:
    return get_object(get_object(message.provider_data).get(STATE_KEY))


def _as_list(content: Any) -> list[Any]:
    """Return a content's parts: Agno's is a text, a list, or whatever else a program gave it."""
    return get_list(content) if isinstance(content, list) else [_as_text(content)]
