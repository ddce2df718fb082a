"""A stream whose chunks come one by one: its first chunk, and the CPU of a chunk, against the SDKs.

usage: python benchmarks/paced.py [--rounds N]

The server sends 100 events, 2 ms apart. The exit status is 1 if a ratio is above its limit.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
from calls import QUESTION, settings
from google import genai
from google.genai import types
from ratios import Ratio, summary
from server import run_server

from standby import AsyncStandby

LIMIT = 0.4
CHUNKS = 100

Streams = Callable[[], AsyncIterator[object]]


async def measure(stream: Streams) -> tuple[float, float]:
    """Return the seconds until the first chunk, and the seconds of CPU of a chunk."""
    began, cpu, first = time.perf_counter(), time.process_time(), 0.0
    async for _ in stream():
        first = first or time.perf_counter() - began
    return first, (time.process_time() - cpu) / CHUNKS


async def compare(ours: Streams, theirs: Streams, rounds: int) -> tuple[Ratio, Ratio]:
    """Measure both in turn, after one round that does not count."""
    await measure(ours), await measure(theirs)
    pairs = [(await measure(ours), await measure(theirs)) for _ in range(rounds)]
    return (
        summary([(ours[0], theirs[0]) for ours, theirs in pairs]),
        summary([(ours[1], theirs[1]) for ours, theirs in pairs]),
    )


async def measure_all(url: str, rounds: int) -> dict[str, tuple[Ratio, Ratio]]:
    """Compare both wires."""
    bare_openai: Any = openai.AsyncOpenAI(api_key="benchmark", base_url=f"{url}/v1", max_retries=0)
    bare_gemini: Any = genai.Client(
        api_key="benchmark", http_options=types.HttpOptions(base_url=url)
    )
    messages = [{"role": "user", "content": QUESTION}]

    async def openai_alone() -> AsyncIterator[object]:
        async for chunk in await bare_openai.chat.completions.create(
            model="o3-mini", messages=messages, stream=True, stream_options={"include_usage": True}
        ):
            yield chunk

    async def gemini_alone() -> AsyncIterator[object]:
        async for chunk in await bare_gemini.aio.models.generate_content_stream(
            model="gemini-2.5-pro", contents=QUESTION
        ):
            yield chunk

    async with AsyncStandby(settings=settings(url), warm_up=False) as client:

        def ours(chain: str) -> Streams:
            async def chunks() -> AsyncIterator[object]:
                async with client.stream(QUESTION, chain=chain) as stream:
                    async for chunk in stream:
                        yield chunk

            return chunks

        return {
            "openai": await compare(ours("openai"), openai_alone, rounds),
            "gemini": await compare(ours("gemini"), gemini_alone, rounds),
        }


async def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with run_server("--pace", "0.002") as url:
        rows = await measure_all(url, rounds)
    for name, (first, cpu) in rows.items():
        print(f"| {name}, first chunk | {first} | {first.format_seconds('us')} |")
        print(f"| {name}, CPU of a chunk | {cpu} | limit {LIMIT} | {cpu.format_seconds('us')} |")
    return int(any(cpu.median > LIMIT for _, cpu in rows.values()))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
