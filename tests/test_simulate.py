"""Twenty thousand simulated calls, the seeds of past violations, and a proof that it notices."""

from typing import Any

import pytest

from campaigns.simulate import World, main, simulate
from standby import events
from standby.resilience.circuit_breaker import Permit
from standby.types import Chunk

FOUND = (107861, 108684)
"""Seeds that violated something before what they found was mended."""


@pytest.mark.parametrize("seed", FOUND)
def test_what_a_seed_once_found_is_mended(seed: int) -> None:
    assert simulate(seed).violations == []


def test_twenty_thousand_calls_violate_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--calls", "20000", "--seed", "1000"])
    assert status == 0, capsys.readouterr().out


def test_a_seed_plays_the_same_world_again() -> None:
    def story(world: World) -> list[Any]:
        return [
            (event.at, event.model, type(event))
            for caller in world.callers
            for event in caller.events
        ]

    assert story(simulate(7)) == story(simulate(7))
    assert story(simulate(7)) != story(simulate(8))


def test_the_weather_is_of_every_kind_and_calls_end_in_every_way() -> None:
    worlds = [simulate(seed) for seed in range(400, 420)]
    seen = [event for world in worlds for caller in world.callers for event in caller.events]
    kinds = {event.attempt.kind for event in seen if isinstance(event, events.AttemptEnded)}
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
        type(event) for event in seen
    }


BROKEN: dict[str, tuple[int, str, Any]] = {
    "probes at once": (
        3,
        "resilience.circuit_breaker.CircuitBreaker._admit_probe",
        lambda breaker, *_: Permit(breaker._generation, probe=True),
    ),
    "is well, and rests": (3, "resilience.breaker_states.Backoff.pause", lambda *_: 60.0),
    "hedges in": (3, "resilience.retry_budget.RetryBudget.try_withdraw", lambda *_: True),
    "permits out": (1, "dispatch.attempt.AttemptTask.record", lambda *_, **__: None),
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
    "outcomes": (1, "dispatch.trail.Trail.call_answered", lambda *_: None),
    "on the trail": (1, "dispatch.in_flight.InFlight.finish", lambda *_: None),
    "not whole": (88, "dispatch.execution.assess", lambda *_: None),
    "more than one answer": (17, "dispatch.stream_gate.Chunk", lambda text="", **_: Chunk(text)),
}
"""Each violation, a seed that soon leads to it, and how to break the code so that it occurs."""


@pytest.mark.parametrize("violation", BROKEN)
def test_the_simulation_notices(violation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, place, broken = BROKEN[violation]
    monkeypatch.setattr(f"standby.{place}", broken)
    assert any(
        violation in text for seed in range(first, first + 60) for text in simulate(seed).violations
    )
