"""The bus that carries every event to the sinks."""

import time
from collections.abc import Callable
from typing import Any

from standby.events import Event
from standby.observe.log import report_broken_sink

Sink = Callable[[Event], None]
"""Receives every event. It must return at once; an exception that it raises is logged."""


class EventBus:
    """Hands each event to the sinks that want its type, in the order in which they subscribed.

    Attributes:
        unwanted: The types of events that no sink wants, as far as they have been emitted. Another
            subscription begins another set.
    """

    def __init__(self) -> None:
        """Start without sinks."""
        self._subscriptions: tuple[tuple[Sink, tuple[type[Event], ...]], ...] = ()
        self._sinks_of: dict[type[Event], tuple[Sink, ...]] = {}
        self.unwanted: set[type[Event]] = set()

    def subscribe(self, sink: Sink, *kinds: type[Event]) -> None:
        """Add a sink, after those that are already there.

        Args:
            sink: Called with each event from now on.
            kinds: The types of events that it wants; none: all of them.
        """
        self._replace((*self._subscriptions, (sink, kinds or (Event,))))

    def unsubscribe(self, sink: Sink) -> None:
        """Remove a sink, if it is there.

        Args:
            sink: Not called any more.
        """
        self._replace(tuple(each for each in self._subscriptions if each[0] is not sink))

    def emit(self, event: Event) -> None:
        """Hand an event to all sinks. A broken sink never breaks a call.

        Args:
            event: What has happened.
        """
        kind, unwanted, sinks_of = type(event), self.unwanted, self._sinks_of
        sinks = sinks_of.get(kind)
        if sinks is None:
            sinks = sinks_of[kind] = self._select(kind)
            if not sinks:
                unwanted.add(kind)
        for sink in sinks:
            try:
                sink(event)
            except Exception as error:  # noqa: BLE001 - a broken sink never breaks a call
                report_broken_sink(sink, error)

    def announce(self, kind: type[Event], **fields: Any) -> None:
        """Emit an event that belongs to no call.

        Args:
            kind: The event's type.
            fields: What this type has besides the fields of every event.
        """
        self.emit(kind(call="", chain="", model="", at=time.monotonic(), **fields))

    def _replace(self, subscriptions: tuple[tuple[Sink, tuple[type[Event], ...]], ...]) -> None:
        """Replace the subscriptions, and then what other threads may be deriving from the old."""
        self._subscriptions = subscriptions
        self.unwanted = set()
        self._sinks_of = {}

    def _select(self, kind: type[Event]) -> tuple[Sink, ...]:
        return tuple(sink for sink, kinds in self._subscriptions if issubclass(kind, kinds))
