"""Turns with one model: so many at once on each loop, a wait of a second, and nothing kept of loops that are gone."""

import asyncio
import contextlib
import gc

import pytest

from standby.resilience.bulkhead import LONGEST_WAIT, Bulkhead
from tests.support.virtual_clock import VirtualLoop, run


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_than_the_limit_have_a_turn_at_once(limit: int) -> None:
    async def story() -> tuple[int, int]:
        turns, now, most, served = Bulkhead(limit), 0, 0, 0

        async def one() -> None:
            nonlocal now, most, served
            if await turns.acquire():
                now += 1
                most = max(most, now)
                await asyncio.sleep(0.1)
                now -= 1
                served += 1
                turns.release()

        await asyncio.gather(*(one() for _ in range(20)))
        return most, served

    assert run(story()) == (limit, min(20, limit * 10))


def test_whoever_waits_for_a_second_has_none_and_takes_none() -> None:
    async def story() -> tuple[list[bool], float, bool]:
        turns = Bulkhead(1)
        await turns.acquire()
        refused = await asyncio.gather(*(turns.acquire() for _ in range(3)))
        took = asyncio.get_running_loop().time()
        turns.release()
        return refused, took, await turns.acquire()

    assert run(story()) == ([False] * 3, LONGEST_WAIT, True)


@pytest.mark.parametrize("moment", ["waiting", "served"])
def test_one_who_leaves_while_waiting_keeps_no_turn(moment: str) -> None:
    async def story() -> bool:
        turns = Bulkhead(1)
        await turns.acquire()
        waiting = asyncio.create_task(turns.acquire())
        await asyncio.sleep(0)
        if moment == "served":  # its turn has come, but it has not run since
            turns.release()
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        if moment == "waiting":
            turns.release()
        return await turns.acquire()

    assert run(story())


def test_first_come_first_served() -> None:
    async def story() -> list[int]:
        turns, order = Bulkhead(1), []

        async def one(number: int) -> None:
            if await turns.acquire():
                order.append(number)
                await asyncio.sleep(0.01)
                turns.release()

        await asyncio.gather(*(one(number) for number in range(9)))
        return order

    assert run(story()) == list(range(9))


def test_each_loop_has_its_own_turns_and_one_that_is_gone_leaves_nothing() -> None:
    turns = Bulkhead(1)

    async def story() -> list[bool]:
        first = await turns.acquire()
        waiting = asyncio.create_task(turns.acquire())
        await asyncio.sleep(0)
        turns.release()
        return [first, await waiting]  # the last one is never given back: it ends with its loop

    for _ in range(5):
        assert asyncio.run(story()) == [True, True]
    gc.collect()
    assert len(turns._semaphores) == 1


def test_a_loop_whose_turns_are_out_has_none_left_though_another_loop_has_begun() -> None:
    turns, loops = Bulkhead(1), [VirtualLoop(), VirtualLoop()]
    assert [loop.run_until_complete(turns.acquire()) for loop in (*loops, *loops)] == [
        True,
        True,
        False,
        False,
    ]
    for loop in loops:
        loop.close()
