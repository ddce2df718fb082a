"""Whether a file is another than it was."""

import time
from pathlib import Path

EVERY = 1.0
"""Seconds between two looks; a look costs a few microseconds."""


class FileWatcher:
    """Looks at a file's size, time and identity. One that is not there, for now or for good, has not changed."""

    def __init__(self, path: Path) -> None:
        """Take the file as it is now for what is known."""
        self._path = path
        self._seen = _mark(path)
        self._next = 0.0

    def has_changed(self) -> bool:
        """Say whether there is something new since it was last said; looks once in `EVERY` seconds."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + EVERY
        mark = _mark(self._path)
        if mark is None or mark == self._seen:
            return False
        self._seen = mark
        return True


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
