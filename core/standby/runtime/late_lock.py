"""A lock that may be held while other threads run, or other greenlets."""

import os
import threading


class LateLock:
    """A lock that is made on its first use in a process.

    Most clients are made when a module is imported. A server may fork after that, and gevent may
    then replace `threading.Lock`. A lock from before the fork may be held for ever by a thread that
    only the parent has; one from before the replacement blocks all greenlets when one waits for it.
    """

    def __init__(self) -> None:
        """Make no lock yet."""
        self._locks: dict[tuple[int, object], threading.Lock] = {}

    def get(self) -> threading.Lock:
        """Return the lock of this process and its kind of threads."""
        return self._locks.setdefault((os.getpid(), threading.Lock), threading.Lock())
