"""The watchdog, on real threads: it names code that blocks a loop, once, and no other code."""

import asyncio
import threading
import time

from standby.runtime.loop_lag import LAGS
from standby.runtime.loop_watchdog import BLOCKED_AFTER, CHECK_INTERVAL, Watchdog


class Recorder:
    def __init__(self) -> None:
        self.reports: list[tuple[str, float]] = []
        self.dog = Watchdog()

    def report(self, code: str, seconds: float) -> None:
        self.reports.append((code, seconds))


def block_the_loop(seconds: float) -> None:
    time.sleep(seconds)


def test_code_that_blocks_is_named_once() -> None:
    recorder = Recorder()

    async def scenario() -> None:
        with recorder.dog.watch(recorder.report):
            block_the_loop(BLOCKED_AFTER + 1.0)
            await asyncio.sleep(0.3)

    asyncio.run(scenario())
    ((code, seconds),) = recorder.reports
    assert code.startswith(f"{__name__}.block_the_loop, line ")
    assert seconds >= BLOCKED_AFTER


def test_a_loop_that_waits_is_not_blocked() -> None:
    recorder = Recorder()

    async def scenario() -> None:
        with recorder.dog.watch(recorder.report):
            await asyncio.sleep(BLOCKED_AFTER + 0.6)

    asyncio.run(scenario())
    assert recorder.reports == []


def test_a_loop_without_calls_may_block_and_costs_nothing() -> None:
    recorder = Recorder()

    async def scenario() -> None:
        with recorder.dog.watch(recorder.report):
            await asyncio.sleep(0)
        block_the_loop(BLOCKED_AFTER + 0.6)

    asyncio.run(scenario())
    assert recorder.reports == []
    assert not recorder.dog._busy.is_set()


def test_it_measures_what_a_blocked_loop_has_lost() -> None:
    recorder = Recorder()

    async def scenario() -> float:
        with recorder.dog.watch(recorder.report):
            await asyncio.sleep(0)
            block_the_loop(1.0)
            await asyncio.sleep(0.01)
        return LAGS[asyncio.get_running_loop()].lost

    assert asyncio.run(scenario()) >= 1.0 - 2 * CHECK_INTERVAL


def test_a_loop_that_was_stopped_has_lost_nothing() -> None:
    recorder = Recorder()

    async def call(seconds: float) -> float:
        with recorder.dog.watch(recorder.report):
            await asyncio.sleep(seconds)
        return LAGS[asyncio.get_running_loop()].lost

    async def block() -> None:
        with recorder.dog.watch(recorder.report):
            block_the_loop(2 * CHECK_INTERVAL)  # a question is left behind

    with asyncio.Runner() as runner:
        runner.run(block())
        time.sleep(1.0)
        assert runner.run(call(0.1)) < 1.0


def test_one_thread_watches_all_loops(begun: list[threading.Thread]) -> None:
    recorder = Recorder()

    async def scenario() -> None:
        for _ in range(20):
            with recorder.dog.watch(recorder.report):
                await asyncio.sleep(0)

    for _ in range(3):
        asyncio.run(scenario())
    assert begun == [recorder.dog._thread]
