"""The budget of extra attempts: how many there are, what fills it, and what that makes of the load."""

import random
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.amplification import load
from standby.resilience.retry_budget import RetryBudget

START = 50_000.0


def taken(budget: RetryBudget, now: float, asked: int = 1000) -> int:
    return sum(budget.try_withdraw(now) for _ in range(asked))


def empty(**settings: Any) -> RetryBudget:
    budget = RetryBudget(**settings)
    taken(budget, START)
    return budget


@pytest.mark.parametrize("capacity", [1.0, 5.0, 35.0])
def test_it_starts_full_and_gives_no_more_than_it_holds(capacity: float) -> None:
    assert taken(RetryBudget(capacity), START) == capacity


def test_ten_successes_bring_a_token() -> None:
    budget = empty()
    for _ in range(9):
        budget.deposit(START)
    assert not budget.try_withdraw(START)
    budget.deposit(START)
    assert taken(budget, START) == 1


@pytest.mark.parametrize(("seconds", "tokens"), [(9.9, 0), (10.0, 1), (95.0, 9), (1e6, 35)])
def test_time_alone_brings_one_in_ten_seconds(seconds: float, tokens: int) -> None:
    assert taken(empty(), START + seconds) == tokens


@pytest.mark.parametrize(
    ("successes", "tokens"), [(0, 10), (50, 10), (100, 10), (101, 10), (200, 20)]
)
def test_successes_and_time_bring_the_larger_of_the_two_and_not_their_sum(
    successes: int, tokens: int
) -> None:
    budget = empty()
    for number in range(successes):
        budget.deposit(START + 100 * number / successes)
    assert taken(budget, START + 100) == tokens


def test_what_time_has_brought_is_kept_when_successes_follow() -> None:
    budget = empty()
    for _ in range(50):
        budget.deposit(START + 100)
    assert taken(budget, START + 100) == 15


@pytest.mark.parametrize("refilled", [False, True])
def test_a_clock_may_begin_at_nought(*, refilled: bool) -> None:
    budget = RetryBudget()
    if refilled:
        taken(budget, START)
        budget.refill()
    assert [taken(budget, now) for now in (0.0, 9.9, 10.0)] == [35, 0, 1]


def test_where_time_is_worth_nothing_only_successes_count() -> None:
    budget = empty(share=0.05, min_rate=float("inf"))
    assert taken(budget, START + 1e6) == 0
    for _ in range(40):
        budget.deposit(START + 1e6)
    assert taken(budget, START + 1e6) == 2


def test_a_clock_that_reads_a_little_earlier_on_another_thread_brings_nothing() -> None:
    budget = empty()
    for _ in range(1000):
        assert not budget.try_withdraw(START + 9.0)
        assert not budget.try_withdraw(START)
    assert taken(budget, START + 10.0) == 1


@given(steps=st.lists(st.tuples(st.sampled_from(["earn", "take"]), st.floats(0, 30)), max_size=200))
def test_what_is_given_never_exceeds_the_bucket_and_the_larger_for_each_success_and_second(
    steps: list[Any],
) -> None:
    budget, now, given_out, brought = RetryBudget(3.0), START, 0, 0.0
    for step, seconds in steps:
        now += seconds
        brought += seconds / 10
        if step == "earn":
            budget.deposit(now)
            brought += 0.1
        else:
            given_out += budget.try_withdraw(now)
    assert given_out <= 3 + brought + 1e-6


def test_beginning_anew_it_is_full() -> None:
    budget = empty()
    held = budget._lock
    with held:  # as a thread that the fork left behind
        budget.reset_after_fork()
    assert taken(budget, START) == 35


def test_many_threads_are_given_no_more_than_there_is() -> None:
    budget, given_out = RetryBudget(100.0), list[int]()
    threads = [
        threading.Thread(target=lambda: given_out.append(taken(budget, START))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(given_out) == 100


@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("failures", [0.01, 0.1, 0.12, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("by_chance", [False, True])
def test_load_is_multiplied_by_no_more_than_a_tenth_or_one_in_ten_seconds(
    rate: float, failures: float, *, by_chance: bool
) -> None:
    seen = load(
        rate,
        failures,
        by_chance=by_chance,
        seconds=2_000 if rate > 1 else 7_200,
        dice=random.Random(1),
    )
    assert seen.extra <= seen.bound
    if rate >= 1 and not by_chance:
        assert seen.amplification <= 1.10
