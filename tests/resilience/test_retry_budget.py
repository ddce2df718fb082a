"""The budget of extra attempts: how many there are, what fills it, and the load they make."""

import random
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.amplification import load
from standby.resilience.retry_budget import RetryBudget

START = 50_000.0


def withdraw(budget: RetryBudget, now: float, attempts: int = 1000) -> int:
    return sum(budget.try_withdraw(now) for _ in range(attempts))


def empty(**settings: Any) -> RetryBudget:
    budget = RetryBudget(**settings)
    withdraw(budget, START)
    return budget


@pytest.mark.parametrize("capacity", [1.0, 5.0, 35.0])
def test_it_starts_full_and_gives_no_more_than_it_holds(capacity: float) -> None:
    assert withdraw(RetryBudget(capacity), START) == capacity


def test_ten_successes_bring_a_token() -> None:
    budget = empty()
    for _ in range(9):
        budget.deposit(START)
    assert not budget.try_withdraw(START)
    budget.deposit(START)
    assert withdraw(budget, START) == 1


@pytest.mark.parametrize(("seconds", "tokens"), [(9.9, 0), (10.0, 1), (95.0, 9), (1e6, 35)])
def test_time_alone_brings_one_in_ten_seconds(seconds: float, tokens: int) -> None:
    assert withdraw(empty(), START + seconds) == tokens


@pytest.mark.parametrize(
    ("successes", "tokens"), [(0, 10), (50, 10), (100, 10), (101, 10), (200, 20)]
)
def test_successes_and_time_bring_the_larger_of_the_two_and_not_their_sum(
    successes: int, tokens: int
) -> None:
    budget = empty()
    for number in range(successes):
        budget.deposit(START + 100 * number / successes)
    assert withdraw(budget, START + 100) == tokens


def test_what_time_has_brought_is_kept_when_successes_follow() -> None:
    budget = empty()
    for _ in range(50):
        budget.deposit(START + 100)
    assert withdraw(budget, START + 100) == 15


@pytest.mark.parametrize("refilled", [False, True])
def test_a_clock_may_start_at_zero(*, refilled: bool) -> None:
    budget = RetryBudget()
    if refilled:
        withdraw(budget, START)
        budget.refill()
    assert [withdraw(budget, now) for now in (0.0, 9.9, 10.0)] == [35, 0, 1]


def test_where_time_is_worth_nothing_only_successes_count() -> None:
    budget = empty(share=0.05, min_rate=float("inf"))
    assert withdraw(budget, START + 1e6) == 0
    for _ in range(40):
        budget.deposit(START + 1e6)
    assert withdraw(budget, START + 1e6) == 2


def test_a_clock_that_reads_a_little_earlier_on_another_thread_brings_nothing() -> None:
    budget = empty()
    for _ in range(1000):
        assert not budget.try_withdraw(START + 9.0)
        assert not budget.try_withdraw(START)
    assert withdraw(budget, START + 10.0) == 1


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["deposit", "withdraw"]), st.floats(0, 30)), max_size=200
    )
)
def test_withdrawals_never_exceed_the_bucket_and_what_successes_and_time_bring(
    steps: list[Any],
) -> None:
    budget, now, withdrawn, brought = RetryBudget(3.0), START, 0, 0.0
    for step, seconds in steps:
        now += seconds
        brought += seconds / 10
        if step == "deposit":
            budget.deposit(now)
            brought += 0.1
        else:
            withdrawn += budget.try_withdraw(now)
    assert withdrawn <= 3 + brought + 1e-6


def test_after_a_fork_it_is_full() -> None:
    budget = empty()
    lock = budget._lock
    with lock:  # as a thread that the child lacks
        budget.reset_after_fork()
    assert withdraw(budget, START) == 35


def test_many_threads_withdraw_no_more_than_it_holds() -> None:
    budget, withdrawn = RetryBudget(100.0), list[int]()
    threads = [
        threading.Thread(target=lambda: withdrawn.append(withdraw(budget, START))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(withdrawn) == 100


@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("failures", [0.01, 0.1, 0.12, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("at_random", [False, True])
def test_load_is_multiplied_by_no_more_than_a_tenth_or_one_in_ten_seconds(
    rate: float, failures: float, *, at_random: bool
) -> None:
    result = load(
        rate,
        failures,
        at_random=at_random,
        seconds=2_000 if rate > 1 else 7_200,
        rng=random.Random(1),
    )
    assert result.extra <= result.bound
    if rate >= 1 and not at_random:
        assert result.amplification <= 1.10
