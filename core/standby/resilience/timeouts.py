"""The time of one attempt: when it expires, which moves on as its stream comes.

The dispatcher looks at `expires_at` when it is due, so a chunk that comes in time costs no timer.
"""

import math
from collections.abc import Callable
from typing import Protocol

LONGEST_TURN = 0.02
"""Seconds of one stream's chunks after which the event loop runs its other tasks."""

HURRY = 5.0
"""Seconds: an attempt with less than this, and less than its time-out, is a caller's in a hurry.

Its expiry does not count against the model.
"""

LONGEST_SETUP = 10.0
"""Seconds for which a call waits for an attempt whose clock stands; others start beside it then."""

LONGEST_LAG = 0.1
"""Seconds that the end of an attempt may be seen late: other attempts' ends take some of it."""

SHORTEST_CHECK = 0.02
"""Seconds between two looks at a clock that stands with hardly any time left."""

NEVER = math.inf


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
    """The time-outs of one attempt, on a clock: it is the attempt's `AttemptClock`.

    Attributes:
        started: When the attempt started, on the clock.
        counted_from: The same, later by the time before the first token that is not the model's.
        first_token: When a stream's first token came; `None` before it.
        last_activity: When the last sign of life came.
        is_streaming: Whether the answer comes in pieces.
    """

    __slots__ = (
        "_allowed",
        "_deadline",
        "_due",
        "_first_token_timeout",
        "_idle_timeout",
        "_lost",
        "_missed",
        "_paused_at",
        "_pauses",
        "_setup_ends_at",
        "_timeout",
        "clock",
        "counted_from",
        "first_token",
        "is_streaming",
        "last_activity",
        "started",
        "yield_at",
    )

    def __init__(
        self,
        timeouts: Timeouts,
        clock: Callable[[], float],
        allowed: float,
        lost: float = 0.0,
    ) -> None:
        """Start the timer.

        Args:
            timeouts: How long the model may take.
            clock: Returns the time, in seconds.
            allowed: The seconds that the call's deadline leaves the attempt.
            lost: The seconds that the event loop has lost so far.
        """
        now = clock()
        self.clock = clock
        self.started = self.counted_from = self.last_activity = now
        self.first_token: float | None = None
        self.is_streaming = False
        # not the model itself: a kept connection has the context in which it was opened, with this
        self._timeout = timeouts.timeout
        self._first_token_timeout = timeouts.first_token_timeout
        self._idle_timeout = timeouts.idle_timeout
        self._allowed = min(timeouts.timeout, allowed)
        self._deadline = self._due = now + self._allowed
        self._setup_ends_at = now + min(allowed, LONGEST_SETUP)
        self._missed = ""
        self.yield_at = now + LONGEST_TURN
        self._pauses = 0
        self._paused_at = 0.0
        self._lost = lost

    @property
    def expires_at(self) -> float:
        """Return when the attempt fails unless something comes before; infinity while paused."""
        return NEVER if self._pauses else min(self._due, self._deadline)

    @property
    def is_paused(self) -> bool:
        """Return whether the clock stands."""
        return self._pauses > 0

    @property
    def message(self) -> str:
        """Return what did not come in time, such as "no first token in 20s"."""
        if self._due < self._deadline:
            return self._missed
        missing = "answer" if self.first_token is None else "complete answer"
        return f"no {missing} in {self._allowed:g}s"

    @property
    def counts_against_model(self) -> bool:
        """Return whether an expiry is the model's fault, not that of a caller in a hurry."""
        limited = self._due < self._deadline
        return limited or self._allowed >= min(self._timeout, HURRY)

    @property
    def is_slow(self) -> bool:
        """Return whether the answer, or a stream's first token, took over half of its time-out."""
        if self.first_token is None:
            return self.clock() - self.counted_from > self._timeout / 2
        limit = min(self._first_token_timeout, self._timeout)
        return self.first_token - self.counted_from > limit / 2

    def has_expired(self, now: float) -> bool:
        """Return whether the attempt's time is up.

        An end that is seen late shows that the event loop was blocked or overloaded: the end is
        moved on by that time and a little more, so that what has come meanwhile is read first.

        Args:
            now: The time on the clock.
        """
        late = now - self.expires_at
        if late <= LONGEST_LAG:
            return late >= 0
        self._delay(late + LONGEST_TURN)
        return False

    def is_held_up(self, now: float) -> bool:
        """Return whether the clock stands for too long, or beyond the attempt's share of the call.

        Args:
            now: The time on the clock.

        Returns:
            True if the call should not wait for this attempt alone.
        """
        return self._pauses > 0 and now >= self._setup_ends_at

    def note_yield(self, now: float) -> None:
        """Note that the event loop has its turn.

        Args:
            now: the time on the clock.

        """
        self.yield_at = now + LONGEST_TURN

    def remaining(self) -> float:
        """Return how much time is left.

        Returns:
            Seconds for the whole answer; 0 once they are over.
        """
        now = self._paused_at if self._pauses else self.clock()
        return max(0.0, self._deadline - now)

    def next_check(self, now: float) -> float:
        """Return when to look at `expires_at` again: it may come nearer meanwhile.

        Args:
            now: The time on the clock.

        Returns:
            A time on the clock, no later than the shortest time-out from now.
        """
        ends_at = min(self._due, self._deadline)
        if self._pauses:
            ends_at = now + max(ends_at - self._paused_at, SHORTEST_CHECK)
        if self.first_token is None and now < self._setup_ends_at:
            ends_at = min(ends_at, self._setup_ends_at)
        shortest = min(self._first_token_timeout, self._idle_timeout)
        return min(ends_at, now + shortest)

    def start_stream(self) -> None:
        """Note that the answer comes in pieces: its first token is due after its time-out."""
        self.is_streaming = True
        self._due = self.clock() + self._first_token_timeout
        self._missed = f"no first token in {self._first_token_timeout:g}s"

    def token(self, now: float) -> None:
        """Note a piece with content: the next one is due after `idle_timeout`.

        Args:
            now: The time on the clock.
        """
        self.last_activity = now
        if self.first_token is None:
            self.first_token = now
            self._missed = f"no token for {self._idle_timeout:g}s"
        self._due = now + self._idle_timeout

    def keep_alive(self, now: float) -> None:
        """Note a sign of life without content; it never leaves the model less time than before.

        Args:
            now: The time on the clock.
        """
        self.last_activity = now
        self._due = max(self._due, now + self._idle_timeout)

    def pause(self) -> None:
        """Stop the time: what is waited for is not the model's, such as a slow reader."""
        if not self._pauses:
            self._paused_at = self.clock()
        self._pauses += 1

    def resume(self) -> None:
        """Let the time go on, as if none had passed, once each `pause` has its `resume`."""
        self._pauses -= 1
        if not self._pauses:
            self._delay(self.clock() - self._paused_at)

    def allow_for(self, lost: float) -> None:
        """Add the time that the event loop has lost since: what has come meanwhile is read first.

        Args:
            lost: The seconds that the event loop has lost so far.
        """
        seconds, self._lost = lost - self._lost, lost
        if seconds > 0.0 and not self._pauses:
            self.last_activity += seconds
            self._delay(seconds)

    def _delay(self, seconds: float) -> None:
        """Move everything that is due to a later time."""
        self._due += seconds
        self._deadline += seconds
        if self.first_token is None:
            self.counted_from += seconds
