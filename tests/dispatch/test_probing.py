"""Resting and probing on virtual time: no call waits for a resting model, and it comes back."""

import asyncio
import random
from typing import Any

import pytest

from standby import events
from standby.errors import ChainExhausted, DeadlineExceeded, Stopped
from standby.failures import Attempt, Kind
from standby.plugin import End
from standby.resilience.circuit_breaker import CircuitBreaker, Rejection, State
from standby.settings import BreakerSettings, Hedge, Retry, StreamRules
from standby.types import Chunk, Reply
from tests.support.playing import Plays, Streams, dispatch, failure, route, target
from tests.support.virtual_clock import VirtualLoop, run

QUICK = BreakerSettings(failures=1, open=10.0, open_limit=10.0)


def breaker(settings: BreakerSettings = QUICK) -> CircuitBreaker:
    return CircuitBreaker(settings, random.Random(1))


def sick(at: float = 0.0) -> CircuitBreaker:
    made = breaker()
    made.record(made.admit(at), "failure", at, kind=Kind.OVERLOADED)  # type: ignore[arg-type] # it is a permit
    return made


def told(trail: Any) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.outcome) for attempt in trail]


async def at(seconds: float) -> None:
    await asyncio.sleep(seconds - asyncio.get_running_loop().time())


def test_a_model_that_failed_often_rests_and_costs_nothing() -> None:
    async def story() -> tuple[list[Reply], int]:
        dead = Plays(failure("timeout"))
        chain = route(
            target("a", dead, breaker=breaker(BreakerSettings(failures=3))),
            target("b", Plays("Lisbon.")),
        )
        replies = [await dispatch(chain).run() for _ in range(10)]
        return replies, len(dead.calls)

    replies, asked = run(story())
    assert asked == 3
    assert told(replies[-1].trail) == [("a", "skipped"), ("b", "answered")]
    skip = replies[-1].trail[0]
    assert (skip.kind, skip.then, skip.duration) == (Kind.UNAVAILABLE, "next", 0.0)
    assert skip.text.startswith("resting ")
    assert skip.text.endswith("s more, after 3 failures in a row, the last: timeout")


def test_a_probe_that_is_well_answers_and_the_model_is_back() -> None:
    async def story() -> tuple[Reply, Reply]:
        rested = sick()
        chain = route(target("a", Plays("from a"), breaker=rested), target("b", Plays(2)))
        await at(11)
        return await dispatch(chain).run(), await dispatch(chain).run()

    first, second = run(story())
    assert (first.text, told(first.trail)) == ("from a", [("a", "answered"), ("b", "cancelled")])
    assert told(second.trail) == [("a", "answered")]


def test_nobody_waits_for_a_probe_and_it_runs_to_its_end_behind_the_call() -> None:
    async def story() -> tuple[Reply, float, list[State]]:
        rested = sick()
        states = []
        chain = route(target("a", Plays(14), breaker=rested), target("b", Plays(2)))
        await at(11)
        reply = await dispatch(chain).run()
        took = asyncio.get_running_loop().time() - 11
        for moment in (14, 24, 26):
            await at(moment)
            states.append(rested.health(moment).state)
        return reply, took, states

    reply, took, states = run(story())
    assert (reply.model, took) == ("b", 2.0)
    assert told(reply.trail) == [("a", "skipped"), ("b", "answered")]
    assert reply.trail[0].text == "being probed, whether it is well again; nobody waited for it"
    assert states == [State.HALF_OPEN, State.HALF_OPEN, State.CLOSED]


def test_a_probe_that_hangs_is_cut_in_its_own_time_and_the_model_rests_on() -> None:
    async def story() -> list[State]:
        rested = sick()
        chain = route(
            target("a", Plays(600), breaker=rested, timeout=30.0), target("b", Plays("Lisbon."))
        )
        await at(11)
        await dispatch(chain).run()
        await at(42)
        return [rested.health(42).state]

    assert run(story()) == [State.OPEN]


@pytest.mark.parametrize("answers_after", [18, 29])
def test_a_probe_has_its_own_time_and_not_what_the_deadline_leaves_a_model_that_is_waited_for(
    answers_after: int,
) -> None:
    async def story() -> State:
        rested = sick()
        probed, next_one = Plays(answers_after), Plays("Lisbon.")
        chain = route(
            target("a", probed, breaker=rested, timeout=60.0), target("b", next_one), deadline=20.0
        )
        await at(11)
        await dispatch(chain).run()
        await at(50)
        return rested.health(50).state

    assert run(story()) == State.CLOSED


def test_the_last_model_is_waited_for_though_it_is_a_probe_and_the_call_ends_on_time() -> None:
    async def story() -> tuple[float, bool]:
        probed = Plays(600)
        chain = route(target("a", probed, breaker=sick(), timeout=60.0), deadline=20.0)
        await at(11)
        with pytest.raises(DeadlineExceeded):
            await dispatch(chain).run()
        ended = asyncio.get_running_loop().time()
        await asyncio.sleep(0.1)
        return ended, any(not task.done() for task in chain.background_probes)

    assert run(story()) == (31.0, False)


def test_while_a_probe_is_out_the_others_use_the_next_model() -> None:
    async def story() -> tuple[list[Reply], int]:
        probed = Plays(20)
        chain = route(target("a", probed, breaker=sick()), target("b", Plays("Lisbon.")))
        await at(11)
        replies = await asyncio.gather(*(dispatch(chain).run() for _ in range(20)))
        await at(60)
        return replies, len(probed.calls)

    replies, asked = run(story())
    assert {reply.model for reply in replies} == {"b"}
    assert asked == 1
    assert sum(reply.trail[0].text == "being probed" for reply in replies) == 19


def test_a_caller_who_leaves_leaves_the_probe_to_teach() -> None:
    async def story() -> State:
        rested = sick()
        chain = route(target("a", Plays(5), breaker=rested), target("b", Plays(20)))
        await at(11)
        task = asyncio.create_task(dispatch(chain).run())
        await at(12)
        task.cancel()
        await at(17)
        return rested.health(17).state

    assert run(story()) == State.CLOSED


def test_a_probe_that_is_itself_cancelled_leaves_the_breaker_as_it_was() -> None:
    async def story() -> tuple[CircuitBreaker, float]:
        rested = sick()
        chain = route(
            target("a", Plays(50), breaker=rested, timeout=100.0), target("b", Plays("Lisbon."))
        )
        await at(11)
        await dispatch(chain).run()
        for task in chain.background_probes:
            task.cancel()
        await asyncio.sleep(0.1)
        return rested, asyncio.get_running_loop().time()

    rested, now = run(story())
    assert rested.health(now).state == State.HALF_OPEN
    assert getattr(rested.admit(now), "probe", False)


def test_a_probe_that_ends_in_the_moment_of_the_reply_teaches_too() -> None:
    async def story() -> State:
        rested = sick()
        chain = route(
            target("a", Plays(20)), target("b", Plays(12), breaker=rested), hedge=Hedge(after=8.0)
        )
        await at(11)
        await dispatch(chain).run()
        await asyncio.sleep(0.1)
        return rested.health(32).state

    assert run(story()) == State.CLOSED


def test_a_caller_who_leaves_while_a_late_probe_takes_its_time_to_end_leaves_it_to_teach() -> None:
    class TakesItsTime(Plays):
        async def complete(self, call: Any) -> Any:
            try:
                await super().complete(call)
            finally:
                await asyncio.sleep(0.04)

    async def story() -> tuple[State, str]:
        rested = sick()
        chain = route(
            target("a", TakesItsTime(600), breaker=rested, timeout=30.0),
            target("b", Plays(300), timeout=600.0),
        )
        await at(11)
        task = asyncio.create_task(dispatch(chain).run())
        await at(41.02)
        task.cancel()
        await at(42)
        health = rested.health(42)
        return health.state, health.reason

    assert run(story()) == (State.OPEN, "its probe failed: timeout")


def test_a_probe_whose_loop_was_closed_is_lost_a_second_after_its_time_out() -> None:
    rested = sick()
    chain = route(
        target("a", Plays(600), breaker=rested, timeout=30.0), target("b", Plays("Lisbon."))
    )
    loop = VirtualLoop()
    loop._clock.now = 11.0
    loop.run_until_complete(dispatch(chain).run())
    loop.close()
    assert isinstance(rested.admit(41.9), Rejection)
    assert getattr(rested.admit(42.0), "probe", False)


def test_when_all_rest_one_call_at_a_time_goes_to_the_nearest_and_the_others_raise_at_once() -> (
    None
):
    async def story() -> tuple[list[Any], list[Plays]]:
        plays = [Plays(3), Plays("never")]
        far, near = sick(2.0), sick(0.0)
        chain = route(target("far", plays[1], breaker=far), target("near", plays[0], breaker=near))
        await at(4)
        results = await asyncio.gather(
            *(dispatch(chain).run() for _ in range(5)), return_exceptions=True
        )
        return results, plays

    results, (near, far) = run(story())
    assert [result.model for result in results if isinstance(result, Reply)][:1] == ["near"]
    assert len(near.calls) == 1
    assert len(far.calls) == 1
    refused = [result for result in results if isinstance(result, ChainExhausted)]
    assert len(refused) == 3
    assert all(error.retry_after is not None and 0 < error.retry_after <= 10 for error in refused)


def test_where_nobody_else_answers_a_call_asks_all_that_rest_the_nearest_first_and_each_once() -> (
    None
):
    async def story() -> list[list[tuple[str, str]]]:
        far, near = sick(2.0), sick(0.0)
        plays = [Plays(failure("overloaded")) for _ in range(3)]
        suspect = target(
            "retired", plays[2], breaker=CircuitBreaker(suspected="retired on 2026-12-01")
        )
        chain = route(
            target("far", plays[0], breaker=far), target("near", plays[1], breaker=near), suspect
        )
        await at(4)
        calls = [dispatch(chain), dispatch(chain)]
        for call in calls:
            with pytest.raises(ChainExhausted):
                await call.run()
        assert [len(play.calls) for play in plays] == [2, 2, 2]
        return [told(call.trail)[3:] for call in calls]

    order = ["retired", "near", "far"]  # no pause is left to one that is only suspected
    first, second = run(story())
    assert [model for model, _ in first] == order
    assert sorted(model for model, _ in second) == sorted(order)
    assert {outcome for _, outcome in (*first, *second)} == {"failed"}


def test_a_resting_model_is_the_last_resort_when_the_others_have_failed() -> None:
    async def story() -> Reply:
        chain = route(
            target("a", Plays("from a"), breaker=sick()), target("b", Plays(failure("timeout")))
        )
        return await dispatch(chain).run()

    reply = run(story())
    assert (reply.model, told(reply.trail)) == (
        "a",
        [("a", "skipped"), ("b", "failed"), ("a", "answered")],
    )


@pytest.mark.parametrize(
    ("kind", "stated", "least", "most"),
    [
        ("rate_limited", 34.0, 34.0, 41.0),
        ("rate_limited", None, 2.5, 5.0),
        ("quota_exhausted", None, 300.0, 360.0),
        ("unauthorized", None, 300.0, 360.0),
        ("model_missing", 1000.0, 1000.0, 1200.0),
    ],
)
def test_some_failures_rest_the_model_at_once(
    kind: str, stated: float | None, least: float, most: float
) -> None:
    rested = breaker(BreakerSettings())
    plays = Plays(failure(kind, retry_after=stated, status=429))
    run(dispatch(route(target("a", plays, breaker=rested), target("b", Plays("Lisbon.")))).run())
    health = rested.health(0.0)
    assert health.state == State.OPEN
    assert least <= health.resting <= most + 1
    assert health.reason == f"after {kind}"


@pytest.mark.parametrize(
    "kind",
    ["blocked", "invalid_request", "unsupported", "context_too_long", "contract", "unavailable"],
)
def test_what_is_not_the_models_fault_never_rests_it(kind: str) -> None:
    async def story() -> State:
        rested = breaker(BreakerSettings(failures=1))
        chain = route(
            target("a", Plays(failure(kind, status=400)), breaker=rested),
            target("b", Plays("Lisbon.")),
        )
        await asyncio.gather(*(dispatch(chain).run() for _ in range(12)), return_exceptions=True)
        return rested.health(0.0).state

    assert run(story()) == State.CLOSED


def test_the_states_are_told_as_events() -> None:
    async def story() -> list[tuple[str, str]]:
        seen: list[events.Event] = []
        chain = route(
            target("a", Plays(failure("timeout"), "well"), breaker=breaker()),
            target("b", Plays(1, "Lisbon.", "Lisbon.")),
        )
        await dispatch(chain, events=seen).run()
        await at(20)
        await dispatch(chain, events=seen).run()
        return [
            (event.model, event.state) for event in seen if isinstance(event, events.HealthChanged)
        ]

    assert run(story()) == [("a", "open"), ("a", "half_open"), ("a", "closed")]


def test_a_probe_in_a_stream_goes_on_unheard_once_the_next_model_speaks() -> None:
    async def story() -> tuple[Reply, list[str], State]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        rested = sick()
        probed, next_one = Streams(2, "from a", End()), Streams(1, "from ", 3, "b", End())
        chain = route(target("a", probed, breaker=rested), target("b", next_one))
        await at(11)
        reply = await dispatch(chain, put=put).run()
        return reply, [chunk.text for chunk in chunks], rested.health(16).state

    reply, texts, state = run(story())
    assert (reply.text, texts) == ("from b", ["from ", "b"])
    assert state == State.CLOSED
    assert told(reply.trail) == [("a", "answered"), ("b", "answered")]


def test_a_probe_in_a_stream_that_speaks_first_is_the_answer() -> None:
    async def story() -> tuple[Reply, list[str]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        chain = route(
            target("a", Streams(1, "from ", 5, "a", End()), breaker=sick()),
            target("b", Streams(2, "from b", End())),
            target("c", Streams("never", End())),
        )
        await at(11)
        reply = await dispatch(chain, put=put).run()
        return reply, [chunk.text for chunk in chunks]

    reply, texts = run(story())
    assert (reply.text, texts) == ("from a", ["from ", "a"])
    assert told(reply.trail) == [("a", "answered"), ("b", "cancelled")]


def test_an_answer_in_the_place_of_one_that_rests_is_told_as_such() -> None:
    seen: list[events.Event] = []
    run(
        dispatch(
            route(target("a", Plays("x"), breaker=sick()), target("b", Plays("Lisbon."))),
            events=seen,
        ).run()
    )
    assert [
        (event.model, event.instead_of) for event in seen if isinstance(event, events.Answered)
    ] == [("b", "a")]


def test_a_late_probe_that_does_not_end_is_told_after_its_call() -> None:
    class Stubborn(Plays):
        async def complete(self, call: Any) -> Any:
            try:
                return await super().complete(call)
            except asyncio.CancelledError:
                await asyncio.sleep(600)
                raise

    async def story() -> list[str]:
        seen: list[events.Event] = []
        chain = route(
            target("a", Stubborn(600), breaker=sick(), timeout=30.0), target("b", Plays("Lisbon."))
        )
        await at(11)
        await dispatch(chain, events=seen).run()
        await at(2000)
        return [event.model for event in seen if isinstance(event, events.Abandoned)]

    assert run(story()) == ["a"]


def test_a_probe_that_fails_takes_the_word_from_nobody() -> None:
    async def story() -> tuple[Reply, list[tuple[str, bool]]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        chain = route(
            target("a", Streams(3, failure("timeout")), breaker=sick()),
            target("b", Streams(4, "from b", End()), breaker=sick()),
            target("c", Streams(1, "from ", 10, "c", End())),
        )
        await at(11)
        reply = await dispatch(chain, put=put).run()
        return reply, [(chunk.text, chunk.reset) for chunk in chunks]

    reply, chunks = run(story())
    assert (reply.text, chunks) == ("from c", [("from ", False), ("c", False)])


def test_a_probe_that_finds_its_words_after_the_call_has_ended_says_them_to_nobody() -> None:
    async def story() -> tuple[list[Chunk], list[str], State]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        rested = sick()
        probed = Streams(5, "from ", 1, "a", End())
        chain = route(target("a", probed, breaker=rested), target("b", Plays(failure("blocked"))))
        await at(11)
        with pytest.raises(Stopped):
            await dispatch(chain, put=put).run()
        await at(20)
        return chunks, rested.health(20).state

    assert run(story()) == ([], State.CLOSED)


def test_after_a_recovery_traffic_ramps_up() -> None:
    async def story() -> list[int]:
        slow = Plays(5)
        rested = sick()
        chain = route(target("a", slow, breaker=rested), target("b", Plays("Lisbon.")))
        await at(11)
        await dispatch(route(target("a", Plays("well"), breaker=rested))).run()
        counts = []
        for moment in (11, 16, 22):
            await at(moment)
            before = len(slow.calls)
            tasks = [asyncio.create_task(dispatch(chain).run()) for _ in range(30)]
            await asyncio.sleep(0.1)
            counts.append(len(slow.calls) - before)
            await asyncio.gather(*tasks)
        return counts

    assert run(story()) == [1, 4, 30]


def test_a_lone_model_that_recovers_serves_everybody_at_once() -> None:
    async def story() -> list[Attempt]:
        rested = sick()
        chain = route(target("a", Plays("well"), breaker=rested))
        await at(11)
        await dispatch(chain).run()
        replies = await asyncio.gather(*(dispatch(chain).run() for _ in range(30)))
        return [reply.trail[-1] for reply in replies]

    assert {attempt.outcome for attempt in run(story())} == {"answered"}


@pytest.mark.parametrize(("deadline", "asked_at"), [(20.0, 15.0), (6.0, 3.0)])
def test_a_resting_model_is_asked_beside_one_that_hangs_while_it_can_still_be_heard(
    deadline: float, asked_at: float
) -> None:
    chain = route(
        target("a", Plays("from a"), breaker=sick()), target("b", Plays(600)), deadline=deadline
    )
    reply = run(dispatch(chain).run())
    assert told(reply.trail) == [("a", "skipped"), ("b", "cancelled"), ("a", "answered")]
    assert reply.trail[-1].start == asked_at


def test_a_resting_model_never_cuts_short_the_one_that_is_being_asked() -> None:
    async def story() -> Reply:
        chain = route(
            target("a", Plays(600), breaker=sick()),
            target("b", Streams(18, "Lisbon.", End())),
            deadline=20.0,
        )
        reply = await dispatch(chain).run()
        await at(60)
        return reply

    assert told(run(story()).trail) == [("a", "skipped"), ("b", "answered"), ("a", "skipped")]


def unheard(probed: Streams, breaks: Streams) -> tuple[Reply, list[tuple[str, bool]]]:
    """Stream from a chain whose probed model speaks second; the first to speak breaks."""

    async def story() -> tuple[Reply, list[tuple[str, bool]]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        rules = {"stream": StreamRules(on_break="restart"), "retry": Retry(attempts=1)}
        chain = route(target("a", probed, breaker=sick()), target("b", breaks), **rules)
        await at(11)
        reply = await dispatch(chain, put=put).run()
        return reply, [(chunk.text, chunk.reset) for chunk in chunks]

    return run(story())


def test_when_the_other_stream_breaks_a_background_probe_is_streamed_from_its_beginning() -> None:
    reply, chunks = unheard(
        Streams(2, "Lis", 4, "bon", 1, ".", End()), Streams(1, "Por", 3, failure("connection"))
    )
    assert (reply.text, reply.model) == ("Lisbon.", "a")
    assert chunks == [("Por", False), ("", True), ("Lisbon", False), (".", False)]


def test_a_probe_that_answered_unheard_is_asked_again_when_the_others_words_break() -> None:
    reply, chunks = unheard(
        Streams(2, "Lisbon.", End()), Streams(1, "Por", 3, failure("connection"))
    )
    assert told(reply.trail) == [("a", "answered"), ("b", "failed"), ("a", "answered")]
    assert chunks == [("Por", False), ("", True), ("Lisbon.", False)]


def test_a_retry_that_has_become_a_probe_is_waited_for_by_nobody() -> None:
    async def story() -> Reply:
        failing = Plays(failure("overloaded", retry_after=1.0), 14)
        rests = breaker(BreakerSettings(failures=1, open=0.5, open_limit=0.5))
        chain = route(target("a", failing, breaker=rests), target("b", Plays("Lisbon.")))
        reply = await dispatch(chain).run()
        await at(60)
        return reply

    reply = run(story())
    assert told(reply.trail) == [("a", "failed"), ("a", "skipped"), ("b", "answered")]
    assert reply.trail[-1].start == 1.0
