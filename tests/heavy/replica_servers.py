"""A model that is scripted by rule, on the wires of two vendors, and the faults of the first of them.

In each turn it first asks for a tool, and then answers with what it finds in the history: whose
conversation it is, and what all the tools have said. So what it answers shows whether the history
was whole, and whether it was the user's own.
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


class Heard(msgspec.Struct, frozen=True):
    """What a request holds of a conversation, whichever vendor's words it is in."""

    said: tuple[str, ...]
    told: tuple[str, ...]
    pictures: int
    last: str
    streamed: bool

    @property
    def customer(self) -> str:
        """Whose conversation it is; all of them, if there are several."""
        return "+".join(sorted(set(re.findall(r"I am (U\d+)", " ".join(self.said))))) or "nobody"

    @property
    def at(self) -> tuple[int, str]:
        return len(self.said), self.last


def answer_text(customer: str, told: Iterable[str]) -> str:
    """What the scripted model answers to a customer, in whom it has faith."""
    return f"Dear {customer}, this is all that I know of you: {'; '.join(told)}. Is there anything else?"


class Turn(msgspec.Struct, frozen=True):
    """What the model says next: a tool's name and arguments, or words."""

    tool: str = ""
    arguments: dict[str, Any] = {}
    words: tuple[str, ...] = ()


def next_turn(heard: Heard) -> Turn:
    if heard.last == "user":
        if len(heard.told) == 0:
            return Turn(tool="check_price", arguments={"customer": heard.customer, "kwh": 350})
        return Turn(tool="book_visit", arguments={"customer": heard.customer, "day": "Tuesday"})
    text = answer_text(heard.customer, heard.told)
    third = len(text) // 3
    return Turn(words=(text[:third], text[third : 2 * third], text[2 * third :]))


# Gemini's wire


def _result(response: dict[str, Any]) -> str:
    return str(response.get("result", response.get("output", response)))


def hear_gemini(request: Received) -> Heard:
    contents = request.json["contents"]
    parts = [(content["role"], part) for content in contents for part in content["parts"]]
    told = [
        _result(part["functionResponse"]["response"])
        for _, part in parts
        if "functionResponse" in part
    ]
    said = [part["text"] for role, part in parts if role == "user" and part.get("text")]
    last = "tool" if "functionResponse" in contents[-1]["parts"][-1] else "user"
    pictures = sum("inlineData" in part for _, part in parts)
    return Heard(tuple(said), tuple(told), pictures, last, "stream" in request.path)


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


def say_gemini(turn: Turn, *, streamed: bool) -> Answer:
    call = {"functionCall": {"name": turn.tool, "args": turn.arguments}}
    parts: list[Any] = [call] if turn.tool else [{"text": word} for word in turn.words]
    if not streamed:
        whole = parts if turn.tool else [{"text": "".join(turn.words)}]
        return respond(200, gemini_payload(whole, "STOP"))
    ends = [None] * (len(parts) - 1) + ["STOP"]
    return events(
        [gemini_payload([part], end) for part, end in zip(parts, ends, strict=True)], "\r\n\r\n"
    )


# OpenAI's wire


def hear_openai(request: Received) -> Heard:
    messages = request.json["messages"]
    users = [message["content"] for message in messages if message["role"] == "user"]
    parts = [part for content in users if isinstance(content, list) for part in content]
    words = [
        content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
        for content in users
    ]
    told = [message["content"] for message in messages if message["role"] == "tool"]
    texts = [
        text if isinstance(text, str) else "".join(part["text"] for part in text) for text in told
    ]
    pictures = sum(part["type"] == "image_url" for part in parts)
    return Heard(
        tuple(words), tuple(texts), pictures, messages[-1]["role"], bool(request.json.get("stream"))
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


def say_openai(turn: Turn, model: str, *, streamed: bool) -> Answer:
    function = {"name": turn.tool, "arguments": json.dumps(turn.arguments)}
    calls = [{"index": 0, "id": f"call_{turn.tool}", "type": "function", "function": function}]
    finish = "tool_calls" if turn.tool else "stop"
    if not streamed:
        said = {
            "role": "assistant",
            "content": "".join(turn.words) or None,
            **({"tool_calls": calls} if turn.tool else {}),
        }
        choice = {"index": 0, "message": said, "finish_reason": finish}
        return respond(200, _openai("chat.completion", model, [choice], usage=OPENAI_USAGE))
    deltas: list[Any] = (
        [{"tool_calls": calls}] if turn.tool else [{"content": word} for word in turn.words]
    )
    made = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    made.append({"index": 0, "delta": {}, "finish_reason": finish})
    chunks: list[Any] = [_openai("chat.completion.chunk", model, [choice]) for choice in made]
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
    "This model's maximum context length is 200000 tokens. Please reduce the length of the messages.",
    kind="invalid_request_error",
    code="context_length_exceeded",
)

FaultAnswer = Callable[[bool], Answer]


class World:
    """Both servers; the first fails as it is told to, at the step that it is told. A context manager."""

    def __init__(self) -> None:
        self.gemini, self.openai = Loopback(), Loopback()
        self.answered: dict[str, list[tuple[str, Heard]]] = {}
        self.well()

    def well(self) -> None:
        """Let the first model be well from now on."""
        self.fault: FaultAnswer | None = None
        self.step: Step = "any"
        self.too_long = False

    def fail(self, fault: FaultAnswer, step: Step = "any", *, too_long: bool = False) -> None:
        """Let the first model fail, and say whether the conversation is too long for the others, too."""
        self.fault, self.step, self.too_long = fault, step, too_long

    def __enter__(self) -> Self:
        self.gemini.__enter__()
        self.openai.__enter__()
        self.gemini.answer, self.openai.answer = self._gemini, self._openai
        return self

    def __exit__(self, *_: object) -> None:
        self.openai.__exit__()
        self.gemini.__exit__()

    def _fails(self, heard: Heard) -> bool:
        return STEPS[self.step] in (None, heard.at)

    def _gemini(self, request: Received) -> Answer:
        heard = hear_gemini(request)
        if self.fault is not None and self._fails(heard):
            return self.fault(heard.streamed)
        self.answered.setdefault(heard.customer, []).append(("gemini-2.5-pro", heard))
        return say_gemini(next_turn(heard), streamed=heard.streamed)

    def _openai(self, request: Received) -> Answer:
        heard, model = hear_openai(request), request.json["model"]
        if heard.pictures and model == "o3-mini":
            return NO_PICTURES
        if self.too_long and self._fails(heard):
            return TOO_LONG
        self.answered.setdefault(heard.customer, []).append((model, heard))
        dated = {"o3-mini": "o3-mini-2025-01-31", "gpt-4o": "gpt-4o-2024-08-06"}[model]
        return say_openai(next_turn(heard), dated, streamed=heard.streamed)
