"""What HTTP libraries cost by themselves: their import, a call, and one of many calls at once.

usage: python benchmarks/http_libraries.py

Each library is measured in a process of its own, in turn, three times; the medians are printed.
"""

import asyncio
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from server import run_server

LIBRARIES = ("aiohttp", "httpx", "httpx2")
BODY = json.dumps({"model": "o3-mini", "messages": [{"role": "user", "content": "Hi."}]}).encode()
ALONE, CROWD, ROUNDS = 500, 200, 3
PATH = "/v1/chat/completions"

Post = Callable[[], Awaitable[bytes]]


def resident_memory() -> float:
    """Return this process's resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_client(library: Any, url: str) -> tuple[Post, Callable[[], Awaitable[None]]]:
    """Return what posts the body and reads the answer, and what closes the client."""
    if library.__name__ == "aiohttp":
        session = library.ClientSession(connector=library.TCPConnector(limit=0))

        async def post() -> bytes:
            async with session.post(url, data=BODY) as response:
                return bytes(await response.read())

        return post, session.close
    limits = library.Limits(max_connections=CROWD, max_keepalive_connections=CROWD)
    client = library.AsyncClient(limits=limits, timeout=60)

    async def post_by_httpx() -> bytes:
        return bytes((await client.post(url, content=BODY)).content)

    return post_by_httpx, client.aclose


async def cpu_of_a_call(library: Any, url: str, crowd: int, calls: int) -> float:
    """Return the seconds of CPU of one call, with so many at once, over kept connections."""
    post, close = open_client(library, url)
    await asyncio.gather(*(post() for _ in range(crowd)))
    start = time.process_time()
    for _ in range(calls // crowd):
        await asyncio.gather(*(post() for _ in range(crowd)))
    seconds = time.process_time() - start
    await close()
    return seconds / calls


def measure(name: str, urls: list[str]) -> dict[str, float]:
    """Measure one library in this process, which has imported asyncio, json and subprocess."""
    before, start = resident_memory(), time.process_time()
    library = importlib.import_module(name)
    imported = time.process_time() - start
    loaded = resident_memory() - before
    alone = asyncio.run(cpu_of_a_call(library, urls[0], 1, ALONE))
    crowded = asyncio.run(cpu_of_a_call(library, urls[1], CROWD, 3 * CROWD))
    return {
        "ms to import": imported * 1e3,
        "MB to import": loaded,
        "us a call": alone * 1e6,
        f"us one of {CROWD} calls at once": crowded * 1e6,
    }


def main() -> None:
    """Run all libraries in turn, and print the medians."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in LIBRARIES}
    with run_server() as fast, run_server("--delay", "0.2") as slow:
        for name in LIBRARIES * ROUNDS:
            command = [sys.executable, __file__, name, fast + PATH, slow + PATH]
            run = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            results[name].append(json.loads(run.stdout))
    for name, rounds in results.items():
        medians = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        print(name, *(f"{value:.0f} {unit}" for unit, value in medians.items()), sep=" | ")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], sys.argv[2:])))
    else:
        main()
