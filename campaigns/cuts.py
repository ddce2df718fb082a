"""Recorded streams, cut off by FIN or RST anywhere: a cut answer must never pass as complete.

usage: python -m campaigns.cuts [--seed S] [--share 0.02 | --every-byte]
The exit status is 1 if one did.
"""

import argparse
import asyncio
import random
import re
import sys
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from standby import AsyncStandby, Settings
from standby.cards import Card
from standby.settings import BreakerSettings, Chain, Model, Provider, Retry, Secret, StreamRules
from tests.oracles.expected import ExpectedFailure, ExpectedReply, Wire
from tests.oracles.expected_of_own import OWN
from tests.support.loopback import Answer, Loopback, cut, gemini_stream
from tests.support.recorded import PATHS, PLUGINS, ROWS, STREAMS, as_events
from tests.support.recordings import MISSING
from tests.support.recordings import OTHERS as FOLDER

OTHERS = {
    "fantasy/TestGoogleCommon/gemini-2.5-pro/simple_streaming.yaml#0",
    "fantasy/TestGoogleObjectGeneration/gemini-2.5-pro/simple_object_streaming.yaml#0",
    "pydantic-ai/test_google_model_stream.yaml#0",
    "pydantic-ai/test_google_model_thinking_part_iter.yaml#0",
    "pydantic-ai/test_google_model_iter_stream.yaml#2",
    "fantasy/TestGoogleCommon/gemini-2.5-pro/multi_tool_streaming.yaml#1",
    "fantasy/TestOpenAICommon/openai-o4-mini/simple_streaming.yaml#0",
    "fantasy/TestOpenAICommon/openai-o4-mini/tool_streaming.yaml#1",
    "vercel-ai/openai-text.chunks.txt",
}


def _is_text(row: ExpectedReply | ExpectedFailure) -> bool:
    return isinstance(row, ExpectedReply) and bool(row.text)


CUT_STREAMS = [name for name in STREAMS if name in {*OWN, *OTHERS} and _is_text(ROWS[name])]
STANDBY = "the standby's own text"
LARGE = 40_000
"""Bytes above which a stream's event boundaries are sampled too, and its bytes less densely."""


class Cut(msgspec.Struct, frozen=True):
    """The position at which a stream is cut, and how."""

    at: int
    how: Literal["close", "reset"]


def choose_offsets(body: bytes, share: float, rng: random.Random) -> list[int]:
    """Choose each event boundary and the bytes beside it, and a share of all others."""
    boundaries = [match.end() for match in re.finditer(rb"\r?\n\r?\n", body)]
    if len(body) > LARGE and share < 1:
        boundaries, share = rng.sample(boundaries, len(boundaries) // 10), share / 4
    beside = {end + step for end in boundaries for step in (-1, 0, 1)}
    spread = rng.sample(range(len(body)), int(len(body) * min(share, 1.0)))
    return sorted(at for at in beside | set(spread) if at in range(len(body)))


def client(wire: Wire, servers: tuple[Loopback, Loopback]) -> AsyncStandby:
    """Make a client that buffers complete streams, with a healthy standby."""
    never = BreakerSettings(failures=10**9)
    key = Secret("a-key")
    first, second = (server.url for server in servers)
    card = Card(wire={"api": "responses"}) if wire == "responses" else None
    return AsyncStandby(
        settings=Settings(
            providers={
                "a": Provider(plugin=PLUGINS[wire], base_url=first + PATHS[wire], api_key=key),
                "b": Provider(plugin="gemini", base_url=second, api_key=key),
            },
            models={
                "a": Model(provider="a", model="m", timeout=5.0, breaker=never, card=card),
                "b": Model(provider="b", model="m", timeout=5.0, breaker=never),
            },
            chains={
                "default": Chain(
                    models=("a", "b"),
                    retry=Retry(attempts=1),
                    stream=StreamRules(release="whole"),
                    deadline=20.0,
                )
            },
        ),
        environ={},
        warm_up=False,
    )


async def find_violations(
    name: str, cuts: list[Cut], servers: tuple[Loopback, Loopback]
) -> list[str]:
    """Cut one recorded stream at many positions; return what went wrong."""
    answer = Answer(
        pieces=((0.0, as_events(name).body),),
        headers={"Content-Type": "text/event-stream"},
        framing="chunked",
    )
    first, second = servers
    second.answer = lambda _: gemini_stream([STANDBY])
    wrong: list[str] = []
    async with client(ROWS[name].wire, servers) as standby:
        first.script(answer)
        text, model = await _stream(standby)
        if model != "a":
            return [f"{name}: the uncut stream is not read"]
        for each in cuts:
            first.script(cut(answer, each.at, each.how, wait=0.0))
            _forget_failures(standby)
            first.requests.clear()
            got, model = await _stream(standby)
            where = f"{name}: cut at {each.at} by {each.how}"
            if len(first.requests) != 1:
                wrong.append(f"{where}: {len(first.requests)} requests were sent")
            if (got, model) not in ((text, "a"), (STANDBY, "b")):
                wrong.append(f"{where}: {model} sent {len(got)} of {len(text)} characters")
    return wrong


def _forget_failures(standby: AsyncStandby) -> None:
    for target in standby._routes.current.targets.values():
        target.breaker.reset_after_fork()


async def _stream(standby: AsyncStandby) -> tuple[str, str]:
    async with standby.stream("Which city?") as stream:
        texts = [chunk.text async for chunk in stream]
    return "".join(texts), stream.reply.model


def plan_cuts(name: str, share: float, seed: int) -> Iterator[Cut]:
    """Plan the cuts of one stream."""
    rng = random.Random(f"{seed} {name}")
    for at in choose_offsets(as_events(name).body, share, rng):
        yield Cut(at, "close")
        yield Cut(at, "reset")


async def _main(arguments: Any) -> int:
    share = 1.0 if arguments.every_byte else arguments.share
    count, wrong = 0, []
    with Loopback() as first, Loopback() as second:
        for name in CUT_STREAMS:
            cuts = list(plan_cuts(name, share, arguments.seed))
            wrong += await find_violations(name, cuts, (first, second))
            count += len(cuts)
            print(f"{name}: {len(cuts)} cuts", flush=True)  # noqa: T201 - a command
    print("" if FOLDER else f"{MISSING}\n", end="")  # noqa: T201 - a command
    print(f"{count} cuts, {len(wrong)} violations, seed {arguments.seed}", *wrong, sep="\n")  # noqa: T201 - a command
    return int(bool(wrong))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--every-byte", action="store_true")
    sys.exit(asyncio.run(_main(parser.parse_args())))
