"""The gate between a call's attempts and its caller, where no caller reads."""

from standby.dispatch.stream_gate import StreamGate
from standby.types import Chunk, Reply
from tests.support.playing import target

A = target("a", None)


async def test_where_nobody_reads_nothing_passes() -> None:
    gate = StreamGate(None)
    await gate.flush(Reply(text="Lisbon."), A)
    assert gate.release(object(), A, Chunk("Lis")) is None
    assert (gate.released, gate.partial) == (False, "")
