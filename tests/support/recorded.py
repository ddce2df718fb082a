"""Recorded answers as they were on the wire, and the real adapters that read them."""

import random
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import msgspec

from standby.plugin import (
    AttemptFailed,
    Card,
    Chunk,
    Failure,
    Message,
    ModelRequest,
    Provider,
    Reply,
    Request,
    Secret,
    Text,
    decode_json,
    iter_events,
)
from tests.oracles import expected_of_others, expected_of_own
from tests.oracles.expected import ExpectedFailure, ExpectedReply, Wire
from tests.support.loopback import Answer, Loopback
from tests.support.recordings import OTHERS, read_body, read_cassette
from tests.support.stream_forms import sse
from tests.support.transports import adapter_class

ROWS: dict[str, ExpectedReply | ExpectedFailure] = expected_of_own.OWN | (
    expected_of_others.OTHERS if OTHERS else {}
)
"""The expected outcome of each recorded answer: of a file, or of an interaction of a cassette."""

PLUGINS: dict[Wire, str] = {
    "gemini": "gemini",
    "vertex": "gemini",
    "chat": "openai",
    "responses": "openai",
    "anthropic": "anthropic",
}
PATHS: dict[Wire, str] = {
    "gemini": "",
    "vertex": "",
    "chat": "/v1",
    "responses": "/v1",
    "anthropic": "",
}
CALLS = ("enerateContent", "/chat/completions", "/responses", "/messages")
NOT_RECORDED = {"README.md", "LICENSE"}


class Recorded(msgspec.Struct, frozen=True):
    """One answer as it was sent. `status` is 0 where only the body was recorded."""

    streamed: bool
    status: int
    content_type: str
    body: bytes
    encoding: str = ""

    @property
    def unpacked(self) -> bytes:
        return zlib.decompress(self.body, wbits=31) if self.encoding else self.body

    def answer(self, status: int, *, cuts: Sequence[int] = ()) -> Answer:
        """Return the server's answer; each cut begins a separate piece, sent after the last one."""
        headers = {"Content-Type": self.content_type}
        headers |= {"Content-Encoding": self.encoding} if self.encoding else {}
        edges = [0, *cuts, len(self.body)]
        pieces = [(0.001 if at else 0.0, self.body[at:end]) for at, end in pairwise(edges)]
        framing: Literal["chunked", "length"] = "chunked" if self.streamed else "length"
        return Answer(
            status=self.status or status, pieces=tuple(pieces), headers=headers, framing=framing
        )


def list_files(folder: Path) -> set[str]:
    """List every recorded file of a folder."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_RECORDED)
    return {path.relative_to(folder).as_posix() for path in paths}


def list_answers(name: str) -> list[str]:
    """List the answers in a file: itself, or a cassette's answers of a model.

    `path.yaml#2` is a cassette's third interaction.
    """
    if not name.endswith(".yaml"):
        return [name]
    urls = [_get_url(interaction["request"]) for interaction in read_cassette(name)]
    return [
        f"{name}#{number}" for number, url in enumerate(urls) if any(path in url for path in CALLS)
    ]


@cache
def recorded(name: str) -> Recorded:
    """Return one recorded answer, with its bytes as they were sent."""
    file, _, number = name.partition("#")
    if file.endswith(".json"):
        return Recorded(
            streamed=False, status=0, content_type="application/json", body=read_body(name)
        )
    return _from_text(name) if file.endswith(".txt") else _from_cassette(name, int(number))


def _from_text(name: str) -> Recorded:
    """Read a stream: its frames, or the JSON chunks that they held, one a line."""
    body = read_body(name)
    is_error = body.lstrip().startswith(b"{")
    if name.endswith(".chunks.txt"):
        body, is_error = sse(decode_json(line) for line in body.splitlines() if line), False
    return Recorded(
        streamed=True,
        status=0 if is_error else 200,
        content_type="text/event-stream",
        body=body,
    )


def _from_cassette(name: str, number: int) -> Recorded:
    interaction = read_cassette(name.partition("#")[0])[number]
    response, url = interaction["response"], _get_url(interaction["request"])
    status = response.get("code") or response["status"]
    headers = {key.lower(): value[0] for key, value in response["headers"].items()}
    kind, packed = headers["content-type"], _get_packed(response.get("body"))
    return Recorded(
        streamed="stream" in kind or ":streamGenerateContent" in url,
        status=int(status["code"] if isinstance(status, dict) else status),
        content_type=kind,
        body=packed or read_body(name),
        encoding="gzip" if packed else "",
    )


def _get_packed(body: Any) -> bytes:
    content = body.get("string") if isinstance(body, dict) else None
    is_packed = isinstance(content, bytes) and content.startswith(b"\x1f\x8b")
    return content if is_packed else b""


def as_events(name: str) -> Recorded:
    """Return a recorded stream as events.

    A stream that was requested without alt=sse is a JSON list of the same objects.
    """
    original = recorded(name)
    if not original.streamed or not original.unpacked.startswith(b"["):
        return original
    body = sse(decode_json(original.unpacked), end="\r\n\r\n")
    return Recorded(True, original.status, "text/event-stream", body)


def _get_url(request: dict[str, Any]) -> str:
    return str(request.get("uri") or request["url"])


@asynccontextmanager
async def adapter(wire: Wire, url: str, transport: str = "lean") -> AsyncIterator[Any]:
    """Make the vendor's real adapter, for a server of ours."""
    plugin = PLUGINS[wire]
    instance = adapter_class(plugin, transport)(
        Provider(
            plugin=plugin,
            base_url=url + PATHS[wire],
            api_key=Secret("a-key-that-opens-nothing"),
            options={"express": True} if wire == "vertex" else {},
        )
    )
    try:
        yield instance
    finally:
        await instance.aclose()


def model_request(wire: Wire) -> ModelRequest:
    card = Card(wire={"api": "responses"}) if wire == "responses" else Card()
    request = Request((Message("user", (Text("Which city?"),)),))
    return ModelRequest(request=request, model="a-model", card=card, options={}, timeout=60.0)


def gather(chunks: Iterable[Chunk]) -> Reply:
    """Combine a stream's chunks, as the dispatcher does; the last must be the end."""
    *pieces, last = chunks
    assert last.end is not None
    assert all(chunk.end is None for chunk in pieces)
    return Reply(
        text="".join(chunk.text for chunk in pieces),
        reasoning="".join(chunk.reasoning for chunk in pieces),
        provider_state=last.end.provider_state,
        tool_calls=tuple(chunk.tool_call for chunk in pieces if chunk.tool_call is not None),
        finish=last.end.finish,
        usage=last.end.usage,
        response_model=last.end.response_model,
        id=last.end.id,
    )


class Outcome(msgspec.Struct):
    """The outcome of one request."""

    chunks: list[Chunk]
    reply: Reply | None = None
    failure: Failure | None = None

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)


async def play(
    server: Loopback, wire: Wire, answer: Answer, *, stream: bool, transport: str = "lean"
) -> Outcome:
    """Let the real adapter send a request, and the server play the answer."""
    server.script(answer)
    outcome = Outcome([])
    async with adapter(wire, server.url, transport) as model:
        try:
            if not stream:
                return Outcome([], await model.complete(model_request(wire)))
            async for chunk in model.stream(model_request(wire)):
                outcome.chunks.append(chunk)
        except AttemptFailed as error:
            outcome.failure = error.failure
            return outcome
    outcome.reply = gather(outcome.chunks)
    return outcome


async def read_payloads(body: bytes) -> list[Any]:
    """Return the payloads of a stream's events."""

    async def once() -> AsyncIterator[bytes]:
        yield body

    return [
        decode_json(event.data)
        async for event in iter_events(once())
        if event.data not in ("", "[DONE]")
    ]


def choose_cuts(body: bytes, count: int, seed: str) -> list[int]:
    """Choose where a body is cut: anywhere, and inside some of its characters."""
    rng = random.Random(seed)
    inside = [at for at, byte in enumerate(body) if byte & 0xC0 == 0x80]
    anywhere = rng.sample(range(1, len(body)), min(count, len(body) - 1))
    return sorted({*anywhere, *rng.sample(inside, min(5, len(inside)))})


STREAMS = [name for name in ROWS if recorded(name).streamed]
"""The recorded answers that were streamed."""
