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


def closed_breaker(settings: BreakerSettings = QUICK) -> CircuitBreaker:
    return CircuitBreaker(settings, random.Random(1))


def open_breaker(at: float = 0.0) -> CircuitBreaker:
    breaker = closed_breaker()
    breaker.record(breaker.admit(at), "failure", at, kind=Kind.OVERLOADED)  # type: ignore[arg-type] # it is a permit
    return breaker


def outcomes(trail: Any) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.outcome) for attempt in trail]


async def sleep_until(seconds: float) -> None:
    await asyncio.sleep(seconds - asyncio.get_running_loop().time())


def test_a_model_that_failed_often_rests_and_is_not_called() -> None:
    async def scenario() -> tuple[list[Reply], int]:
        failing = Plays(failure("timeout"))
        chain = route(
            target("a", failing, breaker=closed_breaker(BreakerSettings(failures=3))),
            target("b", Plays("Lisbon.")),
        )
        replies = [await dispatch(chain).run() for _ in range(10)]
        return replies, len(failing.calls)

    replies, calls = run(scenario())
    assert calls == 3
    assert outcomes(replies[-1].trail) == [("a", "skipped"), ("b", "answered")]
    skip = replies[-1].trail[0]
    assert (skip.kind, skip.then, skip.duration) == (Kind.UNAVAILABLE, "next", 0.0)
    assert skip.text.startswith("resting ")
    assert skip.text.endswith("s more, after 3 failures in a row, the last: timeout")


def test_a_successful_probe_is_the_answer_and_closes_the_circuit() -> None:
    async def scenario() -> tuple[Reply, Reply]:
        breaker = open_breaker()
        chain = route(target("a", Plays("from a"), breaker=breaker), target("b", Plays(2)))
        await sleep_until(11)
        return await dispatch(chain).run(), await dispatch(chain).run()

    first, second = run(scenario())
    assert (first.text, outcomes(first.trail)) == (
        "from a",
        [("a", "answered"), ("b", "cancelled")],
    )
    assert outcomes(second.trail) == [("a", "answered")]


def test_no_call_waits_for_a_probe_which_ends_in_the_background() -> None:
    async def scenario() -> tuple[Reply, float, list[State]]:
        breaker = open_breaker()
        states = []
        chain = route(target("a", Plays(14), breaker=breaker), target("b", Plays(2)))
        await sleep_until(11)
        reply = await dispatch(chain).run()
        took = asyncio.get_running_loop().time() - 11
        for seconds in (14, 24, 26):
            await sleep_until(seconds)
            states.append(breaker.health(seconds).state)
        return reply, took, states

    reply, took, states = run(scenario())
    assert (reply.model, took) == ("b", 2.0)
    assert outcomes(reply.trail) == [("a", "skipped"), ("b", "answered")]
    assert reply.trail[0].text == "being probed, whether it is well again; nobody waited for it"
    assert states == [State.HALF_OPEN, State.HALF_OPEN, State.CLOSED]


def test_a_hanging_probe_times_out_and_the_model_keeps_resting() -> None:
    async def scenario() -> list[State]:
        breaker = open_breaker()
        chain = route(
            target("a", Plays(600), breaker=breaker, timeout=30.0), target("b", Plays("Lisbon."))
        )
        await sleep_until(11)
        await dispatch(chain).run()
        await sleep_until(42)
        return [breaker.health(42).state]

    assert run(scenario()) == [State.OPEN]


@pytest.mark.parametrize("answers_after", [18, 29])
def test_a_probe_has_its_models_timeout_not_the_calls_remaining_time(
    answers_after: int,
) -> None:
    async def scenario() -> State:
        breaker = open_breaker()
        probed, next_one = Plays(answers_after), Plays("Lisbon.")
        chain = route(
            target("a", probed, breaker=breaker, timeout=60.0), target("b", next_one), deadline=20.0
        )
        await sleep_until(11)
        await dispatch(chain).run()
        await sleep_until(50)
        return breaker.health(50).state

    assert run(scenario()) == State.CLOSED


def test_a_call_waits_for_the_probe_of_its_last_model_until_the_deadline() -> None:
    async def scenario() -> tuple[float, bool]:
        probed = Plays(600)
        chain = route(target("a", probed, breaker=open_breaker(), timeout=60.0), deadline=20.0)
        await sleep_until(11)
        with pytest.raises(DeadlineExceeded):
            await dispatch(chain).run()
        ended = asyncio.get_running_loop().time()
        await asyncio.sleep(0.1)
        return ended, any(not task.done() for task in chain.background_probes)

    assert run(scenario()) == (31.0, False)


def test_during_a_probe_other_calls_use_the_next_model() -> None:
    async def scenario() -> tuple[list[Reply], int]:
        probed = Plays(20)
        chain = route(target("a", probed, breaker=open_breaker()), target("b", Plays("Lisbon.")))
        await sleep_until(11)
        replies = await asyncio.gather(*(dispatch(chain).run() for _ in range(20)))
        await sleep_until(60)
        return replies, len(probed.calls)

    replies, calls = run(scenario())
    assert {reply.model for reply in replies} == {"b"}
    assert calls == 1
    assert sum(reply.trail[0].text == "being probed" for reply in replies) == 19


def test_a_probe_is_recorded_after_its_call_was_cancelled() -> None:
    async def scenario() -> State:
        breaker = open_breaker()
        chain = route(target("a", Plays(5), breaker=breaker), target("b", Plays(20)))
        await sleep_until(11)
        task = asyncio.create_task(dispatch(chain).run())
        await sleep_until(12)
        task.cancel()
        await sleep_until(17)
        return breaker.health(17).state

    assert run(scenario()) == State.CLOSED


def test_a_cancelled_probe_does_not_change_the_breaker() -> None:
    async def scenario() -> tuple[CircuitBreaker, float]:
        breaker = open_breaker()
        chain = route(
            target("a", Plays(50), breaker=breaker, timeout=100.0), target("b", Plays("Lisbon."))
        )
        await sleep_until(11)
        await dispatch(chain).run()
        for task in chain.background_probes:
            task.cancel()
        await asyncio.sleep(0.1)
        return breaker, asyncio.get_running_loop().time()

    breaker, now = run(scenario())
    assert breaker.health(now).state == State.HALF_OPEN
    assert getattr(breaker.admit(now), "probe", False)


def test_a_probe_that_ends_together_with_the_reply_is_recorded_too() -> None:
    async def scenario() -> State:
        breaker = open_breaker()
        chain = route(
            target("a", Plays(20)), target("b", Plays(12), breaker=breaker), hedge=Hedge(after=8.0)
        )
        await sleep_until(11)
        await dispatch(chain).run()
        await asyncio.sleep(0.1)
        return breaker.health(32).state

    assert run(scenario()) == State.CLOSED


def test_a_probe_that_is_being_cut_is_recorded_after_its_call_was_cancelled() -> None:
    class TakesItsTime(Plays):
        async def complete(self, call: Any) -> Any:
            try:
                await super().complete(call)
            finally:
                await asyncio.sleep(0.04)

    async def scenario() -> tuple[State, str]:
        breaker = open_breaker()
        chain = route(
            target("a", TakesItsTime(600), breaker=breaker, timeout=30.0),
            target("b", Plays(300), timeout=600.0),
        )
        await sleep_until(11)
        task = asyncio.create_task(dispatch(chain).run())
        await sleep_until(41.02)
        task.cancel()
        await sleep_until(42)
        health = breaker.health(42)
        return health.state, health.reason

    assert run(scenario()) == (State.OPEN, "its probe failed: timeout")


def test_a_probe_of_a_closed_loop_expires_a_second_after_its_timeout() -> None:
    breaker = open_breaker()
    chain = route(
        target("a", Plays(600), breaker=breaker, timeout=30.0), target("b", Plays("Lisbon."))
    )
    loop = VirtualLoop()
    loop._clock.now = 11.0
    loop.run_until_complete(dispatch(chain).run())
    loop.close()
    assert isinstance(breaker.admit(41.9), Rejection)
    assert getattr(breaker.admit(42.0), "probe", False)


def test_when_all_rest_one_call_probes_the_nearest_model_and_the_others_raise() -> None:
    async def scenario() -> tuple[list[Any], list[Plays]]:
        plays = [Plays(3), Plays("never")]
        far, near = open_breaker(2.0), open_breaker(0.0)
        chain = route(target("far", plays[1], breaker=far), target("near", plays[0], breaker=near))
        await sleep_until(4)
        results = await asyncio.gather(
            *(dispatch(chain).run() for _ in range(5)), return_exceptions=True
        )
        return results, plays

    results, (near, far) = run(scenario())
    assert [result.model for result in results if isinstance(result, Reply)][:1] == ["near"]
    assert len(near.calls) == 1
    assert len(far.calls) == 1
    rejected = [result for result in results if isinstance(result, ChainExhausted)]
    assert len(rejected) == 3
    assert all(error.retry_after is not None and 0 < error.retry_after <= 10 for error in rejected)


def test_without_other_models_a_call_probes_each_resting_one_once_the_nearest_first() -> None:
    async def scenario() -> list[list[tuple[str, str]]]:
        far, near = open_breaker(2.0), open_breaker(0.0)
        plays = [Plays(failure("overloaded")) for _ in range(3)]
        suspect = target(
            "retired", plays[2], breaker=CircuitBreaker(suspected="retired on 2026-12-01")
        )
        chain = route(
            target("far", plays[0], breaker=far), target("near", plays[1], breaker=near), suspect
        )
        await sleep_until(4)
        calls = [dispatch(chain), dispatch(chain)]
        for call in calls:
            with pytest.raises(ChainExhausted):
                await call.run()
        assert [len(play.calls) for play in plays] == [2, 2, 2]
        return [outcomes(call.trail)[3:] for call in calls]

    order = ["retired", "near", "far"]  # a suspected model has no pause
    first, second = run(scenario())
    assert [model for model, _ in first] == order
    assert sorted(model for model, _ in second) == sorted(order)
    assert {outcome for _, outcome in (*first, *second)} == {"failed"}


def test_a_resting_model_is_the_last_resort_when_the_others_have_failed() -> None:
    async def scenario() -> Reply:
        chain = route(
            target("a", Plays("from a"), breaker=open_breaker()),
            target("b", Plays(failure("timeout"))),
        )
        return await dispatch(chain).run()

    reply = run(scenario())
    assert (reply.model, outcomes(reply.trail)) == (
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
    breaker = closed_breaker(BreakerSettings())
    plays = Plays(failure(kind, retry_after=stated, status=429))
    run(dispatch(route(target("a", plays, breaker=breaker), target("b", Plays("Lisbon.")))).run())
    health = breaker.health(0.0)
    assert health.state == State.OPEN
    assert least <= health.resting <= most + 1
    assert health.reason == f"after {kind}"


@pytest.mark.parametrize(
    "kind",
    ["blocked", "invalid_request", "unsupported", "context_too_long", "contract", "unavailable"],
)
def test_a_fault_of_another_never_opens_the_circuit(kind: str) -> None:
    async def scenario() -> State:
        breaker = closed_breaker(BreakerSettings(failures=1))
        chain = route(
            target("a", Plays(failure(kind, status=400)), breaker=breaker),
            target("b", Plays("Lisbon.")),
        )
        await asyncio.gather(*(dispatch(chain).run() for _ in range(12)), return_exceptions=True)
        return breaker.health(0.0).state

    assert run(scenario()) == State.CLOSED


def test_changes_of_state_are_events() -> None:
    async def scenario() -> list[tuple[str, str]]:
        emitted: list[events.Event] = []
        chain = route(
            target("a", Plays(failure("timeout"), "well"), breaker=closed_breaker()),
            target("b", Plays(1, "Lisbon.", "Lisbon.")),
        )
        await dispatch(chain, events=emitted).run()
        await sleep_until(20)
        await dispatch(chain, events=emitted).run()
        return [
            (event.model, event.state)
            for event in emitted
            if isinstance(event, events.HealthChanged)
        ]

    assert run(scenario()) == [("a", "open"), ("a", "half_open"), ("a", "closed")]


def test_a_streaming_probe_continues_in_the_background_once_the_next_model_commits() -> None:
    async def scenario() -> tuple[Reply, list[str], State]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        breaker = open_breaker()
        probed, next_one = Streams(2, "from a", End()), Streams(1, "from ", 3, "b", End())
        chain = route(target("a", probed, breaker=breaker), target("b", next_one))
        await sleep_until(11)
        reply = await dispatch(chain, put=put).run()
        return reply, [chunk.text for chunk in chunks], breaker.health(16).state

    reply, texts, state = run(scenario())
    assert (reply.text, texts) == ("from b", ["from ", "b"])
    assert state == State.CLOSED
    assert outcomes(reply.trail) == [("a", "answered"), ("b", "answered")]


def test_a_streaming_probe_that_commits_first_is_the_answer() -> None:
    async def scenario() -> tuple[Reply, list[str]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        chain = route(
            target("a", Streams(1, "from ", 5, "a", End()), breaker=open_breaker()),
            target("b", Streams(2, "from b", End())),
            target("c", Streams("never", End())),
        )
        await sleep_until(11)
        reply = await dispatch(chain, put=put).run()
        return reply, [chunk.text for chunk in chunks]

    reply, texts = run(scenario())
    assert (reply.text, texts) == ("from a", ["from ", "a"])
    assert outcomes(reply.trail) == [("a", "answered"), ("b", "cancelled")]


def test_the_event_of_an_answer_names_the_resting_model_that_it_replaces() -> None:
    emitted: list[events.Event] = []
    run(
        dispatch(
            route(target("a", Plays("x"), breaker=open_breaker()), target("b", Plays("Lisbon."))),
            events=emitted,
        ).run()
    )
    assert [
        (event.model, event.instead_of) for event in emitted if isinstance(event, events.Answered)
    ] == [("b", "a")]


def test_a_background_probe_that_ignores_cancellation_is_reported() -> None:
    class Stubborn(Plays):
        async def complete(self, call: Any) -> Any:
            try:
                return await super().complete(call)
            except asyncio.CancelledError:
                await asyncio.sleep(600)
                raise

    async def scenario() -> list[str]:
        emitted: list[events.Event] = []
        chain = route(
            target("a", Stubborn(600), breaker=open_breaker(), timeout=30.0),
            target("b", Plays("Lisbon.")),
        )
        await sleep_until(11)
        await dispatch(chain, events=emitted).run()
        await sleep_until(2000)
        return [event.model for event in emitted if isinstance(event, events.Abandoned)]

    assert run(scenario()) == ["a"]


def test_a_failing_probe_does_not_disturb_the_committed_stream() -> None:
    async def scenario() -> tuple[Reply, list[tuple[str, bool]]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        chain = route(
            target("a", Streams(3, failure("timeout")), breaker=open_breaker()),
            target("b", Streams(4, "from b", End()), breaker=open_breaker()),
            target("c", Streams(1, "from ", 10, "c", End())),
        )
        await sleep_until(11)
        reply = await dispatch(chain, put=put).run()
        return reply, [(chunk.text, chunk.reset) for chunk in chunks]

    reply, chunks = run(scenario())
    assert (reply.text, chunks) == ("from c", [("from ", False), ("c", False)])


def test_no_text_of_a_probe_is_released_after_its_call_has_ended() -> None:
    async def scenario() -> tuple[list[Chunk], list[str], State]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        breaker = open_breaker()
        probed = Streams(5, "from ", 1, "a", End())
        chain = route(target("a", probed, breaker=breaker), target("b", Plays(failure("blocked"))))
        await sleep_until(11)
        with pytest.raises(Stopped):
            await dispatch(chain, put=put).run()
        await sleep_until(20)
        return chunks, breaker.health(20).state

    assert run(scenario()) == ([], State.CLOSED)


def test_after_a_recovery_traffic_ramps_up() -> None:
    async def scenario() -> list[int]:
        slow = Plays(5)
        breaker = open_breaker()
        chain = route(target("a", slow, breaker=breaker), target("b", Plays("Lisbon.")))
        await sleep_until(11)
        await dispatch(route(target("a", Plays("well"), breaker=breaker))).run()
        counts = []
        for seconds in (11, 16, 22):
            await sleep_until(seconds)
            before = len(slow.calls)
            tasks = [asyncio.create_task(dispatch(chain).run()) for _ in range(30)]
            await asyncio.sleep(0.1)
            counts.append(len(slow.calls) - before)
            await asyncio.gather(*tasks)
        return counts

    assert run(scenario()) == [1, 4, 30]


def test_a_recovered_model_without_alternatives_serves_all_calls_at_once() -> None:
    async def scenario() -> list[Attempt]:
        breaker = open_breaker()
        chain = route(target("a", Plays("well"), breaker=breaker))
        await sleep_until(11)
        await dispatch(chain).run()
        replies = await asyncio.gather(*(dispatch(chain).run() for _ in range(30)))
        return [reply.trail[-1] for reply in replies]

    assert {attempt.outcome for attempt in run(scenario())} == {"answered"}


@pytest.mark.parametrize(("deadline", "called_at"), [(20.0, 15.0), (6.0, 3.0)])
def test_a_resting_model_is_called_beside_a_hanging_one_in_time_for_the_deadline(
    deadline: float, called_at: float
) -> None:
    chain = route(
        target("a", Plays("from a"), breaker=open_breaker()),
        target("b", Plays(600)),
        deadline=deadline,
    )
    reply = run(dispatch(chain).run())
    assert outcomes(reply.trail) == [("a", "skipped"), ("b", "cancelled"), ("a", "answered")]
    assert reply.trail[-1].start == called_at


def test_a_resting_model_never_interrupts_the_one_that_is_streaming() -> None:
    async def scenario() -> Reply:
        chain = route(
            target("a", Plays(600), breaker=open_breaker()),
            target("b", Streams(18, "Lisbon.", End())),
            deadline=20.0,
        )
        reply = await dispatch(chain).run()
        await sleep_until(60)
        return reply

    assert outcomes(run(scenario()).trail) == [
        ("a", "skipped"),
        ("b", "answered"),
        ("a", "skipped"),
    ]


def run_behind_stream(probed: Streams, breaking: Streams) -> tuple[Reply, list[tuple[str, bool]]]:
    """Stream from a chain whose probed model has text second; the first stream breaks."""

    async def scenario() -> tuple[Reply, list[tuple[str, bool]]]:
        chunks: list[Chunk] = []

        async def put(chunk: Chunk) -> None:
            chunks.append(chunk)

        rules = {"stream": StreamRules(on_break="restart"), "retry": Retry(attempts=1)}
        chain = route(target("a", probed, breaker=open_breaker()), target("b", breaking), **rules)
        await sleep_until(11)
        reply = await dispatch(chain, put=put).run()
        return reply, [(chunk.text, chunk.reset) for chunk in chunks]

    return run(scenario())


def test_when_the_other_stream_breaks_a_background_probe_is_streamed_from_its_beginning() -> None:
    reply, chunks = run_behind_stream(
        Streams(2, "Lis", 4, "bon", 1, ".", End()), Streams(1, "Por", 3, failure("connection"))
    )
    assert (reply.text, reply.model) == ("Lisbon.", "a")
    assert chunks == [("Por", False), ("", True), ("Lisbon", False), (".", False)]


def test_a_background_probe_that_answered_is_called_again_when_the_stream_breaks() -> None:
    reply, chunks = run_behind_stream(
        Streams(2, "Lisbon.", End()), Streams(1, "Por", 3, failure("connection"))
    )
    assert outcomes(reply.trail) == [("a", "answered"), ("b", "failed"), ("a", "answered")]
    assert chunks == [("Por", False), ("", True), ("Lisbon.", False)]


def test_no_call_waits_for_a_retry_that_is_a_probe() -> None:
    async def scenario() -> Reply:
        failing = Plays(failure("overloaded", retry_after=1.0), 14)
        rests = closed_breaker(BreakerSettings(failures=1, open=0.5, open_limit=0.5))
        chain = route(target("a", failing, breaker=rests), target("b", Plays("Lisbon.")))
        reply = await dispatch(chain).run()
        await sleep_until(60)
        return reply

    reply = run(scenario())
    assert outcomes(reply.trail) == [("a", "failed"), ("a", "skipped"), ("b", "answered")]
    assert reply.trail[-1].start == 1.0
