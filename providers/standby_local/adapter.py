"""Runs a model in this process, and streams its answer."""

import asyncio
from collections.abc import AsyncIterator

from standby.plugin import AttemptFailed, Chunk, ModelRequest, Provider
from standby_local.engine import ENGINES, Job
from standby_local.options import find_setup, parse_options
from standby_local.reply import Reader
from standby_local.request import build_body


class Local:
    """Streams from the engine of each model's setup; a complete reply is the same, collected."""

    def __init__(self, provider: Provider) -> None:
        """Load nothing yet.

        Args:
            provider: The account; a model in this process needs no endpoint and no key.
        """
        del provider

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Yield the answer during its generation; the engine stops when the caller stops reading.

        Args:
            request: The attempt's request.

        Yields:
            The reply's chunks; the last one holds the end.

        Raises:
            AttemptFailed: The options are wrong, the engine cannot be loaded, or it failed.
        """
        options = parse_options(request.model, request.options)
        setup = find_setup(request.model, options)
        output: asyncio.Queue[object] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        body = build_body(request.request, context=setup.context, max_tokens=options.max_tokens)
        job = Job(body, lambda item: _post(loop, output, item))
        ENGINES.submit(setup, job)
        reader = Reader(request.model)
        try:
            while (item := await output.get()) is not None:
                if isinstance(item, AttemptFailed):
                    raise item
                text = reader.read(item)
                if text:
                    yield Chunk(text)
        finally:
            job.stop()
        yield Chunk(end=reader.build_end())


def _post(loop: asyncio.AbstractEventLoop, output: asyncio.Queue[object], item: object) -> None:
    loop.call_soon_threadsafe(output.put_nowait, item)
