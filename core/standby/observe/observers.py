"""Observers: plugins that get every event, in order, on a thread of their own."""

import os
import queue
import threading
from collections.abc import Callable, Sequence

from standby.events import Event
from standby.observe.log import report_broken_observer, report_lost_events
from standby.runtime.forks import can_end, join, join_before_fork, pause_across_forks
from standby.runtime.isolation import require_value

Observer = Callable[[Event], object]
"""Takes an event. It may block, because no call waits for it.

What it raises is logged, once for each type of error.
"""

MOST_WAITING = 10_000
"""Events that wait for slow observers, some megabytes; the log says how many more are dropped."""

LONGEST_CLOSE = 1.0
"""Seconds that closing waits for observers to take the events that are left."""


class Observers:
    """A sink that hands each event to the observers; the first event starts its thread."""

    def __init__(self, observers: Sequence[tuple[str, Observer]] = ()) -> None:
        """Start no thread yet.

        Args:
            observers: The observers, each with its plugin's name.
        """
        self._observers = tuple(observers)
        self._waiting: queue.SimpleQueue[Event | None] | None = None
        self._thread: threading.Thread | None = None
        self._previous: threading.Thread | None = None
        self._reported: set[tuple[str, type[BaseException]]] = set()
        self._reset()

    def __call__(self, event: Event) -> None:
        """Queue an event for the observers, and return at once."""
        if not self._observers:
            return
        if self._process != os.getpid():  # a forked child lacks the thread, and may lack the lock
            self._reset()
        with self._lock:
            waiting = self._queue()
            if waiting.qsize() < MOST_WAITING:
                waiting.put(event)
            else:
                self._dropped += 1
            thread = self._new_thread() if self._thread is None else None
        self._start(thread)

    def __bool__(self) -> bool:
        """Return whether there are any observers."""
        return bool(self._observers)

    def close(self, longest: float = LONGEST_CLOSE) -> None:
        """Let the thread hand over the queued events and end; a later event starts another one.

        Args:
            longest: Seconds to wait for that.
        """
        if self._process != os.getpid():
            return
        with self._lock:
            thread, waiting = self._thread, self._waiting
            self._thread, self._waiting = None, None
        if waiting is not None:
            waiting.put(None)
        join(thread, longest)

    def pause(self, until: float) -> None:
        """Let the thread hand over the queued events and end, before a fork.

        Args:
            until: When to stop waiting for it, as `time.monotonic()` counts.
        """
        if not can_end(self._thread):
            return
        with self._lock:
            if self._thread is not None:
                self._previous, self._thread = self._thread, None
                self._queue().put(None)
        join_before_fork(self._previous, until)

    def resume(self) -> None:
        """Hand over what came during the fork; else the next event starts a thread."""
        with self._lock:
            is_needed = self._thread is None and not self._queue().empty()
            thread = self._new_thread() if is_needed else None
        self._start(thread)

    def _reset(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting = None
        self._thread = None
        self._previous = None
        self._dropped = 0

    def _queue(self) -> "queue.SimpleQueue[Event | None]":
        """Return the queue, made on use: one from before a monkey patch would block greenlets."""
        if self._waiting is None:
            self._waiting = queue.SimpleQueue()
        return self._waiting

    def _new_thread(self) -> threading.Thread:
        pause_across_forks(self)
        self._thread = threading.Thread(
            target=self._run,
            args=(self._queue(), self._previous),
            name="standby-observers",
            daemon=True,
        )
        return self._thread

    def _start(self, thread: threading.Thread | None) -> None:
        """Start a new thread, outside the lock: under gevent a start lets other greenlets run."""
        if thread is None:
            return
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            self._thread = None
            raise

    def _run(
        self, waiting: "queue.SimpleQueue[Event | None]", previous: threading.Thread | None
    ) -> None:
        if previous is not None:
            previous.join()  # a fork did not wait for it any longer
        while (event := waiting.get()) is not None:
            for name, observer in self._observers:
                self._notify(name, observer, event)
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                report_lost_events(dropped)

    def _notify(self, name: str, observer: Observer, event: Event) -> None:
        try:
            require_value(observer(event))
        except BaseException as error:  # noqa: BLE001
            # a plugin's, even if it wants to end the program
            if (name, type(error)) not in self._reported:
                self._reported.add((name, type(error)))
                report_broken_observer(name, error)
