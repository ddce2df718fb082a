"""An event as plain fields, for a log record beside its message and for a line of JSON."""

import re
from typing import Any

import msgspec

from standby.events import Event

_INNER = ("at", "attempt", "start", "dropped", "lasting")
"""Fields that are not shown.

The event loop's clock means nothing elsewhere, an attempt's fields become the event's, and the
line's level shows what lasts.
"""

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def event_fields(event: Event, name: str = "") -> dict[str, Any]:
    """Return an event's fields that have a value, as JSON knows values.

    Args:
        event: The event.
        name: Its name in the log; "" for that of its class, such as `moved_on`.

    Returns:
        The fields by their names, `event` first.
    """
    fields: dict[str, Any] = msgspec.to_builtins(event)
    fields |= fields.get("attempt", {})
    visible = {
        field: value
        for field, value in fields.items()
        if field not in _INNER and value not in (None, "")
    }
    return {"event": name or _HUMP.sub("_", type(event).__name__).lower(), **visible}
