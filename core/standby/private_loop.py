"""The one event loop, in a daemon thread of its own, on which `Standby` runs the asynchronous core."""

import asyncio
import atexit
import os
import threading
import warnings
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_parked: list["_PrivateLoop"] = []
"""Loops of a parent process. They are never touched again, and never collected: their sockets are the parent's."""


class _PrivateLoop:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="standby", daemon=True)
        self.thread.start()

    def shut_down(self) -> None:
        """Close what still hangs on the loop, then the loop."""
        if self.pid != os.getpid() or self.loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self.loop.shutdown_asyncgens(), self.loop).result(timeout=1)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=1)
        self.loop.close()


_current: _PrivateLoop | None = None
_starting = threading.Lock()
_warned = False


class LoopIsBlockedError(Exception):
    """The private loop did not come back in time: something on it blocks."""


def run(coroutine: Coroutine[Any, Any, T], within: float | None = None) -> T:
    """Run on the private loop and wait; Ctrl-C cancels. Context variables are carried over.

    Raises `RuntimeError` when called from the loop's own thread, where waiting would be for ever, and `LoopIsBlockedError`
    after `within` seconds: what keeps its own deadline takes longer only on a loop that cannot turn.
    """
    private = _private()
    if threading.current_thread() is private.thread:
        coroutine.close()
        raise RuntimeError("Standby was called from inside its own event loop and would wait for itself; use AsyncStandby")
    _warn_inside_a_loop()
    future = asyncio.run_coroutine_threadsafe(coroutine, private.loop)
    try:
        return future.result(within)
    except TimeoutError as error:
        if future.done():
            raise
        future.cancel()
        raise LoopIsBlockedError from error
    except BaseException:
        future.cancel()
        raise


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


def _after_fork() -> None:
    global _starting  # noqa: PLW0603 - the parent's threads may have held it
    _starting = threading.Lock()


if hasattr(os, "register_at_fork"):  # where there is no fork, there is no such function
    os.register_at_fork(after_in_child=_after_fork)


def _warn_inside_a_loop() -> None:
    global _warned  # noqa: PLW0603 - once for the process
    if _warned:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    _warned = True
    warnings.warn("Standby blocks the event loop that it is called from; use AsyncStandby there", RuntimeWarning, stacklevel=4)
