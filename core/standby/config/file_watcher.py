"""Notices when a file has changed."""

import time
from pathlib import Path

EVERY = 1.0
"""Seconds between two looks at the file; a look costs a few microseconds."""


class FileWatcher:
    """Compares a file's size, time and identity with those of the last look.

    A file that is missing counts as unchanged.
    """

    def __init__(self, path: Path) -> None:
        """Remember the file's present state.

        Args:
            path: The file.

        """
        self._path = path
        self._last_state = _read_state(path)
        self._next_look = 0.0

    def has_changed(self) -> bool:
        """Look at the file, at most once in `EVERY` seconds.

        Returns:
            Whether the file has changed since the last look.

        """
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + EVERY
        state = _read_state(self._path)
        if state is None or state == self._last_state:
            return False
        self._last_state = state
        return True


def _read_state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
