"""The longest time that reading an answer of 1 MiB blocks the event loop, for each wire and form.

usage: python benchmarks/stalls.py [--rounds N]

A figure is the median of the longest stalls of N calls.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import msgspec

from standby.plugin import decode_json, iter_events, read_body
from standby_gemini.reply import Reader as GeminiReader
from standby_openai.chat_reply import Reader as OpenAIReader

LIMIT = 0.010
MIB = 2**20
PIECE = 64 * 1024
"""Bytes that a transport hands over at once."""


async def receive(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body in pieces, as a socket does, and let other tasks run in between."""
    for at in range(0, len(body), PIECE):
        await asyncio.sleep(0)
        yield body[at : at + PIECE]


async def read_answer(body: bytes, read: Callable[[object], object]) -> None:
    """Read an answer as the adapters do."""
    read(decode_json(await read_body(receive(body))))


async def read_stream(body: bytes, read: Callable[[object], object]) -> None:
    """Read a stream as the adapters do."""
    async for event in iter_events(receive(body)):
        read(decode_json(event.data))


async def longest_stall(work: Callable[[], Awaitable[None]]) -> float:
    """Return the longest time between two turns of the loop while the work is done."""
    longest, last, done = 0.0, time.perf_counter(), False

    async def beat() -> None:
        nonlocal longest, last
        while not done:
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0)
    await work()
    done = True
    await beating
    return longest


def bodies() -> dict[str, Callable[[], Awaitable[None]]]:
    """Return an answer of 1 MiB for each wire and form: a text, a stream of one event or many."""
    text = "Lisbon \u2028 " * (MIB // 10)
    gemini = {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}
    openai = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    delta = {"choices": [{"delta": {"content": "Lisbon "}}]}
    one = b"data: " + msgspec.json.encode(gemini) + b"\r\n\r\n"
    many = (b"data: " + msgspec.json.encode(delta) + b"\n\n") * (MIB // 60)
    return {
        "gemini, one answer": partial(
            read_answer, msgspec.json.encode(gemini), lambda value: GeminiReader().read(value)
        ),
        "openai, one answer": partial(
            read_answer, msgspec.json.encode(openai), lambda value: OpenAIReader().read(value)
        ),
        "gemini, a stream of one event": partial(
            read_stream, one, lambda value: GeminiReader().read(value)
        ),
        "openai, a stream of many events": partial(
            read_stream, many, lambda value: OpenAIReader().read(value)
        ),
    }


async def main() -> int:
    """Print a table; the exit status is 1 if a stall is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    stalls = {}
    for name, work in bodies().items():
        stalls[name] = statistics.median([await longest_stall(work) for _ in range(rounds)])
        print(f"| {name} of 1 MiB | {stalls[name] * 1e3:.1f} ms | limit {LIMIT * 1e3:.0f} ms |")
    return int(max(stalls.values()) > LIMIT)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
