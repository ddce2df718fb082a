"""Twenty thousand simulated calls, the seeds of past violations, and a proof that it notices."""

from typing import Any

import pytest

from campaigns.simulate import World, main, simulate
from standby import events
from standby.resilience.circuit_breaker import Permit
from standby.types import Chunk

PAST_VIOLATIONS = (107861, 108684)
"""Seeds that found a violation in the past."""


@pytest.mark.parametrize("seed", PAST_VIOLATIONS)
def test_past_violations_are_fixed(seed: int) -> None:
    assert simulate(seed).violations == []


def test_twenty_thousand_calls_violate_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--calls", "20000", "--seed", "1000"])
    assert status == 0, capsys.readouterr().out


def test_a_seed_plays_the_same_world_again() -> None:
    def list_events(world: World) -> list[Any]:
        return [
            (event.at, event.model, type(event))
            for caller in world.callers
            for event in caller.events
        ]

    assert list_events(simulate(7)) == list_events(simulate(7))
    assert list_events(simulate(7)) != list_events(simulate(8))


def test_there_is_every_kind_of_weather_and_of_result() -> None:
    worlds = [simulate(seed) for seed in range(400, 420)]
    emitted = [event for world in worlds for caller in world.callers for event in caller.events]
    kinds = {event.attempt.kind for event in emitted if isinstance(event, events.AttemptEnded)}
    assert len(kinds) >= 12
    ends = {type(caller.result).__name__ for world in worlds for caller in world.callers}
    assert {
        "Reply",
        "ChainExhausted",
        "DeadlineExceeded",
        "StreamBroken",
        "CancelledError",
        "NoneType",
    } <= ends
    assert {events.Hedged, events.RetryScheduled, events.HealthChanged, events.Abandoned} <= {
        type(event) for event in emitted
    }


BROKEN: dict[str, tuple[int, str, Any]] = {
    "probes at once": (
        3,
        "resilience.circuit_breaker.CircuitBreaker._admit_probe",
        lambda breaker, *_: Permit(breaker._generation, probe=True),
    ),
    "is well, and rests": (3, "resilience.breaker_states.Backoff.pause", lambda *_: 60.0),
    "hedges in": (3, "resilience.retry_budget.RetryBudget.try_withdraw", lambda *_: True),
    "permits in use": (1, "dispatch.attempt.AttemptTask.record", lambda *_, **__: None),
    "tasks are left": (
        3,
        "dispatch.attempt.AttemptTask.time_out",
        lambda attempt: setattr(attempt, "_is_late", True),
    ),
    "s of ": (27, "dispatch.attempt.CANCEL_GRACE", 1.0),
    "a permit is missing": (1, "resilience.bulkhead.Bulkhead.release", lambda _: None),
    "could have answered": (
        11,
        "dispatch.execution.time_share",
        lambda time_left, *_: time_left,
    ),
    "outcomes": (1, "dispatch.trail.Trail.report_answer", lambda *_: None),
    "on the trail": (1, "dispatch.in_flight.InFlight.finish", lambda *_: None),
    "incomplete reply": (88, "dispatch.execution.assess", lambda *_: None),
    "more than one answer": (17, "dispatch.stream_gate.Chunk", lambda text="", **_: Chunk(text)),
}
"""Each violation, a seed that soon leads to it, and how to break the code so that it occurs."""


@pytest.mark.parametrize("violation", BROKEN)
def test_the_simulation_notices(violation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, attribute, replacement = BROKEN[violation]
    monkeypatch.setattr(f"standby.{attribute}", replacement)
    assert any(
        violation in text for seed in range(first, first + 60) for text in simulate(seed).violations
    )
