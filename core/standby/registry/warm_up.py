"""The sink that imports a chain's fallback adapters ahead, so that an outage need not wait."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from standby.events import Answered, Event, RetryScheduled
from standby.settings import Provider

LONG_LIVED = 1.0
"""Seconds between a chain's first reply and the import: a script may have ended by then."""


class WarmUp:
    """Imports a chain's adapters once: before its first retry, or soon after its first reply."""

    def __init__(
        self,
        providers: Callable[[str], Iterable[Provider]],
        import_adapters: Callable[[Iterable[Provider]], Awaitable[None]],
    ) -> None:
        """Start with no chain to import for.

        Args:
            providers: Returns the providers of a chain's models, by the chain's name.
            import_adapters: Imports the adapters of these providers.
        """
        self._providers = providers
        self._import_adapters = import_adapters
        self._cold: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """The imports that have begun, on whatever event loop."""
        return tuple(self._tasks.values())

    def expect(self, chains: Iterable[str]) -> None:
        """Import for these chains at their next occasion.

        Args:
            chains: The chains' names.
        """
        self._cold.update(chains)

    def __call__(self, event: Event) -> None:
        """Begin the import for the event's chain, if the event is an occasion for it."""
        delay = _delay_after(event)
        if delay is None or event.chain not in self._cold:
            return
        self._cold.discard(event.chain)
        import_adapters = partial(self._import_adapters, tuple(self._providers(event.chain)))
        warming = _import_later(weakref.ref(self), delay, import_adapters, event.chain)
        self._tasks[event.chain] = asyncio.get_running_loop().create_task(warming)


def _delay_after(event: Event) -> float | None:
    """Return the seconds until the import, `None` if the event is no occasion for it."""
    if isinstance(event, RetryScheduled):
        return 0.0  # the next model may be needed in a moment, and the pause is there anyway
    return LONG_LIVED if isinstance(event, Answered) else None


async def _import_later(
    owner: "weakref.ref[WarmUp]",
    delay: float,
    import_adapters: Callable[[], Awaitable[None]],
    chain: str,
) -> None:
    """Import, unless the client is gone by then; the weak reference does not keep it alive."""
    try:
        await asyncio.sleep(delay)
        if owner() is not None:
            await import_adapters()
    except asyncio.CancelledError:
        warm_up = owner()
        if warm_up is not None:
            warm_up.expect([chain])  # another event loop may live longer
        raise
