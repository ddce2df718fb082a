"""An event as plain fields: what a log record carries besides its words, and what a line of JSON is made of."""

import re
from typing import Any

import msgspec

from standby.events import Event

_INNER = ("at", "attempt", "start", "dropped", "lasting")
"""What is no field of its own: the event loop's clock means nothing elsewhere, an attempt's fields
are the event's, and what lasts shows in the line's level."""

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def event_fields(event: Event, named: str = "") -> dict[str, Any]:
    """Return the fields that an event has something in, as JSON knows values; `event` is its name, like `moved_on`."""
    told: dict[str, Any] = msgspec.to_builtins(event)
    told |= told.get("attempt", {})
    kept = {
        name: value
        for name, value in told.items()
        if name not in _INNER and value not in (None, "")
    }
    return {"event": named or _HUMP.sub("_", type(event).__name__).lower(), **kept}
