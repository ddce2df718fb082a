"""A server on 127.0.0.1 that answers over real sockets what it is told to, with a fault for each request that wants one.

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
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self, cast
from urllib.parse import parse_qs, urlsplit

import msgspec

Then = Literal["keep", "close", "reset", "hang"]


class Received(msgspec.Struct, kw_only=True):
    """One request, as it came. `disconnected` is set when its client has closed the connection; `main` is false for one beside."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    disconnected: threading.Event = msgspec.field(default_factory=threading.Event)
    main: bool = True

    @property
    def json(self) -> Any:
        """Return the body, decoded."""
        return msgspec.json.decode(self.body)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server sends: a head, then `pieces` as (seconds to wait before, bytes), then what becomes of the connection.

    `raw` leaves the head away. `framing`: "length", "chunked", or "eof", where only the
    connection's end ends the body.
    """

    status: int = 200
    pieces: tuple[tuple[float, bytes], ...] = ()
    headers: Mapping[str, str] = {}
    framing: Literal["length", "chunked", "eof"] = "length"
    delay: float = 0.0
    then: Then = "keep"
    raw: bool = False

    @property
    def body(self) -> bytes:
        """Return the pieces as one."""
        return b"".join(piece for _, piece in self.pieces)


Answers = Callable[[Received], Answer]


class Loopback:
    """A server on 127.0.0.1 with an event loop and a thread of its own; a context manager."""

    def __init__(self) -> None:
        """Answer 500 until told otherwise."""
        self.requests: list[Received] = []
        self.accepted = 0
        self.answer: Answers = lambda _: Answer(status=500)
        self.side_answer: Callable[[Received], Answer | None] = lambda _: None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def main_requests(self) -> list[Received]:
        """The requests that `answer` has answered; `side_answer` is asked first, and answers the others."""
        return [request for request in self.requests if request.main]

    @property
    def open_connections(self) -> int:
        """The connections that are open now; `accepted` counts all that ever were."""
        return len(self._connections)

    def script(self, *answers: Answer | Answers) -> None:
        """Play the answers in order; the last one repeats."""
        left = list(answers)

        def play(request: Received) -> Answer:
            step = left.pop(0) if len(left) > 1 else left[0]
            return step if isinstance(step, Answer) else step(request)

        self.answer = play

    def __enter__(self) -> Self:
        """Listen."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loopback", daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        """Cut all connections, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _open(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _shut(self) -> None:
        # a connection that is just being accepted trips over a server that is closed (CPython 3.11,
        # _attach)
        await _turns()
        self._server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=2)
        for writer in self._connections.values():
            writer.transport.abort()  # what the client has not read keeps nobody waiting
        await _turns()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast(
            "asyncio.Task[None]", asyncio.current_task()
        )  # the server runs each connection in one
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
        while (request := await _read(reader)) is not None:
            beside = self.side_answer(request)
            request.main = beside is None
            self.requests.append(request)
            gone = asyncio.create_task(_watch(reader, request))
            sending = asyncio.create_task(_send(beside or self.answer(request), writer))
            try:
                await asyncio.wait([gone, sending], return_when=asyncio.FIRST_COMPLETED)
                if not sending.done() or not sending.result():
                    return
            finally:
                for task in (gone, sending):
                    task.cancel()
                await asyncio.wait([gone, sending])


async def _turns() -> None:
    """Let the loop turn until nothing that is under way of itself is left: asyncio makes a connection in four turns."""
    for _ in range(10):
        await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader) -> Received | None:
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


async def _watch(reader: asyncio.StreamReader, request: Received) -> None:
    """Wait until the client has left; the clients here never send a request before they have the last one's answer."""
    while not reader.at_eof() and reader.exception() is None:
        if cast("Any", reader)._buffer:  # noqa: SLF001 - a next request lies there already, so nobody has left
            await asyncio.sleep(3600)
        await asyncio.sleep(0.002)
    request.disconnected.set()


async def _send(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    """Send; the result says whether the connection lives on."""
    await asyncio.sleep(answer.delay)
    if not answer.raw:
        writer.write(_head(answer))
    for wait, piece in answer.pieces:
        if wait:
            await writer.drain()
            await asyncio.sleep(wait)
        if piece:  # an empty chunk would end the body
            writer.write(
                b"%x\r\n%s\r\n" % (len(piece), piece)
                if answer.framing == "chunked" and not answer.raw
                else piece
            )
    await writer.drain()
    if answer.then == "hang":
        await asyncio.sleep(3600)
    if answer.then == "reset":
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False
    if answer.then == "close" or answer.framing == "eof" or answer.raw:
        return False
    if answer.framing == "chunked":
        writer.write(b"0\r\n\r\n")
        await writer.drain()
    return True


def _head(answer: Answer) -> bytes:
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


# Faults


def respond(
    status: int, body: Any, headers: Mapping[str, str] | None = None, **rest: Any
) -> Answer:
    """Return an answer of one piece: JSON for a value, as they are for bytes and text."""
    raw = (
        body
        if isinstance(body, bytes)
        else body.encode()
        if isinstance(body, str)
        else msgspec.json.encode(body)
    )
    kind = "text/html" if raw.startswith(b"<") else "application/json"
    return Answer(
        status=status,
        pieces=((0.0, raw),),
        headers={"Content-Type": kind, **(headers or {})},
        **rest,
    )


def hang() -> Answer:
    """Never answer."""
    return Answer(raw=True, then="hang")


def reset() -> Answer:
    """Reset the connection before any header."""
    return Answer(raw=True, then="reset")


def garbage(data: bytes = b"\x00\x01 this is no HTTP\r\n\r\n") -> Answer:
    """Answer with bytes that are no HTTP."""
    return Answer(raw=True, pieces=((0.0, data),), then="close")


def html(status: int, page: str = "<html><body><h1>Bad Gateway</h1></body></html>") -> Answer:
    """Answer as a proxy does."""
    return respond(status, page)


def late(seconds: float, answer: Answer) -> Answer:
    """Wait before the first byte."""
    return msgspec.structs.replace(answer, delay=seconds)


def cut(
    answer: Answer, after: int, how: Literal["close", "reset"] = "close", *, wait: float = 0.05
) -> Answer:
    """End the connection when `after` bytes of the body are out; a reset throws away what is unread, so it waits."""
    headers = dict(answer.headers)
    if answer.framing == "length":
        headers["Content-Length"] = str(len(answer.body))
    pieces = ((0.0, answer.body[:after]),) if after else ()
    if how == "reset" and after:
        pieces = (*pieces, (wait, b""))
    return msgspec.structs.replace(answer, pieces=pieces, headers=headers, then=how)


def drip(answer: Answer, *, every: float, size: int = 1) -> Answer:
    """Send the body in small pieces."""
    body = answer.body
    return msgspec.structs.replace(
        answer, pieces=tuple((every, body[at : at + size]) for at in range(0, len(body), size))
    )


def events(
    payloads: Sequence[Any], end: str = "\n\n", framing: Literal["chunked", "eof"] = "chunked"
) -> Answer:
    """Stream server-sent events, each in a piece of its own.

    Args:
        payloads: A value is sent as JSON in an event's `data`; bytes are sent as they are, without
            a field's name or an end.
        end: What ends the event of a value.
        framing: What ends the body.
    """
    pieces = (_framed(payload, "data: ", end) for payload in payloads)
    return _streamed("text/event-stream", pieces, framing)


def ndjson(
    payloads: Sequence[Any], end: str = "\n", framing: Literal["chunked", "eof"] = "chunked"
) -> Answer:
    """Stream NDJSON, each line in a piece of its own.

    Args:
        payloads: A value is sent as JSON on a line; bytes are sent as they are.
        end: What ends the line of a value.
        framing: What ends the body.
    """
    pieces = (_framed(payload, "", end) for payload in payloads)
    return _streamed("application/x-ndjson", pieces, framing)


def _framed(payload: Any, start: str, end: str) -> bytes:
    if isinstance(payload, bytes):
        return payload
    return start.encode() + msgspec.json.encode(payload) + end.encode()


def _streamed(kind: str, frames: Iterable[bytes], framing: Literal["chunked", "eof"]) -> Answer:
    pieces = tuple((0.0, frame) for frame in frames)
    return Answer(pieces=pieces, headers={"Content-Type": kind}, framing=framing)
