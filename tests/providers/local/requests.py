"""Requests to the local provider, as the dispatcher would make them."""

from typing import Any

from standby.plugin import (
    Card,
    Chunk,
    End,
    Message,
    ModelRequest,
    Provider,
    Request,
    Role,
    Sampling,
    Text,
)
from standby_local.adapter import Local


def conversation(*turns: tuple[Role, str], **sampling: Any) -> Request:
    messages = tuple(Message(role, (Text(text),)) for role, text in turns)
    return Request(messages, Sampling(**sampling))


def model_request(
    conversation: Request, *, model: str = "smollm2-135m", **options: Any
) -> ModelRequest:
    return ModelRequest(
        request=conversation, model=model, card=Card(), options=options, timeout=120.0
    )


def local() -> Local:
    return Local(Provider(plugin="local"))


async def collect(request: ModelRequest) -> tuple[str, End]:
    chunks: list[Chunk] = [chunk async for chunk in local().stream(request)]
    end = chunks[-1].end
    assert end is not None
    return "".join(chunk.text for chunk in chunks), end
