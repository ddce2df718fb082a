"""The memory that one peer can cost: bombs, endless streams and endless bodies.

Each is measured in a separate process.
"""

import subprocess
import sys
import textwrap
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.support.faults import Wire
from tests.support.loopback import Answer, Loopback

MAX_GROWTH = 64 * 2**20

CLIENT = """
import asyncio, resource, sys
from standby import AsyncStandby, CallFailed, Settings
from standby.settings import Chain, Model, Provider, Retry, Secret

plugin, url, streamed = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
settings = Settings(
    providers={"p": Provider(plugin=plugin, base_url=url, api_key=Secret("a-key"))},
    models={"m": Model(provider="p", model="m", timeout=20.0)},
    chains={"default": Chain(models=("m",), deadline=20.0, retry=Retry(attempts=1))},
)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

async def send(client):
    try:
        if not streamed:
            return len((await client.chat("Which city?")).text)
        async with client.stream("Which city?") as stream:
            return sum([len(chunk.text) async for chunk in stream])
    except CallFailed as error:
        return str(error.trail[-1].kind)

async def main():
    async with AsyncStandby(settings=settings, environ={}) as client:
        await send(client)
        before = peak()
        print(await send(client), peak() - before)

asyncio.run(main())
"""


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def bomb(megabytes: int, encoding: str) -> Answer:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    packed = b"".join([packer.compress(b"0" * 2**20) for _ in range(megabytes)]) + packer.flush()
    return Answer(
        pieces=((0.0, packed),),
        headers={"Content-Type": "application/json", "Content-Encoding": encoding},
    )


def endless(wire: Wire, piece: bytes) -> Answer:
    good = wire.good()
    return msgspec.structs.replace(
        good, pieces=((0.0, piece),) * 200, framing="chunked", then="close"
    )


@pytest.mark.parametrize(("plugin", "path"), [("gemini", ""), ("openai", "/v1")])
@pytest.mark.parametrize(
    ("fault", "streamed"),
    [
        ("gzip", False),
        ("deflate", True),
        ("one long line", False),
        ("one long line", True),
        ("many small events", True),
        ("comments", True),
    ],
)
def test_no_peer_costs_more_than_64_mib(
    server: Loopback, fault: str, plugin: str, path: str, *, streamed: bool
) -> None:
    wire = Wire(plugin, path, "m", streamed)
    faults: dict[str, Any] = {
        "gzip": lambda: bomb(160, "gzip"),
        "deflate": lambda: bomb(160, "deflate"),
        "one long line": lambda: endless(wire, b"x" * 2**20),
        "many small events": lambda: endless(wire, b"data: {}\n\n" * 50_000),
        "comments": lambda: endless(wire, b": keep-alive\n\n" * 50_000),
    }
    server.script(wire.good(), faults[fault]())
    arguments = [plugin, server.url + path, str(streamed)]
    command = [sys.executable, "-c", textwrap.dedent(CLIENT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - ourselves
    outcome, growth = done.stdout.rsplit(maxsplit=1)
    assert int(growth) <= MAX_GROWTH
    assert outcome.strip() in {"malformed", "connection"}
