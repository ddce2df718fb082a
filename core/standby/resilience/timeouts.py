"""The time of one attempt: by when something must have come, which moves on as a stream's tokens do.

The dispatcher looks at `expires_at` when it is due, so a chunk that comes in time costs no timer.
"""

from collections.abc import Callable
from typing import Protocol

LONGEST_TURN = 0.02
"""Seconds of one stream's chunks after which the event loop gets a turn, whether the stream waits
or not."""

HURRY = 5.0
"""Seconds: an attempt that was given at least this long, or all of its time-out, says something of
the model when its time is up, and not only of a caller in a hurry."""

NEVER = float("inf")


class Timeouts(Protocol):
    """How long a model may take, in seconds."""

    @property
    def timeout(self) -> float:
        """For a whole answer."""
        ...

    @property
    def first_token_timeout(self) -> float:
        """Until a stream's first token."""
        ...

    @property
    def idle_timeout(self) -> float:
        """Between two tokens."""
        ...


class AttemptTimer:
    """The time-outs of one attempt, on a clock.

    Attributes:
        started: when the attempt started, on the clock.
        first_token: when a stream's first token came; `None` before it.
        last_activity: when the last sign of life came.
        is_streaming: the answer comes in pieces.

    """

    __slots__ = (
        "_allowed",
        "_deadline",
        "_due",
        "_missed",
        "_paused_at",
        "_timeouts",
        "_yield_at",
        "clock",
        "first_token",
        "is_streaming",
        "last_activity",
        "started",
    )

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float], allowed: float) -> None:
        """Start the timer.

        Args:
            timeouts: what the model may take.
            clock: returns the time, in seconds.
            allowed: the seconds that the call's deadline leaves the attempt.

        """
        now = clock()
        self.clock = clock
        self.started = self.last_activity = now
        self.first_token: float | None = None
        self.is_streaming = False
        self._timeouts = timeouts
        self._allowed = min(timeouts.timeout, allowed)
        self._deadline = self._due = now + self._allowed
        self._missed = ""
        self._yield_at = now + LONGEST_TURN
        self._paused_at: float | None = None

    @property
    def expires_at(self) -> float:
        """Return when the attempt has failed if nothing comes before, on the clock."""
        return NEVER if self._paused_at is not None else min(self._due, self._deadline)

    @property
    def message(self) -> str:
        """Return what did not come in time."""
        if self._due < self._deadline:
            return self._missed
        missing = "answer" if self.first_token is None else "complete answer"
        return f"no {missing} in {self._allowed:g}s"

    @property
    def counts_against_model(self) -> bool:
        """Tell whether running out of time says something of the model."""
        limited = self._due < self._deadline
        return limited or self._allowed >= min(self._timeouts.timeout, HURRY)

    @property
    def is_slow(self) -> bool:
        """Tell whether the answer, or a stream's first token, took over half of what it may."""
        if self.first_token is None:
            return self.clock() - self.started > self._timeouts.timeout / 2
        limit = min(self._timeouts.first_token_timeout, self._timeouts.timeout)
        return self.first_token - self.started > limit / 2

    def should_yield(self, now: float) -> bool:
        """Tell whether the event loop should get a turn, for a stream that never waits for one.

        Args:
            now: the time on the clock.

        Returns:
            True once in `LONGEST_TURN` seconds.

        """
        if now < self._yield_at:
            return False
        self._yield_at = now + LONGEST_TURN
        return True

    def remaining(self) -> float:
        """Return the seconds left for the whole answer."""
        return max(0.0, self._deadline - self.clock())

    def next_check(self, now: float) -> float:
        """Return when to look at `expires_at` again: it may come nearer meanwhile.

        Args:
            now: the time on the clock.

        Returns:
            A time on the clock, no later than the shortest time-out from now.

        """
        shortest = min(self._timeouts.first_token_timeout, self._timeouts.idle_timeout)
        return min(self.expires_at, now + shortest)

    def start_stream(self) -> None:
        """Note that the answer comes in pieces, so that the first token is due."""
        self.is_streaming = True
        self._due = self.clock() + self._timeouts.first_token_timeout
        self._missed = f"no first token in {self._timeouts.first_token_timeout:g}s"

    def token(self, now: float) -> None:
        """Note that a meaningful piece has come.

        Args:
            now: the time on the clock.

        """
        self.last_activity = now
        if self.first_token is None:
            self.first_token = now
            self._missed = f"no token for {self._timeouts.idle_timeout:g}s"
        self._due = now + self._timeouts.idle_timeout

    def keep_alive(self, now: float) -> None:
        """Note a sign of life that is no token; it never leaves the model less time than it had.

        Args:
            now: the time on the clock.

        """
        self.last_activity = now
        self._due = max(self._due, now + self._timeouts.idle_timeout)

    def pause(self) -> None:
        """Let no time pass for the model: its reader is behind."""
        self._paused_at = self.clock()

    def resume(self) -> None:
        """Let time pass again."""
        if self._paused_at is not None:
            passed = self.clock() - self._paused_at
            self._due += passed
            self._deadline += passed
            self._paused_at = None
