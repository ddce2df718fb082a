"""The rules: what follows a failure, what is recorded of the model, and how time is shared."""

import random
from contextlib import suppress
from typing import Any

import pytest

from standby.cards import Card
from standby.diagnostics.explain import explain
from standby.dispatch.policy import (
    Decision,
    attempts_at_most,
    decide,
    hedge_delay,
    is_too_small,
    limit_retry,
    max_pause,
    outcome_of,
    reserve_for,
    retry_time,
    time_share,
)
from standby.dispatch.target import Target
from standby.errors import CallFailed
from standby.failures import REACTIONS, Failure, Kind
from standby.resilience.circuit_breaker import CircuitBreaker
from standby.settings import Hedge, Retry, Trigger
from tests.support.playing import Plays, dispatch, failure, route, target
from tests.support.virtual_clock import run

HEALTH = {kind: reaction.health for kind, reaction in REACTIONS.items()}


def kinds_with(health: str) -> list[Kind]:
    return [kind for kind in Kind if HEALTH[kind] == health]


def decide_once(
    failed: Failure,
    attempt_number: int = 1,
    triggers: dict[str, Trigger] | None = None,
    **retry: Any,
) -> Decision:
    model = target("a", Plays("x"))
    chain = route(model, triggers=triggers, retry=Retry(**retry))
    return decide(failed, model, chain.chain, chain.triggers, attempt_number, random.Random(1))


@pytest.mark.parametrize("kind", Kind)
def test_without_a_trigger_the_table_decides(kind: Kind) -> None:
    decision = decide_once(failure(kind))
    assert (decision.then, decision.trigger) == (REACTIONS[kind].then, None)


@pytest.mark.parametrize(("attempts", "retry_numbers"), [(1, []), (2, [1]), (5, [1])])
def test_the_table_retries_once(attempts: int, retry_numbers: list[int]) -> None:
    assert [
        n
        for n in range(1, 7)
        if decide_once(failure("overloaded"), n, attempts=attempts).then == "retry"
    ] == retry_numbers


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_a_trigger_retries_as_often_as_the_chain_says_then_goes_on(attempts: int) -> None:
    triggers = {"mine": Trigger(kind=Kind.TIMEOUT, then="retry")}
    then = [decide_once(failure("timeout"), n, triggers, attempts=attempts) for n in range(1, 7)]
    assert [decision.then for decision in then] == ["retry"] * (attempts - 1) + ["next"] * (
        7 - attempts
    )
    assert {decision.trigger for decision in then} == {"mine"}


@pytest.mark.parametrize("then", ["next", "stop"])
def test_next_and_stop_of_a_trigger_have_no_pause(then: Any) -> None:
    assert decide_once(
        failure("overloaded"), 1, {"mine": Trigger(kind=Kind.OVERLOADED, then=then)}
    ) == Decision(then, "mine")


def test_the_first_trigger_that_matches_decides() -> None:
    triggers = {
        "one": Trigger(status="5xx", then="next"),
        "two": Trigger(kind=Kind.OVERLOADED, then="stop"),
    }
    assert decide_once(failure("overloaded", status=503), 1, triggers) == Decision("next", "one")
    assert decide_once(failure("overloaded", status=429), 1, triggers) == Decision("stop", "two")


@pytest.mark.parametrize("attempt_number", range(1, 7))
def test_a_pause_has_full_jitter_up_to_a_bound_that_doubles(attempt_number: int) -> None:
    triggers = {"mine": Trigger(kind=Kind.TIMEOUT, then="retry")}
    model = target("a", Plays("x"))
    chain, rng = (
        route(model, triggers=triggers, retry=Retry(attempts=10, initial=0.5, limit=4.0)),
        random.Random(1),
    )
    pauses = [
        decide(failure("timeout"), model, chain.chain, chain.triggers, attempt_number, rng).pause
        for _ in range(300)
    ]
    longest = min(4.0, 0.5 * 2 ** (attempt_number - 1))
    assert min(pauses) < 0.05 * longest
    assert 0.95 * longest < max(pauses) <= longest


SOON = {Kind.SERVER_ERROR, Kind.CONNECTION, Kind.MALFORMED}
"""Kinds whose first retry waits for at most 0.1 s: a fallback must not cost half a second."""


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("attempt_number", range(1, 8))
def test_the_kind_sets_the_longest_pause_where_the_chain_does_not(
    kind: Kind, attempt_number: int
) -> None:
    first = 0.1 if kind in SOON else 0.5
    assert max_pause(kind, Retry(), attempt_number) == min(8.0, first * 2 ** (attempt_number - 1))
    assert max_pause(kind, Retry(initial=3.0), attempt_number) == min(
        8.0, 3.0 * 2 ** (attempt_number - 1)
    )


@pytest.mark.parametrize("kind", [kind for kind in Kind if REACTIONS[kind].then == "retry"])
def test_no_retry_waits_longer_than_its_kind_allows(kind: Kind) -> None:
    model = target("a", Plays("x"))
    chain, rng = route(model), random.Random(1)
    pauses = [
        decide(failure(kind), model, chain.chain, chain.triggers, 1, rng).pause for _ in range(300)
    ]
    longest = 0.1 if kind in SOON else 0.5
    assert 0.95 * longest < max(pauses) <= longest


def test_a_limit_below_the_first_pause_of_a_kind_bounds_it() -> None:
    assert max_pause(Kind.OVERLOADED, Retry(limit=0.05), 1) == 0.05


@pytest.mark.parametrize(
    ("retry_after", "then", "pause"),
    [(0.0, "retry", 0.0), (2.0, "retry", 2.0), (2.01, "next", 0.0), (1e9, "next", 0.0)],
)
def test_a_retry_after_is_waited_for_exactly_or_not_at_all(
    retry_after: float, then: str, pause: float
) -> None:
    decision = decide_once(failure("rate_limited", retry_after=retry_after))
    assert (decision.then, decision.pause) == (then, pause)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("retry_after", [None, 0.0, 1.0, 400.0])
def test_a_retry_opens_no_circuit(kind: Kind, retry_after: float | None) -> None:
    outcome, rest_time = outcome_of(
        failure(kind, retry_after=retry_after), Decision("retry"), counts_against_model=True
    )
    assert rest_time is None
    assert outcome == ("failure" if HEALTH[kind] == "failure" else "ignored")


@pytest.mark.parametrize("kind", kinds_with("ignored"))
def test_a_fault_of_another_is_ignored(kind: Kind) -> None:
    assert outcome_of(
        failure(kind, retry_after=9.0), Decision("next"), counts_against_model=True
    ) == (
        "ignored",
        None,
    )


@pytest.mark.parametrize("then", ["next", "stop"])
@pytest.mark.parametrize(("retry_after", "rest_time"), [(None, 0.0), (0.0, 0.0), (34.0, 34.0)])
def test_a_throttled_model_rests_for_the_retry_after_without_a_failure(
    then: Any, retry_after: float | None, rest_time: float
) -> None:
    assert kinds_with("rest") == [Kind.RATE_LIMITED]
    assert outcome_of(
        failure("rate_limited", retry_after=retry_after), Decision(then), counts_against_model=True
    ) == (
        "ignored",
        rest_time,
    )


@pytest.mark.parametrize("kind", kinds_with("rest long"))
@pytest.mark.parametrize(
    ("retry_after", "rest_time"), [(None, 300.0), (9.0, 300.0), (1000.0, 1000.0)]
)
def test_a_model_that_needs_a_person_rests_for_long(
    kind: Kind, retry_after: float | None, rest_time: float
) -> None:
    assert outcome_of(
        failure(kind, retry_after=retry_after), Decision("next"), counts_against_model=True
    ) == (
        "ignored",
        rest_time,
    )


@pytest.mark.parametrize("kind", kinds_with("failure"))
@pytest.mark.parametrize(
    ("retry_after", "rest_time"),
    [(None, None), (0.0, None), (0.3, None), (2.0, None), (2.1, 2.1), (60.0, 60.0)],
)
def test_a_failed_model_rests_for_a_retry_after_that_is_too_long_to_wait_for(
    kind: Kind, retry_after: float | None, rest_time: float | None
) -> None:
    assert outcome_of(
        failure(kind, retry_after=retry_after), Decision("next"), counts_against_model=True
    ) == (
        "failure",
        rest_time,
    )


@pytest.mark.parametrize("kind", kinds_with("failure"))
def test_a_failure_of_a_short_attempt_is_ignored(kind: Kind) -> None:
    assert outcome_of(failure(kind), Decision("next"), counts_against_model=False) == (
        "ignored",
        None,
    )


# When a retry is possible, and how a call's time is shared

RETRY = Decision("retry", "busy", pause=1.0)


@pytest.mark.parametrize("then", ["next", "stop", "accept"])
@pytest.mark.parametrize("limit", [{"last_resort": True}, {"hedged": True}, {}])
def test_only_a_retry_is_limited(then: Any, limit: dict[str, bool]) -> None:
    decision = Decision(then, "busy")
    assert limit_retry(decision, 0.0, **limit) is decision


@pytest.mark.parametrize(
    ("time_left", "limit", "then"),
    [
        (1.01, {}, "retry"),
        (1.0, {}, "next"),
        (0.0, {}, "next"),
        (60.0, {"last_resort": True}, "next"),
        (60.0, {"hedged": True}, "next"),
    ],
)
def test_a_retry_needs_time_and_no_other_extra_attempt(
    time_left: float, limit: dict[str, bool], then: str
) -> None:
    limited = limit_retry(RETRY, time_left, **limit)
    assert (limited.then, limited.trigger) == (then, "busy")
    assert limited.pause == (1.0 if then == "retry" else 0.0)


@pytest.mark.parametrize(
    ("deadline", "models", "reserve"),
    [(180.0, 1, 5.0), (180.0, 3, 5.0), (15.0, 3, 5.0), (6.0, 3, 2.0), (1.0, 4, 0.25)],
)
def test_the_reserve_is_five_seconds_or_an_equal_share(
    deadline: float, models: int, reserve: float
) -> None:
    assert reserve_for(deadline, models) == reserve


@pytest.mark.parametrize(
    ("time_left", "later", "share", "retry"),
    [
        (60.0, 0, 60.0, 60.0),  # the last model has all that is left
        (60.0, 2, 50.0, 50.0),  # 5 s are reserved for each of the others
        (12.0, 2, 4.0, 2.0),  # after a broken stream: equal shares, but not for a retry
        (9.0, 2, 3.0, 0.0),
        (0.0, 2, 0.0, 0.0),
        (-1.0, 2, 0.0, 0.0),
        (-1.0, 0, 0.0, 0.0),
    ],
)
def test_no_attempt_starves_the_models_after_it(
    time_left: float, later: int, share: float, retry: float
) -> None:
    assert time_share(time_left, 60.0, 3, later) == share
    assert retry_time(time_left, 60.0, 3, later) == retry


@pytest.mark.parametrize("deadline", [0.5, 3.0, 8.0, 180.0])
@pytest.mark.parametrize("models", range(1, 6))
def test_hanging_models_leave_each_later_one_its_reserve(deadline: float, models: int) -> None:
    time_left, reserve = deadline, reserve_for(deadline, models)
    for later in reversed(range(models)):
        share = time_share(time_left, deadline, models, later)
        assert share >= reserve - 1e-9
        time_left -= share
        assert time_left >= reserve * later - 1e-9


@pytest.mark.parametrize(
    ("window", "overflowed", "small"),
    [
        (8_000, [], False),
        (1, [], False),
        (8_000, [8_000], True),
        (8_000, [4_000, 16_000], True),
        (8_001, [8_000], False),
        (None, [8_000], False),
        (8_000, [None], False),
        (1, [None], False),
    ],
)
def test_after_an_overflow_only_a_larger_window_helps(
    window: int | None, overflowed: list[int | None], *, small: bool
) -> None:
    def model(size: int | None) -> Target:
        return target("m", None, card=Card(context_window=size))

    assert is_too_small(model(window), [model(size) for size in overflowed]) is small


@pytest.mark.parametrize(
    ("attempts", "by_trigger", "expected"),
    [(1, False, 1), (5, False, 2), (1, True, 1), (5, True, 5)],
)
def test_a_model_is_attempted_twice_or_as_often_as_a_trigger_allows(
    attempts: int, expected: int, *, by_trigger: bool
) -> None:
    retry, awake = Retry(attempts=attempts), target("m", None)
    assert attempts_at_most(awake, retry, by_trigger=by_trigger) == expected
    resting = target("m", None, breaker=CircuitBreaker(suspected="retired on 2026-01-01"))
    assert attempts_at_most(resting, retry, by_trigger=by_trigger) == 1


@pytest.mark.parametrize(
    ("efforts", "is_streaming", "delay"),
    [((), False, 3.0), (("low",), False, 15.0), (("low",), True, 3.0), ((), True, 3.0)],
)
def test_a_silent_reasoning_model_is_hedged_after_half_its_timeout(
    efforts: tuple[Any, ...], delay: float, *, is_streaming: bool
) -> None:
    model = target("m", None, card=Card(efforts=efforts), timeout=30.0)
    assert hedge_delay(Hedge(after=3.0), model, is_streaming=is_streaming) == delay
    later = hedge_delay(Hedge(after=20.0), model, is_streaming=is_streaming)
    assert later == 20.0


# `explain` uses the dispatcher's rules: real calls follow its steps

STATUS_5XX = Trigger(status="5xx", then="retry")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("retry_after", [None, 0.0, 40.0])
@pytest.mark.parametrize("rules", [{}, {"5xx": STATUS_5XX}])
def test_a_call_does_what_explain_predicts(
    kind: Kind, retry_after: float | None, rules: dict[str, Trigger]
) -> None:
    failed = failure(kind, status=503, retry_after=retry_after)
    chain = route(
        target("a", Plays(failed)),
        target("b", Plays("Lisbon.")),
        triggers=rules,
        retry=Retry(attempts=3),
    )
    explanation = explain(failed, chain.targets[0], chain, rules)
    call = dispatch(chain)
    with suppress(CallFailed):
        run(call.run())
    then = [attempt.then for attempt in call.trail if attempt.model == "a"]
    expected = ["next" if step.then == "accept" else step.then for step in explanation.steps]
    assert then == expected
    next_models = [attempt.model for attempt in call.trail if attempt.model != "a"]
    assert next_models == ([explanation.next] if explanation.next else [])
