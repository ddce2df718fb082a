"""Imports what a chain's models need ahead of its use, so that nobody waits for a cold start.

The import runs in a daemon thread that does nothing else and holds no lock of ours, so it may begin
while a client is made, before any event loop runs. A fork waits for the import under way: in the
child a half-imported module would stay locked for ever. Under gevent the thread is a greenlet, and
no fork waits for it: an import does not yield, so none is under way.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from standby.events import AttemptEnded, Event
from standby.registry.adapter_pool import missing_key
from standby.registry.loading import adapter_name
from standby.registry.plugins import Registry
from standby.runtime.forks import can_end, finish_before_forks, join_before_fork
from standby.settings import Provider

DELAY = 0.2
"""Seconds of a chain's first call until what stands by is imported: the first request is out."""

_OCCASIONS = ("failed", "skipped")


class _ImportThread(threading.Thread):
    """Imports adapters, one after the other, until it is stopped."""

    def __init__(self, load: Callable[[Provider], object], providers: Iterable[Provider]) -> None:
        super().__init__(name="standby-warm-up", daemon=True)
        self.is_stopped = False
        self._load = load
        self._providers = providers

    def run(self) -> None:
        for provider in self._providers:
            if self.is_stopped:
                return
            with suppress(Exception):  # the call that needs the adapter reports it
                self._load(provider)


class WarmUp:
    """Imports the adapters of each chain once.

    Those of what stands by are imported when the first attempt has failed, or its call has taken
    `DELAY`.
    """

    def __init__(
        self, registry: Registry, standing_by: Callable[[str], Iterable[Provider]]
    ) -> None:
        """Start with no chain to import for.

        Args:
            registry: The plugins.
            standing_by: Returns the providers of a chain's fallback models, by the chain's name.
        """
        self._registry = registry
        self._standing_by = standing_by
        self._cold: set[str] = set()
        self._timers: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle]] = {}
        self._threads: list[_ImportThread] = []

    def expect(self, chains: Iterable[str]) -> None:
        """Import for these chains at their next occasion.

        Args:
            chains: The chains' names.
        """
        self._cold.update(chains)

    def begin(self, providers: Iterable[Provider]) -> None:
        """Begin to import the adapters of providers, if that is still to be done.

        Args:
            providers: The providers; those that lack the key they need are skipped.
        """
        cold = {
            (each.reference, each.transport): each
            for each in providers
            if not missing_key(each) and not self._is_imported(each)
        }
        if not cold:
            return
        thread = _ImportThread(self._registry.adapter, cold.values())
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        finish_before_forks(self)
        with suppress(RuntimeError):  # the system has no thread left: they are imported on use
            thread.start()

    def cancel(self) -> None:
        """Import nothing more because of calls on the running event loop."""
        for chain, (loop, timer) in tuple(self._timers.items()):
            if loop is asyncio.get_running_loop():
                timer.cancel()
                del self._timers[chain]

    def finish(self, until: float) -> None:
        """End the threads before a fork, once the modules that they import are complete.

        Args:
            until: The latest time to wait for them, by `time.monotonic()`.
        """
        for thread in filter(can_end, self._threads):
            thread.is_stopped = True
            join_before_fork(thread, until)

    def __call__(self, event: Event) -> None:
        """Import for the event's chain, soon or at once, if the event is an occasion for it."""
        chain = event.chain
        if chain not in self._cold:
            return
        if not isinstance(event, AttemptEnded):
            self._begin_later(chain)
        elif event.attempt.outcome in _OCCASIONS:
            self._begin_for(chain)

    def _begin_later(self, chain: str) -> None:
        loop, timer = asyncio.get_running_loop(), self._timers.get(chain)
        if timer is None or timer[0] is not loop:  # another loop may have ended before
            self._timers[chain] = loop, loop.call_later(DELAY, self._begin_for, chain)

    def _begin_for(self, chain: str) -> None:
        self._cold.discard(chain)
        timer = self._timers.pop(chain, None)
        if timer is not None:
            timer[1].cancel()
        self.begin(self._standing_by(chain))

    def _is_imported(self, provider: Provider) -> bool:
        with suppress(Exception):  # the call that needs the adapter reports it
            dotted = adapter_name(self._registry.info(provider.reference), provider)
            return dotted.partition(":")[0] in sys.modules
        return False
