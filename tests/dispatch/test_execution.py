"""How an execution starts attempts and handles replies, on virtual time."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest

from standby import events
from standby.dispatch.attempt import CANCEL_GRACE
from standby.dispatch.compatibility import adapt
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.in_flight import InFlight
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Route
from standby.dispatch.trail import Trail
from standby.errors import DeadlineExceeded, StandbyError
from standby.failures import Failure, Kind
from standby.plugin import End
from standby.resilience.circuit_breaker import CircuitBreaker, Permit, Rejection
from standby.resilience.retry_budget import RetryBudget
from standby.resilience.triggers import Triggers
from standby.settings import BreakerSettings, Hedge, StreamRules, Trigger
from standby.types import Chunk, Reply
from tests.support.playing import (
    Plays,
    RecordsOutcomes,
    Streams,
    dispatch,
    failure,
    request,
    route,
    target,
)
from tests.support.virtual_clock import run


class RecordingBreaker(CircuitBreaker):
    """Notes how many seconds each probe may take."""

    def __init__(self, suspected: str = "") -> None:
        settings = BreakerSettings(failures=1, open=10.0, open_limit=10.0)
        super().__init__(settings, random.Random(1), suspected=suspected)
        self.probe_timeouts: list[float] = []

    def admit(self, now: float, probe_timeout: float = 0.0) -> Permit | Rejection:
        self.probe_timeouts.append(probe_timeout)
        return super().admit(now, probe_timeout)

    def force_probe(self, now: float, probe_timeout: float = 0.0) -> Permit | Rejection:
        self.probe_timeouts.append(probe_timeout)
        return super().force_probe(now, probe_timeout)

    def admit_background_probe(self, now: float, probe_timeout: float = 0.0) -> Permit | None:
        self.probe_timeouts.append(probe_timeout)
        return super().admit_background_probe(now, probe_timeout)


def open_breaker() -> CircuitBreaker:
    breaker = CircuitBreaker(BreakerSettings(failures=1, open=10.0), random.Random(1))
    permit = breaker.admit(0.0)
    assert isinstance(permit, Permit)
    breaker.record(permit, "failure", 0.0, kind=Kind.OVERLOADED)
    return breaker


@pytest.mark.parametrize("others", [0, 1])
def test_every_probe_may_take_a_second_longer_than_its_models_timeout(others: int) -> None:
    """A probe as a last resort where the model is alone, else one in the background."""

    async def scenario() -> list[float]:
        breaker = RecordingBreaker(suspected="retired on 2026-01-01")
        old = target("old", Plays("Porto."), breaker=breaker, timeout=30.0)
        await dispatch(route(old, *[target("b", Plays("Lisbon."))] * others)).run()
        return breaker.probe_timeouts

    assert run(scenario()) == [31.0, 31.0]


def test_the_last_model_of_a_chain_is_not_hedged() -> None:
    emitted: list[events.Event] = []
    chain = route(
        target("a", Plays(failure("blocked", status=400))),
        target("b", Plays(9)),
        triggers={"go on": Trigger(kind=Kind.BLOCKED, then="next")},
        hedge=Hedge(after=1.0),
    )
    reply = run(dispatch(chain, events=emitted).run())
    assert (reply.model, len(reply.trail)) == ("b", 2)
    assert not [event for event in emitted if isinstance(event, events.Hedged)]


def test_a_silent_last_model_is_still_retried() -> None:
    class SlowFailure(Plays):
        async def complete(self, call: Any) -> Any:
            await asyncio.sleep(0 if self.calls else 9)
            return await super().complete(call)

    flaky = SlowFailure(failure("overloaded"), "Lisbon.")
    reply = run(dispatch(route(target("a", flaky), hedge=Hedge(after=1.0))).run())
    assert [attempt.then for attempt in reply.trail] == ["retry", None]


def test_a_last_resort_that_another_call_probes_is_left_to_it() -> None:
    async def scenario() -> tuple[list[Any], int]:
        resting = Plays(2)
        chain = route(
            target("a", resting, breaker=open_breaker()), target("b", Plays(600)), deadline=8.0
        )
        calls = [dispatch(chain).run() for _ in range(2)]
        return list(await asyncio.gather(*calls, return_exceptions=True)), len(resting.calls)

    (first, second), calls = run(scenario())
    assert isinstance(first, Reply)
    assert (first.model, type(second), calls) == ("a", DeadlineExceeded, 1)


# Triggers that recognise replies


def rejecting(*targets: Any, then: Any = "next", **chain: Any) -> Route:
    """Return a chain whose one trigger recognises replies that are sorry."""
    made = route(*targets, **chain)

    def is_sorry(outcome: Reply | Failure) -> bool:
        return "sorry" in outcome.text

    rules = Triggers([("sorry", Trigger(test="house/sorry", then=then))], lambda _: is_sorry)
    return Route(name=made.name, chain=made.chain, targets=made.targets, triggers=rules)


def test_a_rejected_reply_moves_the_call_to_the_next_model() -> None:
    chain = rejecting(target("a", Plays("I am sorry.")), target("b", Plays("Lisbon.")))
    reply = run(dispatch(chain).run())
    first = reply.trail[0]
    assert (reply.model, first.outcome, first.kind, first.trigger) == (
        "b",
        "failed",
        Kind.REJECTED,
        "sorry",
    )


def test_a_trigger_of_one_provider_rejects_no_reply_of_another() -> None:
    chain = rejecting(target("a", Plays("I am sorry.")))
    trigger = Trigger(test="house/sorry", then="next", provider="q")
    rules = Triggers([("sorry", trigger)], lambda _: lambda _: True)
    chain = Route(name="default", chain=chain.chain, targets=chain.targets, triggers=rules)
    assert run(dispatch(chain).run()).text == "I am sorry."


def stream(chain: Route) -> tuple[Reply, list[str]]:
    texts: list[str] = []

    async def put(chunk: Chunk) -> None:
        texts.append(chunk.text)

    return run(dispatch(chain, put=put).run()), texts


def test_no_trigger_rejects_a_reply_that_the_caller_has_seen() -> None:
    chain = rejecting(target("a", Streams("I am ", "sorry.", End())), target("b", Plays("never")))
    reply, texts = stream(chain)
    assert (reply.model, texts) == ("a", ["I am ", "sorry."])
    assert [(attempt.outcome, attempt.kind) for attempt in reply.trail] == [("answered", None)]


def test_a_buffered_stream_is_rejected_before_the_caller_sees_it() -> None:
    chain = rejecting(
        target("a", Streams("I am ", "sorry.", End())),
        target("b", Streams("Lis", "bon.", End())),
        stream=StreamRules(release="whole"),
    )
    reply, texts = stream(chain)
    assert (reply.model, texts) == ("b", ["Lisbon."])


def start(chain: Route, deadline: float = 30.0) -> Any:
    return Dispatcher(chain, emit=lambda _: None, jitter=random.Random(1)).start(
        request(), deadline
    )


def test_an_error_has_the_trail_of_its_call() -> None:
    async def scenario() -> bool:
        execution = start(route(target("a", Plays(failure("blocked", status=400)))))
        with pytest.raises(StandbyError) as caught:
            await execution.run()
        return bool(execution.trail) and caught.value.trail == execution.trail  # type: ignore[attr-defined] # of a failed call

    assert run(scenario())


def test_a_stream_that_pauses_after_its_first_text_is_not_hedged() -> None:
    chain = route(
        target("a", Streams("Lis", 20, "bon.", End())),
        target("b", Plays("never")),
        hedge=Hedge(after=3.0),
    )
    reply, texts = stream(chain)
    assert (reply.model, len(reply.trail), texts) == ("a", 1, ["Lis", "bon."])


def test_nothing_is_in_flight_after_a_call_has_ended() -> None:
    async def scenario() -> tuple[list[str], list[str]]:
        clock = asyncio.get_running_loop().time
        in_flight = InFlight(
            Trail("default", lambda _: None, clock), clock, StreamGate(None), set()
        )
        model = target("a", Plays(2), breaker=open_breaker())
        await asyncio.sleep(30)
        permit = model.breaker.admit(clock(), 9.0)
        assert isinstance(permit, Permit)
        assert permit.probe
        in_flight.start(model, adapt(request(), model), permit)
        before = in_flight.pending
        await in_flight.aclose()
        after = in_flight.pending
        await asyncio.sleep(9)  # the probe ends in the background
        return before, after

    before, after = run(scenario())
    assert (before, after) == (["a (no answer yet)"], [])


async def test_an_attempt_is_the_first_of_its_model_unless_it_is_a_retry() -> None:
    clock = asyncio.get_running_loop().time
    in_flight = InFlight(Trail("default", lambda _: None, clock), clock, StreamGate(None), set())
    for more in ({}, {"number": 2}):
        model = target("a", Plays("x"))
        permit = model.breaker.admit(clock())
        assert isinstance(permit, Permit)
        in_flight.start(model, adapt(request(), model), permit, **more)
    assert [attempt.number for attempt in in_flight.attempts] == [1, 2]
    await in_flight.aclose()


OVERLOADED = failure("overloaded")


@pytest.mark.parametrize(
    ("paused", "outcome", "failed", "kind"),
    [
        (False, "cancelled", None, None),
        (True, "cancelled", None, Kind.UNAVAILABLE),
        (True, "failed", OVERLOADED, Kind.OVERLOADED),
    ],
)
def test_only_an_attempt_that_was_cancelled_before_it_was_sent_is_called_not_sent(
    outcome: Any, failed: Failure | None, kind: Kind | None, *, paused: bool
) -> None:
    async def scenario() -> Kind | None:
        clock = asyncio.get_running_loop().time
        trail = Trail("default", lambda _: None, clock)
        in_flight = InFlight(trail, clock, StreamGate(None), set())
        model = target("a", Plays(600))
        permit = model.breaker.admit(clock())
        assert isinstance(permit, Permit)
        in_flight.start(model, adapt(request(), model), permit)
        [attempt] = in_flight.attempts
        if paused:
            attempt.timer.pause()
        attempt.cancel()
        in_flight.finish(attempt, outcome, failed)
        await asyncio.wait([attempt.task])
        return trail.attempts[0].kind

    assert run(scenario()) is kind


def test_a_background_probe_that_is_cancelled_before_it_begins_says_nothing_of_its_model() -> None:
    async def scenario() -> list[str]:
        breaker = RecordsOutcomes(suspected="retired on 2026-12-01")
        chain = route(target("old", Plays("x"), breaker=breaker), target("b", Plays("Lisbon.")))
        await dispatch(chain).run()
        [probe] = chain.background_probes
        probe.cancel()
        await asyncio.wait([probe])
        await asyncio.sleep(0)
        assert not chain.background_probes
        return breaker.outcomes

    assert run(scenario()) == ["ignored"]


def test_an_answer_that_came_while_another_attempt_was_being_cancelled_is_taken_at_once() -> None:
    class Stubborn:
        async def complete(self, _: Any) -> Reply:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(600)
            await asyncio.sleep(1)
            return Reply(text="too late")

    async def scenario() -> tuple[str, float]:
        hangs = target("a", Stubborn(), timeout=2.0)
        chain = route(hangs, target("b", Plays(1.02)), hedge=Hedge(after=1.0))
        reply = await dispatch(chain).run()
        took = asyncio.get_running_loop().time()
        await asyncio.sleep(5)
        return reply.model, took

    assert run(scenario()) == ("b", pytest.approx(2.0 + CANCEL_GRACE))


def test_where_the_budget_of_retries_is_empty_the_next_model_follows() -> None:
    empty = RetryBudget(capacity=0.5)
    chain = route(
        target("a", Plays(failure("overloaded")), budget=empty), target("b", Plays("Lisbon."))
    )
    reply = run(dispatch(chain).run())
    assert [(attempt.model, attempt.then) for attempt in reply.trail] == [
        ("a", "next"),
        ("b", None),
    ]


def test_a_call_leaves_no_timer_behind() -> None:
    async def scenario() -> list[Any]:
        await dispatch(route(target("a", Plays(1)), deadline=60.0)).run()
        timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined] # asyncio's own
        return [timer for timer in timers if not timer.cancelled()]

    assert run(scenario()) == []


def test_a_probe_that_the_call_did_not_wait_for_is_a_skip_to_the_next_model() -> None:
    async def scenario() -> Reply:
        resting = target("a", Plays(5), breaker=open_breaker())
        await asyncio.sleep(30)
        reply = await dispatch(route(resting, target("b", Plays("Lisbon.")))).run()
        await asyncio.sleep(30)
        return reply

    first, second = run(scenario()).trail
    assert (first.model, first.outcome, first.then) == ("a", "skipped", "next")
    assert (second.model, second.outcome, second.then) == ("b", "answered", None)
