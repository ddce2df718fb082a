"""Names the code that blocks an event loop: a thread looks whether the loop still turns while calls are under way on it."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

LIMIT = 1.0
"""Seconds without a turn of the loop that are reported."""

EVERY = 0.25
"""Seconds between two looks, and only while calls are under way."""

Report = Callable[[str, float], None]
"""Is told, on the watchdog's own thread, which code blocks, and for how many seconds so far."""


class _Loop:
    """One event loop: how many calls are under way on it, and since when it owes an answer."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.calls = 0
        self.asked: float | None = None
        self.reported = False

    def answer(self) -> None:
        self.asked, self.reported = None, False


class Watchdog:
    """Watches every event loop that has calls under way; its thread sleeps while there is none."""

    def __init__(self, report: Report) -> None:
        """Watch nothing yet."""
        self._report = report
        self._loops: dict[asyncio.AbstractEventLoop, _Loop] = {}
        self._busy = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def call(self) -> Generator[None, None, None]:
        """Watch the running loop during one call."""
        loop = asyncio.get_running_loop()
        with self._lock:
            watched = self._loops.setdefault(loop, _Loop())
            watched.calls += 1
            self._wake()
        try:
            yield
        finally:
            with self._lock:
                watched.calls -= 1
                if not watched.calls:
                    del self._loops[loop]

    def _wake(self) -> None:
        self._busy.set()
        if self._thread is None or not self._thread.is_alive():  # a fork leaves the parent's threads behind
            self._thread = threading.Thread(target=self._watch, name="standby-watchdog", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while True:
            self._busy.wait()
            time.sleep(EVERY)
            with self._lock:
                loops = list(self._loops.items())
                if not loops:
                    self._busy.clear()
            for loop, watched in loops:
                self._look(loop, watched)

    def _look(self, loop: asyncio.AbstractEventLoop, watched: _Loop) -> None:
        now = time.monotonic()
        if watched.asked is None:
            watched.asked = now
            try:
                loop.call_soon_threadsafe(watched.answer)
            except RuntimeError:  # the loop was closed in this very moment
                return
        elif now - watched.asked >= LIMIT and not watched.reported:
            watched.reported = True
            self._report(_code_at(watched.thread), now - watched.asked)


def _code_at(thread: int) -> str:
    """Return the module, function and line at which a thread is."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the only way
    if frame is None:
        return "code that has just ended"
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}, line {frame.f_lineno}"
