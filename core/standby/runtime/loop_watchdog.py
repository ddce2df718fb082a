"""Names the code that blocks an event loop: a thread checks loops that have calls under way."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from standby.runtime.forks import can_end, join_before_fork, pause_across_forks
from standby.runtime.loop_lag import LAGS

BLOCKED_AFTER = 1.0
"""Seconds without a turn of the loop after which it is reported."""

CHECK_INTERVAL = 0.25
"""Seconds between two checks; there are none while no call is under way."""

Report = Callable[[str, float], None]
"""Receives the code that blocks and the seconds so far, on the watchdog's own thread."""


class _WatchedLoop:
    """One event loop: a report for each call under way, and the question that it has to answer."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.reports: list[Report] = []
        self.pinged_at: float | None = None
        self.is_reported = False

    def answer(self) -> None:
        if self.pinged_at is not None and self.reports:  # else the loop was stopped meanwhile
            LAGS[asyncio.get_running_loop()].note(time.monotonic() - self.pinged_at)
        self.pinged_at, self.is_reported = None, False


class Watchdog:
    """Watches every event loop that has calls under way; its thread sleeps while there is none."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._loops: dict[asyncio.AbstractEventLoop, _WatchedLoop] = {}
        self._busy = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._paused = threading.Event()

    @contextmanager
    def watch(self, report: Report) -> Generator[None, None, None]:
        """Watch the running loop during one call; the report is not kept any longer.

        Args:
            report: Called once if the loop is blocked.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            watched = self._loops.get(loop) or self._loops.setdefault(loop, _WatchedLoop())
            watched.reports.append(report)
        try:
            self._wake()
            yield
        finally:
            with self._lock:
                watched.reports.remove(report)
                if not watched.reports:
                    del self._loops[loop]

    def reset_after_fork(self) -> None:
        """Forget the parent's calls, thread and lock: in a child they never end."""
        self._loops = {}
        self._busy = threading.Event()
        self._lock = threading.Lock()
        self._paused = threading.Event()
        self._thread = None

    def pause(self, until: float) -> None:
        """End the thread before a fork.

        Args:
            until: The latest time to wait for it, by `time.monotonic()`.
        """
        if not can_end(self._thread):
            return
        with self._lock:
            thread, self._thread = self._thread, None
            self._paused.set()
            self._busy.set()
        join_before_fork(thread, until)

    def resume(self) -> None:
        """Watch on after a fork if calls are under way; otherwise the next call starts a thread."""
        if self._loops:
            self._wake()

    def _wake(self) -> None:
        """Let the thread check again, or start it.

        It starts outside the lock: under gevent a start lets other greenlets run.
        """
        with self._lock:
            self._busy.set()
            if self._thread is not None:
                return
            pause_across_forks(self)
            self._paused = threading.Event()
            thread = self._thread = threading.Thread(
                target=self._watch, args=(self._paused,), name="standby-watchdog", daemon=True
            )
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            self._thread = None
            raise

    def _watch(self, paused: threading.Event) -> None:
        while True:
            self._busy.wait()
            if paused.wait(CHECK_INTERVAL):
                return
            with self._lock:
                loops = list(self._loops.items())
                if not loops and not paused.is_set():
                    self._busy.clear()
            for loop, watched in loops:
                _check(loop, watched)
            del loops


def _check(loop: asyncio.AbstractEventLoop, watched: _WatchedLoop) -> None:
    now = time.monotonic()
    if watched.pinged_at is None:
        watched.pinged_at = now
        with suppress(RuntimeError):  # the loop was closed at this very moment
            loop.call_soon_threadsafe(watched.answer)
    elif now - watched.pinged_at >= BLOCKED_AFTER and not watched.is_reported:
        watched.is_reported = True
        for report in dict.fromkeys(watched.reports):
            report(_describe_position(watched.thread), now - watched.pinged_at)


WATCHDOG = Watchdog()
"""The watchdog of this process."""

if hasattr(os, "register_at_fork"):  # systems without fork have no such function
    os.register_at_fork(after_in_child=WATCHDOG.reset_after_fork)


def _describe_position(thread: int) -> str:
    """Return the module, function and line that a thread is at."""
    # the only way
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if frame is None:
        return "code that has just ended"
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}, line {frame.f_lineno}"
