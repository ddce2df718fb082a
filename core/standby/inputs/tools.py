"""Tools as a caller passes them, and the tool calls and results of a conversation: read, paired, and put in order."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from standby.errors import RequestError
from standby.types import Message, Only, Tool, ToolCall, ToolChoice, ToolResult

Tools = Iterable[Tool | Mapping[str, Any]]
"""Tools, or OpenAI-style dictionaries: `{"type": "function", "function": {"name": …, "parameters": …}}`."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""What both vendors take: OpenAI's pattern, and Gemini's rule for the first character."""

ToolChoices = str | Mapping[str, Any]
"""Any of "auto", "none" and "required", a tool's name, or OpenAI's dictionary that names one."""


def parse_tools(tools: Any) -> tuple[Tool, ...]:
    """Read the tools; raises `RequestError` that says which is wrong."""
    if isinstance(tools, str | Mapping) or not isinstance(tools, Iterable):
        raise RequestError("tools: expected a list of tools")
    read = tuple(_tool(tool, place) for place, tool in enumerate(cast("Iterable[object]", tools)))
    names = [tool.name for tool in read]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise RequestError(
                f"tool {place}: the name {name!r} is taken already; give each tool its own"
            )
    return read


def parse_tool_choice(choice: Any, tools: tuple[Tool, ...]) -> ToolChoice:
    """Read the choice of a tool; raises `RequestError` for one that is not there."""
    if isinstance(choice, Mapping):
        choice = _inner(cast("Mapping[str, Any]", choice)).get("name")
    if isinstance(choice, Only):
        choice = choice.name
    if choice in ("auto", "none"):
        return cast("ToolChoice", choice)
    if not tools:
        raise RequestError("tool_choice: there are no tools to choose from")
    if choice == "required":
        return "required"
    names = [tool.name for tool in tools]
    if choice not in names:
        raise RequestError(
            f"tool_choice: expected auto, none, required or one of {', '.join(names)}"
        )
    return Only(choice)


def parse_tool_calls(calls: Any, index: int) -> tuple[ToolCall, ...]:
    """Read the OpenAI-style calls of an assistant's message; raises `RequestError` with the message's index."""
    if not isinstance(calls or (), list | tuple):
        raise RequestError(f"message {index}: 'tool_calls' must be a list", index)
    return tuple(_call(call, index) for call in calls or ())


def _call(call: Any, index: int) -> ToolCall:
    if isinstance(call, ToolCall):
        if call.id and call.name and isinstance(cast("object", call.arguments), Mapping):
            return call
        call = {}
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", call) if isinstance(call, Mapping) else {}
    inner = _inner(fields)
    name, known_as = inner.get("name"), fields.get("id")
    if not (isinstance(name, str) and name and isinstance(known_as, str) and known_as):
        raise RequestError(
            f"message {index}: a tool call needs an 'id' and a 'function' with a 'name'", index
        )
    arguments = inner.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = msgspec.json.decode(arguments or "{}")
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            arguments = None
    if not isinstance(arguments, Mapping):
        raise RequestError(
            f"message {index}: the arguments of the call of {name!r} are no JSON object", index
        )
    return ToolCall(id=known_as, name=name, arguments=cast("Mapping[str, Any]", arguments))


def paired(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Put the results of each turn behind its calls, one for each and in their order; raises `RequestError` for a stray one."""
    ordered: list[Message] = []
    calls: dict[str, ToolCall] = {}
    results: dict[str, ToolResult] = {}
    caller = 0

    def close() -> Iterator[Message]:
        missing = next((call for known_as, call in calls.items() if known_as not in results), None)
        if missing is not None:
            words = f"message {caller}: the call of {missing.name!r} has no result; send one for each call, right behind it"
            raise RequestError(words, caller)
        yield from (Message("tool", (results[known_as],)) for known_as in calls)

    for index, message in enumerate(messages):
        if message.role == "tool":
            for part in message.parts:
                _take(part, calls, results, index)
            continue
        if calls:
            ordered += close()
        calls, results, caller = _calls_in(message, index), {}, index
        ordered.append(message)
    return (*ordered, *close())


def _take(
    part: Any, calls: Mapping[str, ToolCall], results: dict[str, ToolResult], index: int
) -> None:
    if part.id not in calls:
        raise RequestError(
            f"message {index}: the result for {part.id!r} has no call right before it", index
        )
    if part.id in results:
        raise RequestError(f"message {index}: the call {part.id!r} has a result already", index)
    results[part.id] = msgspec.structs.replace(part, name=calls[part.id].name)


def _calls_in(message: Message, index: int) -> dict[str, ToolCall]:
    if message.role != "assistant":
        return {}
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    named = {call.id: call for call in calls}
    if len(named) < len(calls):
        raise RequestError(f"message {index}: two tool calls have one id", index)
    for call in calls:
        if not is_json(call.arguments):
            raise RequestError(
                f"message {index}: the arguments of the call of {call.name!r} hold what JSON cannot",
                index,
            )
    return named


def _tool(tool: Any, place: int) -> Tool:
    if isinstance(tool, Tool):
        fields: Mapping[str, Any] = msgspec.structs.asdict(tool)
    else:
        given: Mapping[str, Any] = (
            cast("Mapping[str, Any]", tool) if isinstance(tool, Mapping) else {}
        )
        fields = _inner(given) if given.get("type", "function") == "function" else {}
    name, about = fields.get("name"), fields.get("description") or ""
    parameters: Any = fields.get("parameters")
    if not isinstance(name, str) or not name:
        raise RequestError(
            f"tool {place}: expected a Tool, or a dictionary of type 'function' with a 'name'"
        )
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"tool {place}: a tool's name is up to 64 letters, digits, '_' and '-', and begins with a letter or '_'"
        )
    if parameters is None:
        parameters = Tool(name=name).parameters
    if not isinstance(parameters, Mapping) or not isinstance(about, str):
        raise RequestError(
            f"tool {place} ({name!r}): 'description' is a text and 'parameters' a JSON Schema, as an object"
        )
    schema = cast("Mapping[str, Any]", parameters)
    if schema.get("type") != "object":
        raise RequestError(
            f"tool {place} ({name!r}): the schema of its parameters must be of type 'object'"
        )
    if not is_json((about, schema)):
        raise RequestError(
            f"tool {place} ({name!r}): its description or its schema holds what JSON cannot"
        )
    return Tool(name=name, description=about, parameters=schema)


def is_json(value: Any) -> bool:
    """Say whether JSON can hold a value."""
    try:
        msgspec.json.encode(value)
    except (
        TypeError,
        ValueError,
        RecursionError,
        OverflowError,
    ):  # UnicodeEncodeError is a ValueError
        return False
    return True


def _inner(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what stands below "function" in OpenAI's dictionaries."""
    inner = fields.get("function")
    return cast("Mapping[str, Any]", inner) if isinstance(inner, Mapping) else {}
