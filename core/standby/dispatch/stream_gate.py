"""Where the chunks of a stream go: what is held back, what the caller has seen, and which attempt is committed."""

from collections.abc import Awaitable, Callable

from standby.resilience.timeouts import AttemptTimer
from standby.types import Chunk, End, Reply

_NOBODY = object()


class StreamGate:
    """Where the chunks of a stream go. One attempt at a time owns it: the first that has something to say."""

    def __init__(self, put: Callable[[Chunk], Awaitable[None]]) -> None:
        """Take the way out: `put` waits while the reader is behind. `whole`: hold everything back until it is complete.

        `speakers` are the attempts whose text went out, in order, or the whole reply; a reset chunk
        lies between two.
        """
        self.whole = False
        self.owner: object | None = None
        self.owned: Callable[[AttemptTimer], None] = lambda _: None
        self.speakers: list[AttemptTimer | Reply] = []
        self._put = put
        self._out: list[Chunk] = []

    @property
    def released(self) -> bool:
        """Say whether the caller has seen anything; from then on no other model may answer in silence."""
        return bool(self._out)

    @property
    def partial(self) -> str:
        """Return the text that has gone out and still counts."""
        return "".join(chunk.text for chunk in self._out)

    async def release(self, timer: AttemptTimer, chunk: Chunk) -> bool:
        """Hand a piece of an attempt's answer to the caller; false: another attempt was first, or all of it is held back."""
        if self.whole:
            return False
        if self.owner is None:
            self.owner = timer
            self.owned(timer)
        if self.owner is timer:
            timer.pause()
            try:
                await self._hand_out(timer, chunk)
            finally:
                timer.resume()
        return self.owner is timer

    async def complete(self, reply: Reply) -> None:
        """Hand out what was held back."""
        for chunk in chunks_of(reply) if self.whole else ():
            await self._hand_out(reply, chunk)

    async def _hand_out(self, speaker: AttemptTimer | Reply, chunk: Chunk) -> None:
        """Put a chunk out, and a reset before it where another attempt's words are out; cancelled, it is still owed."""
        if not self.speakers or self.speakers[-1] is not speaker:
            if self._out:
                await self._put(Chunk(reset=True))
                self._out.clear()
            self.speakers.append(speaker)
        self._out.append(chunk)
        await self._put(chunk)

    def disown(self) -> None:
        """Let another attempt begin anew; the caller hears of it when it does."""
        self.owner = None

    def shut(self) -> None:
        """Let nothing more out."""
        self.owner = self.owner or _NOBODY


def chunks_of(reply: Reply) -> list[Chunk]:
    """Return a whole reply in pieces: its text and reasoning, and each of its tool calls."""
    said = [Chunk(reply.text, reasoning=reply.reasoning)] if reply.text or reply.reasoning else []
    return said + [Chunk(tool_call=call) for call in reply.tool_calls]


def end_of(reply: Reply) -> End:
    """Return what a stream's last chunk says of its reply."""
    return End(**{name: getattr(reply, name) for name in End.__struct_fields__})
