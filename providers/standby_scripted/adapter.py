"""Plays scripts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import msgspec

from standby.plugin import AttemptFailed, Chunk, End, ModelRequest, Provider
from standby_scripted.script import Step, seconds, steps_of


class Scripted:
    """Plays each model's script, one step a call; it counts no tokens, and waits on the running loop's clock."""

    def __init__(self, provider: Provider) -> None:
        """Start at each script's first step."""
        del provider  # a script needs no endpoint and no key
        self._played: Counter[tuple[str, bytes]] = Counter()

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        """Play the next step; a whole reply is the same, collected."""
        step = self._next(call)
        await asyncio.sleep(seconds(step.delay))
        if step.reasoning:
            yield Chunk(reasoning=step.reasoning)
        for piece in step.pieces:
            yield Chunk(piece)
        if step.hang:
            await asyncio.get_running_loop().create_future()
        if step.fail is not None:
            raise AttemptFailed(step.fail.failure)
        for tool_call in step.calls:
            yield Chunk(tool_call=tool_call)
        yield Chunk(end=End(finish=step.ends, response_model=call.model))

    def _next(self, call: ModelRequest) -> Step:
        steps = steps_of(call.model, call.options)
        which = (call.model, msgspec.json.encode(call.options, order="sorted"))
        position = self._played[which]
        self._played[which] += 1
        return steps[min(position, len(steps) - 1)]
