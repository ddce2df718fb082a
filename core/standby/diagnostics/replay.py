"""Replays a recorded answer to the plugin's own adapter, over a socket on this machine."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from standby.dispatch.adapter_call import AdapterCall
from standby.dispatch.assessment import assess
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Failure
from standby.resilience.timeouts import AttemptTimer
from standby.settings import Provider, Secret
from standby.types import Chunk, Message, Request, Text

QUESTION = Request((Message("user", (Text("A question."),)),))
TIMEOUT = 10.0
"""Seconds; the answer is on this machine already."""

_KEPT_HEADERS = ("content-type", "content-encoding", "retry-after")
"""Headers that describe the answer; the others are about its transport."""


async def replay_answer(
    target: Target,
    provider: Provider,
    adapter: type[Any],
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Failure | None:
    """Find what the dispatcher would make of an answer; nothing leaves this machine.

    Args:
        target: The model.
        provider: Its provider; the URL and the key are replaced.
        adapter: The plugin's class. Its stream is requested where the body is a stream.
        status: The answer's HTTP status.
        headers: The answer's headers.
        body: The answer's body.

    Returns:
        The failure, or `None` if the answer is a good one.
    """
    stream_type = _detect_stream(body)
    headers = {name.lower(): value for name, value in headers.items()}
    kept = {name: value for name, value in headers.items() if name in _KEPT_HEADERS}
    kept = {"content-type": stream_type or "application/json"} | kept
    async with _serve(status, kept, body) as url:
        local = msgspec.structs.replace(provider, base_url=url, api_key=Secret("replayed"))
        instance = adapter(local)
        local_target = msgspec.structs.replace(target, adapter=partial(_return, instance))
        try:
            return await _request(local_target, is_stream=bool(stream_type))
        finally:
            if hasattr(instance, "aclose"):
                await instance.aclose()


def _detect_stream(body: bytes) -> str:
    """Return the media type of a stream, server-sent events or NDJSON; empty for another body."""
    if body.lstrip().startswith((b"data:", b"event:", b":")):
        return "text/event-stream"
    lines = [line for line in body.split(b"\n") if line.strip()]
    return "application/x-ndjson" if len(lines) > 1 and all(map(_is_object, lines)) else ""


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


async def _request(target: Target, *, is_stream: bool) -> Failure | None:
    timer = AttemptTimer(target, asyncio.get_running_loop().time, TIMEOUT)
    gate = StreamGate(_discard if is_stream else None)
    try:
        async with asyncio.timeout(TIMEOUT):
            reply = await AdapterCall(target, QUESTION, timer, gate).run()
    except AttemptFailed as error:
        return error.failure
    return assess(reply, target)


async def _return(adapter: Any) -> Any:
    return adapter


def _discard(_chunk: Chunk, _target: Target) -> None:
    pass


@asynccontextmanager
async def _serve(status: int, headers: Mapping[str, str], body: bytes) -> AsyncGenerator[str, None]:
    """Answer every request with the same bytes; yields the server's URL."""
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "connection: close", "", ""])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        length = request.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        writer.write(head.encode("latin-1") + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()
