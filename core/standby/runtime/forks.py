"""Threads of this library across a fork: each ends before it, and goes on after it in the parent.

A child has only the thread that forked. Whatever another one was doing stays half done there for
ever, a lock that it held included; that is why Python 3.12 and later warn. A thread that has ended
leaves nothing half done.
"""

import concurrent.futures.thread  # noqa: F401 # pyright: ignore[reportUnusedImport] - see the end of this module
import os
import threading
import time
from typing import Protocol
from weakref import WeakSet

LONGEST_PAUSE = 0.25
"""Seconds that a fork waits for threads to end. One that blocks for longer lives on through it, and Python says so."""


class Pausable(Protocol):
    """Whatever has threads that outlive a call."""

    def pause(self, until: float) -> None:
        """End the threads at a point where they can go on, and wait for them until `time.monotonic()` is `until`."""
        ...

    def resume(self) -> None:
        """Begin the threads again in the parent, at once or when they are next needed."""
        ...


_pausable: WeakSet[Pausable] = WeakSet()
_forking = threading.Lock()


def pause_across_forks(one: Pausable) -> None:
    """Have it paused at each fork from now on, for as long as it lives; in a child it is forgotten."""
    _pausable.add(one)


def join(thread: threading.Thread | None, until: float) -> None:
    """Wait for a thread until `time.monotonic()` is `until`; not for the one that forks, nor for one that never began."""
    if thread is not None and thread.ident is not None and thread is not threading.current_thread():
        thread.join(max(0.0, until - time.monotonic()))


def _before() -> None:
    _forking.acquire()  # two forks at once would begin each other's threads again
    until = time.monotonic() + LONGEST_PAUSE
    for one in tuple(_pausable):
        one.pause(until)


def _after_in_parent() -> None:
    try:
        for one in tuple(_pausable):
            one.resume()
    finally:
        _forking.release()


def _after_in_child() -> None:
    global _forking  # noqa: PLW0603 - another thread of the parent may have waited for it
    _forking = threading.Lock()
    _pausable.clear()


# `concurrent.futures` locks every pool before a fork; it is imported by now, so that its hook comes
# after ours
if hasattr(os, "register_at_fork"):  # where there is no fork, there is no such function
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
