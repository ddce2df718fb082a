"""Threads of this library across a fork: they end before it and resume after it in the parent.

A child process has only the thread that forked. Whatever another thread was doing stays half done
there for ever, including a lock that it held; that is why Python 3.12 and later warn. A thread that
has ended leaves nothing half done.
"""

# see the end of this module
import concurrent.futures.thread  # noqa: F401 # pyright: ignore[reportUnusedImport]
import os
import threading
import time
from typing import Protocol
from weakref import WeakSet

FORK_TIMEOUT = 0.25
"""Seconds that a fork waits for threads to end. One that blocks longer lives on; Python warns."""

FINISH_TIMEOUT = 5.0
"""Seconds that a fork waits for an import under way."""


class Pausable(Protocol):
    """An object with threads that outlive a call."""

    def pause(self, until: float) -> None:
        """End the threads at a point where they can resume, and wait for them.

        Args:
            until: The latest time to wait for, by `time.monotonic()`.
        """
        ...

    def resume(self) -> None:
        """Start the threads again in the parent, at once or when they are next needed."""
        ...


class Finishing(Protocol):
    """An object with threads that end by themselves, and must not be cut short by a fork."""

    def finish(self, until: float) -> None:
        """Wait until nothing is half done.

        Args:
            until: The latest time to wait for, by `time.monotonic()`.
        """
        ...


_pausable: WeakSet[Pausable] = WeakSet()
_finishing: WeakSet[Finishing] = WeakSet()
_forking = threading.Lock()


def pause_across_forks(pausable: Pausable) -> None:
    """Pause an object at each fork from now on, for as long as it lives; a child forgets it.

    Args:
        pausable: The object with the threads.
    """
    _pausable.add(pausable)


def finish_before_forks(finishing: Finishing) -> None:
    """Finish an object before each fork from now on, for as long as it lives; a child forgets it.

    Args:
        finishing: The object with the threads.
    """
    _finishing.add(finishing)


def join(thread: threading.Thread | None, seconds: float) -> None:
    """Wait for a thread, unless it is the one that waits or was never started.

    Args:
        thread: The thread, if there is one.
        seconds: How long to wait at most.
    """
    if thread is None or thread is threading.current_thread():
        return
    if thread.ident is not None:
        thread.join(max(0.0, seconds))


def join_before_fork(thread: threading.Thread | None, until: float) -> None:
    """Wait for a thread, and until the system has ended it too.

    Before 3.13 Python joins a thread a moment earlier, and then counts the system's threads.

    Args:
        thread: The thread, if there is one.
        until: The latest time to wait for it, by `time.monotonic()`.
    """
    join(thread, until - time.monotonic())
    if thread is None or not can_end(thread):
        return
    task = f"/proc/self/task/{thread.native_id}"  # on Linux, where Python counts
    while os.path.exists(task) and time.monotonic() < until:  # noqa: PTH110 - faster
        threading.Event().wait(0.0005)


def can_end(thread: threading.Thread | None) -> bool:
    """Return whether a fork can end a thread and start it again.

    That is a thread that runs, is not the one that forks, and no greenlet beside it (gevent): no
    other greenlet may run in the middle of a fork.

    Args:
        thread: The thread, if there is one.
    """
    if thread is None or thread.native_id is None:
        return False
    return thread.native_id != threading.get_native_id()


def _before() -> None:
    _forking.acquire()  # two forks at once would resume each other's threads
    until = time.monotonic() + FORK_TIMEOUT
    for pausable in tuple(_pausable):
        pausable.pause(until)
    for finishing in tuple(_finishing):
        finishing.finish(time.monotonic() + FINISH_TIMEOUT)


def _after_in_parent() -> None:
    try:
        for pausable in tuple(_pausable):
            pausable.resume()
    finally:
        _forking.release()


def _after_in_child() -> None:
    global _forking  # noqa: PLW0603 - another thread of the parent may have waited for it
    _forking = threading.Lock()
    _pausable.clear()
    _finishing.clear()


# `concurrent.futures` locks every pool before a fork. It is imported above, so that its hook runs
# after ours.
if hasattr(os, "register_at_fork"):  # systems without fork have no such function
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
