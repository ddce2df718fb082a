"""The buffer between a stream's gate and its readers: its room, its order, and who is woken."""

import asyncio
from collections.abc import Awaitable

import pytest

from standby.dispatch.stream_buffer import ChunkBuffer, Item
from standby.types import Chunk
from tests.support.playing import target
from tests.support.virtual_clock import run

A = target("a", None)
ROOM = 1024


def texts(items: list[Item]) -> list[str]:
    return [chunk.text for chunk, _ in items]


def filled(size: int) -> ChunkBuffer:
    buffer = ChunkBuffer()
    for number in range(size):
        assert buffer.put(Chunk(str(number)), A) is None
    return buffer


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_the_first_chunks_are_taken_as_many_as_are_wanted_and_there(limit: int) -> None:
    buffer = filled(4)
    assert texts(buffer.take(limit)) == [str(number) for number in range(min(limit, 4))]
    assert texts(buffer.take(9)) == [str(number) for number in range(limit, 4)]
    assert buffer.take(limit) == []


def test_the_model_waits_while_the_reader_is_1024_chunks_behind() -> None:
    async def scenario() -> list[bool]:
        buffer = filled(ROOM)
        waiting = put_later(buffer, "late")
        await asyncio.sleep(1)
        before = waiting.done()
        buffer.take(1)
        await waiting
        return [before, texts(buffer.take(ROOM))[-1] == "late"]

    assert run(scenario()) == [False, True]


def test_a_reader_that_has_taken_everything_is_woken_by_what_had_to_wait() -> None:
    async def scenario() -> list[str]:
        buffer = filled(ROOM)
        waiting = put_later(buffer, "late")
        await asyncio.sleep(1)
        buffer.take(ROOM)
        async with asyncio.timeout(1):
            await buffer.wait()
        await waiting
        return texts(buffer.take(9))

    assert run(scenario()) == ["late"]


def put_later(buffer: ChunkBuffer, text: str) -> "asyncio.Task[None]":
    waiting = buffer.put(Chunk(text), A)
    assert waiting is not None
    return asyncio.create_task(settle(waiting))


async def settle(waiting: Awaitable[None]) -> None:
    await waiting
