"""The bus that carries every event to the sinks."""

import time
from collections.abc import Callable
from typing import Any

from standby.events import Event
from standby.observe.log import report_broken_sink

Sink = Callable[[Event], None]
"""Receives every event. It must return at once; an exception that it raises is logged."""


class EventBus:
    """Hands each event to every sink, in the order in which they subscribed."""

    def __init__(self) -> None:
        """Start without sinks."""
        self._sinks: tuple[Sink, ...] = ()

    def subscribe(self, *sinks: Sink) -> None:
        """Add sinks.

        Args:
            sinks: Called with each event from now on, after those that are already there.
        """
        self._sinks += sinks

    def emit(self, event: Event) -> None:
        """Hand an event to all sinks. A broken sink never breaks a call.

        Args:
            event: What has happened.
        """
        for sink in self._sinks:
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
