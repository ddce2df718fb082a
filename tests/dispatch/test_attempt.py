"""One attempt on virtual time: how it ends, what is recorded, and that this happens once."""

import asyncio
import gc
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from standby.dispatch.attempt import CANCEL_GRACE, AttemptTask, Result, _abandoned, drain
from standby.dispatch.compatibility import adapt
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.resilience.circuit_breaker import CircuitBreaker, Permit, State
from standby.resilience.timeouts import AttemptTimer
from standby.settings import BreakerSettings
from standby.types import Reply
from tests.support.playing import Plays, Streams, failure, request, target
from tests.support.virtual_clock import run

Cancelled = Callable[[], Coroutine[Any, Any, Any]]


class OnCancel:
    """Hangs until it is cancelled, then does what it was made for."""

    def __init__(self, then: Cancelled) -> None:
        self.then = then

    async def complete(self, _: Any) -> Any:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            return await self.then()


async def answers() -> Reply:
    return Reply(text="after all")


async def fails() -> Reply:
    raise RuntimeError("interrupted")


async def gives_in_late() -> Reply:
    await asyncio.sleep(CANCEL_GRACE - 0.01)
    raise asyncio.CancelledError


async def goes_on() -> Reply:
    await asyncio.sleep(5)
    raise RuntimeError("at last")


def start(one: Target, allowed: float = float("inf")) -> AttemptTask:
    permit = one.breaker.admit(asyncio.get_running_loop().time())
    assert isinstance(permit, Permit)
    timer = AttemptTimer(one, asyncio.get_running_loop().time, allowed)
    return AttemptTask(one, adapt(request(), one), permit, timer)


def result_of(adapter: Any) -> Result:
    async def story() -> Any:
        attempt = start(target("a", adapter))
        await asyncio.wait([attempt.task])
        return attempt.result()

    return run(story())


def test_a_reply_or_an_error_is_the_result() -> None:
    answered, failed = result_of(Plays("Lisbon.")), result_of(Plays(failure("overloaded")))
    assert answered.reply is not None
    assert (answered.reply.text, answered.error) == ("Lisbon.", None)
    assert failed.error is not None
    assert (failed.error.failure.kind, failed.reply) == (Kind.OVERLOADED, None)


def test_a_plugin_that_cancels_itself_violates_the_contract() -> None:
    error = result_of(Plays(asyncio.CancelledError())).error
    assert error is not None
    assert error.failure.kind is Kind.CONTRACT
    assert str(error) == "the plugin of provider 'p' cancelled itself"


@pytest.mark.parametrize("times", [1, 2])
def test_a_cancelled_attempt_has_neither_reply_nor_error(times: int) -> None:
    async def story() -> Any:
        attempt = start(target("a", Plays(600)))
        await asyncio.sleep(1)
        for _ in range(times):
            attempt.cancel()
            await drain([attempt])
        return attempt.result()

    assert run(story()) == Result()


def test_an_attempt_that_ended_before_it_was_cancelled_has_its_reply() -> None:
    async def story() -> Any:
        attempt = start(target("a", Plays("Lisbon.")))
        await asyncio.wait([attempt.task])
        attempt.cancel()
        return attempt.result()

    assert run(story()).reply is not None


@pytest.mark.parametrize("then", [answers, fails, gives_in_late, goes_on])
def test_an_attempt_whose_time_is_up_has_timed_out_whatever_it_does_then(then: Cancelled) -> None:
    async def story() -> Any:
        attempt = start(target("a", OnCancel(then)), allowed=7.0)
        await asyncio.sleep(7)
        attempt.time_out()
        await drain([attempt])
        await asyncio.sleep(10)
        return attempt.result()

    failed = run(story()).error
    assert isinstance(failed, AttemptFailed)
    assert (failed.failure.kind, str(failed)) == (Kind.TIMEOUT, "timeout: no answer in 7s")


@pytest.mark.parametrize("then", [answers, fails, gives_in_late, goes_on])
@pytest.mark.parametrize("way", ["cancel", "time_out"])
def test_asyncio_reports_nothing_when_a_cancelled_attempt_ends_badly(
    then: Cancelled, way: str
) -> None:
    async def story() -> list[Any]:
        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: complaints.append(context["message"])
        )
        attempt = start(target("a", OnCancel(then)))
        await asyncio.sleep(1)
        getattr(attempt, way)()
        await drain([attempt])
        del attempt
        await asyncio.sleep(10)
        gc.collect()
        await asyncio.sleep(0)
        return complaints

    assert run(story()) == []


def test_a_stubborn_attempt_is_waited_for_no_longer_than_the_grace() -> None:
    async def story() -> tuple[list[str], float, int, int]:
        stubborn, gentle, done = (
            start(target(name, adapter))
            for name, adapter in (
                ("s", OnCancel(goes_on)),
                ("g", OnCancel(gives_in_late)),
                ("d", Plays("x")),
            )
        )
        await asyncio.sleep(1)
        for attempt in (stubborn, gentle, done):
            attempt.cancel()
        left = await drain([stubborn, gentle, done])
        took, held = asyncio.get_running_loop().time() - 1, len(_abandoned)
        await asyncio.sleep(10)
        return [attempt.target.name for attempt in left], took, held, len(_abandoned)

    names, took, held, after = run(story())
    assert (names, held, after) == (["s"], 1, 0)
    assert took == pytest.approx(CANCEL_GRACE)


def test_nothing_to_wait_for_takes_no_time() -> None:
    async def story() -> tuple[list[AttemptTask], float]:
        attempt = start(target("a", Plays("x")))
        await asyncio.wait([attempt.task])
        return await drain([attempt]), asyncio.get_running_loop().time()

    assert run(story()) == ([], 0.0)


def test_only_the_first_outcome_counts() -> None:
    async def story() -> list[Any]:
        breaker = CircuitBreaker(BreakerSettings(failures=1), random.Random(1))
        attempt = start(target("a", Plays("x"), breaker=breaker))
        await asyncio.wait([attempt.task])
        outcomes = [
            attempt.record(outcome, kind=Kind.TIMEOUT)
            for outcome in ("ignored", "failure", "failure")
        ]
        return [*outcomes, breaker.health(0.0).state, breaker.in_flight]

    assert run(story()) == [None, None, None, State.CLOSED, 0]


@pytest.mark.parametrize(
    ("adapter", "outcome"),
    [(Plays(15), "success"), (Plays(15.1), "slow"), (Streams(14, "x"), "success")],
)
def test_an_answer_is_a_success_or_slow(adapter: Any, outcome: str) -> None:
    async def story() -> str:
        attempt = start(target("a", adapter, timeout=30.0))
        await asyncio.wait([attempt.task])
        return "slow" if attempt.timer.is_slow else "success"

    assert run(story()) == outcome


def test_parameters_that_the_model_refuses_are_not_sent_and_named() -> None:
    async def story() -> tuple[Any, Any]:
        plays = Plays("x")
        one = target("a", plays, refused=("temperature",))
        permit = one.breaker.admit(0.0)
        assert isinstance(permit, Permit)
        asked = request(temperature=0.3, seed=1)
        timer = AttemptTimer(one, asyncio.get_running_loop().time, 9.0)
        attempt = AttemptTask(one, adapt(asked, one), permit, timer)
        await asyncio.wait([attempt.task])
        return attempt.dropped, plays.calls[0].request.sampling

    dropped, sampling = run(story())
    assert dropped == ("temperature",)
    assert (sampling.temperature, sampling.seed) == (None, 1)
