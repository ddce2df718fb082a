"""Where a stream's chunks go: one attempt at a time commits, and only its chunks pass."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from standby.types import Chunk, End, Reply

if TYPE_CHECKING:
    from standby.dispatch.target import Target

Put = Callable[[Chunk, "Target"], Awaitable[None] | None]
"""Takes a chunk and its model; returns what to await while the reader is behind."""


class Source(Protocol):
    """What commits to a gate: an attempt at one model."""

    @property
    def target(self) -> "Target":
        """Return the model."""
        ...


class StreamGate:
    """The way of one call's chunks to its caller; it stays shut where the reply comes whole.

    An attempt *commits* with its first meaningful chunk; from then on no other attempt's chunks
    pass. Where it breaks, `uncommit` lets another attempt start over, which the caller learns by a
    reset chunk.

    Attributes:
        streams: the caller wants chunks.
        is_open: chunks pass before the whole reply is there.
        committed: the attempt whose chunks pass; `None` before the first.
        closed: no further attempt may commit.

    """

    __slots__ = (
        "_last",
        "_on_commit",
        "_out",
        "_put",
        "closed",
        "committed",
        "is_open",
        "streams",
    )

    def __init__(
        self,
        put: Put | None,
        *,
        buffered: bool = False,
        on_commit: Callable[[Source], None] | None = None,
    ) -> None:
        """Make the gate.

        Args:
            put: takes the chunks that pass; `None`: the caller wants the reply whole.
            buffered: nothing passes until the whole reply is there (`release: whole`).
            on_commit: is called with the attempt that has just committed.

        """
        self.streams = put is not None
        self.is_open = self.streams and not buffered
        self.committed: Source | None = None
        self._put = put
        self._on_commit = on_commit
        self.closed = False
        self._last: object = None
        self._out: list[Chunk] = []

    @property
    def released(self) -> bool:
        """Return whether the caller has seen a chunk; other models answer silently only before."""
        return bool(self._out)

    @property
    def partial(self) -> str:
        """Return the text that the caller has seen and that still counts."""
        return "".join(chunk.text for chunk in self._out)

    def admits(self, source: Source) -> bool:
        """Commit an attempt if none is committed yet.

        Args:
            source: the attempt that has a chunk for the caller.

        Returns:
            Whether its chunks pass; none does before the whole reply is there, if that is wanted.

        """
        if self.committed is source:
            return True
        may_commit = self.is_open and not self.closed
        if self.committed is not None or not may_commit:
            return False
        self.committed = source
        if self._on_commit is not None:
            self._on_commit(source)
        return True

    def release(self, source: object, target: "Target", chunk: Chunk) -> Awaitable[None] | None:
        """Pass a chunk on, after a reset where another attempt's text is out.

        Args:
            source: the attempt, or the buffered reply, that the chunk belongs to.
            target: the model that it comes from.
            chunk: what the caller gets.

        Returns:
            What to await while the reader is behind; `None` if the chunk is through.

        """
        put = self._put
        if put is None:
            return None
        if self._last is not source:
            if self._out:
                return self._start_over(put, source, target, chunk)
            self._last = source
        self._out.append(chunk)
        return put(chunk, target)

    async def flush(self, reply: Reply, target: "Target") -> None:
        """Pass on all of a reply that was held back.

        Args:
            reply: the call's answer.
            target: the model that it comes from.

        """
        for chunk in () if self.is_open else chunks_of(reply):
            if (waiting := self.release(reply, target, chunk)) is not None:
                await waiting

    def uncommit(self) -> None:
        """Let another attempt commit."""
        self.committed = None

    async def _start_over(self, put: Put, source: object, target: "Target", chunk: Chunk) -> None:
        """Void what is out; where this is cancelled before, the reset is still due."""
        if (waiting := put(Chunk(reset=True), target)) is not None:
            await waiting
        self._out.clear()
        self._last = source
        self._out.append(chunk)
        if (waiting := put(chunk, target)) is not None:
            await waiting


def chunks_of(reply: Reply) -> list[Chunk]:
    """Return a whole reply as chunks: its text and reasoning, then each of its tool calls."""
    text = [Chunk(reply.text, reasoning=reply.reasoning)] if reply.text or reply.reasoning else []
    return text + [Chunk(tool_call=call) for call in reply.tool_calls]


def end_of(reply: Reply) -> End:
    """Return what a stream's last chunk says of its reply."""
    return End(**{name: getattr(reply, name) for name in End.__struct_fields__})
