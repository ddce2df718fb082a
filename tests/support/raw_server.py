"""A server on the loop of the test that speaks bytes, so that it can break every rule of HTTP."""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


class Peer:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._draining: asyncio.Task[None] | None = None

    async def request(self) -> tuple[bytes, bytes]:
        """Read a request: its head, and its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        return head, await self.reader.readexactly(int(length[1]) if length else 0)

    async def send(self, *pieces: bytes) -> None:
        """Send pieces in segments of their own."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if len(pieces) > 1:
                await asyncio.sleep(0.01)

    def close(self) -> None:
        """Say FIN after what was sent."""
        self.writer.close()

    def reset(self) -> None:
        """Say RST."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self, within: float = 2.0) -> bool:
        """Wait until the client has closed the connection; say whether it has in time."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        done, _ = await asyncio.wait([self._draining], timeout=within)
        return bool(done)

    async def _drain(self) -> None:
        with suppress(ConnectionError):
            while await self.reader.read(2**16):
                pass


Play = Callable[[Peer], Awaitable[None]]


class RawServer:
    """A server.

    Attributes:
        peers: All connections so far.
        heads: The heads of all requests that `play_bytes` has read.
    """

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, play: Play, peer: Peer) -> None:
        self.peers.append(peer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await play(peer)
        finally:
            peer.writer.close()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for peer in self.peers:
            peer.writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def serve(
    play: Play, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Run a server that plays each connection by a function, and closes it afterwards."""
    server = RawServer()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.connect(play, Peer(reader, writer))

    listener = await asyncio.start_server(connect, host, 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    server.url = f"{'https' if tls else 'http'}://{name}:{server.port}"
    try:
        yield server
    finally:
        listener.close()
        await server.stop()


@asynccontextmanager
async def serve_bytes(
    *pieces: bytes, then: str = "close", wait: float = 0.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Run a server that answers each request with the same pieces.

    Args:
        pieces: The bytes, in segments of their own.
        then: What follows: "close", "reset", "hang", or "keep" for the next request.
        wait: Seconds before that.
        tls: Its TLS context.
    """
    running: list[RawServer] = []

    async def play(peer: Peer) -> None:
        while True:
            head, body = await peer.request()
            running[0].heads.append(head)
            running[0].bodies.append(body)
            await peer.send(*pieces)
            await asyncio.sleep(wait)
            if then == "hang":
                await peer.gone(60)
            if then == "reset":
                peer.reset()
            if then != "keep":
                return

    async with serve(play, tls=tls) as server:
        running.append(server)
        yield server


def ok(body: bytes = b"{}", *headers: str, status: str = "200 OK") -> bytes:
    """Return an answer with a right Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    """Return chunks, without the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
