"""The walk, on virtual time: what follows each failure, when, and what the caller gets."""

import asyncio
import contextlib
import gc
import itertools
import weakref
from typing import Any

import msgspec
import pytest

from standby import events
from standby.cards import Card
from standby.errors import AttemptFailed, CallFailed, ChainExhausted, DeadlineExceeded, Stopped
from standby.failures import REACTIONS, Kind
from standby.inputs.schemas import parse_schema
from standby.resilience.circuit_breaker import CircuitBreaker, State
from standby.resilience.retry_budget import RetryBudget
from standby.settings import BreakerSettings, Retry, Trigger
from standby.types import Finish, Reply
from tests.support.playing import Plays, dispatch, failure, request, route, target
from tests.support.virtual_clock import run

ONE_RETRY = [kind for kind, reaction in REACTIONS.items() if reaction.then == "retry"]
NEXT = [kind for kind, reaction in REACTIONS.items() if reaction.then == "next"]
STOP = [kind for kind, reaction in REACTIONS.items() if reaction.then == "stop"]


def outcomes(trail: Any) -> list[tuple[str, str, str | None]]:
    return [(attempt.model, attempt.outcome, attempt.then) for attempt in trail]


def test_a_healthy_first_model_is_the_only_one_asked() -> None:
    first, second = Plays("Lisbon."), Plays("never")
    reply = run(dispatch(route(target("a", first), target("b", second))).run())
    assert (reply.text, reply.model, reply.provider) == ("Lisbon.", "a", "p")
    assert outcomes(reply.trail) == [("a", "answered", None)]
    assert not second.calls


@pytest.mark.parametrize("kind", ONE_RETRY)
def test_a_kind_that_may_pass_is_asked_once_more_then_the_next(kind: Kind) -> None:
    first, second = Plays(failure(kind)), Plays("Lisbon.")
    reply = run(dispatch(route(target("a", first), target("b", second))).run())
    assert outcomes(reply.trail) == [
        ("a", "failed", "retry"),
        ("a", "failed", "next"),
        ("b", "answered", None),
    ]


@pytest.mark.parametrize("kind", NEXT)
def test_a_kind_that_will_not_pass_goes_to_the_next_at_once(kind: Kind) -> None:
    first, second = Plays(failure(kind, status=400)), Plays("Lisbon.")
    reply = run(dispatch(route(target("a", first), target("b", second))).run())
    assert len(first.calls) == 1
    assert reply.model == "b"
    assert reply.trail[0].then == "next"
    assert second.calls[0].request == first.calls[0].request


@pytest.mark.parametrize("kind", STOP)
def test_a_kind_that_is_the_callers_stops(kind: Kind) -> None:
    second = Plays("never")
    with pytest.raises(Stopped, match="it failed") as caught:
        run(dispatch(route(target("a", Plays(failure(kind))), target("b", second))).run())
    assert not second.calls
    assert caught.value.failure.kind is kind
    assert isinstance(caught.value.__cause__, AttemptFailed)
    assert outcomes(caught.value.trail) == [("a", "failed", "stop")]


@pytest.mark.parametrize(("attempts", "asked"), [(1, 1), (2, 2), (5, 2)])
def test_the_table_retries_once_and_never_more_than_the_chain_allows(
    attempts: int, asked: int
) -> None:
    model = Plays(failure("server_error"))
    with pytest.raises(ChainExhausted):
        run(dispatch(route(target("a", model), retry=Retry(attempts=attempts))).run())
    assert len(model.calls) == asked


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_a_trigger_retries_as_often_as_the_chain_allows(attempts: int) -> None:
    model = Plays(failure("timeout"))
    triggers = {"slow": Trigger(kind=Kind.TIMEOUT, then="retry")}
    with pytest.raises(ChainExhausted) as caught:
        run(
            dispatch(
                route(target("a", model), triggers=triggers, retry=Retry(attempts=attempts))
            ).run()
        )
    assert len(model.calls) == attempts
    assert {attempt.trigger for attempt in caught.value.trail} == {"slow"}


@pytest.mark.parametrize(("then", "model"), [("next", "b"), ("retry", "a")])
def test_a_trigger_outweighs_the_table(then: Any, model: str) -> None:
    triggers = {"mine": Trigger(kind=Kind.BLOCKED, then=then)}
    chain = route(
        target("a", Plays(failure("blocked"), "from a")),
        target("b", Plays("from b")),
        triggers=triggers,
    )
    assert run(dispatch(chain).run()).text == f"from {model}"


def test_a_retry_that_succeeds_is_the_answer() -> None:
    reply = run(dispatch(route(target("a", Plays(failure("overloaded"), "Lisbon.")))).run())
    assert outcomes(reply.trail) == [("a", "failed", "retry"), ("a", "answered", None)]


@pytest.mark.parametrize(("last", "retried"), [("Lisbon.", True), (failure("overloaded"), False)])
def test_only_a_good_reply_brings_the_model_what_its_retry_has_cost(
    last: Any, *, retried: bool
) -> None:
    async def story() -> tuple[int, int]:
        model, budget = (
            Plays(failure("overloaded"), last),
            RetryBudget(capacity=1.0, share=1.0, min_rate=float("inf")),
        )
        chain = route(target("a", model, budget=budget), target("b", Plays("from b")))
        await dispatch(chain).run()
        model.steps, before = [failure("overloaded")], len(model.calls)
        await dispatch(chain).run()
        return before, len(model.calls) - before

    assert run(story()) == (2, 2 if retried else 1)


def test_pauses_are_full_jitter_within_their_bounds() -> None:
    seen: list[events.Event] = []
    chain = route(
        target(
            "a", Plays(failure("timeout")), breaker=CircuitBreaker(BreakerSettings(failures=100))
        ),
        triggers={"slow": Trigger(kind=Kind.TIMEOUT, then="retry")},
        retry=Retry(attempts=8, initial=1.0, limit=4.0),
    )
    with pytest.raises(ChainExhausted):
        run(dispatch(chain, events=seen).run())
    pauses = [event.delay for event in seen if isinstance(event, events.RetryScheduled)]
    assert len(pauses) == 7
    assert all(
        0 <= pause <= limit for pause, limit in zip(pauses, [1, 2, 4, 4, 4, 4, 4], strict=True)
    )
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize(
    ("stated", "asked", "waited"),
    [(0.0, 2, 0.0), (1.5, 2, 1.5), (2.0, 2, 2.0), (2.1, 1, 0.0), (3600.0, 1, 0.0)],
)
def test_a_stated_delay_is_waited_for_exactly_or_not_at_all(
    stated: float, asked: int, waited: float
) -> None:
    model = Plays(failure("rate_limited", retry_after=stated), "Lisbon.")
    reply = run(dispatch(route(target("a", model), target("b", Plays("from b")))).run())
    assert len(model.calls) == asked
    assert reply.trail[1].start == waited
    assert reply.model == ("a" if asked == 2 else "b")


@pytest.mark.parametrize(("stated", "rests"), [(0.3, False), (2.0, False), (2.1, True)])
def test_a_short_stated_delay_rests_no_model_before_five_failures_in_a_row(
    stated: float, rests: bool
) -> None:
    model = target("a", Plays(failure("overloaded", status=503, retry_after=stated)))
    other = target("b", Plays("Lisbon."))

    async def story(calls: int) -> State:
        for _ in range(calls):
            await dispatch(route(model, other)).run()
        return model.breaker.health(asyncio.get_running_loop().time()).state

    assert run(story(2)) is (State.OPEN if rests else State.CLOSED)  # two attempts each
    assert run(story(1)) is State.OPEN


def test_a_pause_that_does_not_fit_the_deadline_means_next() -> None:
    model = Plays(failure("rate_limited", retry_after=2.0))
    reply = run(
        dispatch(route(target("a", model), target("b", Plays("Lisbon.")), deadline=1.0)).run()
    )
    assert outcomes(reply.trail) == [("a", "failed", "next"), ("b", "answered", None)]


def test_an_attempt_that_takes_too_long_is_cut_and_the_next_is_asked() -> None:
    async def story() -> tuple[Reply, float]:
        reply = await dispatch(
            route(target("a", Plays(600), timeout=30.0), target("b", Plays("Lisbon.")))
        ).run()
        return reply, asyncio.get_running_loop().time()

    reply, took = run(story())
    assert took == 30.0
    assert (reply.trail[0].kind, reply.trail[0].text) == (Kind.TIMEOUT, "timeout: no answer in 30s")


@pytest.mark.parametrize("own", [None, 7.0])
def test_the_deadline_ends_the_call_exactly(own: float | None) -> None:
    async def story() -> tuple[CallFailed, float]:
        chain = route(target("a", Plays(600), timeout=5.0), target("b", Plays(600)), deadline=12.0)
        with pytest.raises(DeadlineExceeded) as caught:
            await dispatch(chain, deadline=own).run()
        return caught.value, asyncio.get_running_loop().time()

    error, took = run(story())
    assert took == (own or 12.0)
    assert str(error) == (
        f"no complete reply within the deadline of {took:g}s; asked: a (timeout), b (no answer yet)"
    )
    assert outcomes(error.trail) == [("a", "failed", "next"), ("b", "cancelled", None)]
    assert isinstance(error.__cause__, ExceptionGroup)


def test_a_deadline_with_nothing_failed_before_has_no_cause() -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        run(dispatch(route(target("a", Plays(600))), deadline=1.0).run())
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("after", [0.0, 0.1, 5.0, 30.0, 30.05, 31.0, 45.0])
def test_cancellation_goes_straight_through_wherever_it_comes(after: float) -> None:
    async def story() -> list[events.Event]:
        seen: list[events.Event] = []
        chain = route(
            target("a", Plays(600)),
            target("b", Plays(failure("overloaded"), 20)),
            target("c", Plays(600)),
        )
        task = asyncio.create_task(dispatch(chain, events=seen).run())
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    seen = run(story())
    ended = [event.attempt for event in seen if isinstance(event, events.AttemptEnded)]
    assert all(attempt.outcome != "answered" for attempt in ended)
    assert sum(attempt.outcome == "cancelled" for attempt in ended) <= 1
    assert not [event for event in seen if isinstance(event, events.Answered | events.Failed)]


def test_without_fallback_only_the_first_is_asked_and_the_error_is_its_own() -> None:
    second = Plays("never")
    first = Plays(
        failure("server_error", "An internal error has occurred.", status=500, code="INTERNAL")
    )
    with pytest.raises(ChainExhausted) as caught:
        run(dispatch(route(target("a", first), target("b", second), fallback=False)).run())
    assert str(caught.value) == "500 INTERNAL. An internal error has occurred."
    assert len(first.calls) == 2
    assert not second.calls


def test_when_all_fail_each_model_is_named_with_its_last_words_and_the_causes_are_a_group() -> None:
    chain = route(
        target(
            "a",
            Plays(failure("overloaded", "busy", status=503, code="UNAVAILABLE", retry_after=9.0)),
        ),
        target("b", Plays(failure("model_missing", "gone", status=404, retry_after=4.0))),
    )
    with pytest.raises(ChainExhausted) as caught:
        run(dispatch(chain).run())
    assert (
        str(caught.value)
        == "no model of chain 'default' answered: a: 503 UNAVAILABLE. busy; b: 404 Not Found. gone"
    )
    assert caught.value.retry_after == 4.0
    assert [attempt.status for attempt in caught.value.trail] == [503, 404]
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert [error.failure.kind for error in group.exceptions] == [
        Kind.OVERLOADED,
        Kind.MODEL_MISSING,
    ]


def test_events_tell_by_which_trigger_a_call_moves_on_and_that_it_failed() -> None:
    seen: list[events.Event] = []
    triggers = {"gone": Trigger(kind=Kind.MODEL_MISSING, then="next")}
    failing = [failure("model_missing"), failure("unauthorized"), failure("unauthorized")]
    chain = route(
        *(target(name, Plays(each)) for name, each in zip("abc", failing, strict=True)),
        triggers=triggers,
    )
    with pytest.raises(ChainExhausted):
        run(dispatch(chain, events=seen).run())
    moves = [
        (event.model, event.to, event.kind, event.trigger)
        for event in seen
        if isinstance(event, events.MovedOn)
    ]
    assert moves == [("a", "b", "model_missing", "gone"), ("b", "c", "unauthorized", "")]
    assert [event.model for event in seen if isinstance(event, events.Failed)] == [""]


def test_a_model_that_cannot_be_used_is_skipped() -> None:
    chain = route(
        target("a", failure("unavailable", "no key: set A_KEY")), target("b", Plays("Lisbon."))
    )
    reply = run(dispatch(chain).run())
    assert outcomes(reply.trail) == [("a", "skipped", "next"), ("b", "answered", None)]
    assert reply.trail[0].text == "no key: set A_KEY"


@pytest.mark.parametrize(
    ("windows", "asked"),
    [
        ([100, 100, 200], "ac"),
        ([100, 200], "ab"),
        ([100, None], "ab"),
        ([None, 50], "ab"),
        ([200, 100, 200], "a"),
    ],
)
def test_after_a_prompt_too_long_only_larger_or_unknown_windows_are_asked(
    windows: list[int | None], asked: str
) -> None:
    models = [Plays(failure("context_too_long", status=400)) for _ in windows]
    names = "abc"[: len(windows)]
    chain = route(
        *(
            target(n, m, card=Card(context_window=w))
            for n, m, w in zip(names, models, windows, strict=True)
        )
    )
    with pytest.raises(ChainExhausted):
        run(dispatch(chain).run())
    assert "".join(name for name, model in zip(names, models, strict=True) if model.calls) == asked


def test_a_truncated_reply_is_accepted_and_marked() -> None:
    reply = run(
        dispatch(
            route(
                target("a", Plays(Reply(text="Lis", finish=Finish.LENGTH))), target("b", Plays("x"))
            )
        ).run()
    )
    assert (reply.text, reply.finish, reply.trail[0].outcome, reply.trail[0].kind) == (
        "Lis",
        "length",
        "answered",
        "truncated",
    )


def test_after_json_that_was_cut_the_next_model_is_asked_and_not_the_same_again() -> None:
    cut, whole = (
        Plays(Reply(text='{"city": "Lis', finish=Finish.LENGTH)),
        Plays('{"city": "Lisbon"}'),
    )
    city = parse_schema({"type": "object", "required": ["city"]})
    card = Card(schema=True)
    chain = route(target("a", cut, card=card), target("b", whole, card=card))
    reply = run(dispatch(chain, msgspec.structs.replace(request(), schema=city)).run())
    assert (reply.data, len(cut.calls)) == ({"city": "Lisbon"}, 1)
    assert [(step.outcome, step.kind, step.then) for step in reply.trail] == [
        ("failed", "truncated", "next"),
        ("answered", None, None),
    ]


def test_a_trigger_can_move_on_from_a_truncated_reply_and_the_first_is_returned_if_all_end_so() -> (
    None
):
    cut = [Plays(Reply(text=text, finish=Finish.LENGTH)) for text in ("first", "second")]
    triggers = {"cut": Trigger(kind=Kind.TRUNCATED, then="next")}
    chain = route(target("a", cut[0]), target("b", cut[1]), triggers=triggers)
    reply = run(dispatch(chain).run())
    assert (reply.text, reply.model) == ("first", "a")
    assert [attempt.trigger for attempt in reply.trail] == ["cut", "cut"]
    whole = route(target("a", cut[0]), target("b", Plays("whole")), triggers=triggers)
    assert run(dispatch(whole).run()).text == "whole"


@pytest.mark.parametrize(
    ("served", "marked"),
    [
        ("m-1", False),
        ("models/m-1", False),
        ("m-1-2025-01-31", False),
        ("m-1-preview-05-06", False),
        ("", False),
        ("m-1-lite", True),
        ("m-2", True),
    ],
)
def test_another_model_than_asked_is_accepted_marked_and_alerted(
    served: str, *, marked: bool
) -> None:
    seen: list[events.Event] = []
    chain = route(target("m-1", Plays(Reply(text="Lisbon.", response_model=served))))
    reply = run(dispatch(chain, events=seen).run())
    assert (reply.trail[0].kind is Kind.WRONG_MODEL) is marked
    assert any(isinstance(event, events.Alert) for event in seen) is marked


def test_what_an_endpoint_of_ones_own_calls_its_models_is_not_judged() -> None:
    chain = route(
        target(
            "m-1",
            Plays(Reply(text="Lisbon.", response_model="/models/any.gguf")),
            verify_response_model=False,
        )
    )
    assert run(dispatch(chain).run()).trail[0].kind is None


def test_refused_parameters_are_left_out_for_that_model_only_and_named() -> None:
    first, second = Plays(failure("timeout")), Plays("Lisbon.")
    chain = route(target("a", first), target("b", second, refused=("temperature", "top_k")))
    reply = run(dispatch(chain, request(temperature=0.2, seed=7)).run())
    assert [attempt.dropped for attempt in reply.trail] == [(), ("temperature",)]
    assert (
        first.calls[0].request.sampling.temperature,
        second.calls[0].request.sampling.temperature,
    ) == (0.2, None)
    assert second.calls[0].request.sampling.seed == 7


def test_the_events_of_a_fallback_tell_its_story_in_order() -> None:
    seen: list[events.Event] = []
    chain = route(
        target("a", Plays(failure("unauthorized", "bad key", status=401))),
        target("b", Plays("Lisbon.")),
    )
    run(dispatch(chain, events=seen).run())
    assert [type(event).__name__ for event in seen] == [
        "AttemptStarted", "AttemptEnded", "Alert", "HealthChanged", "MovedOn",
        "AttemptStarted", "AttemptEnded", "Answered",
    ]  # fmt: skip
    moved = seen[4]
    assert isinstance(moved, events.MovedOn)
    assert (moved.model, moved.to, moved.kind, moved.chain) == ("a", "b", "unauthorized", "default")
    assert len({event.call for event in seen}) == 1


def test_two_calls_have_two_ids() -> None:
    seen: list[events.Event] = []
    for _ in range(2):
        run(dispatch(route(target("a", Plays("x"))), events=seen).run())
    assert len({event.call for event in seen}) == 2


def test_no_event_holds_what_was_said() -> None:
    seen: list[events.Event] = []
    chain = route(
        target(
            "a", Plays(failure("server_error", "echo: What is the capital of Portugal, please?"))
        ),
        target("b", Plays("secret answer")),
    )
    run(dispatch(chain, events=seen).run())
    told = repr(seen)
    assert "capital" not in told
    assert "secret answer" not in told


@pytest.mark.parametrize(
    "kinds", list(itertools.product(["timeout", "overloaded", "blocked", "unavailable"], repeat=2))
)
def test_every_call_has_exactly_one_outcome(kinds: tuple[str, str]) -> None:
    seen: list[events.Event] = []
    chain = route(
        *(target(name, Plays(failure(kind))) for name, kind in zip("ab", kinds, strict=True)),
        target("c", Plays("ok")),
    )
    with contextlib.suppress(CallFailed):
        run(dispatch(chain, events=seen).run())
    assert sum(isinstance(event, events.Answered | events.Failed) for event in seen) == 1


def test_retries_never_eat_what_is_kept_for_the_models_to_come() -> None:
    class Slow(Plays):
        async def complete(self, call: Any) -> Any:
            await asyncio.sleep(2.8)
            return await super().complete(call)

    again = {"again": Trigger(kind=(Kind.OVERLOADED, Kind.TIMEOUT), then="retry")}
    chain = route(
        target("a", Slow(failure("overloaded"))),
        target("b", Slow("Lisbon.")),
        triggers=again,
        retry=Retry(attempts=5, initial=0.001),
        deadline=6.0,
    )
    reply = run(dispatch(chain).run())
    assert reply.model == "b"
    assert reply.trail[-1].start <= 3.0


def test_a_whole_reply_leaves_nothing_to_the_garbage_collector() -> None:
    async def story() -> object:
        call = dispatch(route(target("a", Plays("Lisbon."))))
        await call.run()
        assert call.execution is not None
        execution = weakref.ref(call.execution)
        call.execution = None
        return execution()

    gc.disable()
    try:
        assert run(story()) is None
    finally:
        gc.enable()
