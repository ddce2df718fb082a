"""How many extra attempts are allowed: a bucket that real traffic fills slowly, so that retries never become a storm.

Sources: gRPC's retry throttling (0.1 token for a success), AWS SDKs' retry quota (500 tokens of 14: about 35 retries).
"""

import threading

TRICKLE = 10.0
"""Seconds in which at least one token comes, for those who call rarely."""


class Budget:
    """A bucket of tokens, one for each extra attempt; it starts full. Safe from many threads."""

    def __init__(self, capacity: float = 35.0, share: float = 0.1) -> None:
        """Hold at most `capacity` tokens; every call that is `earned` for brings `share` of one."""
        self._capacity = capacity
        self._share = share
        self._tokens = capacity
        self._window = 0.0  # when the present ten seconds began
        self._granted = 0.0  # what they have brought so far
        self._lock = threading.Lock()

    def earn(self, now: float) -> None:
        """Count a call that needed nothing extra."""
        with self._lock:
            self._trickle(now)
            self._granted += self._share
            self._tokens = min(self._capacity, self._tokens + self._share)

    def take(self, now: float) -> bool:
        """Take a token for an extra attempt, if there is one."""
        with self._lock:
            self._trickle(now)
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def _trickle(self, now: float) -> None:
        """At the end of a window bring it up to what the time alone is worth: the larger of the two, never their sum."""
        passed = now - self._window
        if passed < TRICKLE:
            return
        self._tokens = min(self._capacity, self._tokens + max(0.0, passed / TRICKLE - self._granted))
        self._window, self._granted = now, 0.0
