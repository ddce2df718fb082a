"""What a burst of 100 chunks costs, sent all at once, against the vendors' own SDKs.

usage: python benchmarks/bursts.py [--rounds N]
"""

import argparse
import asyncio
import sys
from typing import Any

import openai
from calls import QUESTION, settings
from google import genai
from google.genai import types
from ratios import Ratio, compare
from server import run_server

from standby import AsyncStandby

LIMITS = {"openai": 0.6, "gemini": 1.1}


async def measure(url: str, rounds: int) -> dict[str, Ratio]:
    """Compare whole streams, read to their end."""
    bare_openai = openai.AsyncOpenAI(
        api_key="benchmark", base_url=f"{url}/v1", max_retries=0
    ).chat.completions
    bare_gemini = genai.Client(
        api_key="benchmark", http_options=types.HttpOptions(base_url=url)
    ).aio.models
    messages: Any = [{"role": "user", "content": QUESTION}]

    async def openai_alone() -> None:
        stream = await bare_openai.create(
            model="o3-mini", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        async for _ in stream:
            pass

    async def gemini_alone() -> None:
        async for _ in await bare_gemini.generate_content_stream(
            model="gemini-2.5-pro", contents=QUESTION
        ):
            pass

    async with AsyncStandby(settings=settings(url), warm_up=False) as client:

        async def ours(chain: str) -> None:
            async with client.stream(QUESTION, chain=chain) as stream:
                async for _ in stream:
                    pass

        return {
            "openai": await compare(lambda: ours("openai"), openai_alone, rounds=rounds, calls=5),
            "gemini": await compare(lambda: ours("gemini"), gemini_alone, rounds=rounds, calls=5),
        }


async def main() -> int:
    """Print a table; the exit status is 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    with run_server() as url:
        ratios = await measure(url, rounds)
    for name, ratio in ratios.items():
        times = ratio.format_seconds("ms", digits=1)
        print(f"| {name}, a burst of 100 chunks | {ratio} | limit {LIMITS[name]} | {times} |")
    return int(any(ratio.median > LIMITS[name] for name, ratio in ratios.items()))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
