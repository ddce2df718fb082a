"""The trail of a call: what is tried, when, and what follows, each also as an event."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from standby import events
from standby.dispatch.policy import Decision
from standby.dispatch.trail import EndedAttempt, Trail
from standby.events import Event
from standby.failures import Attempt, Kind
from standby.runtime.isolation import Origin
from tests.support.playing import failure, target

A, B = target("a", None), target("b", None)
SLOW = failure(Kind.TIMEOUT, "timeout: no answer")


class Clock:
    """The event loop's time, which does not begin at 0."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reported() -> list[Event]:
    return []


@pytest.fixture
def trail(clock: Clock, reported: list[Event]) -> Trail:
    return Trail("default", reported.append, clock)


def fields(event: Event, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(event, name) for name in names)


def test_an_event_that_nobody_wants_is_not_made(clock: Clock, reported: list[Event]) -> None:
    trail = Trail("default", reported.append, clock, (events.AttemptStarted,))
    trail.report_start(A)
    trail.report_retry(A, 1.0)
    assert [type(event) for event in reported] == [events.RetryScheduled]


def test_an_attempts_times_count_from_the_start_of_its_call(trail: Trail, clock: Clock) -> None:
    clock.now += 3
    ended = EndedAttempt(A, trail.report_start(A), clock.now)
    clock.now += 2
    trail.report_end(ended, "failed", SLOW, Decision("next"))
    [attempt] = trail.attempts
    assert (attempt.start, attempt.duration) == (3.0, 2.0)


@pytest.mark.parametrize(
    "report",
    [lambda trail: trail.report_answer("a", ""), lambda trail: trail.report_failure("it failed")],
    ids=["answer", "failure"],
)
def test_the_last_event_has_the_seconds_of_the_whole_call(
    trail: Trail, clock: Clock, reported: list[Event], report: Callable[[Trail], None]
) -> None:
    clock.now += 5
    report(trail)
    assert fields(reported[-1], "duration", "at") == (5.0, 1005.0)


def test_a_skip_has_the_reason_and_nothing_else(trail: Trail, clock: Clock) -> None:
    clock.now += 1
    trail.report_skip(A, failure(Kind.UNAVAILABLE, "no key: set A_KEY"))
    assert trail.attempts == (
        Attempt(
            model="a",
            provider="p",
            outcome="skipped",
            start=1.0,
            duration=0.0,
            kind=Kind.UNAVAILABLE,
            text="no key: set A_KEY",
            then="next",
        ),
    )


def test_a_skip_takes_no_time_although_the_clock_goes_on() -> None:
    trail = Trail("default", lambda _: None, itertools.count(1000.0).__next__)
    trail.report_skip(A, failure(Kind.UNAVAILABLE, "resting"))
    assert trail.attempts[0].duration == 0.0


@pytest.mark.parametrize(
    ("outcome", "moved"), [("failed", ["a"]), ("skipped", ["a"]), ("answered", [])]
)
def test_a_call_moves_on_from_a_model_that_failed_and_not_from_one_that_answered(
    trail: Trail, reported: list[Event], outcome: Any, moved: list[str]
) -> None:
    trail.report_end(EndedAttempt(A, trail.report_start(A), 1000.0), outcome, SLOW)
    trail.report_start(B)
    assert [event.model for event in reported if isinstance(event, events.MovedOn)] == moved


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        (None, ("p", "", "", "")),
        (Origin("acme", "standby-acme", "1.2"), ("p", "acme", "standby-acme", "1.2")),
    ],
)
def test_a_plugin_that_goes_on_after_its_end_is_named_with_its_distribution(
    trail: Trail, reported: list[Event], origin: Origin | None, named: tuple[str, ...]
) -> None:
    trail.report_abandoned(target("a", None, origin=origin))
    [event] = reported
    assert fields(event, "provider", "plugin", "distribution", "version") == named
