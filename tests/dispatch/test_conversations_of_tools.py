"""Tools, calls and results of a caller: an error names the location, before anything is sent."""

from typing import Any

import pytest

from standby.errors import RequestError
from standby.inputs.parse import parse_request
from standby.types import Message, Only, Tool, ToolCall, ToolResult

USER = {"role": "user", "content": "hi"}
F = Tool(name="f")


def call(call_id: str = "1", arguments: Any = "{}", name: str = "f") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*tool_calls: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(tool_calls)}


def result(call_id: str = "1", text: str = "x") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def test_results_come_in_the_order_of_their_calls_with_the_tools_names() -> None:
    tool_calls = [
        USER,
        calls(call("1"), call("2", '{"a": 1}', "g")),
        result("2", "second"),
        result("1", "first"),
        USER,
    ]
    parsed = parse_request(tool_calls, {}).messages
    assert [message.role for message in parsed] == ["user", "assistant", "tool", "tool", "user"]
    assert parsed[1].parts == (
        ToolCall(id="1", name="f", arguments={}),
        ToolCall(id="2", name="g", arguments={"a": 1}),
    )
    assert parsed[2].parts == (ToolResult(id="1", text="first", name="f"),)
    assert parsed[3].parts == (ToolResult(id="2", text="second", name="g"),)


def test_a_later_turn_may_repeat_an_id() -> None:
    parsed = parse_request(
        [USER, calls(call()), result(), calls(call()), result(text="y")], {}
    ).messages
    assert [
        part.text for message in parsed for part in message.parts if isinstance(part, ToolResult)
    ] == ["x", "y"]


def test_one_message_may_have_all_results() -> None:
    results = Message("tool", (ToolResult(id="2", text="b"), ToolResult(id="1", text="a")))
    parsed = parse_request([USER, calls(call("1"), call("2")), results], {}).messages
    assert [message.parts[0] for message in parsed[2:]] == [
        ToolResult(id="1", text="a", name="f"),
        ToolResult(id="2", text="b", name="f"),
    ]


@pytest.mark.parametrize("arguments", ["", "{}", {}])
def test_missing_arguments_are_an_empty_object(arguments: Any) -> None:
    assert parse_request([USER, calls(call(arguments=arguments)), result()], {}).messages[1].parts[
        0
    ] == ToolCall(id="1", name="f", arguments={})


WRONG: list[tuple[list[Any], int, str]] = [
    ([USER, result()], 1, "the result for '1' has no call directly before it"),
    (
        [USER, calls(call()), USER, result()],
        1,
        "the call of 'f' has no result; send one for each call, directly after it",
    ),
    (
        [USER, calls(call("1"), call("2")), result("1")],
        1,
        "the call of 'f' has no result; send one for each call, directly after it",
    ),
    ([USER, calls(call()), result(), result()], 3, "the call '1' has a result already"),
    ([USER, calls(call(), call())], 1, "two tool calls have one id"),
    (
        [USER, calls(call(arguments='{"a":'))],
        1,
        "the arguments of the call of 'f' are not a JSON object",
    ),
    (
        [USER, calls(call(arguments="[1]"))],
        1,
        "the arguments of the call of 'f' are not a JSON object",
    ),
    (
        [USER, calls(call(arguments=None))],
        1,
        "the arguments of the call of 'f' are not a JSON object",
    ),
    ([USER, calls({"id": "1"})], 1, "a tool call needs an 'id' and a 'function' with a 'name'"),
    ([USER, {**calls(), "tool_calls": 5}], 1, "'tool_calls' must be a list"),
    (
        [USER, calls(call(arguments={"a": object()}))],
        1,
        "the arguments of the call of 'f' hold what JSON cannot represent",
    ),
    (
        [USER, calls(call(arguments={"a": "\ud800"}))],
        1,
        "the arguments of the call of 'f' hold what JSON cannot represent",
    ),
    (
        [
            USER,
            calls(ToolCall(id="", name="", arguments={})),
            Message("tool", (ToolResult(id="", text="x"),)),
        ],
        1,
        "a tool call needs an 'id' and a 'function' with a 'name'",
    ),
    ([USER, calls(5)], 1, "a tool call needs an 'id' and a 'function' with a 'name'"),
    (
        [USER, {"role": "tool", "content": "x"}],
        1,
        "a tool's message needs the 'tool_call_id' of the call that it answers",
    ),
]


@pytest.mark.parametrize(("messages", "index", "message"), WRONG)
def test_the_error_for_an_invalid_conversation_names_the_message(
    messages: list[Any], index: int, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(messages, {})
    assert (str(caught.value), caught.value.index) == (f"message {index}: {message}", index)


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    "tool",
    [
        Tool(name="f", description="d", parameters=SCHEMA),
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}},
    ],
)
def test_a_tool_is_read_from_both_forms(tool: Any) -> None:
    assert parse_request("hi", {"tools": [tool]}).tools == (
        Tool(name="f", description="d", parameters=SCHEMA),
    )


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ("f", "tools: expected a list of tools"),
        ({"function": {"name": "f"}}, "tools: expected a list of tools"),
        (5, "tools: expected a list of tools"),
        ([F, F], "tool 1: the name 'f' is taken already; give each tool its own"),
        ([F, {}], "tool 1: expected a Tool, or a dictionary of type 'function' with a 'name'"),
        (
            [{"type": "custom", "function": {"name": "f"}}],
            "tool 0: expected a Tool, or a dictionary of type 'function' with a 'name'",
        ),
        ([5], "tool 0: expected a Tool, or a dictionary of type 'function' with a 'name'"),
        (
            [{"function": {"name": "f", "parameters": {"type": "object", "x": object()}}}],
            "tool 0 ('f'): its description or its schema holds what JSON cannot represent",
        ),
        (
            [{"function": {"name": "my tool"}}],
            (
                "tool 0: a tool's name is up to 64 letters, digits, '_' and '-', "
                "and begins with a letter or '_'"
            ),
        ),
        (
            [{"function": {"name": "f", "parameters": 5}}],
            "tool 0 ('f'): 'description' is a text and 'parameters' a JSON Schema, as an object",
        ),
        (
            [{"function": {"name": "f", "parameters": {"type": "string"}}}],
            "tool 0 ('f'): the schema of its parameters must be of type 'object'",
        ),
    ],
)
def test_the_error_for_an_invalid_tool_names_its_location(tools: Any, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request("hi", {"tools": tools})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("choice", "parsed"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("f", Only("f")),
        (Only("f"), Only("f")),
        ({"type": "function", "function": {"name": "f"}}, Only("f")),
    ],
)
def test_a_choice_is_read_from_all_its_forms(choice: Any, parsed: Any) -> None:
    assert parse_request("hi", {"tools": [F], "tool_choice": choice}).tool_choice == parsed


@pytest.mark.parametrize(
    ("tools", "choice", "message"),
    [
        ([], "required", "tool_choice: there are no tools to choose from"),
        ([F], "g", "tool_choice: expected auto, none, required or one of f"),
        ([F], None, "tool_choice: expected auto, none, required or one of f"),
    ],
)
def test_a_choice_of_an_unknown_tool_is_refused(tools: Any, choice: Any, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request("hi", {"tools": tools, "tool_choice": choice})
    assert str(caught.value) == message


def test_a_repr_shows_neither_arguments_nor_results() -> None:
    call = ToolCall(id="1", name="f", arguments={"a": "secret"}, provider_state="secret")
    assert (
        repr(Message("assistant", (call, ToolResult(id="1", text="secret")))).count("secret") == 0
    )
