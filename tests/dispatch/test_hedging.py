"""Hedging on virtual time: which model is called beside a slow one, when, and how a loser ends."""

import asyncio
from typing import Any

import pytest

from standby import events
from standby.cards import Card
from standby.errors import ChainExhausted, Stopped
from standby.failures import Kind
from standby.plugin import End
from standby.resilience.circuit_breaker import CircuitBreaker
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings, Hedge, Retry, StreamRules
from standby.types import Chunk, Reply
from tests.support.playing import Plays, Streams, dispatch, failure, request, route, target
from tests.support.virtual_clock import run

HEDGE = Hedge(after=8.0)


def run_timed(coroutine: Any) -> tuple[Any, float]:
    async def scenario() -> tuple[Any, float]:
        result = await coroutine
        return result, asyncio.get_running_loop().time()

    return run(scenario())


def summarize(trail: Any) -> list[tuple[str, str, float, float]]:
    return [(attempt.model, attempt.outcome, attempt.start, attempt.duration) for attempt in trail]


def test_a_model_that_answers_in_time_is_not_hedged() -> None:
    second = Plays("never")
    reply, took = run_timed(
        dispatch(route(target("a", Plays(7.9)), target("b", second), hedge=HEDGE)).run()
    )
    assert (reply.model, took, second.calls) == ("a", 7.9, [])


def test_the_next_model_is_called_beside_a_slow_one_and_the_first_reply_wins() -> None:
    emitted: list[events.Event] = []
    chain = route(
        target("a", Plays(20)), target("b", Plays(3)), target("c", Plays("never")), hedge=HEDGE
    )
    reply, took = run_timed(dispatch(chain, events=emitted).run())
    assert (reply.model, took) == ("b", 11.0)
    assert summarize(reply.trail) == [("a", "cancelled", 0.0, 11.0), ("b", "answered", 8.0, 3.0)]
    assert [attempt.id for attempt in reply.trail] == ["", ""]
    assert [(event.model, event.to) for event in emitted if isinstance(event, events.Hedged)] == [
        ("a", "b")
    ]


def test_the_slow_one_may_still_win() -> None:
    reply, took = run_timed(
        dispatch(route(target("a", Plays(9)), target("b", Plays(3)), hedge=HEDGE)).run()
    )
    assert (reply.model, took) == ("a", 9.0)
    assert summarize(reply.trail) == [("a", "answered", 0.0, 9.0), ("b", "cancelled", 8.0, 1.0)]


def test_a_fast_error_of_the_hedge_does_not_win() -> None:
    reply, took = run_timed(
        dispatch(
            route(
                target("a", Plays(20)),
                target("b", Plays(failure("overloaded"))),
                target("c", Plays("x")),
                hedge=HEDGE,
            )
        ).run()
    )
    assert (reply.model, took) == ("a", 20.0)
    assert [attempt.model for attempt in reply.trail] == ["a", "b"]


def test_when_both_fail_the_third_is_called_and_none_is_called_twice() -> None:
    class SlowFailure(Plays):
        async def complete(self, call: Any) -> Any:
            await asyncio.sleep(10)
            return await super().complete(call)

    chain = route(
        target("a", SlowFailure(failure("overloaded"))),
        target("b", Plays(failure("overloaded"))),
        target("c", Plays("Lisbon.")),
        hedge=HEDGE,
    )
    reply, took = run_timed(dispatch(chain).run())
    assert reply.model == "c"
    assert [attempt.model for attempt in reply.trail] == ["a", "b", "c"]
    assert took == 10.0


def test_a_call_is_hedged_once() -> None:
    chain = route(*(target(name, Plays(25), timeout=60.0) for name in "abcd"), hedge=HEDGE)
    reply, took = run_timed(dispatch(chain).run())
    assert (reply.model, took) == ("a", 25.0)
    assert [attempt.model for attempt in reply.trail] == ["a", "b"]


@pytest.mark.parametrize("empty", ["the model's", "the chain's"])
def test_without_budget_there_is_no_hedge(empty: str) -> None:
    nothing = RetryBudget(capacity=0.5)
    second = Plays("never")
    budgets = {"budget": nothing} if empty == "the model's" else {}
    chain = route(target("a", Plays(20)), target("b", second, **budgets), hedge=HEDGE)
    if empty == "the chain's":
        chain = route(*chain.targets, hedge=HEDGE, hedges=nothing)
    reply, took = run_timed(dispatch(chain).run())
    assert (reply.model, took, second.calls) == ("a", 20.0, [])


def test_each_successful_call_deposits_a_share_of_a_hedge() -> None:
    async def scenario() -> list[int]:
        hedges = RetryBudget(capacity=1.0, share=0.5, min_rate=float("inf"))
        chain = route(
            target("a", Plays(20), timeout=60.0), target("b", Plays(30)), hedge=HEDGE, hedges=hedges
        )
        return [len((await dispatch(chain).run()).trail) for _ in range(5)]

    assert run(scenario()) == [2, 1, 2, 1, 2]


def resting() -> CircuitBreaker:
    breaker = CircuitBreaker(BreakerSettings(failures=1, open=60.0, open_limit=60.0))
    breaker.record(breaker.admit(0.0), "failure", 0.0, kind=Kind.OVERLOADED)  # type: ignore[arg-type] # it is a permit
    return breaker


def test_a_resting_model_is_not_used_as_a_hedge() -> None:
    second = Plays("never")
    reply, _ = run_timed(
        dispatch(
            route(target("a", Plays(20)), target("b", second, breaker=resting()), hedge=HEDGE)
        ).run()
    )
    assert (reply.model, second.calls) == ("a", [])
    assert [(attempt.model, attempt.outcome) for attempt in reply.trail] == [
        ("a", "answered"),
        ("b", "skipped"),
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"breaker": resting()}, "resting "),
        ({"breaker": resting(), "missing_key": "B_KEY"}, "no key: set B_KEY"),
        ({"refused": ("temperature",), "strict": True}, "temperature"),
    ],
)
def test_a_model_that_cannot_be_called_is_skipped_and_the_next_one_is_the_hedge(
    settings: Any, message: str
) -> None:
    emitted: list[events.Event] = []
    skipped_adapter = Plays("never")
    chain = route(
        target("a", Plays(20)),
        target("b", skipped_adapter, **settings),
        target("c", Plays(1)),
        hedge=HEDGE,
    )
    reply, took = run_timed(dispatch(chain, request(temperature=0.5), events=emitted).run())
    assert (reply.model, took, skipped_adapter.calls) == ("c", 9.0, [])
    assert [(event.model, event.to) for event in emitted if isinstance(event, events.Hedged)] == [
        ("a", "c")
    ]
    [skipped] = [attempt for attempt in reply.trail if attempt.model == "b"]
    assert (skipped.outcome, message in skipped.text) == ("skipped", True)


def test_a_failure_that_stops_ends_the_hedge_too() -> None:
    chain = route(target("a", Plays(20)), target("b", Plays(failure("blocked"))), hedge=HEDGE)
    with pytest.raises(Stopped) as caught:
        run(dispatch(chain).run())
    assert [(attempt.model, attempt.outcome) for attempt in caught.value.trail] == [
        ("a", "cancelled"),
        ("b", "failed"),
    ]


def test_all_failing_with_a_hedge_is_one_error_with_every_cause() -> None:
    class Late(Plays):
        async def complete(self, call: Any) -> Any:
            await asyncio.sleep(9)
            return await super().complete(call)

    chain = route(
        target("a", Late(failure("timeout"))), target("b", Late(failure("timeout"))), hedge=HEDGE
    )
    with pytest.raises(ChainExhausted) as caught:
        run(dispatch(chain).run())
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert len(caught.value.__cause__.exceptions) == 2


def test_streams_are_hedged_only_before_the_first_text() -> None:
    async def scenario() -> tuple[Reply, list[Chunk]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        slow, quick = Streams(9, "from a", 1, End()), Streams(2, "from ", 20, "b", End())
        chain = route(target("a", slow), target("b", quick), hedge=HEDGE, deadline=60.0)
        return await dispatch(chain, put=put).run(), chunks

    reply, chunks = run(scenario())
    assert (reply.model, reply.text) == ("a", "from a")
    assert [chunk.text for chunk in chunks] == ["from a"]
    assert summarize(reply.trail)[1] == ("b", "cancelled", 8.0, 1.0)


def test_a_loser_is_closed_before_the_call_returns() -> None:
    loser = Streams(600)
    run(
        dispatch(route(target("a", loser, timeout=900.0), target("b", Plays(1)), hedge=HEDGE)).run()
    )
    assert loser.closed == 1


def test_two_attempts_that_end_together_are_both_on_the_trail_and_recorded() -> None:
    chain = route(target("a", Plays(10)), target("b", Plays(2)), hedge=HEDGE)
    reply, took = run_timed(dispatch(chain).run())
    assert took == 10.0
    assert sorted(attempt.outcome for attempt in reply.trail) == ["answered", "cancelled"]
    assert [each.breaker.in_flight for each in chain.targets] == [0, 0]


def test_a_model_that_lost_to_a_stream_is_called_again_when_that_stream_breaks() -> None:
    async def scenario() -> tuple[Reply, list[Chunk]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        slow, breaking = Streams(10, "from a", End()), Streams(1, "from ", 1, failure("connection"))
        rules = StreamRules(on_break="restart")
        chain = route(
            target("a", slow),
            target("b", breaking),
            hedge=HEDGE,
            stream=rules,
            retry=Retry(attempts=1),
        )
        return await dispatch(chain, put=put).run(), chunks

    reply, chunks = run(scenario())
    assert [(attempt.model, attempt.outcome) for attempt in reply.trail] == [
        ("a", "cancelled"), ("b", "failed"), ("a", "answered"),
    ]  # fmt: skip
    assert [(chunk.text, chunk.reset) for chunk in chunks] == [
        ("from ", False),
        ("", True),
        ("from a", False),
    ]


# What counts as silence


THOUGHT = Chunk(reasoning="hm")
WORK = Chunk(working=True)


class StreamsChunks(Streams):
    """An adapter that streams these chunks, and waits for the numbers of seconds."""

    async def stream(self, call: Any) -> Any:
        self.calls.append(call)
        for piece in self.pieces:
            if isinstance(piece, Chunk):
                yield piece
            else:
                await asyncio.sleep(piece)
        yield Chunk("Lisbon.")
        yield Chunk(end=End())


@pytest.mark.parametrize(
    ("pieces", "alone"),
    [
        ((7.9, THOUGHT, 7.9, THOUGHT, 7.9), True),
        ((7.9, WORK, 7.9, WORK, 7.9), True),
        ((THOUGHT, 8.1), False),
        ((4, Chunk(), 4.1), False),  # an opening without anything in it is no sign of life
        ((4, Chunk(" "), 4.1), False),
        ((8.1,), False),
    ],
)
def test_a_model_that_shows_signs_of_life_is_not_hedged(pieces: Any, *, alone: bool) -> None:
    second = Plays("from b")

    async def put(chunk: Chunk) -> None:
        del chunk

    chain = route(
        target("a", StreamsChunks(*pieces), timeout=200.0), target("b", second), hedge=HEDGE
    )
    reply, _ = run_timed(dispatch(chain, put=put).run())
    assert (reply.model, second.calls == []) == ("a" if alone else "b", alone)


def test_a_buffered_stream_is_not_hedged_while_its_text_arrives() -> None:
    second = Plays("from b")

    async def put(chunk: Chunk) -> None:
        del chunk

    slow = StreamsChunks(*[piece for _ in range(9) for piece in (Chunk("word "), 5)])
    chain = route(
        target("a", slow, timeout=200.0),
        target("b", second),
        hedge=HEDGE,
        stream=StreamRules(release="whole"),
    )
    reply, took = run_timed(dispatch(chain, put=put).run())
    assert (reply.model, took, second.calls) == ("a", 45.0, [])


@pytest.mark.parametrize(
    ("efforts", "timeout", "hedged_at"),
    [(None, 100.0, 8.0), (("low",), 100.0, 50.0), (("low",), 12.0, 8.0)],
)
def test_a_reasoning_model_that_does_not_stream_is_hedged_after_half_its_timeout(
    efforts: Any, timeout: float, hedged_at: float
) -> None:
    thinker = target("a", Plays(99), card=Card(efforts=efforts), timeout=timeout)
    reply, took = run_timed(
        dispatch(route(thinker, target("b", Plays("from b")), hedge=HEDGE)).run()
    )
    assert (reply.model, took) == ("b", hedged_at)


def test_a_reply_that_is_collected_from_a_stream_shows_signs_of_life() -> None:
    card = Card(efforts=("low",))
    silent = target("a", Streams(99, "late", End()), card=card, timeout=100.0)
    assert (
        run_timed(dispatch(route(silent, target("b", Plays("from b")), hedge=HEDGE)).run())[1]
        == 8.0
    )
    thinks = target("a", StreamsChunks(7.9, THOUGHT, 7.9), card=card, timeout=100.0)
    reply, took = run_timed(
        dispatch(route(thinks, target("b", Plays("from b")), hedge=HEDGE)).run()
    )
    assert (reply.model, took) == ("a", 15.8)


def test_a_plugin_that_cannot_stream_shows_no_signs_of_life() -> None:
    thinker = target("a", Plays(20), card=Card(efforts=("low",)), timeout=100.0)
    second = Plays("from b")

    async def put(chunk: Chunk) -> None:
        del chunk

    reply, took = run_timed(
        dispatch(route(thinker, target("b", second), hedge=HEDGE), put=put).run()
    )
    assert (reply.model, took, second.calls) == ("a", 20.0, [])


def test_a_retired_model_is_skipped_and_the_next_one_is_the_hedge() -> None:
    emitted: list[events.Event] = []
    rests = target("old", Plays("never"), breaker=CircuitBreaker(suspected="retired on 2026-12-01"))
    chain = route(target("a", Plays(20)), rests, target("b", Plays(3)), hedge=HEDGE)
    reply, took = run_timed(dispatch(chain, events=emitted).run())
    assert (reply.model, took) == ("b", 11.0)
    assert [(event.model, event.to) for event in emitted if isinstance(event, events.Hedged)] == [
        ("a", "b")
    ]
