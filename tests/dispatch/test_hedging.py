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


def timed(coroutine: Any) -> tuple[Any, float]:
    async def story() -> tuple[Any, float]:
        result = await coroutine
        return result, asyncio.get_running_loop().time()

    return run(story())


def told(trail: Any) -> list[tuple[str, str, float, float]]:
    return [(attempt.model, attempt.outcome, attempt.start, attempt.duration) for attempt in trail]


def test_a_model_that_answers_in_time_is_not_hedged() -> None:
    second = Plays("never")
    reply, took = timed(
        dispatch(route(target("a", Plays(7.9)), target("b", second), hedge=HEDGE)).run()
    )
    assert (reply.model, took, second.calls) == ("a", 7.9, [])


def test_the_next_model_is_asked_beside_a_slow_one_and_the_first_reply_wins() -> None:
    seen: list[events.Event] = []
    chain = route(
        target("a", Plays(20)), target("b", Plays(3)), target("c", Plays("never")), hedge=HEDGE
    )
    reply, took = timed(dispatch(chain, events=seen).run())
    assert (reply.model, took) == ("b", 11.0)
    assert told(reply.trail) == [("a", "cancelled", 0.0, 11.0), ("b", "answered", 8.0, 3.0)]
    assert [attempt.id for attempt in reply.trail] == ["", ""]
    assert [(event.model, event.to) for event in seen if isinstance(event, events.Hedged)] == [
        ("a", "b")
    ]


def test_the_slow_one_may_still_win() -> None:
    reply, took = timed(
        dispatch(route(target("a", Plays(9)), target("b", Plays(3)), hedge=HEDGE)).run()
    )
    assert (reply.model, took) == ("a", 9.0)
    assert told(reply.trail) == [("a", "answered", 0.0, 9.0), ("b", "cancelled", 8.0, 1.0)]


def test_a_fast_error_of_the_hedge_does_not_win() -> None:
    reply, took = timed(
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


def test_when_both_have_failed_the_third_is_asked_and_nobody_is_asked_twice() -> None:
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
    reply, took = timed(dispatch(chain).run())
    assert reply.model == "c"
    assert [attempt.model for attempt in reply.trail] == ["a", "b", "c"]
    assert took == 10.0


def test_a_call_is_hedged_once() -> None:
    chain = route(*(target(name, Plays(25), timeout=60.0) for name in "abcd"), hedge=HEDGE)
    reply, took = timed(dispatch(chain).run())
    assert (reply.model, took) == ("a", 25.0)
    assert [attempt.model for attempt in reply.trail] == ["a", "b"]


@pytest.mark.parametrize("empty", ["the model's", "the chain's"])
def test_without_a_token_there_is_no_hedge(empty: str) -> None:
    nothing = RetryBudget(capacity=0.5)
    second = Plays("never")
    budgets = {"budget": nothing} if empty == "the model's" else {}
    chain = route(target("a", Plays(20)), target("b", second, **budgets), hedge=HEDGE)
    if empty == "the chain's":
        chain = route(*chain.targets, hedge=HEDGE, hedges=nothing)
    reply, took = timed(dispatch(chain).run())
    assert (reply.model, took, second.calls) == ("a", 20.0, [])


def test_a_call_that_is_answered_brings_the_chain_a_share_of_a_hedge() -> None:
    async def story() -> list[int]:
        hedges = RetryBudget(capacity=1.0, share=0.5, min_rate=float("inf"))
        chain = route(
            target("a", Plays(20), timeout=60.0), target("b", Plays(30)), hedge=HEDGE, hedges=hedges
        )
        return [len((await dispatch(chain).run()).trail) for _ in range(5)]

    assert run(story()) == [2, 1, 2, 1, 2]


def resting() -> CircuitBreaker:
    breaker = CircuitBreaker(BreakerSettings(failures=1, open=60.0, open_limit=60.0))
    breaker.record(breaker.admit(0.0), "failure", 0.0, kind=Kind.OVERLOADED)  # type: ignore[arg-type] # it is a permit
    return breaker


def test_a_resting_model_is_no_hedge() -> None:
    second = Plays("never")
    reply, _ = timed(
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
    ("rest", "words"),
    [
        ({"breaker": resting()}, "resting "),
        ({"breaker": resting(), "missing_key": "B_KEY"}, "no key: set B_KEY"),
        ({"refused": ("temperature",), "strict": True}, "temperature"),
    ],
)
def test_a_model_that_cannot_be_asked_is_passed_over_and_the_one_after_it_is_the_hedge(
    rest: Any, words: str
) -> None:
    seen: list[events.Event] = []
    passed_over = Plays("never")
    chain = route(
        target("a", Plays(20)), target("b", passed_over, **rest), target("c", Plays(1)), hedge=HEDGE
    )
    reply, took = timed(dispatch(chain, request(temperature=0.5), events=seen).run())
    assert (reply.model, took, passed_over.calls) == ("c", 9.0, [])
    assert [(event.model, event.to) for event in seen if isinstance(event, events.Hedged)] == [
        ("a", "c")
    ]
    [skipped] = [attempt for attempt in reply.trail if attempt.model == "b"]
    assert (skipped.outcome, words in skipped.text) == ("skipped", True)


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


def test_streams_are_hedged_until_the_first_word_and_never_after_it() -> None:
    async def story() -> tuple[Reply, list[Chunk]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        slow, quick = Streams(9, "from a", 1, End()), Streams(2, "from ", 20, "b", End())
        chain = route(target("a", slow), target("b", quick), hedge=HEDGE, deadline=60.0)
        return await dispatch(chain, put=put).run(), chunks

    reply, chunks = run(story())
    assert (reply.model, reply.text) == ("a", "from a")
    assert [chunk.text for chunk in chunks] == ["from a"]
    assert told(reply.trail)[1] == ("b", "cancelled", 8.0, 1.0)


def test_a_loser_is_closed_before_the_reply_is_there() -> None:
    loser = Streams(600)
    run(
        dispatch(route(target("a", loser, timeout=900.0), target("b", Plays(1)), hedge=HEDGE)).run()
    )
    assert loser.closed == 1


def test_two_that_end_at_one_moment_are_both_on_the_trail_and_settled() -> None:
    chain = route(target("a", Plays(10)), target("b", Plays(2)), hedge=HEDGE)
    reply, took = timed(dispatch(chain).run())
    assert took == 10.0
    assert sorted(attempt.outcome for attempt in reply.trail) == ["answered", "cancelled"]
    assert [each.breaker.in_flight for each in chain.targets] == [0, 0]


def test_a_model_that_was_left_for_anothers_words_is_asked_again_when_those_break() -> None:
    async def story() -> tuple[Reply, list[Chunk]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        left, breaks = Streams(10, "from a", End()), Streams(1, "from ", 1, failure("connection"))
        rules = StreamRules(on_break="restart")
        chain = route(
            target("a", left),
            target("b", breaks),
            hedge=HEDGE,
            stream=rules,
            retry=Retry(attempts=1),
        )
        return await dispatch(chain, put=put).run(), chunks

    reply, chunks = run(story())
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


class Says(Streams):
    """Streams chunks as they are, and waits in between."""

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

    way = route(target("a", Says(*pieces), timeout=200.0), target("b", second), hedge=HEDGE)
    reply, _ = timed(dispatch(way, put=put).run())
    assert (reply.model, second.calls == []) == ("a" if alone else "b", alone)


def test_a_stream_that_is_held_back_is_not_hedged_while_its_words_come() -> None:
    second = Plays("from b")

    async def put(chunk: Chunk) -> None:
        del chunk

    slow = Says(*[piece for _ in range(9) for piece in (Chunk("word "), 5)])
    way = route(
        target("a", slow, timeout=200.0),
        target("b", second),
        hedge=HEDGE,
        stream=StreamRules(release="whole"),
    )
    reply, took = timed(dispatch(way, put=put).run())
    assert (reply.model, took, second.calls) == ("a", 45.0, [])


@pytest.mark.parametrize(
    ("efforts", "timeout", "asked_at"),
    [(None, 100.0, 8.0), (("low",), 100.0, 50.0), (("low",), 12.0, 8.0)],
)
def test_of_a_whole_answer_a_model_that_thinks_gets_half_of_its_time(
    efforts: Any, timeout: float, asked_at: float
) -> None:
    thinker = target("a", Plays(99), card=Card(efforts=efforts), timeout=timeout)
    reply, took = timed(dispatch(route(thinker, target("b", Plays("from b")), hedge=HEDGE)).run())
    assert (reply.model, took) == ("b", asked_at)


def test_a_whole_answer_that_is_collected_from_a_stream_shows_its_signs() -> None:
    card = Card(efforts=("low",))
    silent = target("a", Streams(99, "late", End()), card=card, timeout=100.0)
    assert timed(dispatch(route(silent, target("b", Plays("from b")), hedge=HEDGE)).run())[1] == 8.0
    thinks = target("a", Says(7.9, THOUGHT, 7.9), card=card, timeout=100.0)
    reply, took = timed(dispatch(route(thinks, target("b", Plays("from b")), hedge=HEDGE)).run())
    assert (reply.model, took) == ("a", 15.8)


def test_a_stream_that_a_plugin_can_give_only_as_a_whole_shows_none() -> None:
    thinker = target("a", Plays(20), card=Card(efforts=("low",)), timeout=100.0)
    second = Plays("from b")

    async def put(chunk: Chunk) -> None:
        del chunk

    reply, took = timed(dispatch(route(thinker, target("b", second), hedge=HEDGE), put=put).run())
    assert (reply.model, took, second.calls) == ("a", 20.0, [])


def test_a_model_that_rests_is_passed_over_and_the_one_after_it_is_asked_beside_the_slow_one() -> (
    None
):
    seen: list[events.Event] = []
    rests = target("old", Plays("never"), breaker=CircuitBreaker(suspected="retired on 2026-12-01"))
    chain = route(target("a", Plays(20)), rests, target("b", Plays(3)), hedge=HEDGE)
    reply, took = timed(dispatch(chain, events=seen).run())
    assert (reply.model, took) == ("b", 11.0)
    assert [(event.model, event.to) for event in seen if isinstance(event, events.Hedged)] == [
        ("a", "b")
    ]
