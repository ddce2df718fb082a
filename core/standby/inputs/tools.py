"""Tools as a caller passes them, and the tool calls and results of a conversation, in order."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from standby.errors import RequestError
from standby.types import Message, Only, Tool, ToolCall, ToolChoice, ToolResult

Tools = Iterable[Tool | Mapping[str, Any]]
"""Tools, or OpenAI-style dictionaries.

`{"type": "function", "function": {"name": …, "parameters": …}}`
"""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""What both vendors take: OpenAI's pattern, and Gemini's rule for the first character."""

ToolChoices = str | Mapping[str, Any]
"""Any of "auto", "none" and "required", a tool's name, or OpenAI's dictionary that names one."""


def parse_tools(tools: Any) -> tuple[Tool, ...]:
    """Parse the tools of a call.

    Args:
        tools: Tools, or OpenAI-style dictionaries.

    Returns:
        The tools.

    Raises:
        RequestError: A tool is wrong, or two have the same name.
    """
    if isinstance(tools, str | Mapping) or not isinstance(tools, Iterable):
        raise RequestError("tools: expected a list of tools")
    parsed = tuple(
        _parse_tool(tool, f"tool {number}")
        for number, tool in enumerate(cast("Iterable[object]", tools))
    )
    names = [tool.name for tool in parsed]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise RequestError(
                f"tool {number}: the name {name!r} is taken already; give each tool its own"
            )
    return parsed


def _parse_tool(tool: Any, location: str) -> Tool:
    fields = _tool_fields(tool)
    name, description = fields.get("name"), fields.get("description") or ""
    parameters: Any = fields.get("parameters")
    if not isinstance(name, str) or not name:
        raise RequestError(
            f"{location}: expected a Tool, or a dictionary of type 'function' with a 'name'"
        )
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"{location}: a tool's name is up to 64 letters, digits, '_' and '-', "
            "and begins with a letter or '_'"
        )
    if parameters is None:
        parameters = Tool(name=name).parameters
    _check_schema(description, parameters, f"{location} ({name!r})")
    return Tool(name=name, description=description, parameters=parameters)


def _tool_fields(tool: Any) -> Mapping[str, Any]:
    if isinstance(tool, Tool):
        return msgspec.structs.asdict(tool)
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", tool) if isinstance(tool, Mapping) else {}
    return _function(fields) if fields.get("type", "function") == "function" else {}


def _check_schema(description: Any, parameters: Any, location: str) -> None:
    if not isinstance(parameters, Mapping) or not isinstance(description, str):
        raise RequestError(
            f"{location}: 'description' is a text and 'parameters' a JSON Schema, as an object"
        )
    schema = cast("Mapping[str, Any]", parameters)
    if schema.get("type") != "object":
        raise RequestError(f"{location}: the schema of its parameters must be of type 'object'")
    if not is_json((description, schema)):
        raise RequestError(
            f"{location}: its description or its schema holds what JSON cannot represent"
        )


def parse_tool_choice(choice: Any, tools: tuple[Tool, ...]) -> ToolChoice:
    """Parse the choice among the tools.

    Args:
        choice: "auto", "none", "required", a tool's name, or OpenAI's dictionary that names one.
        tools: The tools of the call.

    Returns:
        The choice.

    Raises:
        RequestError: There is no such tool, or no tool.
    """
    if isinstance(choice, Mapping):
        choice = _function(cast("Mapping[str, Any]", choice)).get("name")
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
    """Parse the tool calls of an assistant's message.

    Args:
        calls: Tool calls, or OpenAI-style dictionaries; `None`: none.
        index: The index of the message.

    Returns:
        The tool calls.

    Raises:
        RequestError: A call is wrong; the error has the message's index.
    """
    if not isinstance(calls or (), list | tuple):
        raise RequestError(f"message {index}: 'tool_calls' must be a list", index)
    return tuple(_parse_call(call, index) for call in calls or ())


def _parse_call(call: Any, index: int) -> ToolCall:
    if isinstance(call, ToolCall) and is_complete(call):
        return call
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", call) if isinstance(call, Mapping) else {}
    function = _function(fields)
    name, call_id = _get_text(function, "name"), _get_text(fields, "id")
    if not name or not call_id:
        raise RequestError(
            f"message {index}: a tool call needs an 'id' and a 'function' with a 'name'", index
        )
    arguments = _parse_arguments(function.get("arguments"))
    if not isinstance(arguments, Mapping):
        raise RequestError(
            f"message {index}: the arguments of the call of {name!r} are not a JSON object", index
        )
    return ToolCall(id=call_id, name=name, arguments=cast("Mapping[str, Any]", arguments))


def _parse_arguments(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def _get_text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def is_complete(call: ToolCall) -> bool:
    """Say whether a tool call has all that a vendor needs.

    Args:
        call: The call; a caller may have given its fields any type.

    Returns:
        Whether it has an id, a name, and arguments that are a mapping.
    """
    has_arguments = isinstance(cast("object", call.arguments), Mapping)
    return all((call.id, call.name, has_arguments))


def pair_results(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Put the results of each turn after its calls, one for each and in their order.

    Args:
        messages: The conversation.

    Returns:
        The conversation, with one message for each result.

    Raises:
        RequestError: A call has no result, or a result has no call; it has the message's index.
    """
    ordered: list[Message] = []
    calls: dict[str, ToolCall] = {}
    results: dict[str, ToolResult] = {}
    caller = 0
    for index, message in enumerate(messages):
        if message.role == "tool":
            for part in message.parts:
                _add_result(part, calls, results, index)
            continue
        ordered += _order_results(calls, results, caller)
        calls, results, caller = _find_calls(message, index), {}, index
        ordered.append(message)
    return (*ordered, *_order_results(calls, results, caller))


def _order_results(
    calls: Mapping[str, ToolCall], results: Mapping[str, ToolResult], index: int
) -> Iterator[Message]:
    """Yield the results in the order of their calls, which the message of this index has."""
    for call_id, call in calls.items():
        if call_id not in results:
            raise RequestError(
                f"message {index}: the call of {call.name!r} has no result; "
                "send one for each call, directly after it",
                index,
            )
        yield Message("tool", (results[call_id],))


def _add_result(
    part: Any, calls: Mapping[str, ToolCall], results: dict[str, ToolResult], index: int
) -> None:
    if part.id not in calls:
        raise RequestError(
            f"message {index}: the result for {part.id!r} has no call directly before it", index
        )
    if part.id in results:
        raise RequestError(f"message {index}: the call {part.id!r} has a result already", index)
    results[part.id] = msgspec.structs.replace(part, name=calls[part.id].name)


def _find_calls(message: Message, index: int) -> dict[str, ToolCall]:
    if message.role != "assistant":
        return {}
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    by_id = {call.id: call for call in calls}
    if len(by_id) < len(calls):
        raise RequestError(f"message {index}: two tool calls have one id", index)
    for call in calls:
        if not is_json(call.arguments):
            raise RequestError(
                f"message {index}: the arguments of the call of {call.name!r} "
                "hold what JSON cannot represent",
                index,
            )
    return by_id


def is_json(value: Any) -> bool:
    """Say whether JSON can represent a value.

    Args:
        value: Any value.

    Returns:
        Whether it can be encoded.
    """
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return False  # a UnicodeEncodeError is a ValueError
    return True


def _function(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is below "function" in OpenAI's dictionaries."""
    function = fields.get("function")
    return cast("Mapping[str, Any]", function) if isinstance(function, Mapping) else {}
