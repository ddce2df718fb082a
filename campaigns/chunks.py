"""Streams, parted in two at every N-th byte, and read by the plugins' own readers: the reply must be the same each time.

usage: python -m campaigns.chunks [--every N]      the exit status is 1 if one was not

The streams are our own, those that others recorded where they are here, and some that are built:
Portuguese, Japanese and joined emoji, and tool calls, with each line end that an event stream may
have. A stream of more than 40,000 bytes is parted inside the event that the byte falls into, with
the event before and the one after, and those must be the same; as every stream it is also read
whole in small pieces.
"""

import argparse
import asyncio
import re
import sys
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec

from standby.http.sse import ServerSentEvent
from standby.plugin import AttemptFailed, Chunk, decode_json, iter_events
from standby_anthropic import reply as anthropic
from standby_gemini import reply as gemini
from standby_openai import chat_reply as chat
from standby_openai import responses_reply as responses
from tests.oracles.expected import Wire
from tests.support.recorded import ROWS, STREAMS, Outcome, as_events, gathered, split
from tests.support.recordings import MISSING, OTHERS

READERS: dict[Wire, Any] = {
    "gemini": gemini.Reader,
    "vertex": gemini.Reader,
    "chat": chat.Reader,
    "responses": responses.Reader,
    "anthropic": anthropic.Reader,
}
LARGE = 40_000
SIZES = (1, 2, 3, 5, 7, 16, 64, 1000)
"""Bytes of the small pieces in which each stream is read once as a whole."""

SPOKEN = "Não, amanhã à tarde: 30 °C. 東京は今日も雨です。「はい」\u2028👩\u200d👩\u200d👧\u200d👦\r\n\r\ndata: no event"
CALLS = [
    ("tempo_em", {"cidade": "São Paulo", "dias": [1, 2]}),
    ("天気", {"都市": "東京", "印": "👩🏽\u200d🚀"}),
    ("agora", {}),
]
LINE_ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


def built() -> Iterator[tuple[str, Wire, bytes]]:
    """Return streams of each wire that speak and call tools, with each line end."""
    usage = {"promptTokenCount": 12, "candidatesTokenCount": 40, "thoughtsTokenCount": 9}
    parts: list[Any] = [{"text": "Pensando… 考え中", "thought": True}, {"text": SPOKEN}]
    parts += [
        {"functionCall": {"name": name, "args": given}, "thoughtSignature": "Ab+/"}
        for name, given in CALLS
    ]
    candidate = {"content": {"parts": parts}, "finishReason": "STOP"}
    asked = [
        (f"call_{at}", name, msgspec.json.encode(given).decode())
        for at, (name, given) in enumerate(CALLS)
    ]
    tools = [
        {"id": at, "type": "function", "function": {"name": name, "arguments": given}}
        for at, name, given in asked
    ]
    choice = {"message": {"content": SPOKEN, "tool_calls": tools}, "finish_reason": "tool_calls"}
    items: list[Any] = [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"text": "Pensando…"}, {"text": "考え中"}],
            "encrypted_content": "gA==",
        },
        {"type": "message", "content": [{"type": "output_text", "text": SPOKEN}]},
        *(
            {"type": "function_call", "call_id": at, "name": name, "arguments": given}
            for at, name, given in asked
        ),
    ]
    blocks: list[Any] = [
        {"type": "thinking", "thinking": "Pensando… 考え中", "signature": "gA=="},
        {"type": "text", "text": SPOKEN},
        *(
            {"type": "tool_use", "id": f"toolu_{at}", "name": name, "input": given}
            for at, (name, given) in enumerate(CALLS)
        ),
    ]
    whole: dict[Wire, Any] = {
        "gemini": {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": "m",
            "responseId": "r",
        },
        "chat": {
            "id": "c",
            "model": "m",
            "choices": [choice],
            "usage": {"prompt_tokens": 12, "completion_tokens": 40},
        },
        "anthropic": {
            "type": "message",
            "id": "a",
            "model": "m",
            "content": blocks,
            "stop_reason": "tool_use",
            "usage": {},
        },
        "responses": {
            "id": "r",
            "model": "m",
            "status": "completed",
            "output": items,
            "usage": {"input_tokens": 12},
        },
    }
    for wire, answer in whole.items():
        for name, end in LINE_ENDS.items():
            stream = split(wire, answer)
            yield f"built for {wire}, {name}", wire, re.sub(rb"\r?\n", end, stream)
            yield (
                f"built for {wire}, many lines an event, {name}",
                wire,
                re.sub(rb"\r?\n", end, in_lines(stream)),
            )


def in_lines(stream: bytes) -> bytes:
    """Write each event's object on several lines, each a data field."""
    payloads = (line.removeprefix(b"data: ") for line in stream.splitlines() if line)
    pretty = (
        payload if payload == b"[DONE]" else msgspec.json.format(payload) for payload in payloads
    )
    return b"".join(re.sub(rb"(?m)^", b"data: ", payload) + b"\n\n" for payload in pretty)


def streams() -> Iterator[tuple[str, Wire, bytes]]:
    """Return all of them: their names, their wires, their bytes."""
    for name in STREAMS:
        yield name, ROWS[name].wire, as_events(name).body
    yield from built()


async def events_in(pieces: Sequence[bytes]) -> list[ServerSentEvent]:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [event async for event in iter_events(body())]


def read(wire: Wire, events: Sequence[ServerSentEvent]) -> Outcome:
    """Read events as the adapters do."""
    reader, got = READERS[wire](), Outcome([])
    try:
        for event in events:
            data = event.stray or event.data
            if data == "[DONE]":
                break
            chunk: Chunk | None = reader.read(decode_json(data)) if data else None
            got.chunks += [chunk] if chunk else []
        got.chunks += reader.final_chunks()
    except AttemptFailed as error:
        got.failure = error.failure
        return got
    got.reply = gathered(got.chunks)
    return got


def as_built(got: Outcome) -> bool:
    """Say whether a reply is what the built streams say."""
    reply = got.reply
    return (
        reply is not None
        and reply.text == SPOKEN
        and [(call.name, call.arguments) for call in reply.tool_calls] == CALLS
    )


async def parted(wire: Wire, body: bytes, every: int) -> tuple[int, list[str]]:
    """Part a stream in two at every N-th byte; return how often, and what came out otherwise."""
    expected = read(wire, await events_in([body]))
    wrong = [
        f"in pieces of {size}"
        for size in SIZES
        if read(wire, await events_in([body[at : at + size] for at in range(0, len(body), size)]))
        != expected
    ]
    edges = [0, *(found.end() for found in re.finditer(rb"\r\n\r\n|\n\n|\r\r", body)), len(body)]
    windows: dict[tuple[int, int], list[ServerSentEvent]] = {}
    made = 0
    for cut in range(every, len(body), every):
        made += 1
        if len(body) <= LARGE:
            same = read(wire, await events_in([body[:cut], body[cut:]])) == expected
        else:
            at = bisect_right(edges, cut)
            first, last = edges[max(0, at - 2)], edges[min(len(edges) - 1, at + 1)]
            if (first, last) not in windows:
                windows[first, last] = await events_in([body[first:last]])
            same = await events_in([body[first:cut], body[cut:last]]) == windows[first, last]
        if not same:
            wrong.append(f"at {cut}")
    return made + len(SIZES), wrong


async def _main(every: int) -> int:
    began = time.monotonic()
    count, total, broken = 0, 0, []
    for name, wire, body in streams():
        made, wrong = await parted(wire, body, every)
        if name.startswith("built") and not as_built(read(wire, await events_in([body]))):
            wrong.append("not at all")
        count, total = count + 1, total + made
        broken += [f"{name}: read differently when parted {where}" for where in wrong]
        print(f"{name}: {len(body)} bytes, {made} partings, {len(wrong)} differences", flush=True)  # noqa: T201 - a command
    print(*broken, sep="\n", end="\n" if broken else "")  # noqa: T201 - a command
    print("" if OTHERS else f"{MISSING}\n", end="")  # noqa: T201 - a command
    spent = time.monotonic() - began
    print(f"{count} streams, {total} partings, {len(broken)} differences, {spent:.0f} s")  # noqa: T201 - a command
    return int(bool(broken))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, metavar="N")
    sys.exit(asyncio.run(_main(parser.parse_args().every)))
