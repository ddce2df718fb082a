"""The content of a conversation, read from a request or back from a vendor's body.

A content is a vendor-neutral list: ("user", text), ("call", name, arguments), ("media", data or
URL), ("result", the distance to its call, its value).
"""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from standby.types import Media, Message, Text, ToolCall, ToolResult

JSON = dict[str, Any]
Content = list[tuple[Any, ...]]


class _Collector:
    """Collects items in order, and finds the call of each result."""

    def __init__(self) -> None:
        self.items: Content = []
        self._calls: dict[str, int] = {}

    def add_text(self, role: str, text: str) -> None:
        if text:
            self.items.append((role, text))

    def add_media(self, source: str) -> None:
        self.items.append(("media", source))

    def add_call(self, call_id: str, name: str, arguments: Any) -> None:
        self._calls[call_id] = len(self.items)
        self.items.append(("call", name, arguments))

    def add_result(self, call_id: str, value: Any) -> None:
        self.items.append(("result", len(self.items) - self._calls[call_id], value))

    def merge(self) -> Content:
        """Return the items, with consecutive texts of one role joined."""
        joined: Content = []
        for role, group in groupby(self.items, key=_text_role):
            items = list(group)
            joined += [(role, "".join(text for _, text in items))] if role else items
        return joined


def _text_role(item: tuple[Any, ...]) -> str | None:
    return item[0] if len(item) == 2 and item[0] != "media" else None


def read_messages(messages: Sequence[Message], *, gemini: bool) -> Content:
    """Read a conversation; for Gemini the system's text comes first, and results are objects."""
    collector = _Collector()
    if gemini:
        messages = sorted(messages, key=lambda message: message.role != "system")
    for message in messages:
        for part in message.parts:
            match part:
                case Text():
                    collector.add_text(message.role, part.text)
                case Media():
                    collector.add_media(part.data or part.url)
                case ToolCall():
                    collector.add_call(part.id, part.name, part.arguments)
                case ToolResult():
                    _read_result(collector, part, gemini=gemini)
                case _:
                    pass  # a thought
    return collector.merge()


def _read_result(collector: _Collector, result: ToolResult, *, gemini: bool) -> None:
    collector.add_result(result.id, _wrap(result.text) if gemini else result.text)
    for media in result.media:
        collector.add_media(media.data or media.url)


def _wrap(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return value if isinstance(value, dict) else {"result": value}


def read_gemini(body: JSON) -> Content:
    """Read a body of generateContent."""
    collector = _Collector()
    for part in body.get("systemInstruction", {"parts": []})["parts"]:
        collector.add_text("system", part["text"])
    for content in body["contents"]:
        role = {"user": "user", "model": "assistant"}[content["role"]]
        for part in content["parts"]:
            _read_gemini_part(collector, role, part)
    return collector.merge()


def _read_gemini_part(collector: _Collector, role: str, part: JSON) -> None:
    if "text" in part:
        collector.add_text(role, part["text"])
    elif "functionCall" in part:
        call = part["functionCall"]
        collector.add_call(call["id"], call["name"], call["args"])
    elif "functionResponse" in part:
        result = part["functionResponse"]
        collector.add_result(result["id"], result["response"])
        for media in result.get("parts", []):
            collector.add_media(_gemini_source(media))
    else:
        collector.add_media(_gemini_source(part))


def _gemini_source(part: JSON) -> str:
    source: str = (
        part["inlineData"]["data"] if "inlineData" in part else part["fileData"]["fileUri"]
    )
    return source


def read_chat(body: JSON) -> Content:
    """Read a body of Chat Completions."""
    collector = _Collector()
    for message in body["messages"]:
        if message["role"] == "tool":
            collector.add_result(message["tool_call_id"], message["content"])
            continue
        _read_parts(collector, message["role"], message["content"] or "")
        for call in message.get("tool_calls", []):
            function = call["function"]
            collector.add_call(call["id"], function["name"], json.loads(function["arguments"]))
    return collector.merge()


def read_responses(body: JSON) -> Content:
    """Read a body of Responses."""
    collector = _Collector()
    for item in body["input"]:
        match item.get("type", "message"):
            case "function_call":
                collector.add_call(item["call_id"], item["name"], json.loads(item["arguments"]))
            case "function_call_output":
                _read_output(collector, item)
            case "message":
                _read_parts(collector, item["role"], item["content"])
            case _:
                pass  # a thought
    return collector.merge()


def _read_output(collector: _Collector, item: JSON) -> None:
    output = item["output"]
    if isinstance(output, str):
        collector.add_result(item["call_id"], output)
        return
    collector.add_result(item["call_id"], "".join(part.get("text", "") for part in output))
    _read_parts(collector, "tool", [part for part in output if "text" not in part])


def _read_parts(collector: _Collector, role: str, content: Any) -> None:
    if isinstance(content, str):
        collector.add_text(role, content)
        return
    for part in content:
        if "text" in part:
            collector.add_text(role, part["text"])
        else:
            collector.add_media(_openai_source(part))


def _openai_source(part: JSON) -> str:
    """Return the data or the URL of a media part, wherever OpenAI's two APIs put it."""
    inner = part.get(part["type"], part)
    inner = inner if isinstance(inner, dict) else part
    names = ("url", "image_url", "file_url", "file_data", "data")
    url: str = next(inner[name] for name in names if name in inner)
    return url.partition(";base64,")[2] if url.startswith("data:") else url


def read_tools(body: JSON) -> list[tuple[str, str, Any]]:
    """Read the names, descriptions and schemas of a body's tools."""
    declared = [
        function
        for tool in body.get("tools", [])
        for function in tool.get("functionDeclarations", [tool.get("function", tool)])
    ]
    return [
        (
            function["name"],
            function.get("description", ""),
            function.get("parametersJsonSchema", function.get("parameters")),
        )
        for function in declared
    ]


def read_schema(body: JSON) -> Any:
    """Read the schema of the answer."""
    schemas = (
        body.get("response_format", {}).get("json_schema", {}).get("schema"),
        body.get("text", {}).get("format", {}).get("schema"),
        body.get("generationConfig", {}).get("responseJsonSchema"),
    )
    return next(filter(None, schemas), None)
