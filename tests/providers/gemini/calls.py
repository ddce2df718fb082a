"""Calls to the gemini provider, as the dispatcher would make them, and what recorded traffic holds for it."""

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from standby.plugin import (
    AttemptFailed,
    Call,
    Card,
    Chunk,
    End,
    Failure,
    Message,
    Provider,
    Request,
    Role,
    Sampling,
    Secret,
    Text,
)
from standby_gemini.adapter import GeminiAdapter

RECORDINGS = Path(__file__).parents[3] / ".." / "shared" / "recordings"
KEY = "AIzaSy-a-key-that-opens-nothing"


def request(*turns: tuple[Role, str], **sampling: Any) -> Request:
    messages = tuple(Message(role, (Text(text),)) for role, text in turns or [("user", "Which city?")])
    return Request(messages, Sampling(**sampling))


def call(
    *turns: tuple[Role, str], model: str = "gemini-2.5-pro", options: dict[str, Any] | None = None, **sampling: Any
) -> Call:
    return Call(request=request(*turns, **sampling), model=model, card=Card(), options=options or {}, timeout=60.0)


@asynccontextmanager
async def adapter(url: str, key: str = KEY) -> AsyncIterator[GeminiAdapter]:
    made = GeminiAdapter(Provider(plugin="gemini", base_url=url, api_key=Secret(key, "GEMINI_API_KEY")))
    try:
        yield made
    finally:
        await made.aclose()


async def failure(made: GeminiAdapter, asked: Call, *, stream: bool = False) -> Failure:
    """Return what the call fails with."""
    with pytest.raises(AttemptFailed) as caught:
        await (collected(made, asked) if stream else made.complete(asked))
    return caught.value.failure


async def collected(made: GeminiAdapter, asked: Call) -> tuple[list[str], End]:
    """Return a stream's texts, and its end."""
    chunks: list[Chunk] = [chunk async for chunk in made.stream(asked)]
    end = chunks[-1].end
    assert end is not None
    return [chunk.text for chunk in chunks[:-1]], end


def recorded(name: str) -> bytes:
    """Return a recorded file's body, or a cassette's: `path.yaml#2` is the answer to its third request to Gemini."""
    if not RECORDINGS.is_dir():
        pytest.skip("the recorded traffic (../shared/recordings) is not here")
    name, _, number = name.partition("#")
    if not name.endswith(".yaml"):
        return (RECORDINGS / name).read_bytes()
    cassette = yaml.load((RECORDINGS / name).read_bytes(), Loader=yaml.CSafeLoader)
    turns = [
        turn for turn in cassette["interactions"] if "enerateContent" in (turn["request"].get("uri") or turn["request"]["url"])
    ]
    return _body(turns[int(number or 0)]["response"])


def _body(response: dict[str, Any]) -> bytes:
    body = response.get("parsed_body") or response["body"]
    if isinstance(body, dict) and "string" in body:
        body = body["string"]
    if isinstance(body, dict):
        return msgspec.json.encode(body)
    raw = body.encode() if isinstance(body, str) else bytes(body)
    return zlib.decompress(raw, wbits=31) if raw.startswith(b"\x1f\x8b") else raw
