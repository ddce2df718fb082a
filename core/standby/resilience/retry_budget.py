"""How many extra attempts are allowed: a bucket that fills slowly, so retries never become a storm.

Sources: gRPC's retry throttling (0.1 token for a success); the AWS SDKs' retry quota (500 tokens at
14 for a retry: about 35 retries); Finagle's `minRetriesPerSec`.
"""

import threading

MIN_RATE = 10.0
"""Seconds in which at least one token comes, so that an application that rarely calls can retry."""

ROUNDING = 1e-9
"""Tokens: ten tenths of a token are a token, whatever floats make of them."""


class RetryBudget:
    """A bucket of tokens, one for each extra attempt; it starts full. Safe for many threads."""

    def __init__(
        self, capacity: float = 35.0, share: float = 0.1, *, min_rate: float = MIN_RATE
    ) -> None:
        """Start full.

        Args:
            capacity: The most tokens that the bucket holds.
            share: Tokens that each deposit brings.
            min_rate: Seconds in which time alone brings one token, where deposits bring less;
                infinity: time brings none.
        """
        self._capacity = capacity
        self._share = share
        self._min_rate = min_rate
        self._tokens = capacity
        self._paid_until = 0.0  # up to when tokens for the time have been added
        self._ahead = 0.0  # tokens from deposits beyond what that time is worth
        self._lock = threading.Lock()

    @property
    def tokens(self) -> float:
        """Return the tokens in the bucket at its last use."""
        return self._tokens

    def reset_after_fork(self) -> None:
        """Fill the bucket in a forked child, where no thread releases the parent's lock."""
        self._lock = threading.Lock()
        self.refill()

    def refill(self) -> None:
        """Fill the bucket, as at the start."""
        with self._lock:
            self._tokens, self._paid_until, self._ahead = self._capacity, 0.0, 0.0

    def deposit(self, now: float) -> None:
        """Count a call that needed no extra attempt.

        Args:
            now: The time in seconds.
        """
        with self._lock:
            self._add_for_time(now)
            self._ahead = min(self._capacity, self._ahead + self._share)
            self._tokens = min(self._capacity, self._tokens + self._share)

    def try_withdraw(self, now: float) -> bool:
        """Take a token for an extra attempt.

        Args:
            now: The time in seconds.

        Returns:
            Whether there was one.
        """
        with self._lock:
            self._add_for_time(now)
            if self._tokens < 1 - ROUNDING:
                return False
            self._tokens = max(0.0, self._tokens - 1)
            return True

    def _add_for_time(self, now: float) -> None:
        """Add what time is worth beyond the deposits: the larger of the two, never their sum."""
        surplus = (now - self._paid_until) / self._min_rate - self._ahead
        self._paid_until = now
        self._ahead = max(0.0, -surplus)
        self._tokens = min(self._capacity, self._tokens + max(0.0, surplus))
