"""Bodies for Responses, pinned; and each is one that the SDK's own types allow."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter, ValidationError

from standby.plugin import (
    AttemptFailed,
    Card,
    Kind,
    Media,
    Message,
    ModelRequest,
    Only,
    Reasoning,
    Request,
    Sampling,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from standby_openai import OPTIONS
from standby_openai.responses_request import build_body
from tests.providers.openai.requests import CARDS

SOL = "gpt-5.6-sol"
CHOICES: dict[str, Any] = OPTIONS["properties"]  # type: ignore[assignment]
UNSTREAMED: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)
STREAMED: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)
QUESTION = Message("user", (Text("Which city?"),))
MINIMAL: dict[str, Any] = {
    "model": SOL,
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "Which city?"}]}],
    "store": False,
    "include": ["reasoning.encrypted_content"],
}
PARAMETERS = {"type": "object", "properties": {"word": {"type": "string"}}}
TOOL = Tool(name="look_up", description="Finds a word.", parameters=PARAMETERS)
BARE = Tool(name="now")
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
PNG, PNG_URL = (
    Media(media_type="image/png", data="aGk="),
    Media(media_type="image/png", url="https://x.example/a.png"),
)
PDF = Media(media_type="application/pdf", data="JVBERg==")
CSV = Media(media_type="text/csv", data="YQ==", name="a.csv")
THOUGHTS = [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAsecret"}]
ENCRYPTED = Reasoning(
    text="Hm.", provider_state=msgspec.json.encode(THOUGHTS).decode(), produced_by=f"openai/{SOL}"
)
LONG_ID = f"gemini-{'x' * 60}"


def model_request(
    *messages: Message,
    card: Card | None = None,
    options: Any = None,
    extra: Any = None,
    **rest: Any,
) -> ModelRequest:
    request = Request(messages or (QUESTION,), **rest)
    card = card or CARDS[SOL]
    return ModelRequest(
        request=request,
        model=SOL,
        card=card,
        options=options or {},
        timeout=60.0,
        extra=extra or {},
    )


def body(*messages: Message, **rest: Any) -> dict[str, Any]:
    return build_body(model_request(*messages, **rest), stream=False)


def check(body: dict[str, Any]) -> None:
    """Hold a body against the SDK's types; what they call an iterable is only looked at while one walks it."""
    assert (
        set(body)
        <= ResponseCreateParamsStreaming.__required_keys__
        | ResponseCreateParamsStreaming.__optional_keys__
    )
    completed = body | {"input": [add_required(item) for item in body["input"]]}
    walk(
        (STREAMED if body.get("stream") else UNSTREAMED).validate_json(
            msgspec.json.encode(completed)
        )
    )


def add_required(item: dict[str, Any]) -> dict[str, Any]:
    """Add what the types demand and the API does not: an answer's id and status (openai-python #3544), a picture's detail."""
    if "role" not in item:
        return item
    more: dict[str, Any] = {"output_text": {"annotations": []}, "input_image": {"detail": "auto"}}
    content = [more.get(part["type"], {}) | part for part in item["content"]]
    about = (
        {"id": "msg_1", "type": "message", "status": "completed"}
        if item["role"] == "assistant"
        else {}
    )
    return about | item | {"content": content}


def walk(value: Any) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            walk(inner)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for inner in value:
            walk(inner)


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def assistant(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text}],
    }


def picture(url: str) -> dict[str, Any]:
    return {"type": "input_image", "image_url": url}


def tool_item(name: str, description: str, parameters: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": parameters,
        "strict": False,
    }


INPUTS: dict[str, tuple[list[Message], list[dict[str, Any]]]] = {
    "text": ([QUESTION], MINIMAL["input"]),
    "two texts": (
        [Message("user", (Text("a"), Text("b")))],
        [user({"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"})],
    ),
    "system": (
        [Message("system", (Text("Be brief."),)), QUESTION],
        [
            {"role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
            *MINIMAL["input"],
        ],
    ),
    "an image": ([Message("user", (PNG,))], [user(picture("data:image/png;base64,aGk="))]),
    "an image's URL": (
        [Message("user", (Text("What?"), PNG_URL))],
        [user({"type": "input_text", "text": "What?"}, picture("https://x.example/a.png"))],
    ),
    "a PDF": (
        [Message("user", (PDF,))],
        [
            user(
                {
                    "type": "input_file",
                    "filename": "file.pdf",
                    "file_data": "data:application/pdf;base64,JVBERg==",
                }
            )
        ],
    ),
    "a PDF's URL": (
        [Message("user", (Media(media_type="application/pdf", url="https://x.example/a.pdf"),))],
        [user({"type": "input_file", "file_url": "https://x.example/a.pdf"})],
    ),
    "a file": (
        [Message("user", (CSV,))],
        [
            user(
                {
                    "type": "input_file",
                    "filename": "a.csv",
                    "file_data": "data:text/csv;base64,YQ==",
                }
            )
        ],
    ),
    "history": (
        [QUESTION, Message("assistant", (Text("Lisbon."),)), QUESTION],
        [*MINIMAL["input"], assistant("Lisbon."), *MINIMAL["input"]],
    ),
    "calls and results": (
        [
            Message(
                "assistant",
                (
                    ToolCall(
                        id="call_1", name="look_up", arguments={"word": "Zürich", "deep": [1, None]}
                    ),
                    ToolCall(id=LONG_ID, name="now", arguments={}, provider_state="a signature"),
                ),
            ),
            Message(
                "tool", (ToolResult(id="call_1", text="found"), ToolResult(id=LONG_ID, text=""))
            ),
        ],
        [
            {
                "type": "function_call",
                "call_id": "call_1",
                "name": "look_up",
                "arguments": '{"word":"Zürich","deep":[1,null]}',
            },
            {
                "type": "function_call",
                "call_id": "call_117208e3391da52e307a57af",
                "name": "now",
                "arguments": "{}",
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "found"},
            {
                "type": "function_call_output",
                "call_id": "call_117208e3391da52e307a57af",
                "output": "",
            },
        ],
    ),
    "results with pictures": (
        [
            Message(
                "tool",
                (
                    ToolResult(id="call_1", text="seen", media=(PNG,)),
                    ToolResult(id="call_2", text="", media=(PDF, PNG_URL)),
                ),
            )
        ],
        [
            {
                "type": "function_call_output",
                "call_id": "call_1",
                "output": [
                    {"type": "input_text", "text": "seen"},
                    picture("data:image/png;base64,aGk="),
                ],
            },
            {
                "type": "function_call_output",
                "call_id": "call_2",
                "output": [
                    {
                        "type": "input_file",
                        "filename": "file.pdf",
                        "file_data": "data:application/pdf;base64,JVBERg==",
                    },
                    picture("https://x.example/a.png"),
                ],
            },
        ],
    ),
    "thoughts before their call": (
        [
            Message(
                "assistant",
                (
                    ENCRYPTED,
                    ToolCall(id="call_1", name="now", arguments={}, produced_by=f"openai/{SOL}"),
                ),
            )
        ],
        [
            *THOUGHTS,
            {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": "{}"},
        ],
    ),
    "thoughts, words, a call": (
        [
            Message(
                "assistant",
                (ENCRYPTED, Text("Let me see."), ToolCall(id="call_1", name="now", arguments={})),
            )
        ],
        [
            *THOUGHTS,
            assistant("Let me see."),
            {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": "{}"},
        ],
    ),
}
OPTIONS_OF: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "temperature": (
        {"sampling": Sampling(temperature=0.5, top_p=0.9)},
        {"temperature": 0.5, "top_p": 0.9},
    ),
    "max_tokens": ({"sampling": Sampling(max_tokens=100)}, {"max_output_tokens": 100}),
    "effort": ({"sampling": Sampling(reasoning_effort="low")}, {"reasoning": {"effort": "low"}}),
    "effort, option": (
        {"options": {"reasoning_effort": "xhigh"}},
        {"reasoning": {"effort": "xhigh"}},
    ),
    "effort, both": (
        {"sampling": Sampling(reasoning_effort="none"), "options": {"reasoning_effort": "high"}},
        {"reasoning": {"effort": "none"}},
    ),
    "summary": ({"options": {"reasoning_summary": "auto"}}, {"reasoning": {"summary": "auto"}}),
    "effort and summary": (
        {"options": {"reasoning_effort": "max", "reasoning_summary": "detailed"}},
        {"reasoning": {"effort": "max", "summary": "detailed"}},
    ),
    "tier": ({"options": {"service_tier": "flex"}}, {"service_tier": "flex"}),
    "schema, strict": (
        {"schema": Schema(name="city of", json_schema=CLOSED, read=str)},
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "city_of",
                    "schema": CLOSED,
                    "strict": True,
                }
            }
        },
    ),
    "schema, open": (
        {"schema": Schema(name="city", json_schema=OPEN, read=str)},
        {
            "text": {
                "format": {"type": "json_schema", "name": "city", "schema": OPEN, "strict": False}
            }
        },
    ),
    "tools": (
        {"tools": (TOOL, BARE)},
        {
            "tools": [
                tool_item("look_up", "Finds a word.", PARAMETERS),
                tool_item("now", "", {"type": "object", "properties": {}}),
            ]
        },
    ),
    "no tool": (
        {"tools": (BARE,), "tool_choice": "none"},
        {"tools": [tool_item("now", "", BARE.parameters)], "tool_choice": "none"},
    ),
    "a tool": (
        {"tools": (BARE,), "tool_choice": "required"},
        {"tools": [tool_item("now", "", BARE.parameters)], "tool_choice": "required"},
    ),
    "that tool": (
        {"tools": (BARE,), "tool_choice": Only("now")},
        {
            "tools": [tool_item("now", "", BARE.parameters)],
            "tool_choice": {"type": "function", "name": "now"},
        },
    ),
    "one at a time": (
        {"tools": (BARE,), "sampling": Sampling(parallel_tool_calls=False)},
        {"tools": [tool_item("now", "", BARE.parameters)], "parallel_tool_calls": False},
    ),
    "no tools, no word of them": (
        {"tool_choice": "required", "sampling": Sampling(parallel_tool_calls=True)},
        {},
    ),
    "extra": (
        {
            "options": {"reasoning_effort": "low", "service_tier": "flex"},
            "extra": {
                "reasoning": {"summary": "auto"},
                "service_tier": "default",
                "store": True,
                "truncation": "auto",
            },
        },
        {
            "reasoning": {"effort": "low", "summary": "auto"},
            "service_tier": "default",
            "store": True,
            "truncation": "auto",
        },
    ),
}


@pytest.mark.parametrize("case", INPUTS)
def test_a_conversation_is_a_list_of_items(case: str) -> None:
    messages, items = INPUTS[case]
    assert body(*messages) == MINIMAL | {"input": items}


@pytest.mark.parametrize("case", INPUTS)
def test_the_sdks_types_allow_its_items(case: str) -> None:
    check(body(*INPUTS[case][0]))


@pytest.mark.parametrize("case", OPTIONS_OF)
def test_each_parameter_has_its_own_field(case: str) -> None:
    given, expected = OPTIONS_OF[case]
    assert body(**given) == MINIMAL | expected
    check(body(**given))


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": [{"role": "nobody", "content": []}]},
        {"tools": [{}]},
        {"store": "x"},
        {"stop": "x"},
    ],
)
def test_the_sdks_types_do_not_allow_everything(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        check(MINIMAL | wrong)


@pytest.mark.parametrize(
    ("option", "value"),
    [(name, value) for name, about in CHOICES.items() for value in about["enum"]],
)
def test_the_sdks_types_allow_each_value_of_each_option(option: str, value: str) -> None:
    check(body(options={option: value}))


def test_the_body_requests_a_stream() -> None:
    streaming = build_body(model_request(), stream=True)
    assert streaming == MINIMAL | {"stream": True}
    check(streaming)


@pytest.mark.parametrize("efforts", [None, ()])
def test_only_a_reasoning_model_is_asked_for_its_thoughts(efforts: Any) -> None:
    sent = body(card=msgspec.structs.replace(CARDS[SOL], efforts=efforts))
    assert sent == {name: value for name, value in MINIMAL.items() if name != "include"}
    check(sent)


@pytest.mark.parametrize("type_", ["audio/wav", "video/mp4"])
@pytest.mark.parametrize("in_result", [False, True])
def test_media_without_a_form_is_not_sent(type_: str, in_result: bool) -> None:
    media = Media(media_type=type_, data="aGk=")
    message = (
        Message("tool", (ToolResult(id="call_1", text="", media=(media,)),))
        if in_result
        else Message("user", (media,))
    )
    with pytest.raises(AttemptFailed) as caught:
        body(message)
    assert (caught.value.failure.kind, caught.value.failure.message) == (
        Kind.UNSUPPORTED,
        f"not sent: Responses does not take {type_}",
    )


@pytest.mark.parametrize(
    ("sampling", "names"),
    [
        (Sampling(stop=("x",)), "stop"),
        (Sampling(seed=0), "seed"),
        (Sampling(presence_penalty=0.0), "presence_penalty"),
        (Sampling(frequency_penalty=1), "frequency_penalty"),
        (Sampling(frequency_penalty=1, seed=1, stop=()), "stop, seed, frequency_penalty"),
    ],
)
def test_a_parameter_that_responses_lacks_is_named(sampling: Sampling, names: str) -> None:
    with pytest.raises(AttemptFailed) as caught:
        body(sampling=sampling)
    message = f"not sent: Responses has no {names}; put it under the model's 'drop'"
    assert (caught.value.failure.kind, caught.value.failure.message) == (Kind.UNSUPPORTED, message)


def test_the_cards_of_models_on_responses_refuse_what_it_lacks() -> None:
    lacking = {"top_k", "stop", "seed", "presence_penalty", "frequency_penalty"}
    cards = [card for card in CARDS.values() if (card.wire or {}).get("api") == "responses"]
    assert cards
    assert all(lacking <= set(card.refuses or ()) for card in cards)


@pytest.mark.parametrize("root", [{"type": "array"}, {"type": "object", "anyOf": [CLOSED]}])
def test_a_schema_without_an_object_at_its_root_is_not_sent(root: dict[str, Any]) -> None:
    with pytest.raises(AttemptFailed) as caught:
        body(schema=Schema(name="x", json_schema=root, read=str))
    assert caught.value.failure.kind is Kind.UNSUPPORTED


def test_unencrypted_thoughts_are_omitted() -> None:
    assert body(
        QUESTION, Message("assistant", (Reasoning(text="Hm."), Text("Lisbon.")))
    ) == MINIMAL | {"input": [*MINIMAL["input"], assistant("Lisbon.")]}
