"""Names the code that blocks an event loop: a thread looks whether the loop still turns while calls are under way on it."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from standby.runtime.forks import join, pause_across_forks

LIMIT = 1.0
"""Seconds without a turn of the loop that are reported."""

EVERY = 0.25
"""Seconds between two looks, and only while calls are under way."""

Report = Callable[[str, float], None]
"""Is told, on the watchdog's own thread, which code blocks, and for how many seconds so far."""


class _Loop:
    """One event loop: whom to tell, once for each call under way on it, and since when it owes an answer."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.calls: list[Report] = []
        self.asked: float | None = None
        self.reported = False

    def answer(self) -> None:
        self.asked, self.reported = None, False


class Watchdog:
    """Watches every event loop that has calls under way; its thread sleeps while there is none."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._loops: dict[asyncio.AbstractEventLoop, _Loop] = {}
        self._busy = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._paused = threading.Event()

    @contextmanager
    def call(self, report: Report) -> Generator[None, None, None]:
        """Watch the running loop during one call; whoever makes it is held no longer than that."""
        loop = asyncio.get_running_loop()
        with self._lock:
            watched = self._loops.setdefault(loop, _Loop())
            watched.calls.append(report)
            self._wake()
        try:
            yield
        finally:
            with self._lock:
                watched.calls.remove(report)
                if not watched.calls:
                    del self._loops[loop]

    def reset_after_fork(self) -> None:
        """In a forked child nobody ends the parent's calls, and nobody gives back its lock."""
        self._loops = {}
        self._busy = threading.Event()
        self._lock = threading.Lock()
        self._paused = threading.Event()
        self._thread = None

    def pause(self, until: float) -> None:
        """End the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._paused.set()
            self._busy.set()
        join(thread, until)

    def resume(self) -> None:
        """Watch on if calls are under way; else the next one begins a thread."""
        with self._lock:
            if self._loops:
                self._wake()

    def _wake(self) -> None:
        self._busy.set()
        if self._thread is None:
            pause_across_forks(self)
            self._paused = threading.Event()
            self._thread = threading.Thread(
                target=self._watch, args=(self._paused,), name="standby-watchdog", daemon=True
            )
            self._thread.start()

    def _watch(self, paused: threading.Event) -> None:
        while True:
            self._busy.wait()
            if paused.wait(EVERY):
                return
            with self._lock:
                loops = list(self._loops.items())
                if not loops and not paused.is_set():
                    self._busy.clear()
            for loop, watched in loops:
                self._look(loop, watched)
            del loops

    def _look(self, loop: asyncio.AbstractEventLoop, watched: _Loop) -> None:
        now = time.monotonic()
        if watched.asked is None:
            watched.asked = now
            with suppress(RuntimeError):  # the loop was closed in this very moment
                loop.call_soon_threadsafe(watched.answer)
        elif now - watched.asked >= LIMIT and not watched.reported:
            watched.reported = True
            for report in dict.fromkeys(watched.calls):
                report(_code_at(watched.thread), now - watched.asked)


WATCHDOG = Watchdog()
"""The one of this process."""

if hasattr(os, "register_at_fork"):  # where there is no fork, there is no such function
    os.register_at_fork(after_in_child=WATCHDOG.reset_after_fork)


def _code_at(thread: int) -> str:
    """Return the module, function and line at which a thread is."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the only way
    if frame is None:
        return "code that has just ended"
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}, line {frame.f_lineno}"
