"""The event bus: every sink receives every event, and a broken one stops nothing."""

import logging
import time

import pytest

from standby.events import Event, Reloaded
from standby.observe.bus import EventBus


def test_every_sink_receives_every_event_in_the_order_of_subscription() -> None:
    bus, seen = EventBus(), list[tuple[str, Event]]()
    bus.subscribe(lambda event: seen.append(("first", event)))
    bus.subscribe(lambda event: seen.append(("second", event)))
    event = Reloaded(call="", chain="", model="", at=0.0, file="models.yaml")
    bus.emit(event)
    assert seen == [("first", event), ("second", event)]


def test_a_broken_sink_is_logged_and_the_others_receive_the_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, seen = EventBus(), list[Event]()

    def broken(event: Event) -> None:
        raise KeyError(event.model)

    bus.subscribe(broken)
    bus.subscribe(seen.append)
    with caplog.at_level(logging.ERROR, "standby"):
        bus.emit(Event(call="", chain="", model="m", at=0.0))
    assert len(seen) == 1
    assert "raised KeyError: 'm'" in caplog.records[0].getMessage()


def test_a_sink_receives_only_the_types_that_it_wants() -> None:
    bus, seen = EventBus(), list[Event]()
    bus.subscribe(seen.append, Reloaded)
    bus.emit(Event(call="", chain="", model="", at=0.0))
    bus.announce(Reloaded, file="models.yaml")
    assert [type(event) for event in seen] == [Reloaded]


def test_a_removed_sink_receives_nothing() -> None:
    bus, seen = EventBus(), list[Event]()
    sink = seen.append
    bus.subscribe(sink)
    bus.unsubscribe(sink)
    bus.announce(Reloaded, file="models.yaml")
    assert seen == []


def test_an_event_of_no_call_has_the_time_and_its_own_fields() -> None:
    bus, seen = EventBus(), list[Event]()
    bus.subscribe(seen.append)
    before = time.monotonic()
    bus.announce(Reloaded, file="models.yaml")
    [event] = seen
    assert isinstance(event, Reloaded)
    assert (event.call, event.chain, event.model, event.file) == ("", "", "", "models.yaml")
    assert before <= event.at <= time.monotonic()
