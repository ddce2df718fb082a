"""Each thread starts outside of all locks, and one that cannot start leaves nothing behind.

Under gevent the start of a thread lets other greenlets run. A lock from before its monkey patch,
held meanwhile, would block the whole process as soon as one of them waits for it.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from standby.events import AttemptStarted
from standby.observe.observers import Observers
from standby.runtime import background_loop
from standby.runtime.background_loop import run
from standby.runtime.late_lock import LateLock
from standby.runtime.loop_watchdog import Watchdog


async def value() -> int:
    return 7


class Loop:
    """Calls on a background loop of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(background_loop, "_current", None)

    def use(self) -> object:
        return run(value())

    def locks(self) -> list[Any]:
        assert background_loop._current is not None
        return [background_loop._starting, background_loop._current._lock]

    def end(self) -> None:
        assert background_loop._current is not None
        background_loop._current.shut_down()


class Watched:
    """Calls under a watchdog of the test's own."""

    def __init__(self, _: pytest.MonkeyPatch) -> None:
        self.dog = Watchdog()

    def use(self) -> object:
        async def call() -> int:
            with self.dog.watch(lambda *_: None):
                return await value()

        return asyncio.run(call())

    def locks(self) -> list[Any]:
        return [self.dog._lock]

    def end(self) -> None:
        assert self.dog._loops == {}
        self.dog.pause(until=0.0)


class Observed:
    """Events for an observer."""

    def __init__(self, _: pytest.MonkeyPatch) -> None:
        self.seen: list[object] = []
        self.observers = Observers([("one", self.seen.append)])
        self.sent = 0

    def use(self) -> object:
        self.sent += 1
        self.observers(AttemptStarted(call="c", chain="default", model="m", at=0.0))
        return 7

    def locks(self) -> list[Any]:
        return [self.observers._lock]

    def end(self) -> None:
        self.observers.close()
        assert len(self.seen) == self.sent


@pytest.fixture(params=[Loop, Watched, Observed])
def owner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    made = request.param(monkeypatch)
    yield made
    made.end()


def replace_start(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[threading.Thread], None]
) -> None:
    start = threading.Thread.start

    def call_and_start(thread: threading.Thread) -> None:
        before(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", call_and_start)


def test_a_thread_starts_outside_of_all_locks(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []
    replace_start(monkeypatch, lambda _: held.extend(lock.locked() for lock in owner.locks()))
    assert owner.use() == 7
    assert held
    assert not any(held)


def test_after_a_thread_that_could_not_start_the_next_call_starts_one(
    owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [RuntimeError("can't start new thread")]

    def fail_once(_: threading.Thread) -> None:
        if failures:
            raise failures.pop()

    replace_start(monkeypatch, fail_once)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        owner.use()
    assert owner.use() == 7


def test_a_late_lock_is_one_lock_until_the_kind_of_threads_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late, other = LateLock(), LateLock()
    first = late.get()
    assert first is late.get()
    assert first is not other.get()
    with first:
        monkeypatch.setattr(threading, "Lock", threading.RLock)
        assert late.get() is not first
    monkeypatch.undo()
    assert late.get() is first
