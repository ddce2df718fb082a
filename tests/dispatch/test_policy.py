"""What follows a failure, and what it teaches of the model."""

import random
from typing import Any

import pytest

from standby.dispatch.policy import LONG_REST, Decision, decide, max_pause, outcome_of
from standby.failures import REACTIONS, Failure, Kind
from standby.settings import Retry, Trigger
from tests.support.playing import Plays, failure, route, target

HEALTH = {kind: reaction.health for kind, reaction in REACTIONS.items()}


def of(health: str) -> list[Kind]:
    return [kind for kind in Kind if HEALTH[kind] == health]


def decided(
    of_what: Failure, number: int = 1, triggers: dict[str, Trigger] | None = None, **retry: Any
) -> Decision:
    one = target("a", Plays("x"))
    chain = route(one, triggers=triggers, retry=Retry(**retry))
    return decide(of_what, one, chain.chain, chain.triggers, number, random.Random(1))


@pytest.mark.parametrize("kind", Kind)
def test_without_a_trigger_the_table_decides(kind: Kind) -> None:
    decision = decided(failure(kind))
    assert (decision.then, decision.trigger) == (REACTIONS[kind].then, None)


@pytest.mark.parametrize(("attempts", "retried"), [(1, []), (2, [1]), (5, [1])])
def test_the_table_retries_once(attempts: int, retried: list[int]) -> None:
    assert [
        n
        for n in range(1, 7)
        if decided(failure("overloaded"), n, attempts=attempts).then == "retry"
    ] == retried


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_a_trigger_retries_as_often_as_the_chain_says_then_goes_on(attempts: int) -> None:
    mine = {"mine": Trigger(kind=Kind.TIMEOUT, then="retry")}
    then = [decided(failure("timeout"), n, mine, attempts=attempts) for n in range(1, 7)]
    assert [decision.then for decision in then] == ["retry"] * (attempts - 1) + ["next"] * (
        7 - attempts
    )
    assert {decision.trigger for decision in then} == {"mine"}


@pytest.mark.parametrize("then", ["next", "stop"])
def test_what_a_trigger_says_is_done_without_a_pause(then: Any) -> None:
    assert decided(
        failure("overloaded"), 1, {"mine": Trigger(kind=Kind.OVERLOADED, then=then)}
    ) == Decision(then, "mine")


def test_the_first_trigger_that_matches_decides() -> None:
    both = {
        "one": Trigger(status="5xx", then="next"),
        "two": Trigger(kind=Kind.OVERLOADED, then="stop"),
    }
    assert decided(failure("overloaded", status=503), 1, both) == Decision("next", "one")
    assert decided(failure("overloaded", status=429), 1, both) == Decision("stop", "two")


@pytest.mark.parametrize("number", range(1, 7))
def test_a_pause_is_full_jitter_up_to_a_bound_that_doubles(number: int) -> None:
    mine = {"mine": Trigger(kind=Kind.TIMEOUT, then="retry")}
    one = target("a", Plays("x"))
    chain, dice = (
        route(one, triggers=mine, retry=Retry(attempts=10, initial=0.5, limit=4.0)),
        random.Random(1),
    )
    pauses = [
        decide(failure("timeout"), one, chain.chain, chain.triggers, number, dice).pause
        for _ in range(300)
    ]
    most = min(4.0, 0.5 * 2 ** (number - 1))
    assert min(pauses) < 0.05 * most
    assert 0.95 * most < max(pauses) <= most


SOON = {Kind.SERVER_ERROR, Kind.CONNECTION, Kind.MALFORMED}
"""Kinds whose first retry waits for a tenth of a second at most: a fallback must not cost half a second."""


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("number", range(1, 8))
def test_where_the_chain_says_nothing_the_kind_says_how_long_a_pause_may_be(
    kind: Kind, number: int
) -> None:
    first = 0.1 if kind in SOON else 0.5
    assert max_pause(kind, Retry(), number) == min(8.0, first * 2 ** (number - 1))
    assert max_pause(kind, Retry(initial=3.0), number) == min(8.0, 3.0 * 2 ** (number - 1))


@pytest.mark.parametrize("kind", [kind for kind in Kind if REACTIONS[kind].then == "retry"])
def test_no_retry_waits_longer_than_its_kind_may(kind: Kind) -> None:
    one = target("a", Plays("x"))
    chain, dice = route(one), random.Random(1)
    pauses = [
        decide(failure(kind), one, chain.chain, chain.triggers, 1, dice).pause for _ in range(300)
    ]
    most = 0.1 if kind in SOON else 0.5
    assert 0.95 * most < max(pauses) <= most


def test_a_limit_below_the_first_pause_of_a_kind_bounds_it() -> None:
    assert max_pause(Kind.OVERLOADED, Retry(limit=0.05), 1) == 0.05


@pytest.mark.parametrize(
    ("stated", "then", "pause"),
    [(0.0, "retry", 0.0), (2.0, "retry", 2.0), (2.01, "next", 0.0), (1e9, "next", 0.0)],
)
def test_a_stated_delay_is_waited_for_exactly_or_not_at_all(
    stated: float, then: str, pause: float
) -> None:
    decision = decided(failure("rate_limited", retry_after=stated))
    assert (decision.then, decision.pause) == (then, pause)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("stated", [None, 0.0, 1.0, 400.0])
def test_what_is_about_to_be_asked_again_is_not_rested(kind: Kind, stated: float | None) -> None:
    outcome, rest = outcome_of(
        failure(kind, retry_after=stated), Decision("retry"), counts_against_model=True
    )
    assert rest is None
    assert outcome == ("failure" if HEALTH[kind] == "failure" else "ignored")


@pytest.mark.parametrize("kind", of("ignored"))
def test_what_is_not_the_models_fault_teaches_nothing(kind: Kind) -> None:
    assert outcome_of(
        failure(kind, retry_after=9.0), Decision("next"), counts_against_model=True
    ) == (
        "ignored",
        None,
    )


@pytest.mark.parametrize("then", ["next", "stop"])
@pytest.mark.parametrize(("stated", "rest"), [(None, 0.0), (0.0, 0.0), (34.0, 34.0)])
def test_a_throttled_model_rests_as_stated_and_is_not_sick(
    then: Any, stated: float | None, rest: float
) -> None:
    assert of("rest") == [Kind.RATE_LIMITED]
    assert outcome_of(
        failure("rate_limited", retry_after=stated), Decision(then), counts_against_model=True
    ) == (
        "ignored",
        rest,
    )


@pytest.mark.parametrize("kind", of("rest long"))
@pytest.mark.parametrize(
    ("stated", "rest"), [(None, LONG_REST), (9.0, LONG_REST), (1000.0, 1000.0)]
)
def test_where_a_person_must_act_the_model_rests_for_long(
    kind: Kind, stated: float | None, rest: float
) -> None:
    assert outcome_of(
        failure(kind, retry_after=stated), Decision("next"), counts_against_model=True
    ) == (
        "ignored",
        rest,
    )


@pytest.mark.parametrize("kind", of("failure"))
@pytest.mark.parametrize(
    ("stated", "rest"),
    [(None, None), (0.0, None), (0.3, None), (2.0, None), (2.1, 2.1), (60.0, 60.0)],
)
def test_a_sick_model_rests_for_a_delay_that_is_too_long_to_wait_for(
    kind: Kind, stated: float | None, rest: float | None
) -> None:
    assert outcome_of(
        failure(kind, retry_after=stated), Decision("next"), counts_against_model=True
    ) == (
        "failure",
        rest,
    )


@pytest.mark.parametrize("kind", of("failure"))
def test_a_caller_in_a_hurry_teaches_nothing(kind: Kind) -> None:
    assert outcome_of(failure(kind), Decision("next"), counts_against_model=False) == (
        "ignored",
        None,
    )
