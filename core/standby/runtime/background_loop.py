"""The one event loop, in a daemon thread, on which `Standby` runs the asynchronous core."""

import asyncio
import atexit
import contextlib
import inspect
import os
import threading
import warnings
from collections.abc import Coroutine
from concurrent.futures import Future
from concurrent.futures.thread import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar

from standby.runtime.forks import can_end, join, join_before_fork, pause_across_forks

T = TypeVar("T")

SHUTDOWN_TIMEOUT = 1.0
"""Seconds that an exit waits for calls and connections to close, and again for the thread."""

TURN = 0.01
"""Seconds between two looks whether another greenlet's event loop has ended."""

_parked: list["_BackgroundLoop"] = []
"""Loops of a parent process. They are never used or collected: their sockets are the parent's."""


class _BackgroundLoop:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self.over = False
        self.loop = asyncio.new_event_loop()
        self.thread: threading.Thread | None = None
        self._paused = False
        self._calls = 0
        self._lock = threading.Lock()
        self._pool, self._pool_threads = self._start_pool()
        pause_across_forks(self)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the loop, from any thread.

        Raises:
            RuntimeError: The loop has ended, or the system cannot start its thread.
        """
        with self._lock:
            future = None if self.over else asyncio.run_coroutine_threadsafe(coroutine, self.loop)
            self._calls += future is not None
        if future is None:
            _raise_ended()
        future.add_done_callback(self._count_out)
        if self.thread is None:
            try:
                self.wake()
            except RuntimeError:
                future.cancel()
                raise
        return future

    def _count_out(self, _: Future[Any]) -> None:
        with self._lock:
            self._calls -= 1

    def wake(self) -> None:
        """Start the loop's thread, unless it runs or the loop has ended meanwhile.

        It starts outside the lock: under gevent a start lets other greenlets run.
        """
        with self._lock:
            if self.over:
                return
            self._paused = False
            if self.thread is not None:
                return
            thread = threading.Thread(target=self._run_forever, name="standby", daemon=True)
            self.thread = thread
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            self.thread = None
            raise

    def _run_forever(self) -> None:
        while self._should_run():
            if _running_loop() is not None:  # of another greenlet: they have one loop at a time
                threading.Event().wait(TURN)
                continue
            # A plugin or a sink raised one of these: the loop throws it here, and its caller gets
            # it too. The loop runs on.
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                self.loop.run_forever()

    def _should_run(self) -> bool:
        with self._lock:
            if self._paused:
                self.thread = None
            return self.thread is not None

    def pause(self, until: float) -> None:
        """End the thread between two steps of the loop, and the threads of its name look-ups."""
        thread = None if self.over else self.thread
        if not can_end(thread):
            return
        with self._lock:
            self._paused = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        join_before_fork(thread, until)
        if self.thread is None:
            self._pool.shutdown(wait=False)
            for lookup in self._pool_threads:
                join_before_fork(lookup, until)
            self._pool, self._pool_threads = self._start_pool()

    def resume(self) -> None:
        """Start the thread again if something is under way; otherwise the next call does.

        Python 3.13.0 counts the threads after this hook, so an idle one is not started.
        """
        if self.over:
            return
        is_busy = self.thread is not None or self._calls
        if is_busy or asyncio.all_tasks(self.loop):
            self.wake()

    def _start_pool(self) -> tuple[ThreadPoolExecutor, list[threading.Thread]]:
        """Give the loop a pool for its name look-ups, whose threads are known."""
        threads: list[threading.Thread] = []
        pool = ThreadPoolExecutor(
            thread_name_prefix="standby-lookup",
            initializer=lambda: threads.append(threading.current_thread()),
        )
        self.loop.set_default_executor(pool)
        return pool, threads

    def shut_down(self) -> None:
        """Cancel what runs, close what belongs to the loop, then the loop; silent and bounded."""
        if self.pid != os.getpid():
            return
        with self._lock:
            if self.over:
                return
            thread, self.over = self.thread, True  # from now on no call and no thread starts
        with contextlib.suppress(Exception):  # it takes too long or is broken; the exit continues
            if thread is None:  # a fork paused it, and Python 3.12 starts no thread during an exit
                self.loop.call_later(SHUTDOWN_TIMEOUT, self.loop.stop)
                self.loop.run_until_complete(_cancel_all())
            else:
                asyncio.run_coroutine_threadsafe(_cancel_all(), self.loop).result(SHUTDOWN_TIMEOUT)
        with self._lock:
            self._paused = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        join(thread, SHUTDOWN_TIMEOUT)
        if thread is None or not thread.is_alive():
            self.loop.close()


_current: _BackgroundLoop | None = None
_starting = threading.Lock()
_warned = False


class LoopIsBlockedError(Exception):
    """The background loop did not return in time: something on it blocks."""


def run(coroutine: Coroutine[Any, Any, T], within: float | None = None) -> T:
    """Run a coroutine on the background loop and wait for it. Ctrl-C cancels it.

    Context variables are carried over.

    Args:
        coroutine: What to run. It keeps its own deadline, so it takes longer than `within` only on
            a loop that is blocked.
        within: Seconds to wait at most; `None`: as long as it takes.

    Returns:
        What the coroutine returns.

    Raises:
        LoopIsBlockedError: `within` seconds have passed.
        RuntimeError: This is the loop's own thread, where waiting would never end.
    """
    try:
        background = _usable_loop()
        future = background.submit(coroutine)
    except BaseException:
        coroutine.close()
        raise
    try:
        return future.result(within)
    except TimeoutError as error:
        if future.done():
            raise
        future.cancel()
        raise LoopIsBlockedError from error
    except BaseException:
        if background.over:
            _wait_for_exit()
        future.cancel()
        raise


def _usable_loop() -> _BackgroundLoop:
    background = _process_loop()
    if threading.current_thread() is background.thread:
        raise RuntimeError(
            "Standby was called from inside its own event loop and would wait for itself; "
            "use AsyncStandby"
        )
    if _is_on_a_loop():
        _warn_once()
    return background


def _process_loop() -> _BackgroundLoop:
    """Return the process's loop; made on first use, and again in a child after a fork."""
    global _current  # noqa: PLW0603 - one loop for the process is the point
    current = _current
    if current is not None and current.pid == os.getpid():
        return current
    with _starting:
        if _current is None or _current.pid != os.getpid():
            if _current is not None:
                _parked.append(_current)
            _current = _BackgroundLoop()
            atexit.register(_current.shut_down)
        return _current


async def _cancel_all() -> None:
    loop = asyncio.get_running_loop()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await loop.shutdown_asyncgens()


def _raise_ended() -> NoReturn:
    if threading.current_thread().daemon:
        _wait_for_exit()
    raise RuntimeError("Standby was called while the process exits, after its event loop has ended")


def _wait_for_exit() -> None:
    """Block a daemon thread until the process ends: an exception would only be printed."""
    threading.Event().wait()


def _after_fork() -> None:
    global _starting  # noqa: PLW0603 - the parent's threads may have held the lock
    _starting = threading.Lock()


if hasattr(os, "register_at_fork"):  # systems without fork have no such function
    os.register_at_fork(after_in_child=_after_fork)


def _is_on_a_loop() -> bool:
    """Return whether this thread, or greenlet, runs an event loop.

    asyncio has one running loop for an operating system's thread, and so for all its greenlets.
    """
    loop, here = _running_loop(), threading.get_ident()
    # uvloop's loops have no such attribute
    return loop is not None and getattr(loop, "_thread_id", here) == here


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _warn_once() -> None:
    global _warned
    with _starting:
        first, _warned = not _warned, True
    if first:
        message = "Standby blocks the event loop that it is called from; use AsyncStandby there"
        warnings.warn(message, RuntimeWarning, stacklevel=_count_own_frames() + 1)


def _count_own_frames() -> int:
    """Count the frames between the caller's own code and the one that warns."""
    frame, count = inspect.currentframe(), -1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("standby."):
        frame, count = frame.f_back, count + 1
    return count
