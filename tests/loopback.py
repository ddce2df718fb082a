"""Loopback servers that speak the vendors' wires over real sockets, with a fault for each request that wants one.

::

    with Loopback() as server:
        server.script(gemini_error(500, "INTERNAL", "…"), gemini_reply("Lisbon."))
        …  # server.url, server.requests
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

import msgspec

Then = Literal["keep", "close", "reset", "hang"]


class Received(msgspec.Struct, kw_only=True):
    """One request, as it came. `left` is set when its client has closed the connection."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    left: threading.Event = msgspec.field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server sends: a head, then `pieces` as (seconds to wait before, bytes), then what becomes of the connection.

    `raw` leaves the head away. `framing`: "length", "chunked", or "eof", where only the connection's end ends the body.
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
        return b"".join(piece for _, piece in self.pieces)


Answers = Callable[[Received], Answer]


class Loopback:
    """A server on 127.0.0.1 with an event loop and a thread of its own; a context manager."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.accepted = 0
        self.answer: Answers = lambda _: Answer(status=500)
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
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
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loopback", daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _open(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _shut(self) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=2)
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        self.accepted += 1
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            del self._connections[task]
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read(reader)) is not None:
            self.requests.append(request)
            gone = asyncio.create_task(_watch(reader, request))
            sending = asyncio.create_task(_send(self.answer(request), writer))
            try:
                await asyncio.wait([gone, sending], return_when=asyncio.FIRST_COMPLETED)
                if not sending.done() or not sending.result():
                    return
            finally:
                for task in (gone, sending):
                    task.cancel()
                await asyncio.wait([gone, sending])


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Received(method=method, path=parts.path, query=parse_qs(parts.query), headers=headers, body=body)


async def _watch(reader: asyncio.StreamReader, request: Received) -> None:
    """Wait until the client has left; the clients here never send a request before they have the last one's answer."""
    while not reader.at_eof() and reader.exception() is None:
        if reader._buffer:  # type: ignore[attr-defined] # a next request lies there already, so nobody has left
            await asyncio.sleep(3600)
        await asyncio.sleep(0.002)
    request.left.set()


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
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.framing == "chunked" and not answer.raw else piece)
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
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


# Faults


def respond(status: int, body: Any, headers: Mapping[str, str] | None = None, **rest: Any) -> Answer:
    """Return an answer of one piece: JSON for a value, as they are for bytes and text."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    kind = "text/html" if raw.startswith(b"<") else "application/json"
    return Answer(status=status, pieces=((0.0, raw),), headers={"Content-Type": kind, **(headers or {})}, **rest)


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


def cut(answer: Answer, after: int, how: Literal["close", "reset"] = "close", *, wait: float = 0.05) -> Answer:
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
    return msgspec.structs.replace(answer, pieces=tuple((every, body[at : at + size]) for at in range(0, len(body), size)))


def _events(payloads: Sequence[Any], end: str, framing: Literal["chunked", "eof"]) -> Answer:
    frames = (payload if isinstance(payload, bytes) else msgspec.json.encode(payload) for payload in payloads)
    pieces = tuple((0.0, b"data: " + frame + end.encode()) for frame in frames)
    return Answer(pieces=pieces, headers={"Content-Type": "text/event-stream"}, framing=framing)


# Gemini


def _gemini(text: str, *, model: str, finish: str | None, usage: Mapping[str, int]) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": dict(usage), "modelVersion": model, "responseId": "w1peaMz6INOvnvgP"}


GEMINI_USAGE = {"promptTokenCount": 12, "candidatesTokenCount": 3, "thoughtsTokenCount": 25, "totalTokenCount": 40}


def gemini_reply(text: str, *, model: str = "gemini-2.5-pro", finish: str = "STOP") -> Answer:
    return respond(200, _gemini(text, model=model, finish=finish, usage=GEMINI_USAGE))


def gemini_stream(
    texts: Sequence[str],
    *,
    model: str = "gemini-2.5-pro",
    finish: str | None = "STOP",
    framing: Literal["chunked", "eof"] = "chunked",
) -> Answer:
    last = len(texts) - 1
    payloads = [
        _gemini(text, model=model, finish=finish if at == last else None, usage=GEMINI_USAGE) for at, text in enumerate(texts)
    ]
    return _events(payloads, "\r\n\r\n", framing)


def gemini_error(status: int, code: str, message: str, details: Sequence[Any] = (), **headers: str) -> Answer:
    error: dict[str, Any] = {"code": status, "message": message, "status": code}
    if details:
        error["details"] = list(details)
    return respond(status, {"error": error}, headers)


def gemini_answers(*texts: str, model: str = "gemini-2.5-pro") -> Answers:
    """Answer whole or streamed, as the path says."""

    def answer(request: Received) -> Answer:
        if request.path.endswith(":streamGenerateContent"):
            return gemini_stream(texts, model=model)
        return gemini_reply("".join(texts), model=model)

    return answer


GEMINI_500 = gemini_error(
    500,
    "INTERNAL",
    "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
)
GEMINI_503 = gemini_error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
GEMINI_504 = gemini_error(504, "DEADLINE_EXCEEDED", "The service is unable to finish processing within the deadline.")
GEMINI_429 = gemini_error(
    429,
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details. Please retry in 34.4s.",
    [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}],
)
GEMINI_BAD_KEY = gemini_error(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}],
)

# OpenAI

OPENAI_USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 28,
    "total_tokens": 40,
    "completion_tokens_details": {"reasoning_tokens": 25},
    "prompt_tokens_details": {"cached_tokens": 4},
}


def openai_reply(text: str | None, *, model: str = "o3-mini-2025-01-31", finish: str = "stop", **message: Any) -> Answer:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None, **message},
        "finish_reason": finish,
    }
    return respond(
        200,
        {
            "id": "chatcmpl-BMSBsbjyxfOHmfmqtuMbkEEHZsRJu",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": model,
            "choices": [choice],
            "usage": OPENAI_USAGE,
        },
    )


def openai_stream(
    texts: Sequence[str],
    *,
    model: str = "o3-mini-2025-01-31",
    finish: str | None = "stop",
    done: bool = True,
    framing: Literal["chunked", "eof"] = "chunked",
) -> Answer:
    def chunk(choices: list[Any], **rest: Any) -> dict[str, Any]:
        return {
            "id": "chatcmpl-BMSBsbjyxfOHmfmqtuMbkEEHZsRJu",
            "object": "chat.completion.chunk",
            "created": 1_790_000_000,
            "model": model,
            "choices": choices,
            **rest,
        }

    def delta(finish_reason: str | None = None, **delta: str) -> dict[str, Any]:
        return chunk([{"index": 0, "delta": delta, "finish_reason": finish_reason}])

    payloads: list[Any] = [delta(role="assistant", content=""), *(delta(content=text) for text in texts)]
    if finish is not None:
        payloads += [delta(finish), chunk([], usage=OPENAI_USAGE)]
    if done:
        payloads.append(b"[DONE]")
    return _events(payloads, "\n\n", framing)


def openai_error(
    status: int, message: str, *, kind: str, code: str | int | None = None, param: str | None = None, **headers: str
) -> Answer:
    return respond(status, {"error": {"message": message, "type": kind, "param": param, "code": code}}, headers)


def openai_answers(*texts: str, model: str = "o3-mini-2025-01-31") -> Answers:
    """Answer whole or streamed, as the request says."""

    def answer(request: Received) -> Answer:
        if request.json.get("stream"):
            return openai_stream(texts, model=model)
        return openai_reply("".join(texts), model=model)

    return answer


OPENAI_500 = openai_error(500, "The server had an error while processing your request. Sorry about that!", kind="server_error")
OPENAI_503 = openai_error(
    503,
    "That model is currently overloaded with other requests.",
    kind="service_unavailable_error",
    code="server_is_overloaded",
)
OPENAI_404 = openai_error(
    404,
    "The model `o3-mini` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations",
    kind="invalid_request_error",
    code="model_not_found",
)
OPENAI_429_QUOTA = openai_error(
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    kind="insufficient_quota",
    code="insufficient_quota",
)


@contextlib.contextmanager
def both() -> Iterator[tuple[Loopback, Loopback]]:
    """Run a server for each wire: Gemini's, OpenAI's, both well."""
    with Loopback() as gemini, Loopback() as openai:
        gemini.answer = gemini_answers("Lisbon, ", "says Gemini.")
        openai.answer = openai_answers("Lisbon, ", "says OpenAI.")
        yield gemini, openai
