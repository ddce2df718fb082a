"""Agno's conversation as standby's, with what only the model that wrote a turn can read."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from standby.http.bodies import get_list, get_object, get_str
from standby.integrations.agno.media import media_of
from standby.types import Message, Reasoning, Text, ToolCall

OURS = "standby"
"""The key in an Agno message's provider data under which a turn's private state is kept."""

Spoken = Message | Mapping[str, Any]


def messages_of(messages: Iterable[Any], *, compressed: bool = False) -> list[Spoken]:
    """Read Agno messages; calls that have no result, and results that have no call, are left out, as no vendor takes them.

    Agno's own trimming of a history makes them. `compressed`: take the short form of tool results
    where Agno has made one. Raises `RequestError` for media that cannot be read.
    """
    turns = [message for given in messages for message in _apart(given)]
    read: list[Spoken] = []
    place = 0
    while place < len(turns):
        told = _results_behind(turns, place) if turns[place].role == "assistant" else ()
        read += _turn(turns[place], told, compressed=compressed)
        place += 1 + len(told)
    return read


def _apart(message: Any) -> Iterator[Any]:
    """Give one message for each result: Agno's model of one vendor has kept the results of a turn as one."""
    if message.role != "tool" or message.tool_call_id or not message.tool_calls:
        yield message
        return
    contents = _listed(message.content)
    for place, call in enumerate(message.tool_calls):
        content = contents[place] if place < len(contents) else call.get("content")
        yield type(message)(
            role="tool",
            content=content,
            tool_call_id=call.get("tool_call_id"),
            tool_name=call.get("tool_name"),
        )


def _results_behind(turns: Sequence[Any], place: int) -> Sequence[Any]:
    end = place + 1
    while end < len(turns) and turns[end].role == "tool":
        end += 1
    return turns[place + 1 : end]


def _turn(message: Any, told: Sequence[Any], *, compressed: bool) -> Iterator[Spoken]:
    if message.role == "assistant":
        calls, results = _paired(_calls_of(message), told)
        yield Message("assistant", (*_thought(message), *_said(message), *calls))
        for known_as, result in results:
            yield {
                "role": "tool",
                "tool_call_id": known_as,
                "content": [_result(result, compressed), *media_of(result)],
            }
    elif message.role != "tool":
        content = [*_parts(message.content), *(media_of(message) if message.role == "user" else ())]
        if content:
            yield {"role": message.role, "content": content}


def _paired(
    calls: Sequence[ToolCall], told: Sequence[Any]
) -> tuple[list[ToolCall], list[tuple[str, Any]]]:
    """Keep calls that have a result, and the first result of each; one without an id answers the call in its place."""
    results: dict[str, Any] = {}
    for place, result in enumerate(told):
        known_as = result.tool_call_id or (calls[place].id if place < len(calls) else "")
        results.setdefault(known_as, result)
    kept = [call for call in calls if call.id in results]
    return kept, [(call.id, results[call.id]) for call in kept]


def _result(message: Any, compressed: bool) -> Text:
    short = getattr(message, "compressed_content", None) if compressed else None
    return Text(short or _text(message.content) or "(no output)")


def _parts(content: Any) -> Iterator[Any]:
    for part in _listed(content):
        if part:
            yield Text(part) if isinstance(part, str) else part


def _said(message: Any) -> Iterator[Text]:
    parts = _listed(message.content)  # Agno's models of some vendors keep a list
    text = "".join(
        part if isinstance(part, str) else get_str(get_object(part).get("text")) for part in parts
    )
    if text:
        yield Text(text)


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return json.dumps(content, ensure_ascii=False, default=str)


def _calls_of(message: Any) -> list[ToolCall]:
    private = get_object(_kept(message).get("calls"))
    calls: dict[str, ToolCall] = {}
    for call in map(get_object, message.tool_calls or ()):
        function, known_as = get_object(call.get("function")), get_str(call.get("id"))
        name = get_str(function.get("name"))
        if known_as and name:
            state = get_object(private.get(known_as))
            calls[known_as] = ToolCall(
                id=known_as, name=name, arguments=_arguments(function.get("arguments")), **state
            )
    return list(calls.values())


def _arguments(given: Any) -> Mapping[str, Any]:
    """Return a call's arguments; those that are no JSON object were refused by Agno, as the result beside them says."""
    try:
        return get_object(json.loads(given) if isinstance(given, str) else given)
    except ValueError:
        return {}


def _thought(message: Any) -> Iterator[Reasoning]:
    kept = get_object(_kept(message).get("reasoning"))
    if kept:
        yield Reasoning(text=message.reasoning_content or "", **kept)


def _kept(message: Any) -> Mapping[str, Any]:
    return get_object(get_object(message.provider_data).get(OURS))


def _listed(content: Any) -> list[Any]:
    """Return a content's pieces: Agno's is a text, a list, or whatever else a program gave it."""
    return get_list(content) if isinstance(content, list) else [_text(content)]
