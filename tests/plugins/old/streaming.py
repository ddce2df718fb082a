"""With `stream` alone: text, reasoning, signs of life, and an end."""

from collections.abc import AsyncIterator, Mapping

from standby.plugin import (
    Card,
    Chunk,
    End,
    Finish,
    ModelRequest,
    Provider,
    ProviderInfo,
    Usage,
    hookimpl,
    iter_events,
)


@hookimpl
def standby_provider() -> ProviderInfo:
    return ProviderInfo(adapter="old_streaming:Streaming")


@hookimpl
def standby_models() -> Mapping[str, Card]:
    return {"streaming-1": Card(first_token_timeout=5.0, idle_timeout=5.0)}


async def body() -> AsyncIterator[bytes]:
    yield b"data: Lis\n\nda"
    yield b"ta: bon.\n\ndata: [DONE]\n\n"


class Streaming:
    def __init__(self, provider: Provider) -> None:
        del provider

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        yield Chunk(working=True)
        yield Chunk(reasoning="A capital.")
        async for event in iter_events(body()):
            if event.data == "[DONE]":
                yield Chunk(
                    "",
                    End(
                        finish=Finish.STOP,
                        usage=Usage(input=5, output=2, reasoning=1),
                        response_model=request.model,
                        id="s-1",
                    ),
                )
                return
            yield Chunk(event.data)
