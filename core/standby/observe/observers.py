"""Observers: plugins that are told every event, one after the other on a thread of their own, in nobody's way."""

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from standby.events import Event
from standby.observe.log import report_broken_observer, report_lost_events
from standby.runtime.forks import join, pause_across_forks
from standby.runtime.isolation import require_value

Observer = Callable[[Event], object]
"""Is told an event. It may block, for it is in no call's way; what it raises is logged, once for each way it fails."""

MOST_WAITING = 10_000
"""Events that may wait for slow observers, some megabytes; further ones are lost, and the log says how many."""

LONGEST_CLOSE = 1.0
"""Seconds that closing waits for observers to take in what they have not been told yet."""


class Observers:
    """A sink that hands each event on to the observers, with their plugins' names; its thread begins with the first event."""

    def __init__(self, observers: Sequence[tuple[str, Observer]] = ()) -> None:
        """Begin nothing yet."""
        self._observers = tuple(observers)
        self._waiting: SimpleQueue[Event | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._before: threading.Thread | None = None
        self._told_of: set[tuple[str, type[BaseException]]] = set()
        self._begin()

    def __call__(self, event: Event) -> None:
        """Put an event down for the observers, and return at once."""
        if not self._observers:
            return
        if self._process != os.getpid():
            # in a forked child: the thread stayed behind, and somebody may have held the lock
            self._begin()
        with self._lock:
            if self._waiting.qsize() < MOST_WAITING:
                self._waiting.put(event)
            else:
                self._lost += 1
            if self._thread is None:
                self._thread = self._started()

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._observers)

    def close(self, longest: float = LONGEST_CLOSE) -> None:
        """Let the thread tell what waits and end, and wait for that, `longest` seconds at most; a later event begins anew."""
        if self._process != os.getpid():
            return
        with self._lock:
            thread, waiting = self._thread, self._waiting
            self._thread, self._waiting = None, SimpleQueue()
        if thread is not None:
            waiting.put(None)
            if thread is not threading.current_thread():
                thread.join(longest)

    def pause(self, until: float) -> None:
        """Let the thread tell what waits, and end."""
        with self._lock:
            if self._thread is not None:
                self._before, self._thread = self._thread, None
                self._waiting.put(None)
        join(self._before, until)

    def resume(self) -> None:
        """Tell what came meanwhile; if nothing did, the next event begins a thread."""
        with self._lock:
            if self._thread is None and not self._waiting.empty():
                self._thread = self._started()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting = SimpleQueue()
        self._thread = None
        self._before = None
        self._lost = 0

    def _started(self) -> threading.Thread:
        pause_across_forks(self)
        work = self._waiting, self._before
        thread = threading.Thread(
            target=self._tell_all, args=work, name="standby-observers", daemon=True
        )
        thread.start()
        return thread

    def _tell_all(
        self, waiting: "SimpleQueue[Event | None]", before: threading.Thread | None
    ) -> None:
        if before is not None:
            before.join()  # one that a fork did not wait for any longer
        while (event := waiting.get()) is not None:
            for name, observer in self._observers:
                self._tell(name, observer, event)
            if self._lost:
                lost, self._lost = self._lost, 0
                report_lost_events(lost)

    def _tell(self, name: str, observer: Observer, event: Event) -> None:
        try:
            require_value(observer(event))
        except BaseException as error:  # noqa: BLE001 - a plugin's, even if it wants to end the program
            if (name, type(error)) not in self._told_of:
                self._told_of.add((name, type(error)))
                report_broken_observer(name, error)
