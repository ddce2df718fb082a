"""The one event loop, in a daemon thread of its own, on which `Standby` runs the asynchronous core."""

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

from standby.runtime.forks import join, pause_across_forks

T = TypeVar("T")

LONGEST_FAREWELL = 1.0
"""Seconds that the process waits at its exit for calls to leave and connections to close, and again for the thread."""

_parked: list["_PrivateLoop"] = []
"""Loops of a parent process. They are never touched again, and never collected: their sockets are the parent's."""


class _PrivateLoop:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self.over = False
        self.loop = asyncio.new_event_loop()
        self.thread: threading.Thread | None = None
        self._paused = False
        self._calls = 0
        self._lock = threading.Lock()
        self._give_pool()
        pause_across_forks(self)
        self.wake()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin it on the loop; callable from any thread. Raises `RuntimeError` once the loop has ended."""
        with self._lock:
            future = None if self.over else asyncio.run_coroutine_threadsafe(coroutine, self.loop)
            self._calls += future is not None
        if future is None:
            _refuse()
        future.add_done_callback(self._leave_one)
        if self.thread is None:
            self.wake()
        return future

    def _leave_one(self, _: Future[Any]) -> None:
        with self._lock:
            self._calls -= 1

    def wake(self) -> None:
        """Begin the loop's thread, unless it runs, or the loop has ended since its call came."""
        with self._lock:
            if self.over:
                return
            self._paused = False
            if self.thread is None:
                thread = threading.Thread(target=self._serve, name="standby", daemon=True)
                thread.start()
                self.thread = thread

    def _serve(self) -> None:
        while self._goes_on():
            # what a plugin or a sink raised: the loop throws it here, and its caller gets it as
            # well; the loop goes on
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                self.loop.run_forever()

    def _goes_on(self) -> bool:
        with self._lock:
            if self._paused:
                self.thread = None
            return self.thread is not None

    def pause(self, until: float) -> None:
        """End the thread between two steps of the loop, and those that look up host names for it."""
        thread = self.thread
        if thread is None or thread is threading.current_thread() or self.over:
            return
        with self._lock:
            self._paused = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        join(thread, until)
        if self.thread is None:
            self._pool.shutdown(wait=False)
            for each in self._pool_threads:
                join(each, until)
            self._give_pool()

    def resume(self) -> None:
        """Begin the thread again, with the next call if nothing is under way: Python 3.13.0 counts threads after this."""
        if not self.over and (
            self.thread is not None or self._calls or asyncio.all_tasks(self.loop)
        ):
            self.wake()

    def _give_pool(self) -> None:
        threads: list[threading.Thread] = []
        self._pool_threads = threads
        self._pool = ThreadPoolExecutor(
            thread_name_prefix="standby-lookup",
            initializer=lambda: threads.append(threading.current_thread()),
        )
        self.loop.set_default_executor(self._pool)

    def shut_down(self) -> None:
        """Cancel what still runs, close what still hangs on the loop, then the loop; in silence, and in bounded time."""
        if self.pid != os.getpid():
            return
        with self._lock:
            if self.over:
                return
            thread, self.over = self.thread, True  # from now on nobody begins a call, or the thread
        with contextlib.suppress(
            Exception
        ):  # it takes too long, or is broken; the process leaves all the same
            if thread is None:  # a fork paused it, and Python 3.12 begins no thread at the exit
                self.loop.call_later(LONGEST_FAREWELL, self.loop.stop)
                self.loop.run_until_complete(_leave())
            else:
                asyncio.run_coroutine_threadsafe(_leave(), self.loop).result(LONGEST_FAREWELL)
        with self._lock:
            self._paused = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        if thread is not None:
            thread.join(LONGEST_FAREWELL)
        if thread is None or not thread.is_alive():
            self.loop.close()


_current: _PrivateLoop | None = None
_starting = threading.Lock()
_warned = False


class LoopIsBlockedError(Exception):
    """The private loop did not come back in time: something on it blocks."""


def run(coroutine: Coroutine[Any, Any, T], within: float | None = None) -> T:
    """Run on the private loop and wait; Ctrl-C cancels. Context variables are carried over.

    Raises `RuntimeError` when called from the loop's own thread, where waiting would be for ever,
    and `LoopIsBlockedError` after `within` seconds: what keeps its own deadline takes longer only
    on a loop that cannot turn.
    """
    try:
        private = _usable()
        future = private.submit(coroutine)
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
        if private.over:
            _freeze()
        future.cancel()
        raise


def _usable() -> _PrivateLoop:
    private = _private()
    if threading.current_thread() is private.thread:
        raise RuntimeError(
            "Standby was called from inside its own event loop and would wait for itself; use AsyncStandby"
        )
    _warn_inside_a_loop()
    return private


def _private() -> _PrivateLoop:
    """Return the process's loop; made on first use, and anew in a child after a fork."""
    global _current  # noqa: PLW0603 - one loop for the process is the point
    current = _current
    if current is not None and current.pid == os.getpid():
        return current
    with _starting:
        if _current is None or _current.pid != os.getpid():
            if _current is not None:
                _parked.append(_current)
            _current = _PrivateLoop()
            atexit.register(_current.shut_down)
        return _current


async def _leave() -> None:
    loop = asyncio.get_running_loop()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await loop.shutdown_asyncgens()


def _refuse() -> NoReturn:
    if threading.current_thread().daemon:
        _freeze()
    raise RuntimeError("Standby was called while the process exits, after its event loop has ended")


def _freeze() -> None:
    """Wait for the end of the process, in a daemon thread that it leaves behind: an exception would only be printed."""
    threading.Event().wait()


def _after_fork() -> None:
    global _starting  # noqa: PLW0603 - the parent's threads may have held it
    _starting = threading.Lock()


if hasattr(os, "register_at_fork"):  # where there is no fork, there is no such function
    os.register_at_fork(after_in_child=_after_fork)


def _warn_inside_a_loop() -> None:
    global _warned
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    with _starting:
        first, _warned = not _warned, True
    if first:
        words = "Standby blocks the event loop that it is called from; use AsyncStandby there"
        warnings.warn(words, RuntimeWarning, stacklevel=_frames_of_ours() + 1)


def _frames_of_ours() -> int:
    """Count the frames between the caller's own code and the one that warns."""
    frame, count = inspect.currentframe(), -1
    while frame is not None and frame.f_globals.get("__name__", "").startswith("standby."):
        frame, count = frame.f_back, count + 1
    return count
