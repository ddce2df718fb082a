"""The breaker: when a model rests, for how long, which call probes it, and how it comes back."""

import math
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.failures import Kind
from standby.resilience.circuit_breaker import (
    CircuitBreaker,
    DisabledBreaker,
    Health,
    Outcome,
    Permit,
    Rejection,
    State,
)
from standby.settings import BreakerSettings

ROUNDING = 1e-9


def breaker(seed: int = 1, **settings: Any) -> CircuitBreaker:
    return CircuitBreaker(BreakerSettings(**settings), random.Random(seed))


def admit(tested: CircuitBreaker, now: float, **probe_timeout: float) -> Permit:
    permit = tested.admit(now, **probe_timeout)
    assert isinstance(permit, Permit)
    return permit


def call(
    tested: CircuitBreaker, outcome: Outcome, now: float, rest: float | None = None
) -> Health | None:
    """Make one call that ends at once."""
    return tested.record(admit(tested, now), outcome, now, kind=Kind.OVERLOADED, rest=rest)


def resting(now: float = 0.0, **settings: Any) -> CircuitBreaker:
    tested = breaker(failures=1, **settings)
    call(tested, "failure", now)
    return tested


def recovered_breaker(now: float = 0.0) -> CircuitBreaker:
    tested = resting(now - 5)
    call(tested, "success", now)
    return tested


def state(tested: CircuitBreaker, now: float) -> State:
    return tested.health(now).state


def pauses(tested: CircuitBreaker, now: float) -> Iterator[float]:
    """Let probe after probe fail, each as soon as it may; yield the pauses."""
    while True:
        health = call(tested, "failure", now)
        assert health is not None
        yield health.resting
        now += health.resting


def test_the_names_of_the_states_are_those_that_users_read() -> None:
    assert [str(each) for each in State] == ["closed", "open", "half_open", "off"]


# When it opens


@pytest.mark.parametrize("failures", [1, 3, 5])
def test_so_many_failures_in_a_row_open_it(failures: int) -> None:
    tested = breaker(failures=failures)
    changes = [call(tested, "failure", float(number)) for number in range(failures)]
    assert changes[:-1] == [None] * (failures - 1)
    assert changes[-1] == tested.health(failures - 1)
    assert changes[-1].state is State.OPEN
    assert changes[-1].reason == f"after {failures} failures in a row, the last: overloaded"


@pytest.mark.parametrize("between", ["success", "slow"])
def test_an_answer_between_failures_breaks_the_row(between: Outcome) -> None:
    tested = breaker()
    for outcome in ["failure"] * 4 + [between] + ["failure"] * 4:
        call(tested, outcome, 0.0)
    assert state(tested, 0.0) is State.CLOSED


def test_an_ignored_call_does_not_break_the_row() -> None:
    tested = breaker(failures=2)
    for outcome in ("failure", "ignored", "ignored", "failure"):
        call(tested, outcome, 0.0)
    assert state(tested, 0.0) is State.OPEN


def test_failures_in_a_row_count_however_rarely_calls_come() -> None:
    tested = breaker()
    for hour in range(5):
        call(tested, "failure", hour * 3600.0)
    assert state(tested, 4 * 3600.0) is State.OPEN


@pytest.mark.parametrize("bad", ["slow", "failure"])
@pytest.mark.parametrize(
    ("calls", "opens"),
    [("bg" * 4 + "b", False), ("gb" * 5, True), ("g" + "gbb" * 3, True), ("ggb" * 9, False)],
)
def test_half_of_ten_calls_bad_opens_it(bad: Outcome, calls: str, *, opens: bool) -> None:
    tested = breaker()
    health = [call(tested, bad if letter == "b" else "success", 1.0) for letter in calls][-1]
    assert (state(tested, 1.0) is State.OPEN) is opens
    if opens:
        assert health is not None
        assert health.reason == f"after {calls.count('b')} of 10 calls failed or were slow"


@pytest.mark.parametrize(("later", "opens"), [(29.0, True), (30.0, False)])
def test_only_the_last_thirty_seconds_count(later: float, *, opens: bool) -> None:
    tested = breaker()
    for _ in range(4):
        call(tested, "slow", 100.5)
    for outcome in ["success"] * 5 + ["slow"]:
        call(tested, outcome, 100.5 + later)
    assert (state(tested, 100.5 + later) is State.OPEN) is opens


def test_a_brown_out_is_noticed_within_thirty_seconds_at_one_call_a_second() -> None:
    for seed in range(200):
        dice, tested, second = random.Random(seed), breaker(), 0
        for second in range(600):
            call(tested, "slow" if dice.random() < 0.01 else "success", float(second))
        while state(tested, float(second)) is State.CLOSED:
            second += 1
            call(tested, "slow" if dice.random() < 0.9 else "success", float(second))
        assert second - 600 <= 30


def test_a_few_errors_never_open_it_in_a_day() -> None:
    dice, tested = random.Random(1), breaker()
    for second in range(86_400):
        assert (
            call(tested, "failure" if dice.random() < 0.005 else "success", float(second)) is None
        )


# How long it rests


@given(seed=st.integers(0, 2**32), first=st.floats(0.1, 60), limit=st.floats(0.1, 600))
def test_pauses_double_up_to_their_limit_and_none_is_shorter_than_half(
    seed: int, first: float, limit: float
) -> None:
    tested = breaker(seed, failures=1, open=first, open_limit=limit)
    for number, pause in zip(range(12), pauses(tested, 0.0), strict=False):
        longest = min(limit, first * 2**number)
        assert longest / 2 - ROUNDING <= pause <= longest + ROUNDING


@pytest.mark.parametrize(("well_for", "longest"), [(59.0, 15.0), (60.0, 5.0)])
def test_after_a_minute_of_being_closed_the_next_pause_is_the_first_again(
    well_for: float, longest: float
) -> None:
    for seed in range(50):
        tested, now = breaker(seed, failures=1), 0.0
        for _, pause in zip(range(3), pauses(tested, now), strict=False):
            now += pause
        now = math.ceil(now)  # so that a minute later is a minute later
        call(tested, "success", now)
        health = call(tested, "failure", now + well_for)
        assert health is not None
        assert longest / 2 <= health.resting <= longest


def test_a_stated_rest_after_such_a_minute_is_followed_by_a_first_pause_too() -> None:
    tested, now = breaker(failures=1), 0.0
    for _, pause in zip(range(3), pauses(tested, now), strict=False):
        now += pause
    call(tested, "success", now)
    call(tested, "ignored", now + 100, rest=30.0)
    health = call(tested, "failure", now + 140)
    assert health is not None
    assert health.resting <= 5.0


@pytest.mark.parametrize(
    ("stated", "least"),
    [(0.5, 0.5), (34.0, 34.0), (3600.0, 3600.0), (1e6, 3600.0), (float("inf"), 3600.0)],
)
def test_a_stated_rest_is_kept_and_spread_upwards(stated: float, least: float) -> None:
    rests = []
    for seed in range(50):
        tested = breaker(seed)
        health = call(tested, "ignored", 0.0, rest=stated)
        assert health is not None
        assert health.reason == "after overloaded"
        rests.append(health.resting)
    assert least <= min(rests) < 1.05 * least
    assert 1.15 * least < max(rests) <= 1.2 * least


def test_no_stated_rest_counts_for_more_than_an_hour() -> None:
    long = call(breaker(), "ignored", 0.0, rest=1e6)
    assert long == call(breaker(), "ignored", 0.0, rest=3600.0)


@pytest.mark.parametrize("stated", [0.0, -5.0, float("nan")])
def test_a_rest_without_a_length_is_a_pause(stated: float) -> None:
    tested = breaker()
    health = call(tested, "ignored", 0.0, rest=stated)
    assert health is not None
    assert 2.5 <= health.resting <= 5.0


def test_after_a_failure_it_rests_for_a_pause_at_least_whatever_the_vendor_states() -> None:
    tested, now, health = breaker(failures=1), 0.0, None
    for longest in (5.0, 10.0, 15.0):
        health = call(tested, "failure", now, rest=0.1)
        assert health is not None
        assert longest / 2 <= health.resting <= longest
        now += health.resting
    health = call(tested, "failure", now, rest=100.0)
    assert health is not None
    assert health.resting >= 100.0


def test_a_rest_is_never_shortened() -> None:
    tested = breaker()
    call(tested, "ignored", 0.0, rest=100.0)
    until = tested.health(0.0).resting
    for now in (1.0, 2.0, 3.0):
        probe = tested.force_probe(now)
        assert isinstance(probe, Permit)
        tested.record(probe, "failure", now, kind=Kind.TIMEOUT)
        assert tested.health(now).resting == until - now


# While it rests


def test_no_call_is_admitted_while_it_rests_and_the_message_says_for_how_long_and_why() -> None:
    tested = resting(open=10.0, open_limit=10.0)
    until = tested.health(0.0).resting
    for now in (0.0, until / 2, until - 0.01):
        rejection = tested.admit(now)
        assert isinstance(rejection, Rejection)
        assert rejection.seconds == until - now
    assert rejection.message == "resting 1 s more, after 1 failures in a row, the last: overloaded"


def test_exactly_one_probe_is_admitted_after_the_pause() -> None:
    tested = resting()
    probe, *others = [tested.admit(5.0) for _ in range(10)]
    assert isinstance(probe, Permit)
    assert probe.probe
    assert others == [Rejection(1.0, "being probed")] * 9
    assert state(tested, 5.0) is State.HALF_OPEN


def test_the_last_resort_comes_early_but_one_at_a_time() -> None:
    tested = resting()
    first, *others = [tested.force_probe(1.0) for _ in range(5)]
    assert isinstance(first, Permit)
    assert first.probe
    until = tested.health(1.0).resting
    assert others == [Rejection(max(1.0, until), "being probed")] * 4
    closed = tested.record(first, "success", 2.0)
    assert closed == Health(state=State.CLOSED)
    assert all(isinstance(tested.force_probe(2.0), Permit) for _ in range(5))


@pytest.mark.parametrize("cancelled", [0, 1, 7])
def test_a_cancelled_probe_leaves_everything_as_it_was(cancelled: int) -> None:
    tested, same = resting(), resting()
    for _ in range(cancelled):
        assert call(tested, "ignored", 6.0) is None
        assert state(tested, 6.0) is State.HALF_OPEN
    assert call(tested, "failure", 6.0) == call(
        same, "failure", 6.0
    )  # the pause is as long as without them


def test_a_cancelled_last_resort_is_reported_as_resting_again() -> None:
    tested = resting()
    probe = tested.force_probe(1.0)
    assert isinstance(probe, Permit)
    health = tested.record(probe, "ignored", 1.5)
    assert health is not None
    assert (health.state, health.reason) == (
        State.OPEN,
        "after 1 failures in a row, the last: overloaded",
    )


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [("failure", "its probe failed: overloaded"), ("slow", "its probe was slow")],
)
def test_the_reason_says_what_was_wrong_with_the_probe(outcome: Outcome, reason: str) -> None:
    health = call(resting(), outcome, 6.0)
    assert health is not None
    assert (health.state, health.reason) == (State.OPEN, reason)


def test_a_probe_that_is_not_recorded_is_lost_at_its_deadline_and_counts_no_more() -> None:
    tested = resting()
    lost = admit(tested, 6.0, probe_timeout=31.0)
    assert isinstance(tested.admit(36.9, probe_timeout=31.0), Rejection)
    assert admit(tested, 37.0, probe_timeout=31.0).probe
    assert tested.record(lost, "success", 38.0) is None
    assert state(tested, 38.0) is State.HALF_OPEN


@pytest.mark.parametrize("outcome", ["success", "slow", "failure", "ignored"])
@pytest.mark.parametrize("rest", [None, 100.0])
def test_a_call_of_an_older_generation_changes_nothing(
    outcome: Outcome, rest: float | None
) -> None:
    tested = breaker(failures=1)
    old = [admit(tested, 0.0) for _ in range(3)]
    call(tested, "failure", 0.0)
    resting_until = tested.health(0.0)
    assert tested.record(old[0], outcome, 0.0, rest=rest) is None
    assert tested.health(0.0) == resting_until
    probe = admit(tested, 6.0)
    assert tested.record(old[1], outcome, 6.0, rest=rest) is None
    tested.record(probe, "success", 7.0)
    assert tested.record(old[2], outcome, 7.0, rest=rest) is None
    assert tested.record(probe, outcome, 7.0, rest=rest) is None
    assert tested.health(7.0) == Health(state=State.CLOSED)


@pytest.mark.parametrize("probe", [False, True])
def test_a_failure_without_a_kind_is_a_reason_too(*, probe: bool) -> None:
    tested, now = (resting(), 6.0) if probe else (breaker(failures=1), 0.0)
    health = tested.record(admit(tested, now), "failure", now)
    reason = "its probe failed" if probe else "after 1 failures in a row, the last: of no kind"
    assert (health and health.reason) == reason


# The last resort of a model that is suspected to be gone, and its probe in the background


def suspect_breaker() -> CircuitBreaker:
    return CircuitBreaker(BreakerSettings(), random.Random(1), "retired on 2026-12-01")


def probed_in_background() -> tuple[CircuitBreaker, Permit]:
    tested = suspect_breaker()
    probe = tested.admit_background_probe(0.0, 60.0)
    assert probe is not None
    return tested, probe


def last_resort(tested: CircuitBreaker, now: float) -> Permit:
    permit = tested.force_probe(now)
    assert isinstance(permit, Permit)
    assert not permit.probe
    return permit


def test_the_first_answer_to_a_last_resort_is_reported() -> None:
    tested = suspect_breaker()
    assert tested.record(last_resort(tested, 0.0), "success", 1.0) == Health(state=State.CLOSED)


def test_a_last_resort_that_opens_the_circuit_changes_no_state_that_is_reported() -> None:
    tested = suspect_breaker()
    assert tested.record(last_resort(tested, 0.0), "ignored", 1.0, rest=300.0) is None
    assert tested.health(1.0).resting >= 300.0


def test_one_last_resort_that_fails_leaves_the_others_in_flight() -> None:
    tested = suspect_breaker()
    one, other = last_resort(tested, 0.0), last_resort(tested, 0.0)
    assert tested.record(one, "failure", 1.0) is None
    assert tested.record(other, "success", 2.0) == Health(state=State.CLOSED)


def test_a_failed_last_resort_leaves_the_probe_as_it_was() -> None:
    tested, probe = probed_in_background()
    assert tested.record(last_resort(tested, 1.0), "failure", 2.0) is None
    assert state(tested, 2.0) is State.HALF_OPEN
    assert tested.record(probe, "success", 3.0) == Health(state=State.CLOSED)


def test_a_last_resort_that_opens_the_circuit_makes_the_probe_outdated() -> None:
    tested, probe = probed_in_background()
    assert tested.record(last_resort(tested, 1.0), "ignored", 2.0, rest=300.0) is None
    assert state(tested, 2.0) is State.HALF_OPEN, "the probe is still in flight"
    assert isinstance(tested.force_probe(59.0), Rejection)
    assert tested.record(probe, "success", 59.0) is None
    assert state(tested, 60.0) is State.OPEN
    assert tested.health(60.0).resting >= 300.0 - 58.0
    assert getattr(tested.force_probe(60.0), "probe", False)


# How it comes back


@pytest.mark.parametrize(
    ("age", "admitted"), [(0, 1), (1.9, 1), (2, 2), (4, 4), (6, 8), (8, 16), (9.9, 16), (10, 50)]
)
def test_after_a_recovery_the_calls_at_once_are_limited_and_doubled(
    age: float, admitted: int
) -> None:
    tested = recovered_breaker()
    answers = [tested.admit(age) for _ in range(50)]
    assert sum(isinstance(answer, Permit) for answer in answers) == admitted
    if admitted < 50:
        assert answers[-1] == Rejection(0.0, f"recovering: {admitted} under way")


@pytest.mark.parametrize("kind", [CircuitBreaker, DisabledBreaker])
def test_a_fresh_one_is_of_the_same_kind_and_settings_and_knows_and_suspects_nothing(
    kind: type[CircuitBreaker],
) -> None:
    settings = BreakerSettings(failures=1)
    tested = kind(settings, suspected="retired on 2026-12-01").fresh()
    assert (type(tested), tested.settings, tested.suspicion) == (kind, settings, "")


def test_a_rest_after_a_failure_of_no_kind_says_that_it_was_one() -> None:
    tested = breaker()
    health = tested.record(admit(tested, 0.0), "ignored", 0.0, rest=60.0)
    assert (health and health.reason) == "after a failure"


def test_what_is_forgotten_limits_no_calls_after_it() -> None:
    tested = recovered_breaker()
    tested.forget()
    assert all(isinstance(tested.admit(0.0), Permit) for _ in range(50))


def test_a_probe_in_flight_that_is_forgotten_does_not_prevent_the_next_one() -> None:
    tested = resting()
    assert getattr(tested.admit(6.0, 600.0), "probe", False)
    tested.forget()
    call(tested, "failure", 7.0)
    later = 7.0 + tested.health(7.0).resting
    assert getattr(tested.admit(later), "probe", False)


def test_a_call_that_ends_makes_room_for_another() -> None:
    tested = recovered_breaker()
    for outcome in ("success", "ignored", "slow", "success"):
        call(tested, outcome, 1.0)
    assert isinstance(tested.admit(1.0), Permit)


def test_a_last_resort_is_not_limited() -> None:
    tested = recovered_breaker()
    assert all(isinstance(tested.force_probe(0.0), Permit) for _ in range(50))


def test_what_was_before_the_outage_is_forgotten() -> None:
    tested = breaker()
    for outcome in ["slow", "success"] * 4 + ["slow"]:
        call(tested, outcome, 0.0)
    call(tested, "ignored", 0.0, rest=1.0)
    call(tested, "success", 2.0)
    call(tested, "slow", 3.0)
    assert state(tested, 3.0) is State.CLOSED


def test_after_a_fork_it_is_closed_and_knows_nothing() -> None:
    tested = resting()
    probe = admit(tested, 6.0)
    lock = tested._lock
    with lock:  # as a thread that the child lacks
        tested.reset_after_fork()
    assert tested.health(6.0) == Health(state=State.CLOSED)
    assert all(isinstance(tested.admit(6.0), Permit) for _ in range(20))
    assert tested.record(probe, "failure", 6.0) is None


def test_after_a_fork_it_draws_its_own_pauses() -> None:
    one, other = breaker(failures=1), breaker(failures=1)
    for tested in (one, other):
        tested.reset_after_fork()
    assert call(one, "failure", 0.0) != call(other, "failure", 0.0)


def test_many_threads_share_one_breaker_and_there_is_one_probe_at_a_time() -> None:
    tested = breaker(failures=3, open=0.002, open_limit=0.002)
    probes, most, seen, counting = 0, 0, set[bool](), threading.Lock()

    def work(seed: int) -> None:
        nonlocal probes, most
        dice = random.Random(seed)
        for _ in range(1500):
            permit = tested.admit(time.monotonic())
            if not isinstance(permit, Permit):
                continue
            if permit.probe:
                with counting:
                    probes += 1
                    most = max(most, probes)
                time.sleep(0)
                with counting:
                    probes -= 1
            seen.add(permit.probe)
            tested.record(
                permit,
                dice.choice(("success", "failure", "failure", "ignored")),
                time.monotonic(),
                kind=Kind.TIMEOUT,
            )

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {True, False}
    assert most == 1
    assert tested.in_flight == 0
    later = time.monotonic() + 1.0
    assert isinstance(tested.admit(later), Permit), "no probe is left in flight"


@pytest.mark.parametrize("now", [99_999.0, 0.0])
def test_a_clock_that_reads_earlier_than_the_recovery_admits_one_call_at_a_time(
    now: float,
) -> None:
    """Event loops share a breaker, and their clocks need not agree."""
    tested = recovered_breaker(100_000.0)
    permit = admit(tested, now)
    assert isinstance(tested.admit(now), Rejection)
    tested.record(permit, "success", now)
    assert isinstance(tested.admit(now), Permit)
