"""Calls to the openai provider, as the dispatcher would make them, and what recorded traffic holds for it."""

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
from standby_openai import standby_models
from standby_openai.adapter import OpenAIAdapter

RECORDINGS = Path(__file__).parents[3] / ".." / "shared" / "recordings"
KEY = "sk-a-key-that-opens-nothing"
CARDS = standby_models()


def request(*turns: tuple[Role, str], **sampling: Any) -> Request:
    messages = tuple(Message(role, (Text(text),)) for role, text in turns or [("user", "Which city?")])
    return Request(messages, Sampling(**sampling))


def call(*turns: tuple[Role, str], model: str = "o3-mini", options: dict[str, Any] | None = None, **sampling: Any) -> Call:
    card = CARDS.get(model, Card())
    return Call(request=request(*turns, **sampling), model=model, card=card, options=options or {}, timeout=60.0)


@asynccontextmanager
async def adapter(url: str, key: str = KEY) -> AsyncIterator[OpenAIAdapter]:
    made = OpenAIAdapter(Provider(plugin="openai", base_url=url, api_key=Secret(key, "OPENAI_API_KEY")))
    try:
        yield made
    finally:
        await made.aclose()


async def failure(made: OpenAIAdapter, asked: Call, *, stream: bool = False) -> Failure:
    """Return what the call fails with."""
    with pytest.raises(AttemptFailed) as caught:
        await (collected(made, asked) if stream else made.complete(asked))
    return caught.value.failure


async def collected(made: OpenAIAdapter, asked: Call) -> tuple[list[str], End]:
    """Return a stream's texts, and its end."""
    chunks: list[Chunk] = [chunk async for chunk in made.stream(asked)]
    end = chunks[-1].end
    assert end is not None
    return [chunk.text for chunk in chunks[:-1] if chunk.text], end


def recorded(name: str) -> tuple[int, bytes]:
    """Return a recorded status and body; `path.yaml#1` is the answer to a cassette's second request to Chat Completions."""
    if not RECORDINGS.is_dir():
        pytest.skip("the recorded traffic (../shared/recordings) is not here")
    name, _, number = name.partition("#")
    path = RECORDINGS / name
    if path.suffix == ".json":
        return 400, path.read_bytes()  # bodies, kept without their status
    if path.suffix == ".txt":
        events = path.read_bytes().splitlines()
        return 200, b"".join(b"data: " + event + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    cassette = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    turns = [turn for turn in cassette["interactions"] if _url(turn["request"]).endswith("/chat/completions")]
    response = turns[int(number or 0)]["response"]
    return _status(response), _body(response)


def _url(asked: dict[str, Any]) -> str:
    return str(asked.get("uri") or asked["url"])


def _status(response: dict[str, Any]) -> int:
    status = response.get("code") or response["status"]
    return int(status["code"] if isinstance(status, dict) else str(status).partition(" ")[0])


def _body(response: dict[str, Any]) -> bytes:
    body = response.get("parsed_body") or response["body"]
    if isinstance(body, dict) and "string" in body:
        body = body["string"]
    if isinstance(body, dict):
        return msgspec.json.encode(body)
    raw = body.encode() if isinstance(body, str) else bytes(body)
    return zlib.decompress(raw, wbits=31) if raw.startswith(b"\x1f\x8b") else raw
