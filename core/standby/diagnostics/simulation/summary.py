"""What a simulation came to, as folds over its events.

Counts of models and of callers, equal intervals of time, and the states of each circuit breaker.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from standby.diagnostics.simulation.events import (
    StreamInterrupted,
    StreamRestarted,
    StreamStarted,
)
from standby.events import (
    Answered,
    AttemptEnded,
    AttemptStarted,
    Event,
    Failed,
    HealthChanged,
    RetryScheduled,
)
from standby.resilience.circuit_breaker import State

INTERVALS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Seconds of an interval that a simulation may be divided into."""

MOST_INTERVALS = 40

FEW_INTERVALS = 12
"""Fewer intervals would hide when something happened, however few calls there are in each."""

ENOUGH_CALLS = 20
"""Calls in an interval from which on a share of them is meaningful."""


class ModelCounts(msgspec.Struct, kw_only=True):
    """What one model did.

    A request that neither answered nor failed was cancelled because another model had answered.
    `replies` counts the calls whose reply came from this model.
    """

    model: str
    requests: int = 0
    answered: int = 0
    failed: int = 0
    retries: int = 0
    probes: int = 0
    replies: int = msgspec.field(default=0, name="served")


class CallerCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What the callers saw.

    The latencies `p50`, `p95` and `longest` are in seconds, of the calls that were answered; `None`
    if there were none. Of the `streams`, `broken` failed after their callers had received text, and
    `restarts` is how often such text was taken back.
    """

    calls: int
    answered: int
    failed: int
    p50: float | None
    p95: float | None
    longest: float | None
    streams: int = 0
    broken: int = 0
    restarts: int = 0


class Interval(msgspec.Struct, kw_only=True):
    """A piece of the simulation that begins at `begins`, in seconds.

    `requests` and `replies` count by model what was requested and which replies it gave. Of the
    `failed` calls, `broken` were streams whose callers had received text, and `restarts` is how
    often such text was taken back.
    """

    begins: float
    requests: Counter[str] = msgspec.field(default_factory=Counter[str])
    replies: Counter[str] = msgspec.field(default_factory=Counter[str], name="served")
    failed: int = 0
    broken: int = 0
    restarts: int = 0


class Phase(msgspec.Struct, frozen=True):
    """A model's breaker was in one state, from one moment to another, in seconds."""

    state: str
    begins: float
    ends: float


def count_models(events: Iterable[Event], models: Sequence[str]) -> list[ModelCounts]:
    """Count what each model did.

    Args:
        events: The simulation's events, in order.
        models: The names of the models, in the order of the result.

    Returns:
        The counts, one a model.
    """
    counter = _ModelCounter(models)
    for event in events:
        counter.add(event)
    return list(counter.counts.values())


class _ModelCounter:
    """Counts by model, also probes that outlive their call: only the breaker shows their end."""

    def __init__(self, models: Sequence[str]) -> None:
        self.counts = {name: ModelCounts(model=name) for name in models}
        self._unfinished: Counter[tuple[str, str]] = Counter()
        self._background: set[tuple[str, str]] = set()

    def add(self, event: Event) -> None:
        count = self.counts.get(event.model)
        if count is None:
            return
        match event:
            case AttemptStarted():
                count.requests += 1
                self._unfinished[event.call, event.model] += 1
            case AttemptEnded():
                self._end_attempt(event, count)
            case RetryScheduled():
                count.retries += 1
            case HealthChanged():
                self._change_health(event, count)
            case Answered():
                count.replies += 1
            case _:
                return

    def _end_attempt(self, event: AttemptEnded, count: ModelCounts) -> None:
        key, outcome = (event.call, event.model), event.attempt.outcome
        count.answered += outcome == "answered"
        count.failed += outcome == "failed"
        if outcome == "skipped" and self._unfinished[key]:
            self._background.add(key)
        self._unfinished[key] -= 1

    def _change_health(self, event: HealthChanged, count: ModelCounts) -> None:
        key = (event.call, event.model)
        if event.state == State.HALF_OPEN:
            count.probes += 1
        elif key in self._background:
            self._background.discard(key)
            count.answered += event.state == State.CLOSED
            count.failed += event.state == State.OPEN


def count_callers(events: Iterable[Event]) -> CallerCounts:
    """Count what the callers saw.

    Args:
        events: The simulation's events, in any order.

    Returns:
        The counts, with latencies in seconds.
    """
    latencies: list[float] = []
    seen = Counter[type[Event]]()
    for event in events:
        if isinstance(event, Answered):
            latencies.append(event.duration)
        seen[type(event)] += 1
    latencies.sort()
    return CallerCounts(
        calls=len(latencies) + seen[Failed],
        answered=len(latencies),
        failed=seen[Failed],
        p50=_quantile(latencies, 0.5),
        p95=_quantile(latencies, 0.95),
        longest=latencies[-1] if latencies else None,
        streams=seen[StreamStarted],
        broken=seen[StreamInterrupted],
        restarts=seen[StreamRestarted],
    )


def _quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest sorted value that at least this share does not exceed (nearest rank)."""
    return values[max(0, -int(-share * len(values) // 1) - 1)] if values else None


def choose_interval(rate: float, duration: float) -> float:
    """Choose the length of an interval: few intervals, with enough calls in each.

    Args:
        rate: Calls a second.
        duration: The length of the simulation, in seconds.

    Returns:
        A round number of seconds.
    """
    for seconds in INTERVALS:
        intervals = duration / seconds
        has_enough = intervals <= MOST_INTERVALS and rate * seconds >= ENOUGH_CALLS
        if intervals <= FEW_INTERVALS or has_enough:
            return float(seconds)
    return duration / MOST_INTERVALS


def split_intervals(events: Iterable[Event], rate: float, duration: float) -> list[Interval]:
    """Divide a simulation into equal intervals.

    Args:
        events: The simulation's events, in any order; those after its end count for the last
            interval.
        rate: Calls a second.
        duration: The length of the simulation, in seconds.

    Returns:
        The intervals, in order of time.
    """
    length = choose_interval(rate, duration)
    last = max(0, -int(-duration // length) - 1)
    intervals = [Interval(begins=number * length) for number in range(last + 1)]
    for event in events:
        _count_in(intervals[min(last, int(event.at // length))], event)
    return intervals


def _count_in(interval: Interval, event: Event) -> None:
    match event:
        case AttemptStarted():
            interval.requests[event.model] += 1
        case Answered():
            interval.replies[event.model] += 1
        case Failed():
            interval.failed += 1
        case StreamInterrupted():
            interval.broken += 1
        case StreamRestarted():
            interval.restarts += 1
        case _:
            return


def find_phases(
    events: Iterable[Event], models: Sequence[str], duration: float
) -> dict[str, list[Phase]]:
    """Find the states of each model's breaker over time.

    Args:
        events: The simulation's events, in order.
        models: The names of the models.
        duration: The length of the simulation, in seconds.

    Returns:
        By model, its phases without a gap; the first is closed.
    """
    changes: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for event in events:
        if isinstance(event, HealthChanged) and event.at < duration:
            changes[event.model].append((event.at, event.state))
    phases: dict[str, list[Phase]] = {}
    for model in models:
        points = [(0.0, str(State.CLOSED)), *changes[model], (duration, "")]
        phases[model] = [
            Phase(state, begins, ends) for (begins, state), (ends, _) in pairwise(points)
        ]
    return phases
