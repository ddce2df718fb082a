"""The timeline of a simulation: a line for each notable moment; repetitions are counted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from standby.config.durations import format_duration
from standby.diagnostics.simulation.events import StreamRestarted
from standby.diagnostics.simulation.formats import (
    format_clock,
    format_count,
    format_pause,
    format_span,
    shorten,
)
from standby.diagnostics.simulation.outage import NEVER, Outage, Segment
from standby.diagnostics.simulation.summary import Interval
from standby.events import Alert, AttemptEnded, Event, Failed, HealthChanged, Hedged, RetryScheduled
from standby.failures import Kind
from standby.resilience.circuit_breaker import State

SHIFT = 10
"""Percentage points by which a model's share of the answers must change for a new line."""


class Line(msgspec.Struct, frozen=True):
    """One moment, in seconds since the simulation began.

    An empty `model`: the line is about the callers.
    """

    at: float
    model: str
    text: str


def build_timeline(
    events: Sequence[Event],
    outages: Sequence[Outage],
    intervals: Sequence[Interval],
    duration: float,
) -> list[Line]:
    """Describe a simulation: its outages, what they did to each model, and who served the callers.

    Args:
        events: The simulation's events, in order.
        outages: What was made to go wrong.
        intervals: The same events, divided into intervals.
        duration: The length of the simulation, in seconds.

    Returns:
        The lines, in order of time.
    """
    end = max([duration, *(event.at for event in events)])
    changes = [event for event in events if isinstance(event, HealthChanged)]
    lines = [line for outage in outages for line in _describe_outage(outage, duration)]
    lines += _first_of_each(events, outages)
    for model in dict.fromkeys(event.model for event in events):
        lines += _describe_health(model, [each for each in changes if each.model == model])
    lines += _describe_shares(intervals, end)
    return sorted(lines, key=lambda line: line.at)  # stable: the order above holds within a moment


def _describe_outage(outage: Outage, duration: float) -> Iterator[Line]:
    over = ""
    for segment in outage.segments:
        if segment.begins >= duration:
            return
        length = round(segment.ends - segment.begins, 9)
        until = "to the end" if segment.ends == NEVER else f"for {format_duration(length)}"
        yield Line(segment.begins, outage.model, f"OUTAGE {segment.fault}, {until}")
        over = "" if segment.fault.is_ok else "OUTAGE is over"
    if over and outage.segments[-1].ends < duration:
        yield Line(outage.segments[-1].ends, outage.model, over)


def _first_of_each(events: Iterable[Event], outages: Sequence[Outage]) -> Iterator[Line]:
    """Describe the first event of its kind for each model in each segment of the outages."""
    seen: set[tuple[object, ...]] = set()
    for event in events:
        text = _describe(event)
        key = (type(event), event.model, _segments_during(event, outages))
        if text and key not in seen:
            seen.add(key)
            yield Line(event.at, event.model, text)


def _segments_during(event: Event, outages: Sequence[Outage]) -> tuple[Segment | None, ...]:
    """Find the segments in which an event began, of its model or, for a failed call, of any."""
    began = event.at
    if isinstance(event, AttemptEnded):
        began -= event.attempt.duration
    if isinstance(event, Failed):
        began -= event.duration
    return tuple(
        outage.segment_at(began) for outage in outages if event.model in ("", outage.model)
    )


def _describe(event: Event) -> str:
    match event:
        case AttemptEnded(attempt=attempt) if attempt.outcome == "failed":
            return f"first failure: {_describe_failure(attempt.kind, attempt.text)}"
        case RetryScheduled():
            return f"first retry, after {event.delay:.2f} s"
        case Hedged():
            return f"first hedge: slow, so {event.to} is tried beside it"
        case Alert():
            return f"first alert: {_describe_failure(event.kind, event.text)}"
        case _:
            return _describe_for_callers(event)


def _describe_for_callers(event: Event) -> str:
    match event:
        case StreamRestarted():
            return "first restart of a stream: the text that its caller had so far is void"
        case Failed():
            return f"first call without an answer: {shorten(event.text)}"
        case _:
            return ""


def _describe_failure(kind: Kind | None, text: str) -> str:
    """Put the kind before the text, unless the text begins with it."""
    return shorten(text if kind is None or text.startswith(kind) else f"{kind}: {text}")


def _describe_health(model: str, changes: Sequence[HealthChanged]) -> Iterator[Line]:
    """Describe when a model rests and returns; a series of failed probes shares one line."""
    open_since: float | None = None
    failed_probes: list[HealthChanged] = []
    for change in changes:
        if change.state == State.OPEN and open_since is None:
            open_since = change.at
            rest = f"rests {format_pause(change.resting)}, {change.reason}"
            yield Line(change.at, model, f"breaker OPEN: {rest}")
        elif change.state == State.OPEN:
            failed_probes.append(change)
        elif change.state == State.CLOSED and open_since is not None:
            yield from _describe_probes(model, failed_probes)
            back = f"back after {format_span(change.at - open_since)}"
            yield Line(change.at, model, f"breaker CLOSED: a probe was answered; {back}")
            open_since, failed_probes = None, []
    yield from _describe_probes(model, failed_probes)


def _describe_probes(model: str, failed: Sequence[HealthChanged]) -> Iterator[Line]:
    if not failed:
        return
    first, *more = failed
    yield Line(first.at, model, f"rests {format_pause(first.resting)} more, {first.reason}")
    if more:
        pauses = [change.resting for change in more]
        rests = f"rests of {format_pause(min(pauses))} to {format_pause(max(pauses))}"
        probes = format_count(len(more), "more probe")
        yield Line(more[-1].at, model, f"{probes} failed since, {rests}")


def _describe_shares(intervals: Sequence[Interval], end: float) -> Iterator[Line]:
    """Describe who served an interval where the shares have shifted or calls have failed."""
    last: Mapping[str, float] = {}
    ends = [*(interval.begins for interval in intervals[1:]), end]
    for interval, until in zip(intervals, ends, strict=True):
        answered = interval.replies.total()
        shares = {model: 100 * count / answered for model, count in interval.replies.items()}
        has_shifted = answered > 0 and _shift(shares, last) >= SHIFT
        if any((interval.failed, interval.restarts, has_shifted)):
            last = shares
            yield Line(until, "", _format_shares(interval, shares) + _format_failures(interval))


def _shift(shares: Mapping[str, float], last: Mapping[str, float]) -> float:
    """Return the largest change of a model's share, in percentage points."""
    changes = (abs(shares.get(name, 0.0) - last.get(name, 0.0)) for name in {**shares, **last})
    return max(changes, default=0.0)


def _format_shares(interval: Interval, shares: Mapping[str, float]) -> str:
    largest_first = sorted(shares.items(), key=lambda pair: -pair[1])
    models = ", ".join(f"{model} {share:.0f} %" for model, share in largest_first)
    return f"served since {format_clock(interval.begins)}: {models or 'no model'}"


def _format_failures(interval: Interval) -> str:
    parts: list[str] = []
    if interval.failed:
        parts.append(f"; {format_count(interval.failed, 'call')} without an answer")
    if interval.broken:
        parts.append(f", of them {format_count(interval.broken, 'broken stream')}")
    if interval.restarts:
        parts.append(f"; streams restarted: {interval.restarts}")
    return "".join(parts)
