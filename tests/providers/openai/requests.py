"""Requests to the openai provider, as the dispatcher would make them."""

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
    Request,
    Role,
    Sampling,
    Text,
)
from standby_openai import standby_models

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


async def get_failure(openai: Any, request: ModelRequest, *, stream: bool = False) -> Failure:
    """Return the request's failure."""
    with pytest.raises(AttemptFailed) as caught:
        await (collect(openai, request) if stream else openai.complete(request))
    return caught.value.failure


async def collect(openai: Any, request: ModelRequest) -> tuple[list[str], End]:
    """Return a stream's texts, and its end."""
    chunks: list[Chunk] = [chunk async for chunk in openai.stream(request)]
    end = chunks[-1].end
    assert end is not None
    return [chunk.text for chunk in chunks[:-1] if chunk.text], end
