"""The plugins that come with standby pass the suite that other authors' plugins are held to."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from standby.plugin import Kind
from standby.testing import Answer, Conformance, respond
from tests.providers.anthropic import wire_server as messages
from tests.support.loopback import (
    GEMINI_500,
    GEMINI_503,
    GEMINI_BAD_KEY,
    OPENAI_404,
    OPENAI_429_QUOTA,
    OPENAI_500,
    OPENAI_503,
    events,
    gemini_error,
    gemini_reply,
    gemini_stream,
    openai_error,
    openai_reply,
    openai_stream,
)
from tests.support.responses_wire import (
    call_item,
    events_of_response,
    message_item,
    openai_response,
    openai_response_stream,
    play_events,
    response,
)

KEY = "sk-canary-that-opens-nothing-81d0"
CODES = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "api_error", 503: "api_error"}


class TestGemini(Conformance):
    plugin = "gemini"
    model = "gemini-2.5-pro"
    key = KEY
    errors: ClassVar[Mapping[Kind, Answer]] = {
        Kind.OVERLOADED: GEMINI_503,
        Kind.SERVER_ERROR: GEMINI_500,
        Kind.UNAUTHORIZED: GEMINI_BAD_KEY,
        Kind.BLOCKED: respond(200, {"promptFeedback": {"blockReason": "SAFETY"}}),
    }

    def reply(self, text: str) -> Answer:
        return gemini_reply(text)

    def stream(self, texts: Sequence[str]) -> Answer:
        return gemini_stream(texts)

    def error(self, status: int, message: str) -> Answer:
        return gemini_error(status, CODES[status], message)

    def tool_call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        return respond(200, self._called(name, arguments))

    def tool_stream(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        return events([self._called(name, arguments)])

    def _called(self, name: str, arguments: Mapping[str, Any]) -> Any:
        empty_reply = gemini_reply("").body
        answer = msgspec.json.decode(empty_reply)
        answer["candidates"][0]["content"]["parts"] = [
            {"functionCall": {"name": name, "args": arguments}}
        ]
        return answer


class TestOpenAI(Conformance):
    plugin = "openai"
    model = "o3-mini"
    key = KEY
    path = "/v1"
    errors: ClassVar[Mapping[Kind, Answer]] = {
        Kind.OVERLOADED: OPENAI_503,
        Kind.SERVER_ERROR: OPENAI_500,
        Kind.MODEL_MISSING: OPENAI_404,
        Kind.QUOTA_EXHAUSTED: OPENAI_429_QUOTA,
    }

    def reply(self, text: str) -> Answer:
        return openai_reply(text)

    def stream(self, texts: Sequence[str]) -> Answer:
        return openai_stream(texts)

    def error(self, status: int, message: str) -> Answer:
        return openai_error(status, message, kind="an_error")

    def tool_call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        function = {"name": name, "arguments": json.dumps(arguments)}
        calls = [{"id": "call_1", "type": "function", "function": function}]
        return openai_reply(None, finish="tool_calls", tool_calls=calls)

    def tool_stream(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        written = json.dumps(arguments)
        begun = {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        pieces = [
            {"index": 0, "function": {"arguments": written[at : at + 4]}}
            for at in range(0, len(written), 4)
        ]
        first = {"role": "assistant", "content": None, "tool_calls": [begun]}
        deltas: list[Any] = [first, *({"tool_calls": [piece]} for piece in pieces)]
        chunks = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        return events(
            [
                *chunks,
                {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
                b"data: [DONE]\n\n",
            ]
        )


class TestResponses(Conformance):
    plugin = "openai"
    model = "gpt-5.6-sol"
    key = KEY
    path = "/v1"
    errors: ClassVar[Mapping[Kind, Answer]] = TestOpenAI.errors

    def reply(self, text: str) -> Answer:
        return openai_response(message_item(text))

    def stream(self, texts: Sequence[str]) -> Answer:
        return play_events(events_of_response(response(message_item("".join(texts)))))

    def error(self, status: int, message: str) -> Answer:
        return openai_error(status, message, kind="an_error")

    def tool_call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        return openai_response(call_item(name, json.dumps(arguments)))

    def tool_stream(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        return openai_response_stream(call_item(name, json.dumps(arguments)))


class TestAnthropic(Conformance):
    plugin = "anthropic"
    model = "claude-haiku-5-5"
    key = KEY
    errors: ClassVar[Mapping[Kind, Answer]] = {
        Kind.OVERLOADED: respond(529, messages.OVERLOADED),
        Kind.UNAUTHORIZED: messages.error(401, "authentication_error", "invalid x-api-key"),
        Kind.MODEL_MISSING: messages.error(404, "not_found_error", "model: claude-1"),
    }

    def reply(self, text: str) -> Answer:
        return respond(200, messages.message(messages.text_block(text)))

    def stream(self, texts: Sequence[str]) -> Answer:
        return messages.stream(
            messages.events(messages.message(messages.text_block("".join(texts))))
        )

    def error(self, status: int, message: str) -> Answer:
        return messages.error(status, TYPES[status], message)

    def tool_call(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        return respond(200, self._called(name, arguments))

    def tool_stream(self, name: str, arguments: Mapping[str, Any]) -> Answer:
        return messages.stream(messages.events(self._called(name, arguments)))

    def _called(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return messages.message(messages.tool_use("toolu_1", name, arguments), stop="tool_use")
