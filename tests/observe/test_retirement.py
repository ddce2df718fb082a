"""The alert of a retirement: once a model, by the first attempt or skip, for that model alone."""

import pytest

from standby.events import Alert, AttemptEnded, AttemptStarted, Event, MovedOn
from standby.failures import Attempt, Kind
from standby.observe.retirement import RetirementAlert

SKIP = Attempt(model="old", provider="p", outcome="skipped", start=0.0, duration=0.0)


def started_event(model: str) -> Event:
    return AttemptStarted(call="c", chain="default", model=model, at=1.0)


def raised_by(*events: Event, text: str = "retires soon") -> list[Event]:
    alerts: list[Event] = []
    sink = RetirementAlert(lambda model: text if model == "old" else "", alerts.append)
    for event in events:
        sink(event)
    return alerts


@pytest.mark.parametrize(
    "first",
    [
        started_event("old"),
        AttemptEnded(call="c", chain="default", model="old", at=1.0, attempt=SKIP),
    ],
    ids=["attempt", "skip"],
)
def test_the_first_attempt_or_skip_raises_the_alert_once(first: Event) -> None:
    assert raised_by(first, first, started_event("old")) == [
        Alert(
            call="c",
            chain="default",
            model="old",
            at=1.0,
            kind=Kind.MODEL_MISSING,
            text="retires soon",
        )
    ]


def test_other_models_and_other_events_raise_none() -> None:
    moved = MovedOn(call="c", chain="default", model="old", at=1.0, to="new", kind=Kind.TIMEOUT)
    assert raised_by(started_event("new"), moved) == []


def test_a_model_that_does_not_retire_soon_raises_none() -> None:
    assert raised_by(started_event("old"), text="") == []
