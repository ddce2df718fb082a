"""Call and call again, over TLS and through faults: nothing that a process holds may grow.

usage: python -m campaigns.endurance [--calls 2000]

A server in a process of its own answers most requests, and breaks some: errors of every kind, cut
and empty bodies, resets, junk, streams without their end. After a tenth of the calls, and after
all of them, the process's memory, descriptors, tasks and threads are counted. The exit status is 1
if a call fails in any other way than by `CallFailed`, or if a count has grown.
"""

import argparse
import asyncio
import gc
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import msgspec

from standby import AsyncStandby, Settings
from standby.errors import CallFailed
from standby.settings import BreakerSettings, Chain, Model, Provider, Secret
from tests.support.tls import Authority

AT_ONCE = 50
WARM_UP = 300
"""Calls before the first count, at least."""

MEMORY_LIMIT = 1.05
"""Resident memory at the end, against that after a tenth of the calls, besides `ARENAS`."""

ARENAS = 16 * 1024
"""KiB that Python's allocator may take or give back at any time."""

CHAT = msgspec.json.encode(
    {
        "model": "o3-mini",
        "choices": [{"message": {"content": "Lisbon."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3},
    }
)
GEMINI = msgspec.json.encode(
    {
        "candidates": [{"content": {"parts": [{"text": "Lisbon."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3},
        "modelVersion": "gemini-2.5-pro",
    }
)
HEAD = "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"


def respond(status: str, body: bytes, kind: str = "application/json", lost: int = 0) -> bytes:
    """Return an answer; `lost` bytes are missing at its end."""
    return (HEAD % (status, kind, len(body) + lost)).encode() + body


def stream(*events: bytes) -> bytes:
    """Return an answer of server-sent events."""
    body = b"".join(b"data: %s\n\n" % event for event in events)
    return respond("200 OK", body, "text/event-stream")


DELTA = b'{"choices":[{"delta":{"content":"Lisbon."},"finish_reason":null}]}'
END = b'{"choices":[{"delta":{},"finish_reason":"stop"}]}'
FAULTS = (
    respond("500 Internal Server Error", b'{"error":{"message":"Oh.","code":500}}'),
    respond("503 Service Unavailable", b"<html><h1>Busy</h1></html>", "text/html"),
    respond("429 Too Many Requests", b'{"error":{"message":"Slow down."}}'),
    respond("200 OK", b""),
    respond("200 OK", b"<html>ok</html>", "text/html"),
    respond("200 OK", CHAT[:40], lost=100),
    b"junk\r\n\r\n",
    b"",
)
"""The connection is closed after each of them."""

SHARE = 0.15
"""Of the requests that are broken."""


class Server(asyncio.Protocol):
    """Answers each request, and breaks some."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if not separator or len(body) < length:
            return
        self.received = b""
        transport: asyncio.Transport = self.transport  # type: ignore[assignment]
        if self.rng.random() < SHARE:
            transport.write(self.rng.choice(FAULTS))
            transport.close()
            return
        streams = b'"stream":true' in body or b"streamGenerate" in head
        transport.write(self.answer(is_gemini=b"enerateContent" in head, streams=streams))

    def answer(self, *, is_gemini: bool, streams: bool) -> bytes:
        """Return the healthy answer."""
        if is_gemini:
            return stream(GEMINI) if streams else respond("200 OK", GEMINI)
        return stream(DELTA, END, b"[DONE]") if streams else respond("200 OK", CHAT)


async def serve(folder: Path) -> None:
    """Serve over TLS until terminated; print the port."""
    authority, rng = Authority(), random.Random(1)
    authority.write(folder / "authority.pem")
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(rng), "127.0.0.1", 0, ssl=authority.server(folder), backlog=1000
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


class Held(msgspec.Struct, frozen=True):
    """What the process holds: KiB of memory, descriptors, tasks, threads."""

    memory: int
    descriptors: int
    tasks: int
    threads: int


def count() -> Held:
    """Count what the process holds."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return Held(
        memory=pages * os.sysconf("SC_PAGE_SIZE") // 1024,
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
    )


def settings(url: str) -> Settings:
    """Return a chain of two vendors whose models rest for a moment only."""
    key, moment = Secret("endurance"), BreakerSettings(open=0.05, open_limit=0.05)
    return Settings(
        providers={
            "g": Provider(plugin="gemini", base_url=url, api_key=key),
            "o": Provider(plugin="openai", base_url=f"{url}/v1", api_key=key),
        },
        models={
            "first": Model(provider="g", model="gemini-2.5-pro", breaker=moment),
            "second": Model(provider="o", model="o3-mini", breaker=moment),
        },
        chains={"default": Chain(models=("first", "second"), deadline=30.0)},
    )


async def call(client: AsyncStandby, *, streams: bool) -> str:
    """Call once; return the answering model, or the error's name."""
    try:
        if not streams:
            return (await client.chat("Which city?")).model
        async with client.stream("Which city?") as chunks:
            async for _ in chunks:
                pass
    except CallFailed as error:
        return type(error).__name__
    return "streamed"


async def run(url: str, calls: int) -> tuple[Counter[str], Held, Held]:
    """Call; return the outcomes, and what is held early and late."""
    outcomes: Counter[str] = Counter()
    remaining = iter(range(calls))

    async def work(client: AsyncStandby) -> None:
        for number in remaining:
            outcomes[await call(client, streams=number % 3 == 0)] += 1

    async with AsyncStandby(settings=settings(url)) as client:
        first, total = iter(range(max(WARM_UP, calls // 10))), remaining
        remaining = first
        await asyncio.gather(*(work(client) for _ in range(AT_ONCE)))
        await rest(client)
        early, remaining = count(), total
        await asyncio.gather(*(work(client) for _ in range(AT_ONCE)))
        await rest(client)
        return outcomes, early, count()


async def rest(client: AsyncStandby) -> None:
    """Close the idle connections, and wait for what ends by itself."""
    await client.close()
    await asyncio.sleep(1)


def grown(early: Held, late: Held) -> list[str]:
    """Return what has grown."""
    counts = ("descriptors", "tasks", "threads")
    more = [name for name in counts if getattr(late, name) > getattr(early, name)]
    return more + (["memory"] if late.memory > early.memory * MEMORY_LIMIT + ARENAS else [])


def main() -> int:
    """Run the campaign; print what was held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "campaigns.endurance", "--serve", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - this very file
            port = server.stdout.readline().strip() if server.stdout else ""
            os.environ["SSL_CERT_FILE"] = f"{folder}/authority.pem"
            try:
                outcomes, early, late = asyncio.run(
                    run(f"https://127.0.0.1:{port}", arguments.calls)
                )
            finally:
                server.terminate()
    problems = grown(early, late)
    sys.stdout.write(
        f"{sum(outcomes.values())} calls: {dict(outcomes)}\nearly {early}\nlate  {late}\n"
        f"grown: {', '.join(problems) or 'nothing'}\n"
    )
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
