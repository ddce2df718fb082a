"""What holding costs: a resting model, a call with all its guards, a stream beside its adapter.

usage: python benchmarks/holding.py [--rounds N]
"""

import argparse
import asyncio
import random
import sys
from collections.abc import AsyncIterator
from functools import partial

from ratios import Ratio, compare
from server import run_server

from standby import AsyncStandby, Settings
from standby.cards import Card
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.target import Route, Target
from standby.events import AttemptStarted, Event
from standby.plugin import Chunk, End, ModelRequest
from standby.resilience.triggers import Triggers
from standby.settings import BreakerSettings, Chain, Model, Provider, Secret
from standby.streams import AsyncStream
from standby.types import Message, Reply, Request, Text
from standby_openai.adapter import OpenAIAdapter

CHUNKS = 1_000
THOUGHTS = 20_000
QUESTION = "What is the capital of Portugal?"
REQUEST = Request((Message("user", (Text(QUESTION),)),))


def settings(url: str) -> Settings:
    """Return a chain whose first model is dead and rests for long, and one of the standby alone."""
    key = Secret("benchmark")
    rests = BreakerSettings(failures=1, open=3600.0, open_limit=3600.0)
    return Settings(
        providers={
            "dead": Provider(plugin="openai", base_url="http://127.0.0.1:9/v1", api_key=key),
            "well": Provider(plugin="openai", base_url=f"{url}/v1", api_key=key),
        },
        models={
            "dead": Model(provider="dead", model="o3-mini", breaker=rests),
            "well": Model(provider="well", model="o3-mini"),
        },
        chains={"both": Chain(models=("dead", "well")), "alone": Chain(models=("well",))},
    )


async def compare_resting_model(url: str, rounds: int) -> tuple[Ratio, int]:
    """Compare a chain whose first model rests with the standby alone; count its attempts."""
    attempted: list[Event] = []

    def count(event: Event) -> None:
        if isinstance(event, AttemptStarted) and event.model == "dead":
            attempted.append(event)

    async with AsyncStandby(settings=settings(url), sinks=[count], warm_up=False) as client:
        await client.chat(QUESTION, chain="both")  # finds it dead
        attempted.clear()
        ratio = await compare(
            lambda: client.chat(QUESTION, chain="both"),
            lambda: client.chat(QUESTION, chain="alone"),
            rounds=rounds,
            calls=40,
        )
    return ratio, len(attempted)


class Instant:
    """An adapter that answers at once."""

    async def complete(self, call: object) -> Reply:
        """Return a reply."""
        del call
        return Reply(text="Lisbon.")


async def compare_call(rounds: int) -> Ratio:
    """Compare a call that is answered at once with the least that a time-out costs."""
    adapter = Instant()

    async def get() -> Instant:
        return adapter

    target = Target(
        name="instant", provider="p", vendor_id="instant", card=Card(), timeout=60.0, adapter=get
    )
    route = Route(
        name="default", chain=Chain(models=("instant",)), targets=(target,), triggers=Triggers(())
    )
    jitter = random.Random(1)  # noqa: S311 - spreads retries, guards nothing

    async def bare() -> None:
        async with asyncio.timeout(60):
            await asyncio.wait([asyncio.create_task(get())])

    dispatcher = Dispatcher(route, emit=lambda _: None, jitter=jitter)

    def call() -> object:
        return dispatcher.run(REQUEST)

    return await compare(call, bare, rounds=rounds, calls=500)


async def compare_stream(url: str, rounds: int) -> Ratio:
    """Compare a stream of 100 chunks with the same adapter, bare."""
    adapter = OpenAIAdapter(
        Provider(plugin="openai", base_url=f"{url}/v1", api_key=Secret("benchmark"))
    )
    call = ModelRequest(request=REQUEST, model="o3-mini", card=Card(), options={}, timeout=60.0)

    async def count_chunks(chunks: AsyncIterator[Chunk]) -> int:
        return sum([1 async for _ in chunks])

    async with AsyncStandby(settings=settings(url), warm_up=False) as client:
        if await count_chunks(client.stream(QUESTION, chain="alone")) != await count_chunks(
            adapter.stream(call)
        ):
            raise RuntimeError("the two do not stream the same")
        ratio = await compare(
            lambda: count_chunks(client.stream(QUESTION, chain="alone")),
            lambda: count_chunks(adapter.stream(call)),
            rounds=rounds,
            calls=20,
        )
    await adapter.aclose()
    return ratio


class Flood:
    """An adapter whose stream never waits."""

    def __init__(self, chunks: int = CHUNKS, thoughts: int = 0) -> None:
        """Set how many chunks of text follow how many thoughts."""
        self._chunks, self._thoughts = chunks, thoughts

    async def stream(self, request: object) -> AsyncIterator[Chunk]:
        """Yield the chunks, and an end."""
        del request
        for _ in range(self._thoughts):
            yield Chunk(reasoning="word ")
        for _ in range(self._chunks):
            yield Chunk("word ")
        yield Chunk(end=End())


async def compare_chunk(rounds: int) -> Ratio:
    """Compare a stream that comes at once, read chunk by chunk, with the adapter's own."""
    adapter = Flood()
    return await compare(
        lambda: consume(stream_from(adapter)),
        lambda: consume(adapter.stream(REQUEST)),
        rounds=rounds,
        calls=5,
    )


async def compare_thoughts(rounds: int) -> Ratio:
    """Compare 80,000 thoughts before the first text, which are held until then, with 20,000."""
    many, few = Flood(1, 4 * THOUGHTS), Flood(1, THOUGHTS)
    return await compare(
        lambda: consume(stream_from(many)),
        lambda: consume(stream_from(few)),
        rounds=rounds,
        calls=1,
    )


async def consume(chunks: AsyncIterator[Chunk]) -> None:
    """Read a stream to its end."""
    async for _ in chunks:
        pass


def stream_from(adapter: Flood) -> AsyncStream:
    """Return the stream of a chain of one adapter."""

    async def get() -> Flood:
        return adapter

    target = Target(
        name="flood", provider="p", vendor_id="flood", card=Card(), timeout=60.0, adapter=get
    )
    route = Route(
        name="default", chain=Chain(models=("flood",)), targets=(target,), triggers=Triggers(())
    )
    dispatcher = Dispatcher(route, emit=lambda _: None, jitter=random.Random(1))  # noqa: S311 - as above
    return AsyncStream(partial(dispatcher.start, REQUEST, 60.0), 60.0)


async def main() -> int:
    """Print a table; exit with 1 if a ratio is above its limit or the resting model was called."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    rounds = parser.parse_args().rounds
    with run_server() as url:
        resting, attempted = await compare_resting_model(url, rounds)
        rows = [
            ("a chain whose first model rests, against the standby alone", resting, 1.15),
            ("a call, against create_task + wait + timeout", await compare_call(rounds), 2.5),
            (
                "a stream of 100 chunks, against the bare adapter",
                await compare_stream(url, rounds),
                1.6,
            ),
        ]
        chunk = await compare_chunk(rounds)
        thoughts = await compare_thoughts(rounds)
        rows.append(("80,000 thoughts held, against 20,000", thoughts, 4.4))
    print(f"a chunk costs {(chunk.a - chunk.b) / CHUNKS * 1e6:.2f} us beside its adapter")
    for name, ratio, limit in rows:
        seconds_of_both = ratio.format_seconds("us")
        print(f"| {name} | {ratio} | limit {limit} | {seconds_of_both} |")
    print(f"requests to the resting model meanwhile: {attempted}")
    return int(any(ratio.median > limit for _, ratio, limit in rows) or attempted > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
