"""The time of one attempt: when it expires, which moves on as its stream comes.

The dispatcher looks at `expires_at` when that is due, so a chunk that comes in time costs no timer.
"""

from collections.abc import Callable
from typing import Protocol

LONGEST_TURN = 0.02
"""Seconds of one stream's chunks after which the other tasks of the event loop get their turn."""

_HURRY = 5.0
"""Seconds: a model that gets less than this, and less than its time-out, is not blamed."""


class Timeouts(Protocol):
    """How long a model may take, in seconds."""

    @property
    def timeout(self) -> float:
        """For the whole answer."""
        ...

    @property
    def first_token_timeout(self) -> float:
        """Until the first token of a stream."""
        ...

    @property
    def idle_timeout(self) -> float:
        """Between two tokens of a stream."""
        ...


class AttemptTimer:
    """The time-outs of one attempt.

    Attributes:
        began: When the attempt started, in seconds of the clock.
        first_token: When its first token came; `None` before that.
        last_activity: When its last sign of life came.
        is_streaming: Whether the answer comes in pieces.
    """

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float], allowed: float) -> None:
        """Start the time.

        Args:
            timeouts: How long the model may take.
            clock: Returns the time in seconds.
            allowed: Seconds that the call's deadline leaves the attempt.
        """
        self.began = clock()
        self.first_token: float | None = None
        self.last_activity = self.began
        self.is_streaming = False
        self._timeouts = timeouts
        self._clock = clock
        self._allowed = min(timeouts.timeout, allowed)
        self._end = self._due = self.began + self._allowed
        self._stream_message = ""
        self._turn_ends_at = self.began + LONGEST_TURN
        self._paused_at: float | None = None

    @property
    def timeouts(self) -> Timeouts:
        """Return the time-outs, which are those of the requested model."""
        return self._timeouts

    @property
    def expires_at(self) -> float:
        """Return when the attempt fails unless something comes before; infinity while paused."""
        return float("inf") if self._paused_at is not None else min(self._due, self._end)

    @property
    def message(self) -> str:
        """Return what did not come in time, such as "no first token in 20s"."""
        if self._due < self._end:
            return self._stream_message
        answer = "answer" if self.first_token is None else "complete answer"
        return f"no {answer} in {self._allowed:g}s"

    @property
    def counts_against_model(self) -> bool:
        """Return whether an expiry is the model's fault, not that of a caller in a hurry."""
        return self._due < self._end or self._allowed >= min(self._timeouts.timeout, _HURRY)

    def should_yield(self) -> bool:
        """Return whether the event loop should run its other tasks now.

        A stream whose chunks are always there never waits, and would keep the others from running.

        Returns:
            Whether `LONGEST_TURN` is over; then the next turn begins.
        """
        now = self._clock()
        if now < self._turn_ends_at:
            return False
        self._turn_ends_at = now + LONGEST_TURN
        return True

    def remaining(self) -> float:
        """Return how much time is left.

        Returns:
            Seconds for the whole answer; 0 once they are over.
        """
        return max(0.0, self._end - self._clock())

    def next_check(self, now: float) -> float:
        """Return when to look at `expires_at` again.

        Args:
            now: The time in seconds.

        Returns:
            A time no later than the shortest time-out from now, since a stream that starts
            meanwhile expires earlier.
        """
        shortest = min(self._timeouts.first_token_timeout, self._timeouts.idle_timeout)
        return min(self.expires_at, now + shortest)

    def start_stream(self) -> None:
        """From now on the answer comes in pieces."""
        self.is_streaming = True
        self._due = self._clock() + self._timeouts.first_token_timeout
        self._stream_message = f"no first token in {self._timeouts.first_token_timeout:g}s"

    def token(self) -> None:
        """Note a piece with content: the next one is due after `idle_timeout`."""
        now = self.last_activity = self._clock()
        if self.first_token is None:
            self.first_token = now
            self._stream_message = f"no token for {self._timeouts.idle_timeout:g}s"
        self._due = now + self._timeouts.idle_timeout

    def keep_alive(self) -> None:
        """Note a sign of life without content: it never leaves the model less time than before."""
        self.last_activity = self._clock()
        self._due = max(self._due, self.last_activity + self._timeouts.idle_timeout)

    def is_slow(self) -> bool:
        """Return whether the model was slow.

        Returns:
            Whether the answer, or the first token of a stream, took more than half of its time-out.
        """
        if self.first_token is not None:
            limit = min(self._timeouts.first_token_timeout, self._timeouts.timeout)
            return self.first_token - self.began > limit / 2
        return self._clock() - self.began > self._timeouts.timeout / 2

    def pause(self) -> None:
        """Stop the time, because the reader of the stream is slower than the model."""
        self._paused_at = self._clock()

    def resume(self) -> None:
        """Let the time go on, as if none had passed since `pause`."""
        if self._paused_at is not None:
            passed = self._clock() - self._paused_at
            self._due += passed
            self._end += passed
            self._paused_at = None
