"""Asks a model in this process, and streams what it says."""

import asyncio
from collections.abc import AsyncIterator

from standby.plugin import AttemptFailed, Chunk, ModelRequest, Provider
from standby_local.engine import ENGINES, Job
from standby_local.options import options_of, setup_of
from standby_local.reply import Reading
from standby_local.request import body_of


class Local:
    """Streams from the engine of each model's set-up; a whole reply is the same, collected."""

    def __init__(self, provider: Provider) -> None:
        """Load nothing yet."""
        del provider  # a model in this process needs no endpoint and no key

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        """Yield the answer as it is drawn; when nobody listens any more, the engine stops."""
        options = options_of(call.model, call.options)
        setup = setup_of(call.model, options)
        heard: asyncio.Queue[object] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        body = body_of(call.request, context=setup.context, max_tokens=options.max_tokens)
        job = Job(body, lambda item: _post(loop, heard, item))
        ENGINES.ask(setup, job)
        reading = Reading(call.model)
        try:
            while (item := await heard.get()) is not None:
                if isinstance(item, AttemptFailed):
                    raise item
                text = reading.text_of(item)
                if text:
                    yield Chunk(text)
        finally:
            job.stop()
        yield Chunk(end=reading.end)


def _post(loop: asyncio.AbstractEventLoop, heard: asyncio.Queue[object], item: object) -> None:
    loop.call_soon_threadsafe(heard.put_nowait, item)
