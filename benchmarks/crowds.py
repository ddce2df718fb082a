"""What a call costs while 1,000 and 2,000 others are under way: CPU, against one at a time.

usage: python benchmarks/crowds.py

The server answers after 50 ms. The exit status is 1 if a call fails, a model rests, or a ratio is
above its limit.
"""

import asyncio
import sys
import time

from calls import QUESTION, settings
from server import run_server

from standby import AsyncStandby

LIMIT = 1.2
CALLS = {1: 200, 1000: 5000, 2000: 6000}
"""Calls measured, by the number of calls at once."""


async def cpu_of_a_call(client: AsyncStandby, crowd: int, calls: int) -> float:
    """Return the seconds of CPU of one call, with `crowd` calls at once."""
    permits = asyncio.Semaphore(crowd)

    async def call() -> None:
        async with permits:
            await client.chat(QUESTION, chain="openai", deadline=60)

    await asyncio.gather(*(call() for _ in range(crowd)))  # opens the connections
    began = time.process_time()
    await asyncio.gather(*(call() for _ in range(calls)))
    return (time.process_time() - began) / calls


async def main() -> int:
    """Print a table."""
    with run_server("--delay", "0.05") as url:
        async with AsyncStandby(settings=settings(url), warm_up=False) as client:
            costs = {crowd: await cpu_of_a_call(client, crowd, n) for crowd, n in CALLS.items()}
            resting = [name for name, health in client.health().items() if health.resting]
    for crowd, cost in costs.items():
        ratio = cost / costs[1]
        print(
            f"| {crowd} calls at once | {ratio:.2f} x | limit {LIMIT} | {cost * 1e6:.0f} us CPU |"
        )
    print(f"resting models: {len(resting)}")
    return int(bool(resting) or any(cost > LIMIT * costs[1] for cost in costs.values()))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
