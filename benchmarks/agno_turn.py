"""What a turn of an Agno agent costs: standby's model against Agno's own, on the same server.

usage: python benchmarks/agno_turn.py [--rounds N]
"""

import argparse
import asyncio
import sys

from agno.agent import Agent
from agno.models.google import Gemini
from agno.models.openai import OpenAIChat
from calls import QUESTION, settings
from ratios import Ratio, Work, compare
from server import run_server

from standby import AsyncStandby
from standby.integrations.agno import StandbyModel

LIMIT = 1.1


def turn(agent: Agent, *, streamed: bool) -> Work:
    """Return one turn of the agent, which raises `RuntimeError` rather than time a failure."""

    async def complete() -> None:
        output = await agent.arun(QUESTION)
        if output.content != "Lisbon.":
            raise RuntimeError(f"no answer: {output.status}")

    async def stream() -> None:
        deltas = [
            event
            async for event in agent.arun(QUESTION, stream=True)
            if event.event == "RunContent"
        ]
        if not deltas:
            raise RuntimeError("no answer")

    return stream if streamed else complete


async def measure(url: str, rounds: int) -> dict[str, Ratio]:
    """Compare whole and streamed turns on both wires."""
    bare = {
        "openai": OpenAIChat(
            id="o3-mini", api_key="benchmark", base_url=f"{url}/v1", max_retries=0
        ),
        "gemini": Gemini(
            id="gemini-2.5-pro",
            api_key="benchmark",
            client_params={"http_options": {"base_url": url}},
        ),
    }
    ratios: dict[str, Ratio] = {}
    async with AsyncStandby(settings=settings(url), warm_up=False) as client:
        for wire, model in bare.items():
            ours = Agent(model=StandbyModel(id=wire, client=client), telemetry=False)
            theirs = Agent(model=model, telemetry=False)
            for streamed in (False, True):
                name = f"{wire}, {'a stream of 100 chunks' if streamed else 'one answer'}"
                ratios[name] = await compare(
                    turn(ours, streamed=streamed),
                    turn(theirs, streamed=streamed),
                    rounds=rounds,
                    calls=10,
                )
    return ratios


async def main() -> int:
    """Print a table; the exit status is 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    with run_server() as url:
        ratios = await measure(url, rounds)
    for name, ratio in ratios.items():
        seconds_of_both = ratio.format_seconds("ms", digits=2)
        print(f"| {name} | {ratio} | limit {LIMIT} | {seconds_of_both} |")
    return int(any(ratio.median > LIMIT for ratio in ratios.values()))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
