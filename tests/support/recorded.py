"""Recorded answers as they were on the wire, the other form of each, and the real adapters that read them."""

import random
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec

from standby.plugin import (
    AttemptFailed,
    Card,
    Chunk,
    Failure,
    Message,
    ModelRequest,
    Provider,
    Reply,
    Request,
    Secret,
    Text,
    decode_json,
    iter_events,
)
from standby_anthropic.adapter import AnthropicAdapter
from standby_gemini.adapter import GeminiAdapter
from standby_openai.adapter import OpenAIAdapter
from tests.oracles import expected_of_others, expected_of_own
from tests.oracles.expected import Failed, Said, Wire
from tests.providers.anthropic.wire_server import events as anthropic_events
from tests.support.loopback import Answer, Loopback
from tests.support.recordings import OTHERS, body_of, cassette

ROWS: dict[str, Said | Failed] = expected_of_own.OWN | (expected_of_others.OTHERS if OTHERS else {})
"""What is here: a file, or a cassette's file and the number of the interaction; its wire, and what it is read as."""

PLUGINS: dict[Wire, str] = {
    "gemini": "gemini",
    "vertex": "gemini",
    "chat": "openai",
    "responses": "openai",
    "anthropic": "anthropic",
}
PATHS: dict[Wire, str] = {
    "gemini": "",
    "vertex": "",
    "chat": "/v1",
    "responses": "/v1",
    "anthropic": "",
}
ENDS = {"response.completed", "response.incomplete", "response.failed"}
CALLS = ("enerateContent", "/chat/completions", "/responses", "/messages")
NO_DATA = {"README.md", "LICENSE"}


class Recorded(msgspec.Struct, frozen=True):
    """One answer: whether it was streamed, and all that was sent. `status` is 0 where only the body was kept."""

    streamed: bool
    status: int
    content_type: str
    body: bytes
    encoding: str = ""

    @property
    def plain(self) -> bytes:
        return zlib.decompress(self.body, wbits=31) if self.encoding else self.body

    def answer(self, status: int, *, cuts: Sequence[int] = ()) -> Answer:
        """Return what the server plays; each cut begins a piece of its own, which is sent after the last has gone."""
        headers = {"Content-Type": self.content_type} | (
            {"Content-Encoding": self.encoding} if self.encoding else {}
        )
        edges = [0, *cuts, len(self.body)]
        pieces = [(0.001 if at else 0.0, self.body[at:end]) for at, end in pairwise(edges)]
        framing: Literal["chunked", "length"] = "chunked" if self.streamed else "length"
        return Answer(
            status=self.status or status, pieces=tuple(pieces), headers=headers, framing=framing
        )


def files(folder: Path) -> set[str]:
    """Name every recorded file of a folder."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name not in NO_DATA)
    return {path.relative_to(folder).as_posix() for path in found}


def answers_in(name: str) -> list[str]:
    """Name the answers in a file: itself, or each of a cassette that is a model's (`path.yaml#2` is its third interaction)."""
    if not name.endswith(".yaml"):
        return [name]
    asked = enumerate(turn["request"] for turn in cassette(name))
    return [f"{name}#{number}" for number, one in asked if any(path in _url(one) for path in CALLS)]


@cache
def recorded(name: str) -> Recorded:
    """Return one answer of the recordings, with its bytes as they came."""
    file, _, number = name.partition("#")
    if file.endswith(".json"):
        return Recorded(
            streamed=False, status=0, content_type="application/json", body=body_of(name)
        )
    if file.endswith(".txt"):
        raw = body_of(name)
        lines = [line for line in raw.splitlines() if line]
        framed = sse(decode_json(line) for line in lines) if file.endswith(".chunks.txt") else raw
        refused = raw.lstrip().startswith(b"{") and framed is raw
        return Recorded(
            streamed=True,
            status=0 if refused else 200,
            content_type="text/event-stream",
            body=framed,
        )
    turn = cassette(file)[int(number)]
    response, url = turn["response"], _url(turn["request"])
    status = response.get("code") or response["status"]
    status = int(status["code"] if isinstance(status, dict) else status)
    headers = {key.lower(): value[0] for key, value in response["headers"].items()}
    plain = body_of(name)
    kept = response.get("body")
    sent: Any = kept.get("string") if isinstance(kept, dict) else b""
    packed: bytes = sent if isinstance(sent, bytes) and sent.startswith(b"\x1f\x8b") else b""
    kind = headers["content-type"]
    streamed = "stream" in kind or ":streamGenerateContent" in url
    return Recorded(streamed, status, kind, packed or plain, "gzip" if packed else "")


def as_events(name: str) -> Recorded:
    """Return a recorded stream as events; one that was asked for without alt=sse is a JSON list of the same objects."""
    one = recorded(name)
    if not one.streamed or not one.plain.startswith(b"["):
        return one
    return Recorded(
        True, one.status, "text/event-stream", sse(decode_json(one.plain), end="\r\n\r\n")
    )


def _url(asked: dict[str, Any]) -> str:
    return str(asked.get("uri") or asked["url"])


# Asking


@asynccontextmanager
async def adapter(wire: Wire, url: str) -> AsyncIterator[Any]:
    """Give the vendor's real adapter, for a server of ours."""
    plugin = PLUGINS[wire]
    adapters: dict[str, Any] = {
        "gemini": GeminiAdapter,
        "openai": OpenAIAdapter,
        "anthropic": AnthropicAdapter,
    }
    made = adapters[plugin](
        Provider(
            plugin=plugin,
            base_url=url + PATHS[wire],
            api_key=Secret("a-key-that-opens-nothing"),
            options={"express": True} if wire == "vertex" else {},
        )
    )
    try:
        yield made
    finally:
        await made.aclose()


def call(wire: Wire) -> ModelRequest:
    card = Card(wire={"api": "responses"}) if wire == "responses" else Card()
    request = Request((Message("user", (Text("Which city?"),)),))
    return ModelRequest(request=request, model="a-model", card=card, options={}, timeout=60.0)


def gathered(chunks: Iterable[Chunk]) -> Reply:
    """Put a stream's chunks together, as the dispatcher does; the last must be the end."""
    *pieces, last = chunks
    assert last.end is not None
    assert all(chunk.end is None for chunk in pieces)
    return Reply(
        text="".join(chunk.text for chunk in pieces),
        reasoning="".join(chunk.reasoning for chunk in pieces),
        provider_state=last.end.provider_state,
        tool_calls=tuple(chunk.tool_call for chunk in pieces if chunk.tool_call is not None),
        finish=last.end.finish,
        usage=last.end.usage,
        response_model=last.end.response_model,
        id=last.end.id,
    )


class Outcome(msgspec.Struct):
    """What came of one call."""

    chunks: list[Chunk]
    reply: Reply | None = None
    failure: Failure | None = None

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)


async def outcome(server: Loopback, wire: Wire, answer: Answer, *, stream: bool) -> Outcome:
    """Let the real adapter ask, and the server play the answer."""
    server.script(answer)
    got = Outcome([])
    async with adapter(wire, server.url) as made:
        try:
            if not stream:
                return Outcome([], await made.complete(call(wire)))
            async for chunk in made.stream(call(wire)):
                got.chunks.append(chunk)
        except AttemptFailed as error:
            got.failure = error.failure
            return got
    got.reply = gathered(got.chunks)
    return got


# Framing


def sse(payloads: Iterable[Any], *, end: str = "\n\n", done: bool = False) -> bytes:
    frames = [b"data: " + msgspec.json.encode(payload) + end.encode() for payload in payloads]
    return b"".join(frames) + (b"data: [DONE]\n\n" if done else b"")


async def payloads_of(body: bytes) -> list[Any]:
    """Return what the events of a stream hold."""

    async def once() -> AsyncIterator[bytes]:
        yield body

    return [
        decode_json(event.data)
        async for event in iter_events(once())
        if event.data not in ("", "[DONE]")
    ]


def cuts_of(body: bytes, count: int, seed: str) -> list[int]:
    """Choose where a body is cut: anywhere, and inside some of its characters."""
    chance = random.Random(seed)
    inside = [at for at, byte in enumerate(body) if byte & 0xC0 == 0x80]
    places = chance.sample(range(1, len(body)), min(count, len(body) - 1)) + chance.sample(
        inside, min(5, len(inside))
    )
    return sorted(set(places))


def pieces(text: str, count: int = 3) -> Iterator[str]:
    """Cut a text in about as many pieces."""
    step = max(1, -(-len(text) // count))
    return (text[at : at + step] for at in range(0, len(text), step))


# The other form of an answer


def merged(wire: Wire, events: Sequence[Any]) -> Any:
    """Return the whole answer that a stream's events come to."""
    if wire == "responses":
        return next(event["response"] for event in events if event["type"] in ENDS)
    forms = {"chat": _chat_merged, "anthropic": _anthropic_merged}
    return forms.get(wire, _gemini_merged)(events)


def split(wire: Wire, answer: Any) -> bytes:
    """Return the stream that a whole answer could have been."""
    if wire == "responses":
        return sse(_responses_events(answer))
    if wire == "anthropic":
        return sse(anthropic_events(answer))
    return (
        sse(_chat_events(answer), done=True)
        if wire == "chat"
        else sse(_gemini_events(answer), end="\r\n\r\n")
    )


def _gemini_merged(events: Sequence[Any]) -> Any:
    whole: dict[str, Any] = {}
    parts: list[Any] = []
    candidate: dict[str, Any] = {}
    for event in events:
        whole |= {name: value for name, value in event.items() if name != "candidates"}
        for one in event.get("candidates", ()):
            parts += one.get("content", {}).get("parts", ())
            candidate |= one
    return whole | (
        {"candidates": [candidate | {"content": {"role": "model", "parts": parts}}]}
        if candidate
        else {}
    )


def _gemini_events(answer: Any) -> Iterator[Any]:
    head = {name: value for name, value in answer.items() if name in ("modelVersion", "responseId")}
    candidate: dict[str, Any] = next(iter(answer.get("candidates", ())), {})
    for part in candidate.get("content", {}).get("parts", ()):
        words = list(pieces(part.get("text", "")))
        told = [
            {"text": word} | ({"thought": True} if part.get("thought") else {})
            for word in words[:-1]
        ]
        for piece in [*told, part | ({"text": words[-1]} if words else {})]:
            yield head | {
                "candidates": [{"content": {"role": "model", "parts": [piece]}, "index": 0}]
            }
    last = {"candidates": [candidate | {"content": {"role": "model"}}]} if candidate else {}
    yield answer | last


def _chat_merged(events: Sequence[Any]) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    calls: dict[int, Any] = {}
    finish, usage = None, None
    for event in events:
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            finish = choice.get("finish_reason") or finish
            for name in ("content", "refusal"):
                if choice["delta"].get(name):
                    message[name] = (message[name] or "") + choice["delta"][name]
            for piece in choice["delta"].get("tool_calls", ()):
                one = calls.setdefault(
                    piece["index"], {"type": "function", "function": {"name": "", "arguments": ""}}
                )
                one |= {"id": piece["id"]} if "id" in piece else {}
                for name, value in piece["function"].items():
                    one["function"][name] += value
    message |= {"tool_calls": [one for _, one in sorted(calls.items())]} if calls else {}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": events[0]["id"], "model": events[0]["model"], "choices": [choice], "usage": usage}


def _anthropic_merged(events: Sequence[Any]) -> Any:
    """Put a message together; one that an error broke is that error."""
    whole: dict[str, Any] = {}
    written: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "error":
                return event
            case "message_start":
                whole = event["message"] | {"content": []}
            case "content_block_start":
                whole["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                delta = {name: value for name, value in event["delta"].items() if name != "type"}
                written[event["index"]] = written.get(event["index"], "") + delta.pop(
                    "partial_json", ""
                )
                block = whole["content"][event["index"]]
                block |= {name: block[name] + value for name, value in delta.items()}
            case "message_delta":
                whole |= event["delta"] | {"usage": whole["usage"] | event["usage"]}
    for index, json in written.items():
        whole["content"][index] |= {"input": decode_json(json)} if json else {}
    return whole


def _chat_events(answer: Any) -> Iterator[Any]:
    [choice] = answer["choices"]
    message = choice["message"]
    head = {"id": answer["id"], "object": "chat.completion.chunk", "model": answer["model"]}

    def delta(finish: str | None = None, **words: Any) -> Any:
        return head | {"choices": [{"index": 0, "delta": words, "finish_reason": finish}]}

    yield delta(role="assistant", content="")
    for name in ("content", "refusal"):
        for word in pieces(message.get(name) or ""):
            yield delta(**{name: word})
    for index, one in enumerate(message.get("tool_calls") or ()):
        function = one["function"]
        yield delta(tool_calls=[one | {"index": index, "function": function | {"arguments": ""}}])
        for word in pieces(function["arguments"]):
            yield delta(tool_calls=[{"index": index, "function": {"arguments": word}}])
    yield delta(choice["finish_reason"])
    yield head | {"choices": [], "usage": answer["usage"]}


def _responses_events(answer: Any) -> Iterator[Any]:
    yield {
        "type": "response.created",
        "response": answer | {"status": "in_progress", "output": [], "usage": None},
    }
    for index, item in enumerate(answer["output"]):
        yield {
            "type": "response.output_item.added",
            "output_index": index,
            "item": item | {"status": "in_progress"},
        }
        for place, part in enumerate(item.get("summary") or ()):
            yield {"type": "response.reasoning_summary_part.added", "summary_index": place}
            for word in pieces(part["text"]):
                yield {
                    "type": "response.reasoning_summary_text.delta",
                    "summary_index": place,
                    "delta": word,
                }
        for part in item.get("content") or ():
            for word in pieces(part.get("text", "")):
                yield {"type": "response.output_text.delta", "output_index": index, "delta": word}
        for word in pieces(item.get("arguments", "")):
            yield {
                "type": "response.function_call_arguments.delta",
                "output_index": index,
                "delta": word,
            }
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{answer['status']}", "response": answer}


STREAMS = [name for name in ROWS if recorded(name).streamed]
"""Those that were streamed."""
