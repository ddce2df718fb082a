"""The breaker, told the time: when a model rests, for how long, who probes it, and how it comes back."""

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

ROUGH = 1e-9


def breaker(seed: int = 1, **settings: Any) -> CircuitBreaker:
    return CircuitBreaker(BreakerSettings(**settings), random.Random(seed))


def leave(made: CircuitBreaker, now: float, **probe_timeout: float) -> Permit:
    permit = made.admit(now, **probe_timeout)
    assert isinstance(permit, Permit)
    return permit


def ends(
    made: CircuitBreaker, outcome: Outcome, now: float, rest: float | None = None
) -> Health | None:
    """Make one call, at once."""
    return made.record(leave(made, now), outcome, now, kind=Kind.OVERLOADED, rest=rest)


def resting(now: float = 0.0, **settings: Any) -> CircuitBreaker:
    made = breaker(failures=1, **settings)
    ends(made, "failure", now)
    return made


def recovered(now: float = 0.0) -> CircuitBreaker:
    made = resting(now - 5)
    ends(made, "success", now)
    return made


def state(made: CircuitBreaker, now: float) -> State:
    return made.health(now).state


def pauses(made: CircuitBreaker, now: float) -> Iterator[float]:
    """Let probe after probe fail, each as soon as it may; yield the pauses."""
    while True:
        health = ends(made, "failure", now)
        assert health is not None
        yield health.resting
        now += health.resting


def test_the_names_of_the_states_are_those_that_users_read() -> None:
    assert [str(each) for each in State] == ["closed", "open", "half_open", "off"]


# When it opens


@pytest.mark.parametrize("failures", [1, 3, 5])
def test_so_many_failures_in_a_row_open_it(failures: int) -> None:
    made = breaker(failures=failures)
    changes = [ends(made, "failure", float(number)) for number in range(failures)]
    assert changes[:-1] == [None] * (failures - 1)
    assert changes[-1] == made.health(failures - 1)
    assert changes[-1].state is State.OPEN
    assert changes[-1].reason == f"after {failures} failures in a row, the last: overloaded"


@pytest.mark.parametrize("between", ["success", "slow"])
def test_an_answer_between_them_breaks_the_row(between: Outcome) -> None:
    made = breaker()
    for outcome in ["failure"] * 4 + [between] + ["failure"] * 4:
        ends(made, outcome, 0.0)
    assert state(made, 0.0) is State.CLOSED


def test_what_teaches_nothing_does_not_break_the_row() -> None:
    made = breaker(failures=2)
    for outcome in ("failure", "ignored", "ignored", "failure"):
        ends(made, outcome, 0.0)
    assert state(made, 0.0) is State.OPEN


def test_failures_in_a_row_count_however_rarely_calls_come() -> None:
    made = breaker()
    for hour in range(5):
        ends(made, "failure", hour * 3600.0)
    assert state(made, 4 * 3600.0) is State.OPEN


@pytest.mark.parametrize("bad", ["slow", "failure"])
@pytest.mark.parametrize(
    ("calls", "opens"),
    [("bg" * 4 + "b", False), ("gb" * 5, True), ("g" + "gbb" * 3, True), ("ggb" * 9, False)],
)
def test_half_of_ten_calls_bad_opens_it(bad: Outcome, calls: str, *, opens: bool) -> None:
    made = breaker()
    health = [ends(made, bad if call == "b" else "success", 1.0) for call in calls][-1]
    assert (state(made, 1.0) is State.OPEN) is opens
    if opens:
        assert health is not None
        assert health.reason == f"after {calls.count('b')} of 10 calls failed or were slow"


@pytest.mark.parametrize(("later", "opens"), [(29.0, True), (30.0, False)])
def test_only_the_last_thirty_seconds_count(later: float, *, opens: bool) -> None:
    made = breaker()
    for _ in range(4):
        ends(made, "slow", 100.5)
    for outcome in ["success"] * 5 + ["slow"]:
        ends(made, outcome, 100.5 + later)
    assert (state(made, 100.5 + later) is State.OPEN) is opens


def test_a_brown_out_is_noticed_within_thirty_seconds_at_one_call_a_second() -> None:
    for seed in range(200):
        dice, made, second = random.Random(seed), breaker(), 0
        for second in range(600):
            ends(made, "slow" if dice.random() < 0.01 else "success", float(second))
        while state(made, float(second)) is State.CLOSED:
            second += 1
            ends(made, "slow" if dice.random() < 0.9 else "success", float(second))
        assert second - 600 <= 30


def test_a_few_errors_never_open_it_in_a_day() -> None:
    dice, made = random.Random(1), breaker()
    for second in range(86_400):
        assert ends(made, "failure" if dice.random() < 0.005 else "success", float(second)) is None


# How long it rests


@given(seed=st.integers(0, 2**32), first=st.floats(0.1, 60), limit=st.floats(0.1, 600))
def test_pauses_double_up_to_their_limit_and_none_is_shorter_than_half(
    seed: int, first: float, limit: float
) -> None:
    made = breaker(seed, failures=1, open=first, open_limit=limit)
    for number, pause in zip(range(12), pauses(made, 0.0), strict=False):
        longest = min(limit, first * 2**number)
        assert longest / 2 - ROUGH <= pause <= longest + ROUGH


@pytest.mark.parametrize(("well_for", "longest"), [(59.0, 15.0), (60.0, 5.0)])
def test_a_minute_of_being_closed_forgives_the_pauses(well_for: float, longest: float) -> None:
    for seed in range(50):
        made, now = breaker(seed, failures=1), 0.0
        for _, pause in zip(range(3), pauses(made, now), strict=False):
            now += pause
        now = math.ceil(now)  # so that a minute later is a minute later
        ends(made, "success", now)
        health = ends(made, "failure", now + well_for)
        assert health is not None
        assert longest / 2 <= health.resting <= longest


def test_a_minute_of_being_closed_forgives_also_where_the_vendor_states_the_next_rest() -> None:
    made, now = breaker(failures=1), 0.0
    for _, pause in zip(range(3), pauses(made, now), strict=False):
        now += pause
    ends(made, "success", now)
    ends(made, "ignored", now + 100, rest=30.0)
    health = ends(made, "failure", now + 140)
    assert health is not None
    assert health.resting <= 5.0


@pytest.mark.parametrize(
    ("stated", "least"),
    [(0.5, 0.5), (34.0, 34.0), (3600.0, 3600.0), (1e6, 3600.0), (float("inf"), 3600.0)],
)
def test_a_stated_rest_is_kept_and_spread_upwards(stated: float, least: float) -> None:
    rests = []
    for seed in range(50):
        made = breaker(seed)
        health = ends(made, "ignored", 0.0, rest=stated)
        assert health is not None
        assert health.reason == "after overloaded"
        rests.append(health.resting)
    assert least <= min(rests) < 1.05 * least
    assert 1.15 * least < max(rests) <= 1.2 * least


def test_no_stated_rest_counts_for_more_than_an_hour() -> None:
    long = ends(breaker(), "ignored", 0.0, rest=1e6)
    assert long == ends(breaker(), "ignored", 0.0, rest=3600.0)


@pytest.mark.parametrize("stated", [0.0, -5.0, float("nan")])
def test_a_rest_without_a_length_is_a_pause(stated: float) -> None:
    made = breaker()
    health = ends(made, "ignored", 0.0, rest=stated)
    assert health is not None
    assert 2.5 <= health.resting <= 5.0


def test_a_sick_model_rests_for_no_less_than_its_pause_however_little_the_vendor_states() -> None:
    made, now, health = breaker(failures=1), 0.0, None
    for longest in (5.0, 10.0, 15.0):
        health = ends(made, "failure", now, rest=0.1)
        assert health is not None
        assert longest / 2 <= health.resting <= longest
        now += health.resting
    health = ends(made, "failure", now, rest=100.0)
    assert health is not None
    assert health.resting >= 100.0


def test_a_rest_is_never_shortened() -> None:
    made = breaker()
    ends(made, "ignored", 0.0, rest=100.0)
    until = made.health(0.0).resting
    for now in (1.0, 2.0, 3.0):
        probe = made.force_probe(now)
        assert isinstance(probe, Permit)
        made.record(probe, "failure", now, kind=Kind.TIMEOUT)
        assert made.health(now).resting == until - now


# While it rests


def test_nobody_is_admitted_while_it_rests_and_the_words_say_for_how_long_and_why() -> None:
    made = resting(open=10.0, open_limit=10.0)
    until = made.health(0.0).resting
    for now in (0.0, until / 2, until - 0.01):
        rejection = made.admit(now)
        assert isinstance(rejection, Rejection)
        assert rejection.seconds == until - now
    assert rejection.message == "resting 1 s more, after 1 failures in a row, the last: overloaded"


def test_exactly_one_probe_is_admitted_after_the_pause() -> None:
    made = resting()
    probe, *others = [made.admit(5.0) for _ in range(10)]
    assert isinstance(probe, Permit)
    assert probe.probe
    assert others == [Rejection(1.0, "being probed")] * 9
    assert state(made, 5.0) is State.HALF_OPEN


def test_the_last_resort_comes_early_but_one_at_a_time() -> None:
    made = resting()
    first, *others = [made.force_probe(1.0) for _ in range(5)]
    assert isinstance(first, Permit)
    assert first.probe
    until = made.health(1.0).resting
    assert others == [Rejection(max(1.0, until), "being probed")] * 4
    closed = made.record(first, "success", 2.0)
    assert closed == Health(state=State.CLOSED)
    assert all(isinstance(made.force_probe(2.0), Permit) for _ in range(5))


@pytest.mark.parametrize("cancelled", [0, 1, 7])
def test_a_cancelled_probe_leaves_everything_as_it_was(cancelled: int) -> None:
    made, same = resting(), resting()
    for _ in range(cancelled):
        assert ends(made, "ignored", 6.0) is None
        assert state(made, 6.0) is State.HALF_OPEN
    assert ends(made, "failure", 6.0) == ends(
        same, "failure", 6.0
    )  # the pause is as long as without them


def test_a_last_resort_that_is_cancelled_is_told_as_resting_again() -> None:
    made = resting()
    probe = made.force_probe(1.0)
    assert isinstance(probe, Permit)
    health = made.record(probe, "ignored", 1.5)
    assert health is not None
    assert (health.state, health.reason) == (
        State.OPEN,
        "after 1 failures in a row, the last: overloaded",
    )


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [("failure", "its probe failed: overloaded"), ("slow", "its probe was slow")],
)
def test_a_probe_that_is_no_good_says_so(outcome: Outcome, reason: str) -> None:
    health = ends(resting(), outcome, 6.0)
    assert health is not None
    assert (health.state, health.reason) == (State.OPEN, reason)


def test_a_probe_that_nobody_settles_is_lost_with_its_lease_and_teaches_nothing_after_it() -> None:
    made = resting()
    lost = leave(made, 6.0, probe_timeout=31.0)
    assert isinstance(made.admit(36.9, probe_timeout=31.0), Rejection)
    assert leave(made, 37.0, probe_timeout=31.0).probe
    assert made.record(lost, "success", 38.0) is None
    assert state(made, 38.0) is State.HALF_OPEN


@pytest.mark.parametrize("outcome", ["success", "slow", "failure", "ignored"])
@pytest.mark.parametrize("rest", [None, 100.0])
def test_what_an_older_epoch_settles_changes_nothing(outcome: Outcome, rest: float | None) -> None:
    made = breaker(failures=1)
    old = [leave(made, 0.0) for _ in range(3)]
    ends(made, "failure", 0.0)
    resting_until = made.health(0.0)
    assert made.record(old[0], outcome, 0.0, rest=rest) is None
    assert made.health(0.0) == resting_until
    probe = leave(made, 6.0)
    assert made.record(old[1], outcome, 6.0, rest=rest) is None
    made.record(probe, "success", 7.0)
    assert made.record(old[2], outcome, 7.0, rest=rest) is None
    assert made.record(probe, outcome, 7.0, rest=rest) is None
    assert made.health(7.0) == Health(state=State.CLOSED)


# How it comes back


@pytest.mark.parametrize(
    ("age", "admitted"), [(0, 1), (1.9, 1), (2, 2), (4, 4), (6, 8), (8, 16), (9.9, 16), (10, 50)]
)
def test_after_a_recovery_the_calls_at_once_are_limited_and_doubled(
    age: float, admitted: int
) -> None:
    made = recovered()
    answers = [made.admit(age) for _ in range(50)]
    assert sum(isinstance(answer, Permit) for answer in answers) == admitted
    if admitted < 50:
        assert answers[-1] == Rejection(0.0, f"recovering: {admitted} under way")


@pytest.mark.parametrize("kind", [CircuitBreaker, DisabledBreaker])
def test_a_fresh_one_is_of_the_same_kind_and_settings_and_knows_and_suspects_nothing(
    kind: type[CircuitBreaker],
) -> None:
    settings = BreakerSettings(failures=1)
    made = kind(settings, suspected="retired on 2026-12-01").fresh()
    assert (type(made), made.settings, made.suspicion) == (kind, settings, "")


def test_a_rest_after_a_failure_of_no_kind_says_that_it_was_one() -> None:
    made = breaker()
    health = made.record(leave(made, 0.0), "ignored", 0.0, rest=60.0)
    assert (health and health.reason) == "after a failure"


def test_what_is_forgotten_limits_no_calls_after_it() -> None:
    made = recovered()
    made.forget()
    assert all(isinstance(made.admit(0.0), Permit) for _ in range(50))


def test_a_probe_that_is_under_way_when_all_is_forgotten_keeps_no_later_one_from_its_turn() -> None:
    made = resting()
    assert getattr(made.admit(6.0, 600.0), "probe", False)
    made.forget()
    ends(made, "failure", 7.0)
    later = 7.0 + made.health(7.0).resting
    assert getattr(made.admit(later), "probe", False)


def test_a_call_that_ends_makes_room_for_another() -> None:
    made = recovered()
    for outcome in ("success", "ignored", "slow", "success"):
        ends(made, outcome, 1.0)
    assert isinstance(made.admit(1.0), Permit)


def test_a_last_resort_is_not_limited() -> None:
    made = recovered()
    assert all(isinstance(made.force_probe(0.0), Permit) for _ in range(50))


def test_what_was_before_the_outage_is_forgotten() -> None:
    made = breaker()
    for outcome in ["slow", "success"] * 4 + ["slow"]:
        ends(made, outcome, 0.0)
    ends(made, "ignored", 0.0, rest=1.0)
    ends(made, "success", 2.0)
    ends(made, "slow", 3.0)
    assert state(made, 3.0) is State.CLOSED


def test_beginning_anew_it_is_closed_and_knows_nothing() -> None:
    made = resting()
    probe = leave(made, 6.0)
    held = made._lock
    with held:  # as a thread that the fork left behind
        made.reset_after_fork()
    assert made.health(6.0) == Health(state=State.CLOSED)
    assert all(isinstance(made.admit(6.0), Permit) for _ in range(20))
    assert made.record(probe, "failure", 6.0) is None


def test_many_threads_share_one_breaker_and_there_is_one_probe_at_a_time() -> None:
    made = breaker(failures=3, open=0.002, open_limit=0.002)
    probes, most, seen, counting = 0, 0, set[bool](), threading.Lock()

    def work(seed: int) -> None:
        nonlocal probes, most
        dice = random.Random(seed)
        for _ in range(1500):
            permit = made.admit(time.monotonic())
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
            made.record(
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
    assert made.in_flight == 0
    later = time.monotonic() + 1.0
    assert isinstance(made.admit(later), Permit), "no probe is left in flight"
