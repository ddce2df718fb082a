"""Calls to the openai provider, as the dispatcher would make them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from standby.plugin import (
    AttemptFailed,
    Card,
    Chunk,
    End,
    Failure,
    Message,
    ModelRequest,
    Provider,
    Request,
    Role,
    Sampling,
    Secret,
    Text,
)
from standby_openai import standby_models
from standby_openai.adapter import OpenAIAdapter

KEY = "sk-a-key-that-opens-nothing"
CARDS = standby_models()


def request(*turns: tuple[Role, str], **sampling: Any) -> Request:
    messages = tuple(
        Message(role, (Text(text),)) for role, text in turns or [("user", "Which city?")]
    )
    return Request(messages, Sampling(**sampling))


def call(
    *turns: tuple[Role, str],
    model: str = "o3-mini",
    options: dict[str, Any] | None = None,
    **sampling: Any,
) -> ModelRequest:
    card = CARDS.get(model, Card())
    return ModelRequest(
        request=request(*turns, **sampling),
        model=model,
        card=card,
        options=options or {},
        timeout=60.0,
    )


@asynccontextmanager
async def adapter(url: str, key: str = KEY) -> AsyncIterator[OpenAIAdapter]:
    made = OpenAIAdapter(
        Provider(plugin="openai", base_url=url, api_key=Secret(key, "OPENAI_API_KEY"))
    )
    try:
        yield made
    finally:
        await made.aclose()


async def failure(made: OpenAIAdapter, asked: ModelRequest, *, stream: bool = False) -> Failure:
    """Return what the call fails with."""
    with pytest.raises(AttemptFailed) as caught:
        await (collected(made, asked) if stream else made.complete(asked))
    return caught.value.failure


async def collected(made: OpenAIAdapter, asked: ModelRequest) -> tuple[list[str], End]:
    """Return a stream's texts, and its end."""
    chunks: list[Chunk] = [chunk async for chunk in made.stream(asked)]
    end = chunks[-1].end
    assert end is not None
    return [chunk.text for chunk in chunks[:-1] if chunk.text], end
