"""A server on 127.0.0.1 that gives scripted answers, faults included, over real sockets.

::

    with Loopback() as server:
        server.script(html(502), respond(200, {"text": "Lisbon."}))
        …  # server.url, server.requests
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, Self, cast
from urllib.parse import parse_qs, urlsplit

import msgspec

from standby.testing.answers import Answer


class Received(msgspec.Struct, kw_only=True):
    """One request as the server received it.

    Attributes:
        method: The HTTP method.
        path: The URL's path.
        query: The URL's parameters.
        headers: The headers; their names are in lower case.
        body: The body.
        disconnected: Set when the client has closed the connection.
        main: Whether `Loopback.answer` answered it; false for a side request.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    disconnected: threading.Event = msgspec.field(default_factory=threading.Event)
    main: bool = True

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


Answers = Callable[[Received], Answer]
"""Returns the answer to a request."""


class Loopback:
    """A server on 127.0.0.1 with its own thread and event loop; a context manager.

    Attributes:
        requests: All requests so far.
        accepted: The number of connections that were ever made.
        answer: Answers the main requests, with status 500 unless it is replaced.
        side_answer: Called first with each request; returns the answer to a side request, such as
            one for a token, and `None` for a main request.
    """

    def __init__(self) -> None:
        """Prepare the server; it listens inside `with`."""
        self.requests: list[Received] = []
        self.accepted = 0
        self.answer: Answers = lambda _: Answer(status=500)
        self.side_answer: Callable[[Received], Answer | None] = lambda _: None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def main_requests(self) -> list[Received]:
        """The requests that `answer` answered."""
        return [request for request in self.requests if request.main]

    @property
    def open_connections(self) -> int:
        """The number of connections that are open now."""
        return len(self._connections)

    def script(self, *answers: Answer | Answers) -> None:
        """Give these answers in order; the last one repeats.

        Args:
            answers: At least one answer, or function that makes one.
        """
        remaining = list(answers)

        def play(request: Received) -> Answer:
            step = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            return step if isinstance(step, Answer) else step(request)

        self.answer = play

    def __enter__(self) -> Self:
        """Start to listen."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loopback", daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _stop(self) -> None:
        # accepting a connection fails on a server that is closed meanwhile (CPython 3.11, _attach)
        await _drain_loop()
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2)
        for writer in self._connections.values():
            writer.transport.abort()  # `close` would wait until the client has read everything
        await _drain_loop()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())  # the server starts one for each
        self._connections[task] = writer
        self.accepted += 1
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            del self._connections[task]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read_request(reader)) is not None:
            side = self.side_answer(request)
            request.main = side is None
            self.requests.append(request)
            leaving = asyncio.create_task(_wait_for_disconnect(reader, request))
            sending = asyncio.create_task(_send(side or self.answer(request), writer))
            try:
                await asyncio.wait([leaving, sending], return_when=asyncio.FIRST_COMPLETED)
                if not sending.done() or not sending.result():
                    return
            finally:
                for task in (leaving, sending):
                    task.cancel()
                await asyncio.wait([leaving, sending])


async def _drain_loop() -> None:
    """Let pending callbacks run: asyncio makes a connection in four turns of the loop."""
    for _ in range(10):
        await asyncio.sleep(0)


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Received(
        method=method, path=parts.path, query=parse_qs(parts.query), headers=headers, body=body
    )


async def _wait_for_disconnect(reader: asyncio.StreamReader, request: Received) -> None:
    """Wait until the client closes; clients here never pipeline requests."""
    while not reader.at_eof() and reader.exception() is None:
        if cast("Any", reader)._buffer:  # noqa: SLF001 - a next request has come: it is connected
            await asyncio.sleep(3600)
        await asyncio.sleep(0.002)
    request.disconnected.set()


async def _send(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    """Send an answer; say whether the connection stays open."""
    await asyncio.sleep(answer.delay)
    if not answer.raw:
        writer.write(_format_head(answer))
    await _send_pieces(answer, writer)
    await writer.drain()
    if answer.then == "hang":
        await asyncio.sleep(3600)
    if answer.then == "reset":
        _reset(writer)
        return False
    until_close = answer.raw or answer.framing == "eof"
    if until_close or answer.then == "close":
        return False
    if answer.framing == "chunked":
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    return True


async def _send_pieces(answer: Answer, writer: asyncio.StreamWriter) -> None:
    is_chunked = answer.framing == "chunked" and not answer.raw
    for wait, piece in answer.pieces:
        if wait:
            await writer.drain()
            await asyncio.sleep(wait)
        if piece:  # an empty chunk would end the body
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunked else piece)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _format_head(answer: Answer) -> bytes:
    headers = dict(answer.headers)
    if answer.framing == "length":
        headers.setdefault("Content-Length", str(len(answer.body)))
    elif answer.framing == "chunked":
        headers.setdefault("Transfer-Encoding", "chunked")
    else:
        headers.setdefault("Connection", "close")
    lines = [
        f"HTTP/1.1 {answer.status} X",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
