"""Concurrent calls of one model: a limit for each loop, a wait of a second, no loops kept."""

import asyncio
import contextlib
import gc

import pytest

from standby.resilience.bulkhead import LONGEST_WAIT, Bulkhead
from tests.support.virtual_clock import VirtualLoop, run


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_calls_than_the_limit_run_at_once(limit: int) -> None:
    async def scenario() -> tuple[int, int]:
        bulkhead, now, most, completed = Bulkhead(limit), 0, 0, 0

        async def one() -> None:
            nonlocal now, most, completed
            if await bulkhead.acquire():
                now += 1
                most = max(most, now)
                await asyncio.sleep(0.1)
                now -= 1
                completed += 1
                bulkhead.release()

        await asyncio.gather(*(one() for _ in range(20)))
        return most, completed

    assert run(scenario()) == (limit, min(20, limit * 10))


def test_a_call_that_waits_for_a_second_gets_no_place_and_takes_none() -> None:
    async def scenario() -> tuple[list[bool], float, bool]:
        bulkhead = Bulkhead(1)
        await bulkhead.acquire()
        refused = await asyncio.gather(*(bulkhead.acquire() for _ in range(3)))
        took = asyncio.get_running_loop().time()
        bulkhead.release()
        return refused, took, await bulkhead.acquire()

    assert run(scenario()) == ([False] * 3, LONGEST_WAIT, True)


@pytest.mark.parametrize("moment", ["waiting", "served"])
def test_a_call_that_is_cancelled_while_waiting_keeps_no_place(moment: str) -> None:
    async def scenario() -> bool:
        bulkhead = Bulkhead(1)
        await bulkhead.acquire()
        waiting = asyncio.create_task(bulkhead.acquire())
        await asyncio.sleep(0)
        if moment == "served":  # its turn has come, but it has not run since
            bulkhead.release()
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        if moment == "waiting":
            bulkhead.release()
        return await bulkhead.acquire()

    assert run(scenario())


def test_first_come_first_served() -> None:
    async def scenario() -> list[int]:
        bulkhead, order = Bulkhead(1), []

        async def one(number: int) -> None:
            if await bulkhead.acquire():
                order.append(number)
                await asyncio.sleep(0.01)
                bulkhead.release()

        await asyncio.gather(*(one(number) for number in range(9)))
        return order

    assert run(scenario()) == list(range(9))


def test_each_loop_has_its_own_permits_and_a_closed_one_leaves_nothing() -> None:
    bulkhead = Bulkhead(1)

    async def scenario() -> list[bool]:
        first = await bulkhead.acquire()
        waiting = asyncio.create_task(bulkhead.acquire())
        await asyncio.sleep(0)
        bulkhead.release()
        return [first, await waiting]  # the last one is never given back: it ends with its loop

    for _ in range(5):
        assert asyncio.run(scenario()) == [True, True]
    gc.collect()
    assert len(bulkhead._semaphores) == 1


def test_a_loop_whose_turns_are_out_has_none_left_though_another_loop_has_begun() -> None:
    bulkhead, loops = Bulkhead(1), [VirtualLoop(), VirtualLoop()]
    assert [loop.run_until_complete(bulkhead.acquire()) for loop in (*loops, *loops)] == [
        True,
        True,
        False,
        False,
    ]
    for loop in loops:
        loop.close()
