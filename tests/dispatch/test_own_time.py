"""Time that is not the model's: its clock stands, its health learns nothing, the trail says so."""

import asyncio
import time
from typing import Any

import pytest
from msgspec.structs import replace

from standby.errors import DeadlineExceeded
from standby.failures import Kind
from standby.runtime.attempt_clock import ATTEMPT_CLOCK, clock_paused, remaining
from standby.runtime.background_loop import run as run_in_background
from standby.types import Reply
from tests.support.playing import Plays, dispatch, route, target
from tests.support.virtual_clock import run

FOREVER = 10_000.0


class SlowPool:
    """Makes an adapter slowly, as the first call of a process does."""

    def __init__(self, adapter: Any, seconds: float) -> None:
        self.adapter, self.seconds = adapter, seconds

    async def __call__(self) -> Any:
        with clock_paused():
            await asyncio.sleep(self.seconds)
        return self.adapter


def slow(name: str, adapter: Any, seconds: float, **options: Any) -> Any:
    return replace(target(name, adapter, **options), adapter=SlowPool(adapter, seconds))


def run_timed(coroutine: Any) -> tuple[Any, float]:
    async def scenario() -> tuple[Any, float]:
        result = await coroutine
        return result, asyncio.get_running_loop().time()

    return run(scenario())


def summarize(trail: Any) -> list[tuple[str, str, Kind | None, float, float]]:
    return [(each.model, each.outcome, each.kind, each.duration, each.setup) for each in trail]


def test_an_import_longer_than_the_time_out_times_no_model_out() -> None:
    models = slow("a", Plays("Lisbon."), 4.0, timeout=3.0), target("b", Plays("from b"))
    reply, took = run_timed(dispatch(route(*models)).run())
    assert (reply.model, took) == ("a", 4.0)
    assert summarize(reply.trail) == [("a", "answered", None, 4.0, 4.0)]


@pytest.mark.parametrize("calls", [1, 7])
def test_a_slow_import_does_not_count_against_the_model(calls: int) -> None:
    model = slow("a", Plays(1.4), 4.0, timeout=3.0)

    async def scenario() -> str:
        for _ in range(calls):
            await dispatch(route(model)).run()
        return model.breaker.health(asyncio.get_running_loop().time()).state

    assert run(scenario()) == "closed"


def test_the_time_out_counts_from_the_end_of_the_import() -> None:
    models = slow("a", Plays(600), 4.0, timeout=3.0), target("b", Plays("Lisbon."))
    reply, took = run_timed(dispatch(route(*models)).run())
    assert (reply.model, took) == ("b", 7.0)
    assert summarize(reply.trail)[0] == ("a", "failed", Kind.TIMEOUT, 7.0, 4.0)
    assert reply.trail[0].text == "timeout: no answer in 3s"


@pytest.mark.parametrize("seconds", [12.0, FOREVER])
def test_the_deadline_ends_a_call_whose_adapter_is_being_made(seconds: float) -> None:
    async def scenario() -> tuple[DeadlineExceeded, float, str]:
        model = slow("a", Plays("Lisbon."), seconds, timeout=3.0)
        with pytest.raises(DeadlineExceeded) as caught:
            await dispatch(route(model), deadline=10.0).run()
        now = asyncio.get_running_loop().time()
        return caught.value, now, model.breaker.health(now).state

    error, took, state = run(scenario())
    assert (took, state) == (10.0, "closed")
    message = "no complete reply within the deadline of 10s; asked: a (not sent yet)"
    assert str(error) == message
    assert summarize(error.trail) == [("a", "cancelled", Kind.UNAVAILABLE, 10.0, 10.0)]
    not_sent = "not sent yet: its adapter was being made, or no connection was free"
    assert error.trail[0].text == not_sent


@pytest.mark.parametrize(("deadline", "after"), [(10.0, 5.0), (60.0, 10.0)])
def test_an_import_that_hangs_starves_no_later_model(deadline: float, after: float) -> None:
    models = slow("a", Plays("Lisbon."), FOREVER), target("b", Plays("from b"))
    reply, took = run_timed(dispatch(route(*models), deadline=deadline).run())
    assert (reply.model, took) == ("b", after)
    assert summarize(reply.trail) == [
        ("a", "cancelled", Kind.UNAVAILABLE, after, after),
        ("b", "answered", None, 0.0, 0.0),
    ]


def test_a_model_whose_import_has_used_up_its_share_may_still_answer_first() -> None:
    models = slow("a", Plays("Lisbon."), 6.0), slow("b", Plays("from b"), FOREVER)
    reply, took = run_timed(dispatch(route(*models), deadline=10.0).run())
    assert (reply.model, took) == ("a", 6.0)


def test_the_next_model_starts_once_beside_an_import_that_hangs() -> None:
    adapters = Plays(600), Plays(600), Plays("Lisbon.")
    models = (
        slow("a", adapters[0], FOREVER),
        target("b", adapters[1], timeout=1.0),
        target("c", adapters[2]),
    )
    reply, took = run_timed(dispatch(route(*models), deadline=15.0).run())
    assert (reply.model, took) == ("c", 6.0)
    assert [len(each.calls) for each in adapters] == [0, 1, 1]


class Waits:
    """An adapter that waits for something of ours before it sends its request."""

    def __init__(self, seconds: float, then: float = 0.0) -> None:
        self.seconds, self.then = seconds, then
        self.left: list[float] = []

    async def complete(self, _: Any) -> Reply:
        with clock_paused(), clock_paused():
            await asyncio.sleep(self.seconds)
        self.left.append(remaining())
        await asyncio.sleep(self.then)
        return Reply(text="Lisbon.")


def test_an_adapter_stops_the_clock_of_its_own_attempt_alone() -> None:
    first, second = Waits(4.0, then=600), Waits(1.0, then=1.0)
    models = target("a", first, timeout=3.0), target("b", second, timeout=3.0)
    reply, took = run_timed(dispatch(route(*models)).run())
    assert (reply.model, took) == ("b", 9.0)
    assert (first.left, second.left) == ([3.0], [3.0])
    assert [each.setup for each in reply.trail] == [4.0, 1.0]


def test_there_is_no_clock_outside_of_an_attempt() -> None:
    async def scenario() -> None:
        await dispatch(route(target("a", Plays("Lisbon.")))).run()
        with clock_paused():
            assert (ATTEMPT_CLOCK.get(), remaining()) == (None, float("inf"))

    run(scenario())


class NoPlaceYet:
    """A bulkhead that is full for some time."""

    async def acquire(self) -> bool:
        await asyncio.sleep(4.0)
        return True

    def release(self) -> None:
        pass


def test_waiting_for_a_place_among_the_concurrent_calls_is_not_the_models_time() -> None:
    model = target("a", Plays(1.4), timeout=3.0, permits=NoPlaceYet())
    reply, took = run_timed(dispatch(route(model)).run())
    assert took == pytest.approx(5.4)
    assert summarize(reply.trail) == [("a", "answered", None, pytest.approx(5.4), 4.0)]


def test_the_deadline_holds_for_blocking_callers_too() -> None:
    model = slow("a", Plays("Lisbon."), 60.0)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="not sent yet"):
        run_in_background(dispatch(route(model), deadline=0.2).run())
    assert time.monotonic() - began < 8.0
