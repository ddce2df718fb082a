"""What a recorded answer comes to: it is played to the plugin's own adapter, over a socket on this machine."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from standby.dispatch.adapter_call import attempt
from standby.dispatch.assessment import assess
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Failure
from standby.resilience.timeouts import AttemptTimer
from standby.settings import Provider, Secret
from standby.types import Chunk, Message, Request, Text

QUESTION = Request((Message("user", (Text("A question."),)),))
PATIENCE = 10.0
"""Seconds; what is played is here already."""

_CARRIED = ("content-type", "content-encoding", "retry-after")
"""Headers that say something of the answer; the others are about its way."""


async def failure_in(
    target: Target,
    provider: Provider,
    adapter: type[Any],
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Failure | None:
    """Return what the dispatcher would make of the answer; `None`: it is a good one.

    `adapter` is the plugin's class; it is asked for a stream where the body is one. Nothing leaves
    this machine.
    """
    framing = _framing_of(body)
    kind = {"content-type": framing or "application/json"}
    carried = kind | {
        name.lower(): value for name, value in headers.items() if name.lower() in _CARRIED
    }
    async with _playing(status, carried, body) as url:
        made = adapter(msgspec.structs.replace(provider, base_url=url, api_key=Secret("replayed")))
        try:
            return await _outcome(
                msgspec.structs.replace(target, adapter=partial(_given, made)),
                streams=bool(framing),
            )
        finally:
            if hasattr(made, "aclose"):
                await made.aclose()


def _framing_of(body: bytes) -> str:
    """Return the media type of a stream, server-sent events or NDJSON; empty for a body that is none."""
    if body.lstrip().startswith((b"data:", b"event:", b":")):
        return "text/event-stream"
    lines = [line for line in body.split(b"\n") if line.strip()]
    return "application/x-ndjson" if len(lines) > 1 and all(map(_is_object, lines)) else ""


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


async def _outcome(target: Target, *, streams: bool) -> Failure | None:
    watch = AttemptTimer(target, asyncio.get_running_loop().time, PATIENCE)
    outlet = StreamGate(_nowhere) if streams else None
    try:
        async with asyncio.timeout(PATIENCE):
            return assess(await attempt(target, QUESTION, watch, outlet), target)
    except AttemptFailed as error:
        return error.failure


async def _given(made: Any) -> Any:
    return made


async def _nowhere(_: Chunk) -> None:
    """Let a chunk go: nobody reads it."""


@asynccontextmanager
async def _playing(
    status: int, headers: Mapping[str, str], body: bytes
) -> AsyncGenerator[str, None]:
    """Answer every request with the same bytes; gives the server's URL."""
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "connection: close", "", ""])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        length = asked.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
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
