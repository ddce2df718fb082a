"""What a healthy call costs, against the SDKs, the HTTP library alone, and three asyncio calls.

usage: python benchmarks/calls.py [--rounds N]
"""

import argparse
import asyncio
import random
import sys
from functools import partial

import aiohttp
import msgspec
import openai
from google import genai
from google.genai import types
from ratios import Ratio, compare
from server import run_server

from standby import AsyncStandby, Settings
from standby.cards import Card
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.target import Route, Target
from standby.resilience.triggers import Triggers
from standby.settings import Chain, Model, Provider, Secret
from standby.types import Message, Reply, Request, Text

QUESTION = "What is the capital of Portugal?"
HISTORY = [
    {
        "role": ("user", "assistant")[turn % 2],
        "content": f"Turn {turn}: some forty characters of small talk.",
    }
    for turn in range(99)
] + [{"role": "user", "content": QUESTION}]


def settings(url: str) -> Settings:
    """Return one chain for each vendor."""
    key = Secret("benchmark")
    return Settings(
        providers={
            "g": Provider(plugin="gemini", base_url=url, api_key=key),
            "o": Provider(plugin="openai", base_url=f"{url}/v1", api_key=key),
        },
        models={
            "gemini": Model(provider="g", model="gemini-2.5-pro"),
            "openai": Model(provider="o", model="o3-mini"),
        },
        chains={"gemini": Chain(models=("gemini",)), "openai": Chain(models=("openai",))},
    )


async def compare_with_sdks(url: str, rounds: int) -> dict[str, Ratio]:
    """Compare whole calls, for one message and for a history of a hundred."""
    bare_openai = openai.AsyncOpenAI(api_key="benchmark", base_url=f"{url}/v1", max_retries=0)
    bare_gemini = genai.Client(api_key="benchmark", http_options=types.HttpOptions(base_url=url))
    contents = [
        {
            "role": {"user": "user", "assistant": "model"}[turn["role"]],
            "parts": [{"text": turn["content"]}],
        }
        for turn in HISTORY
    ]
    question = [{"role": "user", "content": QUESTION}]
    ask_openai = partial(bare_openai.chat.completions.create, model="o3-mini")
    ask_gemini = partial(bare_gemini.aio.models.generate_content, model="gemini-2.5-pro")
    async with AsyncStandby(settings=settings(url), warm_up=False) as client:
        return {
            "openai, one message": await compare(
                lambda: client.chat(QUESTION, chain="openai"),
                lambda: ask_openai(messages=question),
                rounds=rounds,
                calls=20,
            ),
            "openai, history of 100": await compare(
                lambda: client.chat(HISTORY, chain="openai"),
                lambda: ask_openai(messages=HISTORY),
                rounds=rounds,
                calls=5,
            ),
            "gemini, one message": await compare(
                lambda: client.chat(QUESTION, chain="gemini"),
                lambda: ask_gemini(contents=QUESTION),
                rounds=rounds,
                calls=20,
            ),
            "gemini, history of 100": await compare(
                lambda: client.chat(HISTORY, chain="gemini"),
                lambda: ask_gemini(contents=contents),
                rounds=rounds,
                calls=5,
            ),
        }


async def compare_with_library(url: str, rounds: int) -> dict[str, Ratio]:
    """Compare a call with a bare one of the HTTP library: a body made, posted, read and decoded."""
    body = {"model": "o3-mini", "messages": [{"role": "user", "content": QUESTION}]}
    headers = {"Authorization": "Bearer benchmark", "Content-Type": "application/json"}

    async with (
        AsyncStandby(settings=settings(url), warm_up=False) as client,
        aiohttp.ClientSession() as session,
    ):

        async def bare() -> None:
            data, path = msgspec.json.encode(body), f"{url}/v1/chat/completions"
            async with session.post(path, data=data, headers=headers) as response:
                msgspec.json.decode(await response.read())

        return {
            "openai, one message, against aiohttp alone": await compare(
                lambda: client.chat(QUESTION, chain="openai"), bare, rounds=rounds, calls=20
            )
        }


class Instant:
    """An adapter that answers at once."""

    async def complete(self, call: object) -> Reply:
        """Return a reply."""
        del call
        return Reply(text="Lisbon.")


async def compare_dispatch(rounds: int) -> dict[str, Ratio]:
    """Compare a dispatch that is answered at once with the least that any time-out costs.

    That is a task, a wait and a timeout.
    """
    adapter = Instant()

    async def get() -> Instant:
        return adapter

    target = Target(
        name="instant", provider="p", vendor_id="instant", card=Card(), timeout=60.0, adapter=get
    )
    route = Route(
        name="default", chain=Chain(models=("instant",)), targets=(target,), triggers=Triggers(())
    )
    request = Request((Message("user", (Text(QUESTION),)),))
    jitter = random.Random(1)  # noqa: S311 - spreads retries, guards nothing

    async def bare() -> None:
        async with asyncio.timeout(60):
            await asyncio.wait([asyncio.create_task(get())])

    def dispatch() -> object:
        return Dispatcher(route, emit=lambda _: None, jitter=jitter).run(request)

    return {
        "the dispatch, against create_task + wait + timeout": await compare(
            dispatch, bare, rounds=rounds, calls=500
        )
    }


async def main() -> int:
    """Print a table; the exit status is 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    rounds = parser.parse_args().rounds
    with run_server() as url:
        ratios = (
            await compare_with_sdks(url, rounds)
            | await compare_with_library(url, rounds)
            | await compare_dispatch(rounds)
        )
    limits = [0.35, 0.1, 0.4, 0.1, 3.5, 3.0]
    for (name, ratio), limit in zip(ratios.items(), limits, strict=True):
        seconds_of_both = ratio.format_seconds("us")
        print(f"| {name} | {ratio} | limit {limit} | {seconds_of_both} |")
    return int(
        any(ratio.median > limit for ratio, limit in zip(ratios.values(), limits, strict=True))
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
