"""The dispatcher on virtual time: what follows each failure, when, and what the caller gets."""

import asyncio
import contextlib
import gc
import itertools
import random
import weakref
from typing import Any

import msgspec
import pytest

from standby import events
from standby.cards import Card
from standby.dispatch.dispatcher import Dispatcher
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


def test_only_a_healthy_first_model_is_called() -> None:
    first, second = Plays("Lisbon."), Plays("never")
    reply = run(dispatch(route(target("a", first), target("b", second))).run())
    assert (reply.text, reply.model, reply.provider) == ("Lisbon.", "a", "p")
    assert outcomes(reply.trail) == [("a", "answered", None)]
    assert not second.calls


@pytest.mark.parametrize("kind", ONE_RETRY)
def test_a_transient_kind_is_retried_once_before_the_next_model(kind: Kind) -> None:
    first, second = Plays(failure(kind)), Plays("Lisbon.")
    reply = run(dispatch(route(target("a", first), target("b", second))).run())
    assert outcomes(reply.trail) == [
        ("a", "failed", "retry"),
        ("a", "failed", "next"),
        ("b", "answered", None),
    ]


@pytest.mark.parametrize("kind", NEXT)
def test_a_lasting_kind_goes_to_the_next_model_at_once(kind: Kind) -> None:
    first, second = Plays(failure(kind, status=400)), Plays("Lisbon.")
    reply = run(dispatch(route(target("a", first), target("b", second))).run())
    assert len(first.calls) == 1
    assert reply.model == "b"
    assert reply.trail[0].then == "next"
    assert second.calls[0].request == first.calls[0].request


@pytest.mark.parametrize("kind", STOP)
def test_a_fault_of_the_caller_stops(kind: Kind) -> None:
    second = Plays("never")
    with pytest.raises(Stopped, match="it failed") as caught:
        run(dispatch(route(target("a", Plays(failure(kind))), target("b", second))).run())
    assert not second.calls
    assert caught.value.failure.kind is kind
    assert isinstance(caught.value.__cause__, AttemptFailed)
    assert outcomes(caught.value.trail) == [("a", "failed", "stop")]


@pytest.mark.parametrize(("attempts", "expected"), [(1, 1), (2, 2), (5, 2)])
def test_the_table_retries_once_and_never_more_than_the_chain_allows(
    attempts: int, expected: int
) -> None:
    model = Plays(failure("server_error"))
    with pytest.raises(ChainExhausted):
        run(dispatch(route(target("a", model), retry=Retry(attempts=attempts))).run())
    assert len(model.calls) == expected


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
def test_a_trigger_overrides_the_table(then: Any, model: str) -> None:
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


@pytest.mark.parametrize(
    ("last", "is_retried"), [("Lisbon.", True), (failure("overloaded"), False)]
)
def test_only_a_successful_reply_deposits_the_cost_of_a_retry(
    last: Any, *, is_retried: bool
) -> None:
    async def scenario() -> tuple[int, int]:
        model, budget = (
            Plays(failure("overloaded"), last),
            RetryBudget(capacity=1.0, share=1.0, min_rate=float("inf")),
        )
        chain = route(target("a", model, budget=budget), target("b", Plays("from b")))
        await dispatch(chain).run()
        model.steps, before = [failure("overloaded")], len(model.calls)
        await dispatch(chain).run()
        return before, len(model.calls) - before

    assert run(scenario()) == (2, 2 if is_retried else 1)


def test_pauses_have_full_jitter_within_their_bounds() -> None:
    emitted: list[events.Event] = []
    chain = route(
        target(
            "a", Plays(failure("timeout")), breaker=CircuitBreaker(BreakerSettings(failures=100))
        ),
        triggers={"slow": Trigger(kind=Kind.TIMEOUT, then="retry")},
        retry=Retry(attempts=8, initial=1.0, limit=4.0),
    )
    with pytest.raises(ChainExhausted):
        run(dispatch(chain, events=emitted).run())
    pauses = [event.delay for event in emitted if isinstance(event, events.RetryScheduled)]
    assert len(pauses) == 7
    assert all(
        0 <= pause <= limit for pause, limit in zip(pauses, [1, 2, 4, 4, 4, 4, 4], strict=True)
    )
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize(
    ("retry_after", "expected", "delay"),
    [(0.0, 2, 0.0), (1.5, 2, 1.5), (2.0, 2, 2.0), (2.1, 1, 0.0), (3600.0, 1, 0.0)],
)
def test_a_retry_after_is_waited_for_exactly_or_not_at_all(
    retry_after: float, expected: int, delay: float
) -> None:
    model = Plays(failure("rate_limited", retry_after=retry_after), "Lisbon.")
    reply = run(dispatch(route(target("a", model), target("b", Plays("from b")))).run())
    assert len(model.calls) == expected
    assert reply.trail[1].start == delay
    assert reply.model == ("a" if expected == 2 else "b")


@pytest.mark.parametrize(("retry_after", "is_open"), [(0.3, False), (2.0, False), (2.1, True)])
def test_a_short_retry_after_opens_no_circuit_before_five_failures_in_a_row(
    retry_after: float, is_open: bool
) -> None:
    model = target("a", Plays(failure("overloaded", status=503, retry_after=retry_after)))
    second = target("b", Plays("Lisbon."))

    async def scenario(calls: int) -> State:
        for _ in range(calls):
            await dispatch(route(model, second)).run()
        return model.breaker.health(asyncio.get_running_loop().time()).state

    assert run(scenario(2)) is (State.OPEN if is_open else State.CLOSED)  # two attempts each
    assert run(scenario(1)) is State.OPEN


def test_a_pause_beyond_the_deadline_means_next() -> None:
    model = Plays(failure("rate_limited", retry_after=2.0))
    reply = run(
        dispatch(route(target("a", model), target("b", Plays("Lisbon.")), deadline=1.0)).run()
    )
    assert outcomes(reply.trail) == [("a", "failed", "next"), ("b", "answered", None)]


def test_an_attempt_times_out_and_the_next_model_is_called() -> None:
    async def scenario() -> tuple[Reply, float]:
        reply = await dispatch(
            route(target("a", Plays(600), timeout=30.0), target("b", Plays("Lisbon.")))
        ).run()
        return reply, asyncio.get_running_loop().time()

    reply, took = run(scenario())
    assert took == 30.0
    assert (reply.trail[0].kind, reply.trail[0].text) == (Kind.TIMEOUT, "timeout: no answer in 30s")


@pytest.mark.parametrize("deadline", [None, 7.0])
def test_the_deadline_ends_the_call_exactly(deadline: float | None) -> None:
    async def scenario() -> tuple[CallFailed, float]:
        chain = route(target("a", Plays(600), timeout=5.0), target("b", Plays(600)), deadline=12.0)
        with pytest.raises(DeadlineExceeded) as caught:
            await dispatch(chain, deadline=deadline).run()
        return caught.value, asyncio.get_running_loop().time()

    error, took = run(scenario())
    assert took == (deadline or 12.0)
    assert str(error) == (
        f"no complete reply within the deadline of {took:g}s; asked: a (timeout), b (no answer yet)"
    )
    assert outcomes(error.trail) == [("a", "failed", "next"), ("b", "cancelled", None)]
    assert isinstance(error.__cause__, ExceptionGroup)


@pytest.mark.parametrize(("deadline", "took"), [(None, 12.0), (7.0, 7.0)])
def test_a_call_has_its_own_deadline_or_its_chains(deadline: float | None, took: float) -> None:
    async def scenario() -> float:
        chain = route(target("a", Plays(600)), deadline=12.0)
        dispatcher = Dispatcher(chain, emit=lambda _: None, jitter=random.Random(1))
        with pytest.raises(DeadlineExceeded):
            await dispatcher.run(request(), deadline=deadline)
        return asyncio.get_running_loop().time()

    assert run(scenario()) == took


def test_a_deadline_with_nothing_failed_before_has_no_cause() -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        run(dispatch(route(target("a", Plays(600))), deadline=1.0).run())
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("after", [0.0, 0.1, 5.0, 30.0, 30.05, 31.0, 45.0])
def test_cancellation_passes_through_at_any_time(after: float) -> None:
    async def scenario() -> list[events.Event]:
        emitted: list[events.Event] = []
        chain = route(
            target("a", Plays(600)),
            target("b", Plays(failure("overloaded"), 20)),
            target("c", Plays(600)),
        )
        task = asyncio.create_task(dispatch(chain, events=emitted).run())
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return emitted

    emitted = run(scenario())
    ended = [event.attempt for event in emitted if isinstance(event, events.AttemptEnded)]
    assert all(attempt.outcome != "answered" for attempt in ended)
    assert sum(attempt.outcome == "cancelled" for attempt in ended) <= 1
    assert not [event for event in emitted if isinstance(event, events.Answered | events.Failed)]


def test_without_fallback_only_the_first_model_is_called_and_its_error_is_raised() -> None:
    second = Plays("never")
    first = Plays(
        failure("server_error", "An internal error has occurred.", status=500, code="INTERNAL")
    )
    with pytest.raises(ChainExhausted) as caught:
        run(dispatch(route(target("a", first), target("b", second), fallback=False)).run())
    assert str(caught.value) == "500 INTERNAL. An internal error has occurred."
    assert len(first.calls) == 2
    assert not second.calls


def test_when_all_fail_the_error_has_each_models_last_message_and_a_group_of_causes() -> None:
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


def test_events_name_the_trigger_of_each_move_and_the_failure() -> None:
    emitted: list[events.Event] = []
    triggers = {"gone": Trigger(kind=Kind.MODEL_MISSING, then="next")}
    failing = [failure("model_missing"), failure("unauthorized"), failure("unauthorized")]
    chain = route(
        *(target(name, Plays(each)) for name, each in zip("abc", failing, strict=True)),
        triggers=triggers,
    )
    with pytest.raises(ChainExhausted):
        run(dispatch(chain, events=emitted).run())
    moves = [
        (event.model, event.to, event.kind, event.trigger)
        for event in emitted
        if isinstance(event, events.MovedOn)
    ]
    assert moves == [("a", "b", "model_missing", "gone"), ("b", "c", "unauthorized", "")]
    assert [event.model for event in emitted if isinstance(event, events.Failed)] == [""]


def test_a_model_that_cannot_be_used_is_skipped() -> None:
    chain = route(
        target("a", failure("unavailable", "no key: set A_KEY")), target("b", Plays("Lisbon."))
    )
    reply = run(dispatch(chain).run())
    assert outcomes(reply.trail) == [("a", "skipped", "next"), ("b", "answered", None)]
    assert reply.trail[0].text == "no key: set A_KEY"


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([100, 100, 200], "ac"),
        ([100, 200], "ab"),
        ([100, None], "ab"),
        ([None, 50], "ab"),
        ([200, 100, 200], "a"),
    ],
)
def test_after_a_too_long_prompt_only_larger_or_unknown_windows_are_tried(
    windows: list[int | None], expected: str
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
    assert (
        "".join(name for name, model in zip(names, models, strict=True) if model.calls) == expected
    )


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


def test_after_truncated_json_the_next_model_is_called_without_a_retry() -> None:
    truncated, complete = (
        Plays(Reply(text='{"city": "Lis', finish=Finish.LENGTH)),
        Plays('{"city": "Lisbon"}'),
    )
    city = parse_schema({"type": "object", "required": ["city"]})
    card = Card(schema=True)
    chain = route(target("a", truncated, card=card), target("b", complete, card=card))
    reply = run(dispatch(chain, msgspec.structs.replace(request(), schema=city)).run())
    assert (reply.data, len(truncated.calls)) == ({"city": "Lisbon"}, 1)
    assert [(step.outcome, step.kind, step.then) for step in reply.trail] == [
        ("failed", "truncated", "next"),
        ("answered", None, None),
    ]


def test_if_a_trigger_moves_on_and_all_replies_are_truncated_the_first_is_returned() -> None:
    truncated = [Plays(Reply(text=text, finish=Finish.LENGTH)) for text in ("first", "second")]
    triggers = {"cut": Trigger(kind=Kind.TRUNCATED, then="next")}
    chain = route(target("a", truncated[0]), target("b", truncated[1]), triggers=triggers)
    reply = run(dispatch(chain).run())
    assert (reply.text, reply.model) == ("first", "a")
    assert [attempt.trigger for attempt in reply.trail] == ["cut", "cut"]
    complete = route(target("a", truncated[0]), target("b", Plays("whole")), triggers=triggers)
    assert run(dispatch(complete).run()).text == "whole"


@pytest.mark.parametrize(
    ("response_model", "is_marked"),
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
def test_a_reply_of_another_model_is_accepted_marked_and_alerted(
    response_model: str, *, is_marked: bool
) -> None:
    emitted: list[events.Event] = []
    chain = route(target("m-1", Plays(Reply(text="Lisbon.", response_model=response_model))))
    reply = run(dispatch(chain, events=emitted).run())
    assert (reply.trail[0].kind is Kind.WRONG_MODEL) is is_marked
    assert any(isinstance(event, events.Alert) for event in emitted) is is_marked


def test_model_names_of_a_custom_endpoint_are_not_verified() -> None:
    chain = route(
        target(
            "m-1",
            Plays(Reply(text="Lisbon.", response_model="/models/any.gguf")),
            verify_response_model=False,
        )
    )
    assert run(dispatch(chain).run()).trail[0].kind is None


def test_refused_parameters_are_dropped_for_that_model_only_and_named() -> None:
    first, second = Plays(failure("timeout")), Plays("Lisbon.")
    chain = route(target("a", first), target("b", second, refused=("temperature", "top_k")))
    reply = run(dispatch(chain, request(temperature=0.2, seed=7)).run())
    assert [attempt.dropped for attempt in reply.trail] == [(), ("temperature",)]
    assert (
        first.calls[0].request.sampling.temperature,
        second.calls[0].request.sampling.temperature,
    ) == (0.2, None)
    assert second.calls[0].request.sampling.seed == 7


def test_the_events_of_a_fallback_come_in_order() -> None:
    emitted: list[events.Event] = []
    chain = route(
        target("a", Plays(failure("unauthorized", "bad key", status=401))),
        target("b", Plays("Lisbon.")),
    )
    run(dispatch(chain, events=emitted).run())
    assert [type(event).__name__ for event in emitted] == [
        "AttemptStarted", "AttemptEnded", "Alert", "HealthChanged", "MovedOn",
        "AttemptStarted", "AttemptEnded", "Answered",
    ]  # fmt: skip
    moved_on = emitted[4]
    assert isinstance(moved_on, events.MovedOn)
    assert (moved_on.model, moved_on.to, moved_on.kind, moved_on.chain) == (
        "a",
        "b",
        "unauthorized",
        "default",
    )
    assert len({event.call for event in emitted}) == 1


def test_two_calls_have_two_ids() -> None:
    emitted: list[events.Event] = []
    for _ in range(2):
        run(dispatch(route(target("a", Plays("x"))), events=emitted).run())
    assert len({event.call for event in emitted}) == 2


def test_no_event_has_text_of_the_conversation() -> None:
    emitted: list[events.Event] = []
    chain = route(
        target(
            "a", Plays(failure("server_error", "echo: What is the capital of Portugal, please?"))
        ),
        target("b", Plays("secret answer")),
    )
    run(dispatch(chain, events=emitted).run())
    text = repr(emitted)
    assert "capital" not in text
    assert "secret answer" not in text


@pytest.mark.parametrize(
    "kinds", list(itertools.product(["timeout", "overloaded", "blocked", "unavailable"], repeat=2))
)
def test_every_call_has_exactly_one_outcome(kinds: tuple[str, str]) -> None:
    emitted: list[events.Event] = []
    chain = route(
        *(target(name, Plays(failure(kind))) for name, kind in zip("ab", kinds, strict=True)),
        target("c", Plays("ok")),
    )
    with contextlib.suppress(CallFailed):
        run(dispatch(chain, events=emitted).run())
    assert sum(isinstance(event, events.Answered | events.Failed) for event in emitted) == 1


def test_retries_never_use_the_reserve_of_later_models() -> None:
    class Slow(Plays):
        async def complete(self, call: Any) -> Any:
            await asyncio.sleep(2.8)
            return await super().complete(call)

    triggers = {"again": Trigger(kind=(Kind.OVERLOADED, Kind.TIMEOUT), then="retry")}
    chain = route(
        target("a", Slow(failure("overloaded"))),
        target("b", Slow("Lisbon.")),
        triggers=triggers,
        retry=Retry(attempts=5, initial=0.001),
        deadline=6.0,
    )
    reply = run(dispatch(chain).run())
    assert reply.model == "b"
    assert reply.trail[-1].start <= 3.0


def test_a_complete_reply_leaves_nothing_to_the_garbage_collector() -> None:
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
