"""What a play came to, as folds over its events: the counts of models and callers, the health over time, the timeline."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from standby.diagnostics.simulation.play import StreamBegun, StreamCut, StreamRestarted
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
"""Seconds that a play may be divided by."""

MOST_INTERVALS = 40

FEW_INTERVALS = 12
"""Fewer would hide when something happened, however few calls there are in each."""

ENOUGH = 20
"""Calls in an interval from which on a share of them says something."""


class ModelCounts(msgspec.Struct, kw_only=True):
    """What one model did; what it was asked and neither answered nor failed was cancelled: another had answered."""

    model: str
    requests: int = 0
    answered: int = 0
    failed: int = 0
    retries: int = 0
    probes: int = 0
    served: int = 0


class CallerCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What the callers saw; latencies in seconds, of the calls that were answered; `None`: there were none.

    Of the `streams`, `broken` failed when their callers had some words already; `restarts` took
    such words back.
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
    """A piece of the play: when it began, how often each model was asked and served, and how many calls failed.

    Of those that failed, `broken` were streams whose callers had some words already; `restarts`
    took such words back.
    """

    begins: float
    requests: Counter[str] = msgspec.field(default_factory=Counter[str])
    served: Counter[str] = msgspec.field(default_factory=Counter[str])
    failed: int = 0
    broken: int = 0
    restarts: int = 0


class Phase(msgspec.Struct, frozen=True):
    """A model's breaker was in one state, from one moment to another, in seconds."""

    state: str
    begins: float
    ends: float


def models_of(events: Iterable[Event], models: Sequence[str]) -> list[ModelCounts]:
    """Count what each model was asked and did."""
    counts = {name: ModelCounts(model=name) for name in models}
    under_way: Counter[tuple[str, str]] = Counter()
    unheard: set[tuple[str, str]] = (
        set()
    )  # probes that have outlived their call; its breaker tells how they ended
    for event in events:
        key, count = (event.call, event.model), counts.get(event.model)
        match event:
            case _ if count is None:
                continue
            case AttemptStarted():
                count.requests += 1
                under_way[key] += 1
            case AttemptEnded(attempt=attempt):
                count.answered += attempt.outcome == "answered"
                count.failed += attempt.outcome == "failed"
                if attempt.outcome == "skipped" and under_way[key]:
                    unheard.add(key)
                under_way[key] -= 1
            case RetryScheduled():
                count.retries += 1
            case HealthChanged(state=State.HALF_OPEN):
                count.probes += 1
            case HealthChanged(state=state) if key in unheard:
                unheard.discard(key)
                count.answered += state == State.CLOSED
                count.failed += state == State.OPEN
            case Answered():
                count.served += 1
            case _:
                continue
    return list(counts.values())


def callers_of(events: Iterable[Event]) -> CallerCounts:
    """Count what the callers saw."""
    took: list[float] = []
    seen = Counter[type[Event]]()
    for event in events:
        if isinstance(event, Answered):
            took.append(event.duration)
        seen[type(event)] += 1
    took.sort()
    return CallerCounts(
        calls=len(took) + seen[Failed],
        answered=len(took),
        failed=seen[Failed],
        p50=_quantile(took, 0.5),
        p95=_quantile(took, 0.95),
        longest=took[-1] if took else None,
        streams=seen[StreamBegun],
        broken=seen[StreamCut],
        restarts=seen[StreamRestarted],
    )


def _quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so many are not above (nearest rank)."""
    return values[max(0, -int(-share * len(values) // 1) - 1)] if values else None


def length_of_interval(rate: float, duration: float) -> float:
    """Return a round number of seconds that divides a play into few enough pieces to look at, with enough calls in each."""
    for seconds in INTERVALS:
        pieces = duration / seconds
        if pieces <= FEW_INTERVALS or (pieces <= MOST_INTERVALS and rate * seconds >= ENOUGH):
            return float(seconds)
    return duration / MOST_INTERVALS


def intervals_of(events: Iterable[Event], rate: float, duration: float) -> list[Interval]:
    """Divide the play; what ends after it belongs to the last piece."""
    length = length_of_interval(rate, duration)
    last = max(0, -int(-duration // length) - 1)
    found = [Interval(begins=number * length) for number in range(last + 1)]
    for event in events:
        interval = found[min(last, int(event.at // length))]
        match event:
            case AttemptStarted():
                interval.requests[event.model] += 1
            case Answered():
                interval.served[event.model] += 1
            case Failed():
                interval.failed += 1
            case StreamCut():
                interval.broken += 1
            case StreamRestarted():
                interval.restarts += 1
            case _:
                continue
    return found


def phases_of(
    events: Iterable[Event], models: Sequence[str], duration: float
) -> dict[str, list[Phase]]:
    """Return each model's breaker over time; it begins closed."""
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
