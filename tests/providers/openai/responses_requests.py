"""Requests to the Responses API, and the bodies that they become."""

from typing import Any

import msgspec

from standby.plugin import (
    Media,
    Message,
    Only,
    Reasoning,
    Sampling,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

SOL = "gpt-5.6-sol"
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
    "thoughts, text, a call": (
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
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
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
