"""Requests to the anthropic provider, as the dispatcher would make them."""

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
    Request,
    Role,
    Sampling,
    Text,
)
from standby_anthropic import standby_models

KEY = "sk-ant-a-key-that-opens-nothing"
CARDS = standby_models()


def chat_message(role: Role, *parts: Part | str) -> Message:
    return Message(role, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def model_request(
    *messages: Message,
    model: str = "claude-haiku-5-5",
    options: Any = None,
    extra: Any = None,
    **rest: Any,
) -> ModelRequest:
    """Build a request; `rest` holds fields of the request and sampling parameters."""
    fields = {name: rest.pop(name) for name in ("tools", "tool_choice", "schema") if name in rest}
    request = Request(
        messages or (chat_message("user", "Which city?"),), Sampling(**rest), **fields
    )
    card = CARDS.get(model, Card())
    return ModelRequest(
        request=request,
        model=model,
        card=card,
        options=options or {},
        timeout=60.0,
        extra=extra or {},
    )


async def get_failure(anthropic: Any, request: ModelRequest, *, stream: bool = False) -> Failure:
    """Return the request's failure."""
    with pytest.raises(AttemptFailed) as caught:
        await (collect(anthropic, request) if stream else anthropic.complete(request))
    return caught.value.failure


async def collect(anthropic: Any, request: ModelRequest) -> tuple[list[str], End]:
    """Return a stream's texts, and its end."""
    chunks: list[Chunk] = [chunk async for chunk in anthropic.stream(request)]
    end = chunks[-1].end
    assert end is not None
    return [chunk.text for chunk in chunks[:-1] if chunk.text], end
