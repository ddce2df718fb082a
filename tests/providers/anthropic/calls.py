"""Calls to the anthropic provider, as the dispatcher would make them."""

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
    Part,
    Provider,
    Request,
    Role,
    Sampling,
    Secret,
    Text,
)
from standby_anthropic import standby_models
from standby_anthropic.adapter import AnthropicAdapter

KEY = "sk-ant-a-key-that-opens-nothing"
CARDS = standby_models()


def said(role: Role, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def call(
    *messages: Message,
    model: str = "claude-haiku-5-5",
    options: Any = None,
    extra: Any = None,
    **rest: Any,
) -> ModelRequest:
    """Return a call; `rest` are fields of the request, and all others sampling parameters."""
    fields = {name: rest.pop(name) for name in ("tools", "tool_choice", "schema") if name in rest}
    request = Request(messages or (said("user", "Which city?"),), Sampling(**rest), **fields)
    card = CARDS.get(model, Card())
    return ModelRequest(
        request=request,
        model=model,
        card=card,
        options=options or {},
        timeout=60.0,
        extra=extra or {},
    )


@asynccontextmanager
async def adapter(url: str, key: str = KEY) -> AsyncIterator[AnthropicAdapter]:
    made = AnthropicAdapter(
        Provider(plugin="anthropic", base_url=url, api_key=Secret(key, "ANTHROPIC_API_KEY"))
    )
    try:
        yield made
    finally:
        await made.aclose()


async def failure(made: AnthropicAdapter, asked: ModelRequest, *, stream: bool = False) -> Failure:
    """Return what the call fails with."""
    with pytest.raises(AttemptFailed) as caught:
        await (collected(made, asked) if stream else made.complete(asked))
    return caught.value.failure


async def collected(made: AnthropicAdapter, asked: ModelRequest) -> tuple[list[str], End]:
    """Return a stream's texts, and its end."""
    chunks: list[Chunk] = [chunk async for chunk in made.stream(asked)]
    end = chunks[-1].end
    assert end is not None
    return [chunk.text for chunk in chunks[:-1] if chunk.text], end
