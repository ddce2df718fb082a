"""Tools, calls and results as they are sent on both wires, for any valid conversation."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.inputs.parse import parse_request
from standby.plugin import (
    AttemptFailed,
    Card,
    Kind,
    Message,
    ModelRequest,
    Only,
    Request,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from standby_gemini.request import SENTINEL
from standby_gemini.request import build_body as gemini_body
from standby_openai.chat_request import build_body as openai_body

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
ANYTHING = {"type": "object", "properties": {}}
TOOLS = (Tool(name="weather", description="Tells it.", parameters=SCHEMA), Tool(name="clock"))
QUESTION = Message("user", (Text("hi"),))
A = ToolCall(id="a", name="weather", arguments={"city": "Rome"})
B = ToolCall(id="b", name="clock", arguments={})
SIGNED = Card(wire={"signed_calls": True})


def result_message(model_request: ToolCall, text: str) -> Message:
    return Message("tool", (ToolResult(id=model_request.id, text=text, name=model_request.name),))


TURN = (
    QUESTION,
    Message("assistant", (Text("Let me see."), A, B)),
    result_message(A, '{"sky":"blue"}'),
    result_message(B, "noon"),
)


def model_request(request: Request, card: Card = Card()) -> ModelRequest:  # noqa: B008 - frozen
    return ModelRequest(request=request, model="m", card=card, options={}, timeout=60.0)


def openai(request: Request) -> dict[str, Any]:
    body = openai_body(model_request(request), stream=False, max_tokens="max_tokens")
    return {name: value for name, value in body.items() if name != "model"}


def gemini(*messages: Message, card: Card = Card()) -> list[dict[str, Any]]:  # noqa: B008 - frozen
    contents: list[dict[str, Any]] = gemini_body(model_request(Request(messages), card))["contents"]
    return contents


def test_openais_tools() -> None:
    assert openai(Request((QUESTION,), tools=TOOLS)) == {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [
            {
                "type": "function",
                "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA},
            },
            {"type": "function", "function": {"name": "clock", "parameters": ANYTHING}},
        ],
    }


def test_geminis_tools() -> None:
    assert gemini_body(model_request(Request((QUESTION,), tools=TOOLS))) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "weather", "description": "Tells it.", "parametersJsonSchema": SCHEMA},
                    {"name": "clock", "parametersJsonSchema": ANYTHING},
                ]
            }
        ],
    }


@pytest.mark.parametrize(
    ("choice", "for_openai", "for_gemini"),
    [
        ("auto", None, None),
        ("none", "none", {"functionCallingConfig": {"mode": "NONE"}}),
        ("required", "required", {"functionCallingConfig": {"mode": "ANY"}}),
        (
            Only("clock"),
            {"type": "function", "function": {"name": "clock"}},
            {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["clock"]}},
        ),
    ],
)
def test_the_choice_of_a_tool(choice: Any, for_openai: Any, for_gemini: Any) -> None:
    request = Request((QUESTION,), tools=TOOLS, tool_choice=choice)
    assert openai(request).get("tool_choice") == for_openai
    assert gemini_body(model_request(request)).get("toolConfig") == for_gemini


@pytest.mark.parametrize("parallel", [True, False])
def test_only_openai_gets_parallel_tool_calls_and_only_with_tools(*, parallel: bool) -> None:
    sampling = Sampling(parallel_tool_calls=parallel)
    assert openai(Request((QUESTION,), sampling, TOOLS))["parallel_tool_calls"] is parallel
    assert openai(Request((QUESTION,), sampling)) == {
        "messages": [{"role": "user", "content": "hi"}]
    }
    assert gemini_body(model_request(Request((QUESTION,), sampling, TOOLS))) == gemini_body(
        model_request(Request((QUESTION,), tools=TOOLS))
    )


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_without_tools_no_tool_fields_are_sent(choice: Any) -> None:
    request = Request((QUESTION,), tool_choice=choice)
    assert openai(request) == {"messages": [{"role": "user", "content": "hi"}]}
    assert gemini_body(model_request(request)) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}]
    }


def test_openais_turn_of_text_two_calls_and_their_results() -> None:
    assert openai(Request(TURN))["messages"] == [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                },
                {"id": "b", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": '{"sky":"blue"}'},
        {"role": "tool", "tool_call_id": "b", "content": "noon"},
    ]


def test_openais_calls_without_text_have_no_content() -> None:
    assert openai(Request((QUESTION, Message("assistant", (B,)), result_message(B, ""))))[
        "messages"
    ][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "b", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "b", "content": ""},
    ]


def test_geminis_turn_of_text_two_calls_and_their_results() -> None:
    assert gemini(*TURN) == [
        {"role": "user", "parts": [{"text": "hi"}]},
        {
            "role": "model",
            "parts": [
                {"text": "Let me see."},
                {"functionCall": {"id": "a", "name": "weather", "args": {"city": "Rome"}}},
                {"functionCall": {"id": "b", "name": "clock", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "weather", "response": {"sky": "blue"}}},
                {"functionResponse": {"id": "b", "name": "clock", "response": {"result": "noon"}}},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("text", "response"),
    [
        ("", {"result": ""}),
        ("5", {"result": 5}),
        ("[1]", {"result": [1]}),
        ("null", {"result": None}),
        ("{", {"result": "{"}),
        ("{}", {}),
    ],
)
def test_geminis_results_are_objects(text: str, response: dict[str, Any]) -> None:
    [part] = gemini(QUESTION, Message("assistant", (B,)), result_message(B, text))[2]["parts"]
    assert part["functionResponse"]["response"] == response


@pytest.mark.parametrize(("length", "kept"), [(40, True), (41, False), (200, False)])
def test_openais_ids_are_shortened_alike_in_call_and_result(length: int, *, kept: bool) -> None:
    calls = [ToolCall(id=letter * length, name="clock", arguments={}) for letter in "xy"]
    turns = openai(
        Request(
            (
                QUESTION,
                Message("assistant", tuple(calls)),
                *(result_message(each, "noon") for each in calls),
            )
        )
    )["messages"]
    sent = [each["id"] for each in turns[1]["tool_calls"]]
    assert [turn["tool_call_id"] for turn in turns[2:]] == sent
    assert (sent == [each.id for each in calls]) is kept
    assert len(set(sent)) == 2
    assert all(len(call_id) <= 40 for call_id in sent)


def signatures(*calls: ToolCall, card: Card) -> list[str | None]:
    turns = gemini(
        QUESTION,
        Message("assistant", (Text("so"), *calls)),
        *(result_message(each, "x") for each in calls),
        card=card,
    )
    return [part.get("thoughtSignature") for part in turns[1]["parts"] if "functionCall" in part]


def test_a_card_of_signed_calls_puts_the_sentinel_on_the_first_call_that_lacks_a_signature() -> (
    None
):
    own = msgspec.structs.replace(A, provider_state="own")
    later = msgspec.structs.replace(B, provider_state="own")
    assert SENTINEL == "skip_thought_signature_validator"
    assert signatures(A, B, card=SIGNED) == [SENTINEL, None]
    assert signatures(own, B, card=SIGNED) == ["own", None]
    assert signatures(A, later, card=SIGNED) == [None, "own"]
    for card in (Card(), Card(wire={"signed_calls": False})):
        assert signatures(A, B, card=card) == [None, None]
        assert signatures(own, B, card=card) == ["own", None]


def test_each_turn_gets_its_own_sentinel() -> None:
    turn = (Message("assistant", (A,)), result_message(A, "x"))
    parts = [
        turn["parts"][0]
        for turn in gemini(QUESTION, *turn, *turn, card=SIGNED)
        if turn["role"] == "model"
    ]
    assert [part["thoughtSignature"] for part in parts] == [SENTINEL, SENTINEL]


@pytest.mark.parametrize(
    "before",
    [(), (Message("system", (Text("Be brief."),)),), (Message("assistant", (Text("so"),)),)],
)
def test_gemini_refuses_a_conversation_that_begins_with_a_call(before: tuple[Message, ...]) -> None:
    with pytest.raises(AttemptFailed) as caught:
        gemini(*before, Message("assistant", (A,)), result_message(A, "x"), QUESTION)
    message = (
        "not sent: the conversation begins with a tool call, "
        "and Gemini needs a user message before it"
    )
    assert (caught.value.failure.kind, caught.value.failure.message) == (Kind.UNSUPPORTED, message)


def check_openai(turns: list[dict[str, Any]]) -> None:
    """Check that every call has a result, in order, and that no turn is empty."""
    pending: list[str] = []
    for turn in turns:
        if pending:
            assert (turn["role"], turn["tool_call_id"]) == ("tool", pending.pop(0))
            assert isinstance(turn["content"], str)
        else:
            pending = check_openai_turn(turn)
    assert not pending


def check_openai_turn(turn: dict[str, Any]) -> list[str]:
    """Check a turn without results; return the ids of its calls."""
    assert turn["role"] in ("system", "user", "assistant")
    calls = turn.get("tool_calls", [])
    ids = [each["id"] for each in calls]
    assert len(set(ids)) == len(ids)
    assert all(0 < len(call_id) <= 40 for call_id in ids)
    for each in calls:
        assert isinstance(msgspec.json.decode(each["function"]["arguments"]), dict)
    assert turn["content"] or calls
    return ids


def check_gemini(turns: list[dict[str, Any]]) -> None:
    """Check that every call has a result in the next turn, and that no turn is empty."""
    pending: list[tuple[str, str]] = []
    for before, turn in zip([None, *turns], turns, strict=False):
        calls = [part["functionCall"] for part in turn["parts"] if "functionCall" in part]
        results = [part["functionResponse"] for part in turn["parts"] if "functionResponse" in part]
        assert turn["parts"]
        assert all(part.get("text") != "" for part in turn["parts"])
        assert [(each["id"], each["name"]) for each in results] == pending
        assert all(isinstance(each["response"], dict) for each in results)
        if calls:
            assert [before and before["role"], turn["role"]] == ["user", "model"]
        if results:
            assert (turn["role"], len(turn["parts"])) == ("user", len(results))
        pending = [(each["id"], each["name"]) for each in calls]
    assert not pending


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    st.lists,
    max_leaves=3,
)
IDS = st.text("abc", min_size=1, max_size=4) | st.text("abc", min_size=39, max_size=60)
NAMES = st.sampled_from(["weather", "clock"])
TEXTS = st.text(max_size=6)
RESULTS = TEXTS | st.sampled_from(['{"a": 1}', "[1, 2]", "1", '{"a": '])


@st.composite
def turns_of_calls(draw: st.DrawFn) -> list[Message]:
    arguments = st.dictionaries(st.text(max_size=3), VALUES, max_size=2)
    ids = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    calls = [ToolCall(id=each, name=draw(NAMES), arguments=draw(arguments)) for each in ids]
    results = draw(st.permutations([ToolResult(id=each, text=draw(RESULTS)) for each in ids]))
    split = draw(st.integers(0, len(ids) - 1))
    groups = [tuple(results[:split]), tuple(results[split:])]
    answer = Message("assistant", (Text(draw(TEXTS)), *calls))
    return [answer, *(Message("tool", group) for group in groups if group)]


@st.composite
def turns_of_text(draw: st.DrawFn) -> list[Message]:
    role: Any = draw(st.sampled_from(["user", "assistant", "system"]))
    return [Message(role, (Text("x" + draw(TEXTS)),))]


@given(turns=st.lists(turns_of_calls() | turns_of_text(), max_size=6), signed=st.booleans())
def test_any_valid_conversation_is_valid_for_both_vendors(
    turns: list[list[Message]], *, signed: bool
) -> None:
    request = parse_request(
        [QUESTION, *(message for turn in turns for message in turn)], {"tools": TOOLS}
    )
    body = openai(request)
    check_openai(body["messages"])
    contents = gemini(*request.messages, card=SIGNED if signed else Card())
    check_gemini(contents)
    assert msgspec.json.decode(msgspec.json.encode(contents)) == contents
