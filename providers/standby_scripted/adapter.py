"""Plays scripts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import msgspec

from standby.plugin import AttemptFailed, Chunk, End, ModelRequest, Provider
from standby_scripted.script import Step, parse_duration, parse_steps


class Scripted:
    """Plays each model's script, one step a request.

    It counts no tokens, and waits on the running loop's clock.
    """

    def __init__(self, provider: Provider) -> None:
        """Start at each script's first step.

        Args:
            provider: The account; a script needs no endpoint and no key.
        """
        del provider
        self._played: Counter[tuple[str, bytes]] = Counter()

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Play the next step; a complete reply is the same, collected.

        Args:
            request: The attempt's request.

        Yields:
            The step's chunks; the last one holds the end.

        Raises:
            AttemptFailed: The step fails, or the options are not a script.
        """
        step = self._next_step(request)
        await asyncio.sleep(parse_duration(step.delay))
        if step.reasoning:
            yield Chunk(reasoning=step.reasoning)
        for piece in step.pieces:
            yield Chunk(piece)
        if step.hang:
            await asyncio.get_running_loop().create_future()
        if step.fail is not None:
            raise AttemptFailed(step.fail.failure)
        for tool_call in step.named_calls:
            yield Chunk(tool_call=tool_call)
        yield Chunk(end=End(finish=step.finish_reason, response_model=request.model))

    def _next_step(self, request: ModelRequest) -> Step:
        steps = parse_steps(request.model, request.options)
        script = (request.model, msgspec.json.encode(request.options, order="sorted"))
        position = self._played[script]
        self._played[script] += 1
        return steps[min(position, len(steps) - 1)]
