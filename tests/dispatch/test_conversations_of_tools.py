"""Tools, calls and results of a caller: an error names the location, before anything is sent."""

from typing import Any

import pytest

from standby.errors import RequestError
from standby.inputs.parse import parse_request
from standby.types import Message, Only, Tool, ToolCall, ToolResult

SAID = {"role": "user", "content": "hi"}
F = Tool(name="f")


def call(known_as: str = "1", arguments: Any = "{}", name: str = "f") -> dict[str, Any]:
    return {"id": known_as, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*asked: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(asked)}


def result(known_as: str = "1", text: str = "x") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": known_as, "content": text}


def test_results_come_in_the_order_of_their_calls_with_the_tools_names() -> None:
    asked = [
        SAID,
        calls(call("1"), call("2", '{"a": 1}', "g")),
        result("2", "second"),
        result("1", "first"),
        SAID,
    ]
    read = parse_request(asked, {}).messages
    assert [message.role for message in read] == ["user", "assistant", "tool", "tool", "user"]
    assert read[1].parts == (
        ToolCall(id="1", name="f", arguments={}),
        ToolCall(id="2", name="g", arguments={"a": 1}),
    )
    assert read[2].parts == (ToolResult(id="1", text="first", name="f"),)
    assert read[3].parts == (ToolResult(id="2", text="second", name="g"),)


def test_an_id_may_come_again_in_a_later_turn() -> None:
    read = parse_request(
        [SAID, calls(call()), result(), calls(call()), result(text="y")], {}
    ).messages
    assert [
        part.text for message in read for part in message.parts if isinstance(part, ToolResult)
    ] == ["x", "y"]


def test_one_message_may_hold_all_results() -> None:
    both = Message("tool", (ToolResult(id="2", text="b"), ToolResult(id="1", text="a")))
    read = parse_request([SAID, calls(call("1"), call("2")), both], {}).messages
    assert [message.parts[0] for message in read[2:]] == [
        ToolResult(id="1", text="a", name="f"),
        ToolResult(id="2", text="b", name="f"),
    ]


@pytest.mark.parametrize("arguments", ["", "{}", {}])
def test_no_arguments_are_an_empty_object(arguments: Any) -> None:
    assert parse_request([SAID, calls(call(arguments=arguments)), result()], {}).messages[1].parts[
        0
    ] == ToolCall(id="1", name="f", arguments={})


WRONG: list[tuple[list[Any], int, str]] = [
    ([SAID, result()], 1, "the result for '1' has no call directly before it"),
    (
        [SAID, calls(call()), SAID, result()],
        1,
        "the call of 'f' has no result; send one for each call, directly after it",
    ),
    (
        [SAID, calls(call("1"), call("2")), result("1")],
        1,
        "the call of 'f' has no result; send one for each call, directly after it",
    ),
    ([SAID, calls(call()), result(), result()], 3, "the call '1' has a result already"),
    ([SAID, calls(call(), call())], 1, "two tool calls have one id"),
    (
        [SAID, calls(call(arguments='{"a":'))],
        1,
        "the arguments of the call of 'f' are not a JSON object",
    ),
    (
        [SAID, calls(call(arguments="[1]"))],
        1,
        "the arguments of the call of 'f' are not a JSON object",
    ),
    (
        [SAID, calls(call(arguments=None))],
        1,
        "the arguments of the call of 'f' are not a JSON object",
    ),
    ([SAID, calls({"id": "1"})], 1, "a tool call needs an 'id' and a 'function' with a 'name'"),
    ([SAID, {**calls(), "tool_calls": 5}], 1, "'tool_calls' must be a list"),
    (
        [SAID, calls(call(arguments={"a": object()}))],
        1,
        "the arguments of the call of 'f' hold what JSON cannot represent",
    ),
    (
        [SAID, calls(call(arguments={"a": "\ud800"}))],
        1,
        "the arguments of the call of 'f' hold what JSON cannot represent",
    ),
    (
        [
            SAID,
            calls(ToolCall(id="", name="", arguments={})),
            Message("tool", (ToolResult(id="", text="x"),)),
        ],
        1,
        "a tool call needs an 'id' and a 'function' with a 'name'",
    ),
    ([SAID, calls(5)], 1, "a tool call needs an 'id' and a 'function' with a 'name'"),
    (
        [SAID, {"role": "tool", "content": "x"}],
        1,
        "a tool's message needs the 'tool_call_id' of the call that it answers",
    ),
]


@pytest.mark.parametrize(("messages", "index", "words"), WRONG)
def test_a_conversation_that_no_vendor_takes_names_its_message(
    messages: list[Any], index: int, words: str
) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request(messages, {})
    assert (str(caught.value), caught.value.index) == (f"message {index}: {words}", index)


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    "given",
    [
        Tool(name="f", description="d", parameters=SCHEMA),
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}},
    ],
)
def test_a_tool_is_read_from_both_forms(given: Any) -> None:
    assert parse_request("hi", {"tools": [given]}).tools == (
        Tool(name="f", description="d", parameters=SCHEMA),
    )


@pytest.mark.parametrize(
    ("tools", "words"),
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
def test_what_is_no_tool_names_its_place(tools: Any, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request("hi", {"tools": tools})
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("f", Only("f")),
        (Only("f"), Only("f")),
        ({"type": "function", "function": {"name": "f"}}, Only("f")),
    ],
)
def test_a_choice_is_read_from_all_its_forms(choice: Any, read: Any) -> None:
    assert parse_request("hi", {"tools": [F], "tool_choice": choice}).tool_choice == read


@pytest.mark.parametrize(
    ("tools", "choice", "words"),
    [
        ([], "required", "tool_choice: there are no tools to choose from"),
        ([F], "g", "tool_choice: expected auto, none, required or one of f"),
        ([F], None, "tool_choice: expected auto, none, required or one of f"),
    ],
)
def test_a_choice_of_what_is_not_there_is_refused(tools: Any, choice: Any, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_request("hi", {"tools": tools, "tool_choice": choice})
    assert str(caught.value) == words


def test_a_repr_shows_neither_arguments_nor_results() -> None:
    made = ToolCall(id="1", name="f", arguments={"a": "secret"}, provider_state="secret")
    assert (
        repr(Message("assistant", (made, ToolResult(id="1", text="secret")))).count("secret") == 0
    )
