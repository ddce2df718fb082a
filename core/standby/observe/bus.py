"""The bus that carries every event to the sinks."""

import time
from collections.abc import Callable
from typing import Any

from standby.events import Event
from standby.observe.log import report_broken_sink

Sink = Callable[[Event], None]
"""Receives every event. It must return at once; an exception that it raises is logged."""


class EventBus:
    """Hands each event to the sinks that want its type, in the order in which they subscribed."""

    def __init__(self) -> None:
        """Start without sinks."""
        self._subscriptions: tuple[tuple[Sink, tuple[type[Event], ...]], ...] = ()
        self._sinks_of: dict[type[Event], tuple[Sink, ...]] = {}

    def subscribe(self, sink: Sink, *kinds: type[Event]) -> None:
        """Add a sink, after those that are already there.

        Args:
            sink: Called with each event from now on.
            kinds: The types of events that it wants; none: all of them.
        """
        self._subscriptions += ((sink, kinds or (Event,)),)
        self._sinks_of = {}

    def unsubscribe(self, sink: Sink) -> None:
        """Remove a sink, if it is there.

        Args:
            sink: Not called any more.
        """
        self._subscriptions = tuple(each for each in self._subscriptions if each[0] is not sink)
        self._sinks_of = {}

    def emit(self, event: Event) -> None:
        """Hand an event to all sinks. A broken sink never breaks a call.

        Args:
            event: What has happened.
        """
        kind = type(event)
        sinks = self._sinks_of.get(kind)
        if sinks is None:
            sinks = self._sinks_of[kind] = self._select(kind)
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

    def _select(self, kind: type[Event]) -> tuple[Sink, ...]:
        return tuple(sink for sink, kinds in self._subscriptions if issubclass(kind, kinds))
