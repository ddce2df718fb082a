"""Streams, split at every N-th byte and read by the plugins' own readers, give the same reply.

usage: python -m campaigns.chunks [--every N]
The exit status is 1 if one reply differed.

The streams are our own, other projects' where they are present, and built ones: Portuguese,
Japanese and joined emoji, and tool calls, with each line end that an event stream may have. A
stream of more than 40,000 bytes is split inside the event that holds the byte, together with the
event before and the one after, and these events must be the same. Every stream is also read
completely in small pieces.
"""

import argparse
import asyncio
import re
import sys
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import msgspec

from standby.http.sse import ServerSentEvent
from standby.plugin import AttemptFailed, Chunk, decode_json, iter_events
from standby_anthropic import reply as anthropic
from standby_gemini import reply as gemini
from standby_openai import chat_reply as chat
from standby_openai import responses_reply as responses
from tests.oracles.expected import Wire
from tests.support.recorded import ROWS, STREAMS, Outcome, as_events, gather
from tests.support.recordings import MISSING, OTHERS
from tests.support.stream_forms import split_answer

READERS: dict[Wire, Any] = {
    "gemini": gemini.Reader,
    "vertex": gemini.Reader,
    "chat": chat.Reader,
    "responses": responses.Reader,
    "anthropic": anthropic.Reader,
}
LARGE = 40_000
SIZES = (1, 2, 3, 5, 7, 16, 64, 1000)
"""Bytes of the small pieces in which each stream is read once completely."""

TEXT = (
    "Não, amanhã à tarde: 30 °C. 東京は今日も雨です。「はい」"
    "\u2028👩\u200d👩\u200d👧\u200d👦\r\n\r\ndata: no event"
)
CALLS = [
    ("tempo_em", {"cidade": "São Paulo", "dias": [1, 2]}),
    ("天気", {"都市": "東京", "印": "👩🏽\u200d🚀"}),
    ("agora", {}),
]
ENCODED_CALLS = [(name, msgspec.json.encode(arguments).decode()) for name, arguments in CALLS]
LINE_ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


def build_gemini() -> Any:
    parts: list[Any] = [{"text": "Pensando… 考え中", "thought": True}, {"text": TEXT}]
    parts += [
        {"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "Ab+/"}
        for name, arguments in CALLS
    ]
    usage = {"promptTokenCount": 12, "candidatesTokenCount": 40, "thoughtsTokenCount": 9}
    return {
        "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": usage,
        "modelVersion": "m",
        "responseId": "r",
    }


def build_chat() -> Any:
    tools = [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": text}}
        for at, (name, text) in enumerate(ENCODED_CALLS)
    ]
    choice = {"message": {"content": TEXT, "tool_calls": tools}, "finish_reason": "tool_calls"}
    usage = {"prompt_tokens": 12, "completion_tokens": 40}
    return {"id": "c", "model": "m", "choices": [choice], "usage": usage}


def build_anthropic() -> Any:
    blocks: list[Any] = [
        {"type": "thinking", "thinking": "Pensando… 考え中", "signature": "gA=="},
        {"type": "text", "text": TEXT},
    ]
    blocks += [
        {"type": "tool_use", "id": f"toolu_{at}", "name": name, "input": arguments}
        for at, (name, arguments) in enumerate(CALLS)
    ]
    head = {"type": "message", "id": "a", "model": "m", "stop_reason": "tool_use"}
    return {**head, "content": blocks, "usage": {}}


def build_responses() -> Any:
    summary = [{"text": "Pensando…"}, {"text": "考え中"}]
    items: list[Any] = [
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gA=="},
        {"type": "message", "content": [{"type": "output_text", "text": TEXT}]},
    ]
    items += [
        {"type": "function_call", "call_id": f"call_{at}", "name": name, "arguments": text}
        for at, (name, text) in enumerate(ENCODED_CALLS)
    ]
    head = {"id": "r", "model": "m", "status": "completed"}
    return {**head, "output": items, "usage": {"input_tokens": 12}}


BUILDERS: dict[Wire, Callable[[], Any]] = {
    "gemini": build_gemini,
    "chat": build_chat,
    "anthropic": build_anthropic,
    "responses": build_responses,
}


def build_streams() -> Iterator[tuple[str, Wire, bytes]]:
    """Build streams of each wire with text and tool calls, with each line end."""
    for wire, build in BUILDERS.items():
        stream = split_answer(wire, build())
        for name, end in LINE_ENDS.items():
            yield f"built for {wire}, {name}", wire, re.sub(rb"\r?\n", end, stream)
            lines = re.sub(rb"\r?\n", end, spread_lines(stream))
            yield f"built for {wire}, many lines an event, {name}", wire, lines


def spread_lines(stream: bytes) -> bytes:
    """Write each event's object on several lines, each a data field."""
    payloads = (line.removeprefix(b"data: ") for line in stream.splitlines() if line)
    pretty = (
        payload if payload == b"[DONE]" else msgspec.json.format(payload) for payload in payloads
    )
    return b"".join(re.sub(rb"(?m)^", b"data: ", payload) + b"\n\n" for payload in pretty)


def list_streams() -> Iterator[tuple[str, Wire, bytes]]:
    """Yield each stream's name, wire and bytes."""
    for name in STREAMS:
        yield name, ROWS[name].wire, as_events(name).body
    yield from build_streams()


async def read_events(pieces: Sequence[bytes]) -> list[ServerSentEvent]:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [event async for event in iter_events(body())]


def read(wire: Wire, events: Sequence[ServerSentEvent]) -> Outcome:
    """Read events as the adapters do."""
    reader, outcome = READERS[wire](), Outcome([])
    try:
        for event in events:
            data = event.stray or event.data
            if data == "[DONE]":
                break
            chunk: Chunk | None = reader.read(decode_json(data)) if data else None
            outcome.chunks += [chunk] if chunk else []
        outcome.chunks += reader.final_chunks()
    except AttemptFailed as error:
        outcome.failure = error.failure
        return outcome
    outcome.reply = gather(outcome.chunks)
    return outcome


def is_as_built(outcome: Outcome) -> bool:
    """Return whether a reply holds the text and the calls of the built streams."""
    reply = outcome.reply
    if reply is None:
        return False
    calls = [(call.name, call.arguments) for call in reply.tool_calls]
    return (reply.text, calls) == (TEXT, CALLS)


async def split_everywhere(wire: Wire, body: bytes, every: int) -> tuple[int, list[str]]:
    """Split a stream at every N-th byte; return the number of splits, and the differences."""
    expected = read(wire, await read_events([body]))
    differences: list[str] = []
    for size in SIZES:
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        if read(wire, await read_events(pieces)) != expected:
            differences.append(f"in pieces of {size}")
    splits = range(every, len(body), every)
    windows = Windows(body)
    for at in splits:
        if len(body) <= LARGE:
            same = read(wire, await read_events([body[:at], body[at:]])) == expected
        else:
            same = await windows.is_same(at)
        if not same:
            differences.append(f"at {at}")
    return len(splits) + len(SIZES), differences


class Windows:
    """The parts of a large stream: each event, with the one before and the one after."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        ends = (match.end() for match in re.finditer(rb"\r\n\r\n|\n\n|\r\r", body))
        self._edges = [0, *ends, len(body)]
        self._events: dict[tuple[int, int], list[ServerSentEvent]] = {}

    async def is_same(self, at: int) -> bool:
        """Split the window around a byte; return whether its events stay the same."""
        index = bisect_right(self._edges, at)
        first = self._edges[max(0, index - 2)]
        last = self._edges[min(len(self._edges) - 1, index + 1)]
        if (first, last) not in self._events:
            self._events[first, last] = await read_events([self._body[first:last]])
        halves = [self._body[first:at], self._body[at:last]]
        return await read_events(halves) == self._events[first, last]


async def _main(every: int) -> int:
    start = time.monotonic()
    count, total, failures = 0, 0, []
    for name, wire, body in list_streams():
        splits, differences = await split_everywhere(wire, body, every)
        if name.startswith("built") and not is_as_built(read(wire, await read_events([body]))):
            differences.append("nowhere")
        count, total = count + 1, total + splits
        failures += [f"{name}: read differently when split {where}" for where in differences]
        print(f"{name}: {len(body)} bytes, {splits} splits, {len(differences)} differences")  # noqa: T201 - a command
    print(*failures, sep="\n", end="\n" if failures else "")  # noqa: T201 - a command
    print("" if OTHERS else f"{MISSING}\n", end="")  # noqa: T201 - a command
    spent = time.monotonic() - start
    print(f"{count} streams, {total} splits, {len(failures)} differences, {spent:.0f} s")  # noqa: T201 - a command
    return int(bool(failures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, metavar="N")
    sys.exit(asyncio.run(_main(parser.parse_args().every)))
