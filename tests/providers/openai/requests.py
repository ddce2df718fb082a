"""Requests to the openai provider, as the dispatcher would make them."""

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


def conversation(*turns: tuple[Role, str], **sampling: Any) -> Request:
    messages = tuple(
        Message(role, (Text(text),)) for role, text in turns or [("user", "Which city?")]
    )
    return Request(messages, Sampling(**sampling))


def model_request(
    *turns: tuple[Role, str],
    model: str = "o3-mini",
    options: dict[str, Any] | None = None,
    **sampling: Any,
) -> ModelRequest:
    card = CARDS.get(model, Card())
    return ModelRequest(
        request=conversation(*turns, **sampling),
        model=model,
        card=card,
        options=options or {},
        timeout=60.0,
    )


@asynccontextmanager
async def adapter(url: str, key: str = KEY) -> AsyncIterator[OpenAIAdapter]:
    openai = OpenAIAdapter(
        Provider(plugin="openai", base_url=url, api_key=Secret(key, "OPENAI_API_KEY"))
    )
    try:
        yield openai
    finally:
        await openai.aclose()


async def get_failure(
    openai: OpenAIAdapter, request: ModelRequest, *, stream: bool = False
) -> Failure:
    """Return the request's failure."""
    with pytest.raises(AttemptFailed) as caught:
        await (collect(openai, request) if stream else openai.complete(request))
    return caught.value.failure


async def collect(openai: OpenAIAdapter, request: ModelRequest) -> tuple[list[str], End]:
    """Return a stream's texts, and its end."""
    chunks: list[Chunk] = [chunk async for chunk in openai.stream(request)]
    end = chunks[-1].end
    assert end is not None
    return [chunk.text for chunk in chunks[:-1] if chunk.text], end
