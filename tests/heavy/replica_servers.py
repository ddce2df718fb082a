"""A model scripted by rule, on the wires of two vendors, and the faults of the first one.

In each turn it first calls a tool, and then answers with what it finds in the history: whose
conversation it is, and all results of the tools. So its answer shows whether the history was
complete, and whether it was the user's own.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, Self

import msgspec

from standby.testing import events
from tests.support.loopback import (
    GEMINI_USAGE,
    OPENAI_USAGE,
    Answer,
    Loopback,
    Received,
    openai_error,
    respond,
)

Step = Literal["first call", "after the tool", "second turn", "any"]
STEPS: dict[Step, tuple[int, str] | None] = {
    "first call": (1, "user"),
    "after the tool": (1, "tool"),
    "second turn": (2, "user"),
    "any": None,
}


class ParsedRequest(msgspec.Struct, frozen=True):
    """What a request holds of a conversation, on either wire."""

    user_texts: tuple[str, ...]
    tool_results: tuple[str, ...]
    pictures: int
    last: str
    streamed: bool

    @property
    def customer(self) -> str:
        """Whose conversation it is; all of them, if there are several."""
        return (
            "+".join(sorted(set(re.findall(r"I am (U\d+)", " ".join(self.user_texts)))))
            or "no customer"
        )

    @property
    def at(self) -> tuple[int, str]:
        return len(self.user_texts), self.last


def answer_text(customer: str, results: Iterable[str]) -> str:
    """What the scripted model answers to a customer."""
    results_text = "; ".join(results)
    return (
        f"Dear {customer}, this is all that I know of you: {results_text}. Is there anything else?"
    )


class Turn(msgspec.Struct, frozen=True):
    """What the model says next: a tool's name and arguments, or pieces of text."""

    tool: str = ""
    arguments: dict[str, Any] = {}
    pieces: tuple[str, ...] = ()


def next_turn(parsed: ParsedRequest) -> Turn:
    if parsed.last == "user":
        if len(parsed.tool_results) == 0:
            return Turn(tool="check_price", arguments={"customer": parsed.customer, "kwh": 350})
        return Turn(tool="book_visit", arguments={"customer": parsed.customer, "day": "Tuesday"})
    text = answer_text(parsed.customer, parsed.tool_results)
    third = len(text) // 3
    return Turn(pieces=(text[:third], text[third : 2 * third], text[2 * third :]))


# Gemini's wire


def _result(response: dict[str, Any]) -> str:
    return str(response.get("result", response.get("output", response)))


def parse_gemini(request: Received) -> ParsedRequest:
    contents = request.json["contents"]
    parts = [(content["role"], part) for content in contents for part in content["parts"]]
    results = [
        _result(part["functionResponse"]["response"])
        for _, part in parts
        if "functionResponse" in part
    ]
    texts = [part["text"] for role, part in parts if role == "user" and part.get("text")]
    last = "tool" if "functionResponse" in contents[-1]["parts"][-1] else "user"
    pictures = sum("inlineData" in part for _, part in parts)
    return ParsedRequest(tuple(texts), tuple(results), pictures, last, "stream" in request.path)


def gemini_payload(parts: list[Any], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": GEMINI_USAGE,
        "modelVersion": "gemini-2.5-pro",
        "responseId": "w1peaMz6INOv",
    }


def answer_gemini(turn: Turn, *, streamed: bool) -> Answer:
    call = {"functionCall": {"name": turn.tool, "args": turn.arguments}}
    parts: list[Any] = [call] if turn.tool else [{"text": piece} for piece in turn.pieces]
    if not streamed:
        complete = parts if turn.tool else [{"text": "".join(turn.pieces)}]
        return respond(200, gemini_payload(complete, "STOP"))
    ends = [None] * (len(parts) - 1) + ["STOP"]
    return events(
        [gemini_payload([part], end) for part, end in zip(parts, ends, strict=True)], "\r\n\r\n"
    )


# OpenAI's wire


def parse_openai(request: Received) -> ParsedRequest:
    messages = request.json["messages"]
    users = [message["content"] for message in messages if message["role"] == "user"]
    parts = [part for content in users if isinstance(content, list) for part in content]
    user_texts = [
        content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        for content in users
    ]
    results = [message["content"] for message in messages if message["role"] == "tool"]
    texts = [
        text if isinstance(text, str) else "".join(part["text"] for part in text)
        for text in results
    ]
    pictures = sum(part["type"] == "image_url" for part in parts)
    return ParsedRequest(
        tuple(user_texts),
        tuple(texts),
        pictures,
        messages[-1]["role"],
        bool(request.json.get("stream")),
    )


def _openai(kind: str, model: str, choices: list[Any], **rest: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-BMSBsbj",
        "object": kind,
        "created": 1_790_000_000,
        "model": model,
        "choices": choices,
        **rest,
    }


def answer_openai(turn: Turn, model: str, *, streamed: bool) -> Answer:
    function = {"name": turn.tool, "arguments": json.dumps(turn.arguments)}
    calls = [{"index": 0, "id": f"call_{turn.tool}", "type": "function", "function": function}]
    finish = "tool_calls" if turn.tool else "stop"
    if not streamed:
        message = {
            "role": "assistant",
            "content": "".join(turn.pieces) or None,
            **({"tool_calls": calls} if turn.tool else {}),
        }
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return respond(200, _openai("chat.completion", model, [choice], usage=OPENAI_USAGE))
    deltas: list[Any] = (
        [{"tool_calls": calls}] if turn.tool else [{"content": piece} for piece in turn.pieces]
    )
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    chunks: list[Any] = [_openai("chat.completion.chunk", model, [choice]) for choice in choices]
    return events(
        [
            *chunks,
            _openai("chat.completion.chunk", model, [], usage=OPENAI_USAGE),
            b"data: [DONE]\n\n",
        ]
    )


NO_PICTURES = openai_error(
    400,
    "Invalid content type. image_url is only supported by certain models.",
    kind="invalid_request_error",
)
TOO_LONG = openai_error(
    400,
    "This model's maximum context length is 200000 tokens. "
    "Please reduce the length of the messages.",
    kind="invalid_request_error",
    code="context_length_exceeded",
)

FaultAnswer = Callable[[bool], Answer]


class World:
    """Both servers, as a context manager; the first fails as it is set to, at one step."""

    def __init__(self) -> None:
        self.gemini, self.openai = Loopback(), Loopback()
        self.answered: dict[str, list[tuple[str, ParsedRequest]]] = {}
        self.recover()

    def recover(self) -> None:
        """Let the first model answer from now on."""
        self.fault: FaultAnswer | None = None
        self.step: Step = "any"
        self.too_long = False

    def fail(self, fault: FaultAnswer, step: Step = "any", *, too_long: bool = False) -> None:
        """Let the first model fail; `too_long`: the conversation is too long for the others too."""
        self.fault, self.step, self.too_long = fault, step, too_long

    def __enter__(self) -> Self:
        self.gemini.__enter__()
        self.openai.__enter__()
        self.gemini.answer, self.openai.answer = self._gemini, self._openai
        return self

    def __exit__(self, *_: object) -> None:
        self.openai.__exit__()
        self.gemini.__exit__()

    def _fails(self, parsed: ParsedRequest) -> bool:
        return STEPS[self.step] in (None, parsed.at)

    def _gemini(self, request: Received) -> Answer:
        parsed = parse_gemini(request)
        if self.fault is not None and self._fails(parsed):
            return self.fault(parsed.streamed)
        self.answered.setdefault(parsed.customer, []).append(("gemini-2.5-pro", parsed))
        return answer_gemini(next_turn(parsed), streamed=parsed.streamed)

    def _openai(self, request: Received) -> Answer:
        parsed, model = parse_openai(request), request.json["model"]
        if parsed.pictures and model == "o3-mini":
            return NO_PICTURES
        if self.too_long and self._fails(parsed):
            return TOO_LONG
        self.answered.setdefault(parsed.customer, []).append((model, parsed))
        dated = {"o3-mini": "o3-mini-2025-01-31", "gpt-4o": "gpt-4o-2024-08-06"}[model]
        return answer_openai(next_turn(parsed), dated, streamed=parsed.streamed)
