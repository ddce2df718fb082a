"""How many extra attempts are allowed: a bucket that real traffic fills slowly, so that retries never become a storm.

Sources: gRPC's retry throttling (0.1 token for a success), AWS SDKs' retry quota (500 tokens of 14:
    about 35 retries).
"""

import threading

MIN_RATE = 10.0
"""Seconds in which at least one token comes, for those who call rarely."""

ROUNDING = 1e-9
"""Ten tenths of a token are a token, whatever floats make of them."""


class RetryBudget:
    """A bucket of tokens, one for each extra attempt; it starts full. Safe from many threads."""

    def __init__(
        self, capacity: float = 35.0, share: float = 0.1, *, min_rate: float = MIN_RATE
    ) -> None:
        """Hold at most `capacity` tokens; every call that is `earned` for brings `share` of one.

        Where that is less, time brings one in every `min_rate` seconds (`inf`: it brings none).
        """
        self._capacity = capacity
        self._share = share
        self._each = min_rate
        self._tokens = capacity
        self._seen = 0.0  # up to when time has been paid for
        self._ahead = 0.0  # tokens that calls have brought beyond what that time is worth
        self._lock = threading.Lock()

    def reset_after_fork(self) -> None:
        """Be full: in a forked child nobody gives back the parent's locks."""
        self._lock = threading.Lock()
        self.refill()

    def refill(self) -> None:
        """Be full, as at the beginning."""
        with self._lock:
            self._tokens, self._seen, self._ahead = self._capacity, 0.0, 0.0

    def deposit(self, now: float) -> None:
        """Count a call that needed nothing extra."""
        with self._lock:
            self._trickle(now)
            self._ahead = min(self._capacity, self._ahead + self._share)
            self._fill(self._share)

    def try_withdraw(self, now: float) -> bool:
        """Take a token for an extra attempt, if there is one."""
        with self._lock:
            self._trickle(now)
            if self._tokens < 1 - ROUNDING:
                return False
            self._tokens = max(0.0, self._tokens - 1)
            return True

    def _trickle(self, now: float) -> None:
        """Bring what the time is worth beyond what calls have brought: the larger of the two, never their sum."""
        worth = max(0.0, now - self._seen) / self._each
        self._seen = max(now, self._seen)
        self._fill(max(0.0, worth - self._ahead))
        self._ahead = max(0.0, self._ahead - worth)

    def _fill(self, tokens: float) -> None:
        self._tokens = min(self._capacity, self._tokens + tokens)
