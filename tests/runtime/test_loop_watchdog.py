"""The watchdog, on real threads: code that blocks a loop is named once, and a loop that turns never is."""

import asyncio
import threading
import time

from standby.runtime.loop_watchdog import LIMIT, Watchdog


class Heard:
    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self.dog = Watchdog()

    def hear(self, code: str, seconds: float) -> None:
        self.told.append((code, seconds))


def block_the_loop(seconds: float) -> None:
    time.sleep(seconds)


def test_code_that_blocks_is_named_once() -> None:
    heard = Heard()

    async def story() -> None:
        with heard.dog.call(heard.hear):
            block_the_loop(LIMIT + 1.0)
            await asyncio.sleep(0.3)

    asyncio.run(story())
    ((code, seconds),) = heard.told
    assert code.startswith(f"{__name__}.block_the_loop, line ")
    assert seconds >= LIMIT


def test_a_loop_that_waits_is_not_blocked() -> None:
    heard = Heard()

    async def story() -> None:
        with heard.dog.call(heard.hear):
            await asyncio.sleep(LIMIT + 0.6)

    asyncio.run(story())
    assert heard.told == []


def test_a_loop_without_calls_may_block_as_it_likes_and_costs_nothing() -> None:
    heard = Heard()

    async def story() -> None:
        with heard.dog.call(heard.hear):
            await asyncio.sleep(0)
        block_the_loop(LIMIT + 0.6)

    asyncio.run(story())
    assert heard.told == []
    assert not heard.dog._busy.is_set()


def test_one_thread_watches_all_loops(begun: list[threading.Thread]) -> None:
    heard = Heard()

    async def story() -> None:
        for _ in range(20):
            with heard.dog.call(heard.hear):
                await asyncio.sleep(0)

    for _ in range(3):
        asyncio.run(story())
    assert begun == [heard.dog._thread]
