"""What stands by is imported ahead, so that an outage does not wait for it."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from standby.events import Answered, Event, RetryScheduled

LONG_LIVED = 1.0
"""Seconds that a client lives on after a chain's first reply before what stands by is imported: a script may have ended."""


def delay_after(event: Event) -> float | None:
    """Return in how many seconds what stands by is to be imported, `None` if the event is no reason for it."""
    if isinstance(event, RetryScheduled):
        return 0.0  # the next model may be asked in a moment, and the pause is there anyway
    return LONG_LIVED if isinstance(event, Answered) else None


async def import_ahead(
    client: "weakref.ref[Any]",
    delay: float,
    import_all: Callable[[], Awaitable[None]],
    chain: str,
    cold: set[str],
) -> None:
    """Import what stands by in a chain, if its client lives that long; to hold it here would be no sign of life."""
    try:
        await asyncio.sleep(delay)
        if client() is not None:
            await import_all()
    except asyncio.CancelledError:
        cold.add(chain)  # another event loop may live longer
        raise
