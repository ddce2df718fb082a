"""Observers get every event without delaying a call, and can break none."""

import gc
import logging
import os
import threading
import time

import pytest

from standby.events import AttemptStarted, Event
from standby.observe import observers as module
from standby.observe.observers import Observers
from tests.support.busy import SLACK


def event(number: int = 0) -> Event:
    return AttemptStarted(call="c", chain="default", model=f"m{number}", at=float(number))


def test_each_observer_gets_every_event_in_order() -> None:
    first: list[str] = []
    second: list[str] = []
    observers = Observers(
        [
            ("one", lambda one: first.append(one.model)),
            ("two", lambda one: second.append(one.model)),
        ]
    )
    for number in range(100):
        observers(event(number))
    observers.close()
    assert first == second == [f"m{number}" for number in range(100)]


def test_a_slow_observer_delays_no_call() -> None:
    gate = threading.Event()
    observers = Observers([("slow", lambda _: gate.wait(30))])
    began = time.perf_counter()
    for number in range(1000):
        observers(event(number))
    assert time.perf_counter() - began < SLACK
    gate.set()
    observers.close()


def test_closing_waits_a_second_for_one_that_hangs() -> None:
    gate = threading.Event()
    observers = Observers([("hanging", lambda _: gate.wait(30))])
    observers(event())
    began = time.perf_counter()
    observers.close()
    assert module.LONGEST_CLOSE <= time.perf_counter() - began < module.LONGEST_CLOSE + SLACK
    gate.set()


def test_the_queue_is_bounded_and_the_log_says_how_many_events_were_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, seen = threading.Event(), []
    observers = Observers([("slow", lambda one: (gate.wait(30), seen.append(one)))])
    for number in range(module.MOST_WAITING + 50):
        observers(event(number))
    gate.set()
    with caplog.at_level(logging.WARNING, "standby"):
        observers.close()
    dropped = module.MOST_WAITING + 50 - len(seen)
    assert 49 <= dropped <= 50  # the first may have been taken up already
    assert f"observers are slow: {dropped} events did not reach them" in caplog.text


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_what_one_raises_is_logged_once_and_the_others_go_on(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def broken(_: Event) -> None:
        raise error

    observers = Observers([("house", broken), ("well", lambda one: seen.append(one.model))])
    with caplog.at_level(logging.ERROR, "standby"):
        for number in range(3):
            observers(event(number))
        observers.close()
    assert seen == ["m0", "m1", "m2"]
    assert caplog.text.count(f"an observer of plugin 'house' raised {type(error).__name__}") == 1


def test_a_later_event_is_handed_over_after_closing_too() -> None:
    seen: list[str] = []
    observers = Observers([("one", lambda one: seen.append(one.model))])
    observers(event(1))
    observers.close()
    observers(event(2))
    observers.close()
    assert seen == ["m1", "m2"]


def test_an_observer_may_close_its_own_client() -> None:
    seen: list[str] = []
    observers = Observers([("one", lambda one: (seen.append(one.model), observers.close()))])
    observers(event(1))
    time.sleep(0.1)
    observers(event(2))
    time.sleep(0.1)
    assert seen == ["m1", "m2"]


def test_without_observers_there_is_no_thread(begun: list[threading.Thread]) -> None:
    observers = Observers()
    observers(event())
    observers.close()
    assert begun == []
    observers = Observers([("one", print)])
    observers(event())
    observers(event())
    observers.close()
    assert len(begun) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_hands_over_its_own_events_and_not_its_parents() -> None:
    read, write = os.pipe()
    observers = Observers(
        [("one", lambda one: os.write(write, f"{os.getpid()} {one.model}\n".encode()))]
    )
    observers(event(1))
    child = os.fork()
    if child == 0:
        observers(event(2))
        observers.close()
        os._exit(0)
    os.waitpid(child, 0)
    observers.close()
    os.close(write)
    with os.fdopen(read) as lines:
        assert sorted(lines.read().splitlines()) == sorted([f"{os.getpid()} m1", f"{child} m2"])


def test_an_observer_that_is_a_coroutine_function_is_reported_without_a_warning_of_pythons(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def soon() -> None: ...

    observers = Observers([("one", lambda _: soon())])
    with caplog.at_level(logging.ERROR, "standby"):
        observers(event(1))
        observers.close()
    gc.collect()
    assert (
        "it returned a coroutine, which is never awaited: write 'def', not 'async def'"
        in caplog.text
    )
