"""Requests to the gemini provider, as the dispatcher would make them."""

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

KEY = "AIzaSy-a-key-that-opens-nothing"


def conversation(*turns: tuple[Role, str], **sampling: Any) -> Request:
    messages = tuple(
        Message(role, (Text(text),)) for role, text in turns or [("user", "Which city?")]
    )
    return Request(messages, Sampling(**sampling))


def model_request(
    *turns: tuple[Role, str],
    model: str = "gemini-2.5-pro",
    options: dict[str, Any] | None = None,
    **sampling: Any,
) -> ModelRequest:
    return ModelRequest(
        request=conversation(*turns, **sampling),
        model=model,
        card=Card(),
        options=options or {},
        timeout=60.0,
    )


async def get_failure(gemini: Any, request: ModelRequest, *, stream: bool = False) -> Failure:
    """Return the request's failure."""
    with pytest.raises(AttemptFailed) as caught:
        await (collect(gemini, request) if stream else gemini.complete(request))
    return caught.value.failure


async def collect(gemini: Any, request: ModelRequest) -> tuple[list[str], End]:
    """Return a stream's texts, and its end."""
    chunks: list[Chunk] = [chunk async for chunk in gemini.stream(request)]
    end = chunks[-1].end
    assert end is not None
    return [chunk.text for chunk in chunks[:-1]], end
