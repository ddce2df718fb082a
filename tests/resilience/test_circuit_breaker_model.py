"""The breaker and the budget against a plain reference, as state machines of 20,000 steps."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from campaigns.breaker import LENGTH, SETTINGS, violations
from standby.settings import BreakerSettings
from tests.support.beside import OUTCOMES, RESTS, BreakersBeside, BudgetsBeside

SECONDS = st.sampled_from(
    [0.0, 0.125, 0.5, 1.0, 2.0, 5.0, 9.875, 29.0, 30.0, 59.875, 60.0]
) | st.floats(0, 100)
PROBE_TIMEOUTS = st.sampled_from([float("inf"), 31.0, 0.5])
INDEXES = st.integers(0, 30)
STATED = st.none() | st.none() | st.sampled_from(RESTS) | st.floats(0.001, 4000)


class Breakers(RuleBasedStateMachine):
    steps = 0

    @initialize(chosen=st.sampled_from(SETTINGS), seed=st.integers(0, 2**32))
    def begin(self, chosen: BreakerSettings, seed: int) -> None:
        self.both = BreakersBeside(chosen, seed)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.both.pass_time(seconds)

    @rule(beyond=st.sampled_from([-0.125, 0.0, 0.125]))
    def the_pause_passes(self, beyond: float) -> None:
        self.both.pass_the_pause(beyond)

    @rule(seconds=st.sampled_from([0.0, 2.0, 4.0, 6.0, 8.0, 9.875, 10.0, 59.875, 60.0]))
    def a_recovery_ages(self, seconds: float) -> None:
        self.both.age(seconds)

    @rule(probe_timeout=PROBE_TIMEOUTS, calls=st.sampled_from([1, 1, 1, 10, 20]))
    def calls_come(self, probe_timeout: float, calls: int) -> None:
        for _ in range(calls):
            self.both.admit(probe_timeout)

    @rule(probe_timeout=PROBE_TIMEOUTS)
    def a_last_resort_comes(self, probe_timeout: float) -> None:
        self.both.force_probe(probe_timeout)

    @rule(index=INDEXES, outcome=st.sampled_from(OUTCOMES), rest=STATED)
    def one_ends(self, index: int, outcome: Any, rest: float | None) -> None:
        self.both.record(index, outcome, rest)

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=12))
    def some_end(self, outcomes: list[Any]) -> None:
        for outcome in outcomes:
            self.both.record(0, outcome, None)

    @rule(index=INDEXES, outcome=st.sampled_from(OUTCOMES), rest=STATED)
    def one_ends_again(self, index: int, outcome: Any, rest: float | None) -> None:
        self.both.record_again(index, outcome, rest)

    @invariant()
    def they_agree(self) -> None:
        type(self).steps += 1
        if hasattr(self, "both"):
            self.both.check()


class Budgets(RuleBasedStateMachine):
    steps = 0

    @initialize(
        capacity=st.sampled_from([1, 5, 35]),
        share=st.sampled_from([4, 8]),
        fills_with_time=st.booleans(),
    )
    def begin(self, capacity: int, share: int, *, fills_with_time: bool) -> None:
        self.both = BudgetsBeside(capacity, share, fills_with_time=fills_with_time)

    @rule(eighths=st.sampled_from([0, 1, 79, 80, 81]) | st.integers(0, 4000))
    def time_passes(self, eighths: int) -> None:
        self.both.pass_time(eighths)

    @rule(calls=st.integers(1, 30))
    def calls_succeed(self, calls: int) -> None:
        for _ in range(calls):
            self.both.deposit()

    @rule(attempts=st.integers(1, 12))
    def extra_attempts_are_requested(self, attempts: int) -> None:
        for _ in range(attempts):
            self.both.try_withdraw()

    @invariant()
    def a_step_was_taken(self) -> None:
        type(self).steps += 1


@pytest.mark.parametrize(
    ("machine", "worlds", "least"), [(Breakers, 320, 14_000), (Budgets, 140, 6_000)]
)
def test_the_code_does_what_the_reference_says(machine: Any, worlds: int, least: int) -> None:
    machine.steps = 0
    modest = settings(
        max_examples=worlds, stateful_step_count=50, deadline=None, derandomize=True, database=None
    )
    run_state_machine_as_test(machine, settings=modest)
    assert machine.steps >= least


def test_random_worlds_have_no_violation() -> None:
    assert list(violations(40 * LENGTH, seed=1)) == []
