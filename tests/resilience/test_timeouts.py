"""An attempt's time: when it expires, whose fault that is, and what counts as slow."""

from typing import Any

import msgspec
import pytest

from standby.resilience.timeouts import LONGEST_TURN, AttemptTimer

NEVER = float("inf")


class Seconds(msgspec.Struct):
    timeout: float = 60.0
    first_token_timeout: float = 20.0
    idle_timeout: float = 5.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def timer_with(allowed: float = NEVER, **seconds: Any) -> tuple[AttemptTimer, Clock]:
    clock = Clock()
    return AttemptTimer(Seconds(**seconds), clock, allowed), clock


@pytest.mark.parametrize(
    ("allowed", "until", "message"),
    [(NEVER, 160.0, "no answer in 60s"), (12.5, 112.5, "no answer in 12.5s")],
)
def test_an_answer_has_its_time_out_or_what_the_deadline_leaves(
    allowed: float, until: float, message: str
) -> None:
    timer, clock = timer_with(allowed)
    assert (timer.expires_at, timer.message, timer.remaining()) == (until, message, until - 100)
    clock.now = 200.0
    assert timer.remaining() == 0.0


@pytest.mark.parametrize(
    ("late", "has_expired"), [(-0.001, False), (0.0, True), (0.1, True), (0.101, False)]
)
def test_an_end_that_is_seen_a_tenth_of_a_second_late_shows_that_the_loop_was_blocked(
    late: float, *, has_expired: bool
) -> None:
    clock = Clock()
    clock.now = -60.0
    assert AttemptTimer(Seconds(), clock, NEVER).has_expired(late) is has_expired


def test_what_came_while_the_loop_was_blocked_has_a_turn_to_be_read() -> None:
    timer, _ = timer_with()
    assert not timer.has_expired(165.0)
    assert timer.expires_at == pytest.approx(165.0 + LONGEST_TURN)
    assert not timer.has_expired(165.0)
    assert timer.has_expired(timer.expires_at)


def test_a_timer_counts_what_the_loop_has_lost_from_its_start_on() -> None:
    timer, _ = timer_with()
    timer.allow_for(2.0)
    timer.allow_for(2.5)
    assert timer.expires_at == 162.5


def test_a_stream_has_shorter_timeouts_to_its_first_token_and_between_tokens() -> None:
    timer, clock = timer_with()
    clock.now = 101.0
    timer.start_stream()
    assert (timer.expires_at, timer.message) == (121.0, "no first token in 20s")
    clock.now = 119.0
    timer.token(clock.now)
    assert (timer.expires_at, timer.message, timer.first_token) == (124.0, "no token for 5s", 119.0)
    clock.now = 123.0
    timer.token(clock.now)
    assert (timer.expires_at, timer.first_token) == (128.0, 119.0)


def test_an_endless_stream_has_the_models_timeout_too() -> None:
    timer, clock = timer_with()
    timer.start_stream()
    for clock.now in range(101, 159):
        timer.token(clock.now)
    assert (timer.expires_at, timer.message) == (160.0, "no complete answer in 60s")


@pytest.mark.parametrize(
    ("allowed", "timeout", "counts"),
    [
        (NEVER, 60.0, True),
        (5.0, 60.0, True),
        (4.9, 60.0, False),
        (3.0, 3.0, True),
        (2.9, 3.0, False),
    ],
)
def test_a_caller_in_a_hurry_is_not_the_models_fault(
    allowed: float, timeout: float, *, counts: bool
) -> None:
    timer, _ = timer_with(allowed, timeout=timeout)
    assert timer.counts_against_model is counts


def test_a_stall_counts_against_the_model_however_little_the_deadline_leaves() -> None:
    timer, clock = timer_with(2.0, idle_timeout=1.0)
    timer.start_stream()
    timer.token(clock.now)
    assert timer.message == "no token for 1s"
    assert timer.counts_against_model


@pytest.mark.parametrize(("after", "slow"), [(29.9, False), (30.0, False), (30.1, True)])
def test_an_answer_is_slow_after_half_of_its_time(after: float, *, slow: bool) -> None:
    timer, clock = timer_with()
    clock.now += after
    assert timer.is_slow is slow


@pytest.mark.parametrize(("first", "slow"), [(10.0, False), (10.1, True)])
def test_a_stream_is_slow_by_its_first_token_and_not_by_its_length(
    first: float, *, slow: bool
) -> None:
    timer, clock = timer_with()
    timer.start_stream()
    clock.now += first
    timer.token(clock.now)
    clock.now += 40
    assert timer.is_slow is slow


def test_a_short_deadline_does_not_make_an_answer_slow() -> None:
    timer, clock = timer_with(4.0)
    clock.now += 3.9
    assert not timer.is_slow


def test_no_time_passes_while_the_clock_stands() -> None:
    timer, clock = timer_with()
    timer.start_stream()
    timer.token(clock.now)
    clock.now = 103.0
    timer.pause()
    assert (timer.expires_at, timer.is_paused) == (NEVER, True)
    clock.now = 1000.0
    assert (timer.next_check(clock.now), timer.remaining()) == (1002.0, 57.0)
    timer.resume()
    assert (timer.expires_at, timer.is_paused) == (1002.0, False)
    assert timer.remaining() == 57.0


def test_the_clock_stands_until_every_pause_has_ended() -> None:
    timer, clock = timer_with()
    timer.pause()
    clock.now = 101.0
    timer.pause()
    clock.now = 102.0
    timer.resume()
    assert (timer.expires_at, timer.remaining()) == (NEVER, 60.0)
    clock.now = 110.0
    timer.resume()
    assert timer.expires_at == 170.0


@pytest.mark.parametrize("stream", [False, True])
def test_time_in_which_the_clock_stood_makes_no_answer_slow(*, stream: bool) -> None:
    timer, clock = timer_with()
    clock.now = 101.0
    timer.pause()
    clock.now = 150.0
    timer.resume()
    if stream:
        timer.start_stream()
        clock.now = 159.0
        timer.token(clock.now)
        timer.pause()
        clock.now = 200.0
        timer.resume()
    else:
        clock.now = 179.0
    assert (timer.is_slow, timer.counted_from, timer.started) == (False, 149.0, 100.0)


@pytest.mark.parametrize(("allowed", "until"), [(7.0, 107.0), (12.0, 110.0), (NEVER, 110.0)])
def test_a_standing_clock_holds_the_call_up_after_ten_seconds_or_the_attempts_share(
    allowed: float, until: float
) -> None:
    timer, clock = timer_with(allowed, timeout=3.0)
    assert not timer.is_held_up(until)
    timer.pause()
    assert [timer.is_held_up(at) for at in (until - 0.1, until)] == [False, True]
    clock.now = until - 1
    assert timer.next_check(clock.now) == until
    assert timer.next_check(until) == until + 3


def test_a_clock_that_stands_at_its_end_is_looked_at_every_20_ms() -> None:
    timer, clock = timer_with()
    clock.now = 160.0
    timer.pause()
    clock.now = 161.0
    assert timer.next_check(clock.now) == pytest.approx(161.02)


@pytest.mark.parametrize("until_streams", [0.0, 3.0])
def test_it_is_looked_at_before_anything_can_be_missed(until_streams: float) -> None:
    timer, clock = timer_with()
    look = timer.next_check(clock.now)
    clock.now += until_streams
    timer.start_stream()
    timer.token(clock.now)
    assert look <= timer.expires_at
    assert timer.next_check(clock.now) == clock.now + 5.0


def test_without_time_outs_of_streams_only_that_of_the_answer_counts() -> None:
    timer, clock = timer_with(first_token_timeout=NEVER, idle_timeout=NEVER)
    timer.start_stream()
    timer.token(clock.now)
    assert (timer.expires_at, timer.next_check(100.0), timer.message) == (
        160.0,
        160.0,
        "no complete answer in 60s",
    )


def test_a_stream_that_never_waits_yields_to_the_loop_every_20_ms() -> None:
    timer, clock = timer_with()
    assert LONGEST_TURN == 0.02
    yields = []
    for clock.now in (100.0, 100.019, 100.02, 100.02, 100.039, 100.05, 100.06, 100.08):
        yields.append(clock.now >= timer.yield_at)
        if yields[-1]:
            timer.note_yield(clock.now)
    assert yields == [False, False, True, False, False, True, False, True]


@pytest.mark.parametrize(
    ("alive_at", "until", "message"),
    [(118.0, 123.0, "no first token in 20s"), (103.0, 120.0, "no first token in 20s")],
)
def test_a_sign_of_life_gives_a_stream_the_idle_time_and_never_shortens_its_time(
    alive_at: float, until: float, message: str
) -> None:
    timer, clock = timer_with()
    timer.start_stream()
    clock.now = alive_at
    timer.keep_alive(clock.now)
    assert (timer.expires_at, timer.message, timer.last_activity, timer.first_token) == (
        until,
        message,
        alive_at,
        None,
    )
