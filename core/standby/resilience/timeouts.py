"""The time of one attempt: by when it must have said something, which moves on as its stream comes.

The dispatcher looks at `until` when it is due: a chunk that comes in time costs no timer.
"""

from collections.abc import Callable
from typing import Protocol

LONGEST_TURN = 0.02
"""Seconds of one stream's chunks after which the event loop turns, whether the stream waits or not."""


class Timeouts(Protocol):
    """How long a model may take, in seconds."""

    @property
    def timeout(self) -> float:
        """For the whole answer."""
        ...

    @property
    def first_token_timeout(self) -> float:
        """Until a stream says its first word."""
        ...

    @property
    def idle_timeout(self) -> float:
        """Until it says the next."""
        ...


class AttemptTimer:
    """The time-outs of one attempt on a clock; `allowed` seconds are what the call's deadline leaves it."""

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float], allowed: float) -> None:
        """Begin now."""
        self.began = clock()
        self.first_token: float | None = None
        self.last_activity = self.began
        self.is_streaming = False
        self._timeouts = timeouts
        self._clock = clock
        self._allowed = min(timeouts.timeout, allowed)
        self._end = self._due = self.began + self._allowed
        self._missed = ""
        self._turn = self.began + LONGEST_TURN
        self._stopped_at: float | None = None

    @property
    def timeouts(self) -> Timeouts:
        """Return whose time it is: the model's that is being asked."""
        return self._timeouts

    @property
    def expires_at(self) -> float:
        """Return when the attempt has failed if nothing comes before."""
        return float("inf") if self._stopped_at is not None else min(self._due, self._end)

    @property
    def message(self) -> str:
        """Say what did not come in time."""
        if self._due < self._end:
            return self._missed
        return f"no {'answer' if self.first_token is None else 'complete answer'} in {self._allowed:g}s"

    @property
    def counts_against_model(self) -> bool:
        """Say whether running out of time says something of the model, and not only of a caller in a hurry."""
        return self._due < self._end or self._allowed >= min(self._timeouts.timeout, 5.0)

    def should_yield(self) -> bool:
        """Say whether the event loop should turn now: a stream that never waits would keep all others from theirs."""
        now = self._clock()
        if now < self._turn:
            return False
        self._turn = now + LONGEST_TURN
        return True

    def remaining(self) -> float:
        """Return the seconds that are left for the whole answer."""
        return max(0.0, self._end - self._clock())

    def next_check(self, now: float) -> float:
        """Return when to look again: never later than the shortest timeouts, since `until` may have come nearer."""
        return min(
            self.expires_at,
            now + min(self._timeouts.first_token_timeout, self._timeouts.idle_timeout),
        )

    def start_stream(self) -> None:
        """From now on the answer comes in pieces."""
        self.is_streaming = True
        self._due = self._clock() + self._timeouts.first_token_timeout
        self._missed = f"no first token in {self._timeouts.first_token_timeout:g}s"

    def token(self) -> None:
        """Note that a piece has come that means something."""
        now = self.last_activity = self._clock()
        if self.first_token is None:
            self.first_token = now
            self._missed = f"no token for {self._timeouts.idle_timeout:g}s"
        self._due = now + self._timeouts.idle_timeout

    def keep_alive(self) -> None:
        """Note a sign of life that is no word: it never leaves the model less time than it had."""
        self.last_activity = self._clock()
        self._due = max(self._due, self.last_activity + self._timeouts.idle_timeout)

    def is_slow(self) -> bool:
        """Say whether the answer, or a stream's first word, took more than half of what it may."""
        if self.first_token is not None:
            timeouts = min(self._timeouts.first_token_timeout, self._timeouts.timeout)
            return self.first_token - self.began > timeouts / 2
        return self._clock() - self.began > self._timeouts.timeout / 2

    def pause(self) -> None:
        """Let no time pass for the model: its reader is behind."""
        self._stopped_at = self._clock()

    def resume(self) -> None:
        """Let time pass again."""
        if self._stopped_at is not None:
            passed = self._clock() - self._stopped_at
            self._due += passed
            self._end += passed
            self._stopped_at = None
