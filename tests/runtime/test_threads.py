"""`blocking`: a function in a daemon thread of our own, awaited."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from standby.runtime import threads
from standby.runtime.threads import MAX_THREADS, blocking
from tests.support.busy import SLACK

WORD = contextvars.ContextVar("WORD", default="")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Keep threads busy until it is set; set at the latest at the end."""
    event = threading.Event()
    yield event
    event.set()


def alive(begun: list[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in begun if thread.is_alive()]


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_it_runs_in_a_daemon_thread_with_its_arguments_and_context() -> None:
    def work(*args: int, **kwargs: int) -> tuple[Any, ...]:
        thread = threading.current_thread()
        seen = WORD.get()
        WORD.set("changed inside")
        return args, kwargs, seen, thread.daemon, thread.name, thread is threading.main_thread()

    WORD.set("carried over")
    result = await blocking(work, 1, 2, function=3, loop=4)
    assert result == (
        (1, 2),
        {"function": 3, "loop": 4},
        "carried over",
        True,
        "standby-blocking",
        False,
    )
    assert WORD.get() == "carried over"


@pytest.mark.parametrize(
    "error", [ValueError("bad"), OSError(2, "gone"), KeyError("k"), TimeoutError()], ids=repr
)
async def test_what_it_raises_is_raised_with_its_traceback(error: Exception) -> None:
    def work() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await blocking(work)
    assert caught.value is error
    assert any(entry.name == "work" for entry in caught.traceback)


async def test_a_stop_iteration_becomes_a_runtime_error() -> None:
    with pytest.raises(RuntimeError, match="the blocking function raised StopIteration"):
        await blocking(next, iter(()))


def test_even_an_exit_is_the_callers_and_no_threads() -> None:
    async def scenario() -> None:
        await blocking(exec, "raise SystemExit(3)")

    with pytest.raises(SystemExit, match="3"):
        asyncio.run(scenario())


async def test_a_cancelled_caller_leaves_at_once_and_the_threads_result_is_dropped(
    gate: threading.Event, begun: list[threading.Thread]
) -> None:
    ended: list[str] = []

    def work() -> None:
        gate.wait(30)
        ended.append("the thread")
        raise ValueError("dropped")

    task = asyncio.create_task(blocking(work))
    await until(lambda: alive(begun))
    began = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.perf_counter() - began < SLACK
    assert not ended
    gate.set()
    await until(lambda: ended and not alive(begun))
    slots = threads._slots[asyncio.get_running_loop()]
    await until(lambda: slots._value == MAX_THREADS)  # its slot is free again


async def test_the_loop_turns_meanwhile(gate: threading.Event) -> None:
    task = asyncio.create_task(blocking(gate.wait, 10))
    await asyncio.sleep(0.01)  # a blocked loop would not come back from here
    assert not task.done()
    gate.set()
    assert await task is True


async def test_more_calls_than_threads_wait_for_a_slot_in_order(
    gate: threading.Event, begun: list[threading.Thread]
) -> None:
    started: list[int] = []

    def work(number: int) -> int:
        started.append(number)
        gate.wait(30)
        return number

    tasks = [asyncio.create_task(blocking(work, number)) for number in range(MAX_THREADS + 6)]
    await until(lambda: len(started) == MAX_THREADS)
    tasks[MAX_THREADS].cancel()  # one that still waits for a slot
    await asyncio.sleep(0.01)
    assert (len(started), len(alive(begun))) == (MAX_THREADS, MAX_THREADS)
    gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results.pop(MAX_THREADS), asyncio.CancelledError)
    assert results == [*range(MAX_THREADS), *range(MAX_THREADS + 1, MAX_THREADS + 6)]
    assert MAX_THREADS not in started


def test_a_loop_that_closes_meanwhile_disturbs_no_thread(
    gate: threading.Event, begun: list[threading.Thread]
) -> None:
    """Nor does the thread: an exception in it would be a warning, and warnings are errors here."""
    ended = threading.Event()

    def work() -> None:
        gate.wait(30)
        ended.set()

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(blocking(work), 0.01)

    asyncio.run(leave())
    gate.set()
    assert ended.wait(5)
    for thread in begun:
        thread.join(5)
    assert not alive(begun)


def test_closed_loops_are_forgotten() -> None:
    for _ in range(5):
        assert asyncio.run(blocking(abs, -1)) == 1
    assert sum(loop.is_closed() for loop in threads._slots) <= 1


def test_loops_may_come_and_go_while_closed_ones_are_looked_for() -> None:
    other = asyncio.new_event_loop()

    class Meddling(asyncio.SelectorEventLoop):
        def is_closed(self) -> bool:
            """Do what another thread may do meanwhile: add a loop and remove this closed one."""
            threads._slots[other] = asyncio.Semaphore()
            threads._slots.pop(self, None)
            return super().is_closed()

    ended = Meddling()
    threads._slots[ended] = asyncio.Semaphore()
    ended.close()
    assert asyncio.run(blocking(abs, -1)) == 1
    assert ended not in threads._slots
    assert other in threads._slots
    other.close()


def test_many_loops_in_many_threads_do_not_interfere() -> None:
    def many(start: int) -> list[int]:
        return [asyncio.run(blocking(abs, -number)) for number in range(start, start + 10)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(many, range(8))) == [
            list(range(start, start + 10)) for start in range(8)
        ]


async def test_a_thread_that_cannot_start_is_an_error_and_costs_no_slot() -> None:
    await blocking(abs, 1)
    slots = threads._slots[asyncio.get_running_loop()]
    before = threading.stack_size(2**46)  # more than any machine maps
    try:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await blocking(abs, 1)
    finally:
        threading.stack_size(before)
    assert slots._value == MAX_THREADS
    assert await blocking(abs, -2) == 2


async def test_any_other_error_of_the_loop_is_raised() -> None:
    class Stubborn(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("not now")

    loop = Stubborn()
    with pytest.raises(RuntimeError, match="not now"):
        threads._call_in_loop(loop, print)
    loop.close()
    threads._call_in_loop(loop, print)  # nothing waits any more
