"""A forward proxy: CONNECT for `https`, and whole URLs for `http`."""

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.support.raw_server import Peer, RawServer, serve

WANTED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def forward_proxy(
    *, credentials: str = "", answer: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Run a proxy.

    Args:
        credentials: What it asks for, as user:password; "": nothing.
        answer: What it answers to each request instead of forwarding it.
        tls: The context of a proxy that is reached by TLS.
    """
    running: list[RawServer] = []
    token = base64.b64encode(credentials.encode("latin-1")).decode()

    async def play(peer: Peer) -> None:
        head, body = await peer.request()
        running[0].heads.append(head)
        running[0].bodies.append(body)
        if answer:
            await peer.send(answer)
        elif credentials and f"Proxy-Authorization: Basic {token}".encode() not in head:
            await peer.send(WANTED)
        else:
            await _forward(peer, head, body)

    async with serve(play, tls=tls) as server:
        running.append(server)
        yield server


async def _forward(peer: Peer, head: bytes, body: bytes) -> None:
    method, target, _ = head.decode("latin-1").split(" ", 2)
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    if method == "CONNECT":
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        head = head.replace(target.encode(), parts.path.encode(), 1)
        writer.write(re.sub(rb"(?i)proxy-authorization: [^\r]*\r\n", b"", head) + body)
    try:
        await asyncio.gather(_pump(peer.reader, writer), _pump(reader, peer.writer))
    finally:
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()
