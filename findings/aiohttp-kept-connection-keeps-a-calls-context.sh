#!/bin/bash
# A kept connection of aiohttp keeps the context variables of the call that opened it, long after that call:
# what a framework puts there (a request, a user, a key) stays in memory while others use the connection.
# Seen with aiohttp 3.14.5: alive after its task, a collection and 50 calls of others; gone once the session is closed.
# Exit status: 0 as seen, 1 if it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet aiohttp==3.14.5
cd "$folder"
venv/bin/python - <<'PY'
import asyncio
import contextlib
import contextvars
import gc
import sys
import weakref
from importlib.metadata import version

import aiohttp

CURRENT = contextvars.ContextVar("current")


class Request:
    """What a web framework might keep in a context variable during one request."""


async def serve(reader, writer):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    writer.close()


async def first_call(session, url):
    request = Request()
    CURRENT.set(request)
    async with session.get(url) as response:
        await response.read()
    return weakref.ref(request)


async def other_call(session, url):
    async with session.get(url) as response:
        await response.read()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    alive = []
    async with aiohttp.ClientSession() as session:
        request = await asyncio.create_task(first_call(session, url))
        gc.collect()
        alive.append(request() is not None)
        for _ in range(50):
            await asyncio.create_task(other_call(session, url))
        gc.collect()
        alive.append(request() is not None)
    await asyncio.sleep(0.1)
    gc.collect()
    alive.append(request() is not None)
    return alive


alive = asyncio.run(main())
print("aiohttp", version("aiohttp"))
for when, is_alive in zip(("after its task", "after 50 calls of others", "after the session"), alive):
    print(f"the first call's request is alive {when}: {is_alive}")
sys.exit(alive != [True, True, False])
PY
