"""One attempt on virtual time: how it ends, what is recorded, and that this happens once."""

import asyncio
import gc
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from standby.dispatch.attempt import CANCEL_GRACE, AttemptResult, AttemptTask, _abandoned, drain
from standby.dispatch.compatibility import adapt
from standby.dispatch.target import Target
from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.resilience.circuit_breaker import CircuitBreaker, Outcome, Permit, State
from standby.resilience.timeouts import AttemptTimer
from standby.settings import BreakerSettings
from standby.types import Reply
from tests.support.playing import Plays, RecordsOutcomes, Streams, failure, request, target
from tests.support.virtual_clock import run

Cancelled = Callable[[], Coroutine[Any, Any, Any]]


class OnCancel:
    """An adapter that hangs until it is cancelled, and then calls a function."""

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


async def ends_late() -> Reply:
    await asyncio.sleep(CANCEL_GRACE - 0.01)
    raise asyncio.CancelledError


async def continues() -> Reply:
    await asyncio.sleep(5)
    raise RuntimeError("at last")


def start(model: Target, seconds: float = float("inf")) -> AttemptTask:
    permit = model.breaker.admit(asyncio.get_running_loop().time())
    assert isinstance(permit, Permit)
    timer = AttemptTimer(model, asyncio.get_running_loop().time, seconds)
    return AttemptTask(model, adapt(request(), model), permit, timer)


def result_of(adapter: Any) -> AttemptResult:
    async def scenario() -> Any:
        attempt = start(target("a", adapter))
        await asyncio.wait([attempt.task])
        return attempt.result()

    return run(scenario())


def test_a_reply_or_an_error_is_the_result() -> None:
    success, failed = result_of(Plays("Lisbon.")), result_of(Plays(failure("overloaded")))
    assert success.reply is not None
    assert (success.reply.text, success.error) == ("Lisbon.", None)
    assert failed.error is not None
    assert (failed.error.failure.kind, failed.reply) == (Kind.OVERLOADED, None)


def test_a_plugin_that_cancels_itself_violates_the_contract() -> None:
    error = result_of(Plays(asyncio.CancelledError())).error
    assert error is not None
    assert error.failure.kind is Kind.CONTRACT
    assert str(error) == "the plugin of provider 'p' cancelled itself"


def test_an_error_outside_the_adapter_is_not_the_plugins() -> None:
    class Broken:
        async def acquire(self) -> bool:
            raise RuntimeError("a bug of ours")

        def release(self) -> None:
            pass

    async def scenario() -> Any:
        attempt = start(target("a", Plays("x"), permits=Broken()))
        await asyncio.wait([attempt.task])
        return attempt.result()

    with pytest.raises(RuntimeError, match="a bug of ours"):
        run(scenario())


def test_an_attempt_is_the_first_of_its_model_by_default() -> None:
    async def scenario() -> tuple[int, int]:
        attempt = start(target("a", Plays("x")))
        await asyncio.wait([attempt.task])
        return attempt.number, attempt.position

    assert run(scenario()) == (1, 0)


@pytest.mark.parametrize("times", [1, 2])
def test_a_cancelled_attempt_has_neither_reply_nor_error(times: int) -> None:
    async def scenario() -> Any:
        attempt = start(target("a", Plays(600)))
        await asyncio.sleep(1)
        for _ in range(times):
            attempt.cancel()
            await drain([attempt])
        return attempt.result()

    assert run(scenario()) == AttemptResult()


def test_an_attempt_that_ended_before_it_was_cancelled_has_its_reply() -> None:
    async def scenario() -> Any:
        attempt = start(target("a", Plays("Lisbon.")))
        await asyncio.wait([attempt.task])
        attempt.cancel()
        return attempt.result()

    assert run(scenario()).reply is not None


@pytest.mark.parametrize("then", [answers, fails, ends_late, continues])
def test_an_attempt_that_ran_out_of_time_has_timed_out_however_it_then_ends(
    then: Cancelled,
) -> None:
    async def scenario() -> Any:
        attempt = start(target("a", OnCancel(then)), seconds=7.0)
        await asyncio.sleep(7)
        attempt.time_out()
        await drain([attempt])
        await asyncio.sleep(10)
        return attempt.result()

    failed = run(scenario()).error
    assert isinstance(failed, AttemptFailed)
    assert (failed.failure.kind, str(failed)) == (Kind.TIMEOUT, "timeout: no answer in 7s")


@pytest.mark.parametrize("then", [answers, fails, ends_late, continues])
@pytest.mark.parametrize("method", ["cancel", "time_out"])
def test_asyncio_reports_nothing_when_a_cancelled_attempt_ends_badly(
    then: Cancelled, method: str
) -> None:
    async def scenario() -> list[Any]:
        reports: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reports.append(context["message"])
        )
        attempt = start(target("a", OnCancel(then)))
        await asyncio.sleep(1)
        getattr(attempt, method)()
        await drain([attempt])
        del attempt
        await asyncio.sleep(10)
        gc.collect()
        await asyncio.sleep(0)
        return reports

    assert run(scenario()) == []


def test_drain_waits_for_a_stubborn_attempt_no_longer_than_the_grace() -> None:
    async def scenario() -> tuple[list[str], float, int, int]:
        stubborn, gentle, finished = (
            start(target(name, adapter))
            for name, adapter in (
                ("s", OnCancel(continues)),
                ("g", OnCancel(ends_late)),
                ("d", Plays("x")),
            )
        )
        await asyncio.sleep(1)
        for attempt in (stubborn, gentle, finished):
            attempt.cancel()
        stubborn_ones = await drain([stubborn, gentle, finished])
        took, kept = asyncio.get_running_loop().time() - 1, len(_abandoned)
        await asyncio.sleep(10)
        return [attempt.target.name for attempt in stubborn_ones], took, kept, len(_abandoned)

    names, took, kept, after = run(scenario())
    assert (names, kept, after) == (["s"], 1, 0)
    assert took == pytest.approx(CANCEL_GRACE)


def test_draining_a_finished_attempt_takes_no_time() -> None:
    async def scenario() -> tuple[list[AttemptTask], float]:
        attempt = start(target("a", Plays("x")))
        await asyncio.wait([attempt.task])
        return await drain([attempt]), asyncio.get_running_loop().time()

    assert run(scenario()) == ([], 0.0)


def test_only_the_first_outcome_counts() -> None:
    async def scenario() -> list[Any]:
        breaker = CircuitBreaker(BreakerSettings(failures=1), random.Random(1))
        attempt = start(target("a", Plays("x"), breaker=breaker))
        await asyncio.wait([attempt.task])
        outcomes = [
            attempt.record(outcome, kind=Kind.TIMEOUT)
            for outcome in ("ignored", "failure", "failure")
        ]
        return [*outcomes, breaker.health(0.0).state, breaker.in_flight]

    assert run(scenario()) == [None, None, None, State.CLOSED, 0]


@pytest.mark.parametrize(
    ("adapter", "outcome"),
    [(Plays(15), "success"), (Plays(15.1), "slow"), (Streams(14, "x"), "success")],
)
def test_an_answer_is_a_success_or_slow(adapter: Any, outcome: str) -> None:
    async def scenario() -> list[str]:
        breaker = RecordsOutcomes()
        attempt = start(target("a", adapter, timeout=30.0, breaker=breaker))
        await asyncio.wait([attempt.task])
        attempt.record_answer()
        return breaker.outcomes

    assert run(scenario()) == [outcome]


@pytest.mark.parametrize("recorded", [(), ("failure",)])
def test_an_attempt_of_which_nothing_was_recorded_says_nothing_of_its_model(
    recorded: tuple[Outcome, ...],
) -> None:
    async def scenario() -> list[str]:
        breaker = RecordsOutcomes()
        started = start(target("a", Plays("x"), breaker=breaker))
        with started as attempt:
            assert attempt is started
            for outcome in recorded:
                attempt.record(outcome)
        await asyncio.wait([attempt.task])
        return breaker.outcomes

    assert run(scenario()) == list(recorded or ("ignored",))


def test_an_attempt_is_abandoned_once() -> None:
    async def scenario() -> tuple[int, list[AttemptTask], float]:
        attempt = start(target("s", OnCancel(continues)))
        await asyncio.sleep(1)
        attempt.cancel()
        first = len(await drain([attempt]))
        began = asyncio.get_running_loop().time()
        again = await drain([attempt])
        took = asyncio.get_running_loop().time() - began
        await asyncio.sleep(10)
        return first, again, took

    assert run(scenario()) == (1, [], 0.0)


def test_parameters_that_the_model_refuses_are_dropped_and_named() -> None:
    async def scenario() -> tuple[Any, Any]:
        plays = Plays("x")
        model = target("a", plays, refused=("temperature",))
        permit = model.breaker.admit(0.0)
        assert isinstance(permit, Permit)
        original = request(temperature=0.3, seed=1)
        timer = AttemptTimer(model, asyncio.get_running_loop().time, 9.0)
        attempt = AttemptTask(model, adapt(original, model), permit, timer)
        await asyncio.wait([attempt.task])
        return attempt.dropped, plays.calls[0].request.sampling

    dropped, sampling = run(scenario())
    assert dropped == ("temperature",)
    assert (sampling.temperature, sampling.seed) == (None, 1)
