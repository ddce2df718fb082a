"""The timeline of a play: a line for each notable moment, in the order of time. What merely repeats itself is counted."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from standby.config.scalars import format_duration
from standby.diagnostics.simulation.outage import NEVER, Outage, Spell
from standby.diagnostics.simulation.play import StreamRestarted
from standby.diagnostics.simulation.story import Interval
from standby.events import Alert, AttemptEnded, Event, Failed, HealthChanged, Hedged, RetryScheduled
from standby.failures import Kind
from standby.resilience.circuit_breaker import State

SHIFT = 10
"""Percentage points by which a model's share of the answers must move to be told."""

LONGEST = 160
"""Characters of a failure's text that are shown."""


class Line(msgspec.Struct, frozen=True):
    """One moment, in seconds since the play began; without a `model` it is of the callers."""

    at: float
    model: str
    text: str


def timeline(
    events: Sequence[Event],
    outages: Sequence[Outage],
    intervals: Sequence[Interval],
    duration: float,
) -> list[Line]:
    """Tell the play: what was made to go wrong, what it did to each model, and who served the callers."""
    end = max([duration, *(event.at for event in events)])
    lines = [line for outage in outages for line in _of_outage(outage, duration)]
    lines += _first_ones(events, outages)
    for model in dict.fromkeys(event.model for event in events):
        lines += _of_health(
            model,
            [
                event
                for event in events
                if event.model == model and isinstance(event, HealthChanged)
            ],
        )
    lines += _of_shares(intervals, end)
    return sorted(lines, key=lambda line: line.at)  # stable: what was said first stays first


def _of_outage(outage: Outage, duration: float) -> Iterator[Line]:
    well = ""
    for spell in outage.spells:
        if spell.begins >= duration:
            return
        lasts = (
            "to the end"
            if spell.ends == NEVER
            else f"for {format_duration(round(spell.ends - spell.begins, 9))}"
        )
        yield Line(spell.begins, outage.model, f"OUTAGE {spell.fault}, {lasts}")
        well = "" if spell.fault.words == "ok" else "OUTAGE is over"
    if well and outage.spells[-1].ends < duration:
        yield Line(outage.spells[-1].ends, outage.model, well)


def _first_ones(events: Iterable[Event], outages: Sequence[Outage]) -> Iterator[Line]:
    """Tell the first failure, retry, hedge and alert of a model in each spell, and the first call that fails in one."""
    told: set[tuple[object, ...]] = set()
    for event in events:
        words = _words(event)
        if not words:
            continue
        what = (type(event), event.model, _spells(event, outages))
        if what not in told:
            told.add(what)
            yield Line(event.at, event.model, words)


def _spells(event: Event, outages: Sequence[Outage]) -> tuple[Spell | None, ...]:
    """Return what went on when it began, with the model or, where a call failed, with any."""
    began = event.at
    if isinstance(event, AttemptEnded):
        began -= event.attempt.duration
    if isinstance(event, Failed):
        began -= event.duration
    return tuple(outage.spell_at(began) for outage in outages if event.model in ("", outage.model))


def _words(event: Event) -> str:
    match event:
        case AttemptEnded(attempt=attempt) if attempt.outcome == "failed":
            return f"first failure: {_told(attempt.kind, attempt.text)}"
        case RetryScheduled():
            return f"first retry, after {event.delay:.2f} s"
        case Hedged():
            return f"first hedge: slow, so {event.to} is asked beside it"
        case Alert():
            return f"first alert: {_told(event.kind, event.text)}"
        case _:
            return _words_of_callers(event)


def _words_of_callers(event: Event) -> str:
    match event:
        case StreamRestarted():
            return "first restart of a stream: what its caller had so far counts no more"
        case Failed():
            return f"first call without an answer: {_short(event.text)}"
        case _:
            return ""


def _told(kind: Kind | None, text: str) -> str:
    """Name the kind before the text, unless that begins with it."""
    return _short(text if kind is None or text.startswith(kind) else f"{kind}: {text}")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} […]"


def _of_health(model: str, changes: Sequence[HealthChanged]) -> Iterator[Line]:
    """Tell when it rests, how its probes went, and when it is back; probes that fail one after another are one line."""
    rests_since: float | None = None
    failed: list[HealthChanged] = []
    for change in changes:
        if change.state == State.OPEN and rests_since is None:
            rests_since = change.at
            yield Line(
                change.at, model, f"breaker OPEN: rests {_pause(change.resting)}, {change.reason}"
            )
        elif change.state == State.OPEN:
            failed.append(change)
        elif change.state == State.CLOSED and rests_since is not None:
            yield from _of_probes(model, failed)
            yield Line(
                change.at,
                model,
                f"breaker CLOSED: a probe was answered; back after {_span(change.at - rests_since)}",
            )
            rests_since, failed = None, []
    yield from _of_probes(model, failed)


def _of_probes(model: str, failed: Sequence[HealthChanged]) -> Iterator[Line]:
    if not failed:
        return
    first, *more = failed
    yield Line(first.at, model, f"rests {_pause(first.resting)} more, {first.reason}")
    if more:
        pauses = [change.resting for change in more]
        rests = f"rests of {_pause(min(pauses))} to {_pause(max(pauses))}"
        counted = "1 more probe" if len(more) == 1 else f"{len(more)} more probes"
        yield Line(more[-1].at, model, f"{counted} failed since, {rests}")


def _pause(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - below that a tenth says something


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _of_shares(intervals: Sequence[Interval], end: float) -> Iterator[Line]:
    """Tell who served in an interval, where that has shifted since it was last told, or where calls have failed."""
    last: dict[str, float] = {}
    ends = [*(interval.begins for interval in intervals[1:]), end]
    for interval, until in zip(intervals, ends, strict=True):
        answered = interval.served.total()
        shares = {model: 100 * served / answered for model, served in interval.served.items()}
        shifted = any(
            abs(shares.get(model, 0.0) - last.get(model, 0.0)) >= SHIFT
            for model in {**shares, **last}
        )
        if interval.failed or interval.restarts or (answered and shifted):
            last = shares
            told = [
                f"{model} {share:.0f} %"
                for model, share in sorted(shares.items(), key=lambda pair: -pair[1])
            ]
            served = f"served since {clock(interval.begins)}: {', '.join(told) or 'nobody'}"
            yield Line(until, "", served + _of_failures(interval))


def _of_failures(interval: Interval) -> str:
    failed = f"; {_count(interval.failed, 'call')} without an answer" if interval.failed else ""
    broken = f", of them {_count(interval.broken, 'broken stream')}" if interval.broken else ""
    return (
        failed + broken + (f"; streams restarted: {interval.restarts}" if interval.restarts else "")
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """Return a moment as minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}"
