"""One attempt under way, on virtual time: how it ends, what is made of it, and that it is settled once."""

import asyncio
import gc
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from standby.dispatch.attempt import GOODBYE, AttemptTask, _abandoned, ends
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
    await asyncio.sleep(GOODBYE - 0.01)
    raise asyncio.CancelledError


async def goes_on() -> Reply:
    await asyncio.sleep(5)
    raise RuntimeError("at last")


def asking(one: Target, allowed: float = float("inf")) -> AttemptTask:
    permit = one.breaker.admit(asyncio.get_running_loop().time())
    assert isinstance(permit, Permit)
    return AttemptTask(
        one, request(), permit, AttemptTimer(one, asyncio.get_running_loop().time, allowed)
    )


def ended(adapter: Any) -> Reply | AttemptFailed | None:
    async def story() -> Any:
        running = asking(target("a", adapter))
        await asyncio.wait([running.task])
        return running.result()

    return run(story())


def test_a_reply_or_a_failure_is_returned_as_it_is() -> None:
    reply, failed = ended(Plays("Lisbon.")), ended(Plays(failure("overloaded")))
    assert isinstance(reply, Reply)
    assert reply.text == "Lisbon."
    assert isinstance(failed, AttemptFailed)
    assert failed.failure.kind is Kind.OVERLOADED


def test_a_plugin_that_cancels_itself_breaks_the_contract() -> None:
    failed = ended(Plays(asyncio.CancelledError()))
    assert isinstance(failed, AttemptFailed)
    assert failed.failure.kind is Kind.CONTRACT
    assert str(failed) == "the plugin of provider 'p' cancelled itself"


@pytest.mark.parametrize("times", [1, 2])
def test_one_that_was_left_has_no_result(times: int) -> None:
    async def story() -> Any:
        running = asking(target("a", Plays(600)))
        await asyncio.sleep(1)
        for _ in range(times):
            running.leave()
            await ends([running])
        return running.result()

    assert run(story()) is None


def test_one_that_had_ended_before_it_was_left_has_its_result() -> None:
    async def story() -> Any:
        running = asking(target("a", Plays("Lisbon.")))
        await asyncio.wait([running.task])
        running.leave()
        return running.result()

    assert isinstance(run(story()), Reply)


@pytest.mark.parametrize("then", [answers, fails, gives_in_late, goes_on])
def test_one_whose_time_is_over_is_late_whatever_it_does_then(then: Cancelled) -> None:
    async def story() -> Any:
        running = asking(target("a", OnCancel(then)), allowed=7.0)
        await asyncio.sleep(7)
        running.give_up()
        await ends([running])
        await asyncio.sleep(10)
        return running.result()

    failed = run(story())
    assert isinstance(failed, AttemptFailed)
    assert (failed.failure.kind, str(failed)) == (Kind.TIMEOUT, "timeout: no answer in 7s")


@pytest.mark.parametrize("then", [answers, fails, gives_in_late, goes_on])
@pytest.mark.parametrize("way", ["leave", "give_up"])
def test_nothing_is_complained_of_when_a_cancelled_one_ends_badly(
    then: Cancelled, way: str
) -> None:
    async def story() -> list[Any]:
        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: complaints.append(context["message"])
        )
        running = asking(target("a", OnCancel(then)))
        await asyncio.sleep(1)
        getattr(running, way)()
        await ends([running])
        del running
        await asyncio.sleep(10)
        gc.collect()
        await asyncio.sleep(0)
        return complaints

    assert run(story()) == []


def test_nobody_waits_for_a_stubborn_one_for_longer_than_a_goodbye() -> None:
    async def story() -> tuple[list[str], float, int, int]:
        stubborn, gentle, done = (
            asking(target(name, adapter))
            for name, adapter in (
                ("s", OnCancel(goes_on)),
                ("g", OnCancel(gives_in_late)),
                ("d", Plays("x")),
            )
        )
        await asyncio.sleep(1)
        for running in (stubborn, gentle, done):
            running.leave()
        left = await ends([stubborn, gentle, done])
        took, held = asyncio.get_running_loop().time() - 1, len(_abandoned)
        await asyncio.sleep(10)
        return [running.target.name for running in left], took, held, len(_abandoned)

    names, took, held, after = run(story())
    assert (names, held, after) == (["s"], 1, 0)
    assert took == pytest.approx(GOODBYE)


def test_nothing_to_wait_for_takes_no_time() -> None:
    async def story() -> tuple[list[AttemptTask], float]:
        running = asking(target("a", Plays("x")))
        await asyncio.wait([running.task])
        return await ends([running]), asyncio.get_running_loop().time()

    assert run(story()) == ([], 0.0)


def test_only_the_first_lesson_counts() -> None:
    async def story() -> list[Any]:
        breaker = CircuitBreaker(BreakerSettings(failures=1), random.Random(1))
        running = asking(target("a", Plays("x"), breaker=breaker))
        await asyncio.wait([running.task])
        lessons = [
            running.teach(outcome, 0.0, kind=Kind.TIMEOUT)
            for outcome in ("ignored", "failure", "failure")
        ]
        return [*lessons, breaker.health(0.0).state, breaker.in_flight]

    assert run(story()) == [None, None, None, State.CLOSED, 0]


@pytest.mark.parametrize(
    ("adapter", "outcome"),
    [(Plays(15), "success"), (Plays(15.1), "slow"), (Streams(14, "x"), "success")],
)
def test_an_answer_is_healthy_or_slow(adapter: Any, outcome: str) -> None:
    async def story() -> str:
        running = asking(target("a", adapter, timeout=30.0))
        await asyncio.wait([running.task])
        return running.outcome

    assert run(story()) == outcome


def test_parameters_that_the_model_refuses_are_not_sent_and_named() -> None:
    async def story() -> tuple[Any, Any]:
        plays = Plays("x")
        one = target("a", plays, refused=("temperature",))
        permit = one.breaker.admit(0.0)
        assert isinstance(permit, Permit)
        asked = request(temperature=0.3, seed=1)
        running = AttemptTask(
            one, asked, permit, AttemptTimer(one, asyncio.get_running_loop().time, 9.0)
        )
        await asyncio.wait([running.task])
        return running.dropped, plays.calls[0].request.sampling

    dropped, sampling = run(story())
    assert dropped == ("temperature",)
    assert (sampling.temperature, sampling.seed) == (None, 1)
