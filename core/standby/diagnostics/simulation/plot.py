"""A simulation drawn as SVG: the requests to each model over time, and its breaker's states."""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

import msgspec

from standby.config.durations import format_duration
from standby.diagnostics.simulation.formats import format_clock
from standby.diagnostics.simulation.outage import Outage
from standby.diagnostics.simulation.summary import Interval, Phase
from standby.resilience.circuit_breaker import State

WIDTH, LEFT, RIGHT, TOP = 1000, 150, 20, 84
BARS = 260
"""Height of the bars' area; all sizes are in pixels."""

ROWS = TOP + BARS + 50
"""Where the rows of the models begin."""

ROW, STRIP = 34, 16
"""Height of one model's row below the bars, and of the strip in it."""

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C6D31", "#7F7F7F")
"""Of models, in the order of the chain; distinct for colour-blind people too (Okabe and Ito)."""

STATES = {
    State.CLOSED: ("#D5E8D4", "closed"),
    State.OPEN: ("#B03A2E", "open (resting)"),
    State.HALF_OPEN: ("#F4C430", "half-open (a probe)"),
}

FAILED = "#000000"
NO_ANSWER = "calls without an answer"

FONT = "system-ui, DejaVu Sans, sans-serif"

TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Seconds between two labels of the time axis."""

MOST_TICKS = 10
"""Labels that the time axis has room for."""

LONGEST_LABEL = 18
"""Characters of a model's name that fit into the left margin."""

NARROWEST = 1.2
"""Pixels: a probe of a tenth of a second must still be visible."""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn: a title, the models in the order of the chain, and what happened to them.

    `duration` is in seconds; `phases` holds the states of each model's breaker.
    """

    title: str
    models: Sequence[str]
    duration: float
    outages: Sequence[Outage]
    intervals: Sequence[Interval]
    phases: Mapping[str, Sequence[Phase]]

    def colour(self, model: str) -> str:
        """Return a model's colour.

        Args:
            model: The model's name.

        Returns:
            The colour, as `#RRGGBB`.
        """
        return COLOURS[self.models.index(model) % len(COLOURS)]

    def x(self, at: float) -> float:
        """Return the horizontal position of a moment.

        Args:
            at: Seconds since the simulation began.

        Returns:
            The position, in pixels.
        """
        return LEFT + (WIDTH - LEFT - RIGHT) * min(at, self.duration) / self.duration


def render_svg(chart: Chart) -> str:
    """Draw a chart, on white, so that it can be read on any page.

    Args:
        chart: What is drawn.

    Returns:
        The text of an SVG file.
    """
    height = ROWS + ROW * len(chart.models) + 16
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    font = f'font-family="{FONT}" font-size="12" fill="#222222"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        f"<title>{escape(chart.title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#FFFFFF"/>',
        _text(LEFT, 22, chart.title, size=15),
        *_legend(chart),
        *_value_axis(chart),
        *_bars(chart),
        *_time_axis(chart, height - 16),
    ]
    for row, model in enumerate(chart.models):
        parts += _strip(chart, model, ROWS + ROW * row)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12) -> str:
    style = f'text-anchor="{anchor}" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def _rect(box: tuple[float, float, float, float], fill: str, tip: str = "") -> str:
    """Draw a rectangle: x, y, width and height in pixels."""
    x, y, width, height = box
    head = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"'
    return f"{head}><title>{escape(tip)}</title></rect>" if tip else f"{head}/>"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="#DDDDDD"/>'


def _legend(chart: Chart) -> Iterator[str]:
    requests = [(chart.colour(model), model) for model in chart.models]
    if any(interval.failed for interval in chart.intervals):
        requests.append((FAILED, NO_ANSWER))
    for y, lead, items in ((42, "requests to", requests), (62, "breaker", STATES.values())):
        yield _text(LEFT - 10, y, lead, anchor="end")
        x = float(LEFT)
        for fill, label in items:
            yield _rect((x, y - 10, 12, 12), fill)
            yield _text(x + 17, y, label)
            x += 40 + 6.6 * len(label)


def _top_value(chart: Chart) -> int:
    """Return the number of requests at the upper end of the bars' area."""
    highest = (max(each.requests.total(), each.failed) for each in chart.intervals)
    return _round_up(max(1, max(highest, default=0)))


def _round_up(value: int) -> int:
    """Return the next number whose quarters are round."""
    size = 1
    while True:
        for step in (4, 6, 8, 12, 16, 20, 24, 32):
            if step * size >= value and step * size % 4 == 0:
                return step * size
        size *= 10


def _interval_ends(chart: Chart) -> list[float]:
    return [*(interval.begins for interval in chart.intervals[1:]), chart.duration]


def _value_axis(chart: Chart) -> Iterator[str]:
    top = _top_value(chart)
    for mark in range(5):
        y = TOP + BARS - BARS * mark / 4
        yield _line(LEFT, y, WIDTH - RIGHT, y)
        yield _text(LEFT - 8, y + 4, f"{top * mark / 4:g}", anchor="end")
    length = round(_interval_ends(chart)[0] - chart.intervals[0].begins, 9)
    yield _text(16, TOP - 2, f"requests in {format_duration(length)}")


def _bars(chart: Chart) -> Iterator[str]:
    """Stack the requests of each interval; the black bar counts calls that got no answer."""
    scale = BARS / _top_value(chart)
    for interval, until in zip(chart.intervals, _interval_ends(chart), strict=True):
        x, y = chart.x(interval.begins), float(TOP + BARS)
        width = max(1.0, chart.x(until) - x - 1.5)
        for model in chart.models:
            if requests := interval.requests[model]:
                y -= requests * scale
                tip = f"{format_clock(interval.begins)} {model}: {requests}"
                yield _rect((x, y, width, requests * scale), chart.colour(model), tip)
        if interval.failed:
            height = max(2.0, interval.failed * scale)
            box = (x + width / 3, TOP + BARS - height, width / 3, height)
            yield _rect(box, FAILED, f"{interval.failed} {NO_ANSWER}")


def _time_axis(chart: Chart, foot: float) -> Iterator[str]:
    fitting = (each for each in TICKS if chart.duration / each <= MOST_TICKS)
    step = next(fitting, chart.duration / MOST_TICKS)
    for number in range(int(chart.duration / step) + 1):
        x = chart.x(number * step)
        yield _line(x, TOP + BARS, x, foot)
        yield _text(x, TOP + BARS + 18, format_clock(number * step), anchor="middle")


def _strip(chart: Chart, model: str, y: float) -> Iterator[str]:
    """Draw one model's row: its outages as text above a bracket, its breaker below."""
    yield _rect((12, y + 2, 10, 10), chart.colour(model))
    label = model if len(model) <= LONGEST_LABEL else f"{model[: LONGEST_LABEL - 1]}…"
    yield _text(28, y + 12, label)
    probes_last = sorted(chart.phases[model], key=lambda phase: phase.state == State.HALF_OPEN)
    for phase in probes_last:  # on top
        fill, label = STATES[State(phase.state)]
        x = chart.x(phase.begins)
        width = max(NARROWEST, chart.x(phase.ends) - x)
        tip = f"{format_clock(phase.begins)} to {format_clock(phase.ends)}: {label}"
        yield _rect((x, y, width, STRIP), fill, tip)
    yield from _brackets(chart, model, y)


def _brackets(chart: Chart, model: str, y: float) -> Iterator[str]:
    outages = [outage for outage in chart.outages if outage.model == model]
    for segment in (each for outage in outages for each in outage.segments):
        if segment.begins < chart.duration:
            x, until = chart.x(segment.begins), chart.x(segment.ends)
            yield f'<path d="M{x:.1f} {y - 1:.1f}v-3H{until:.1f}v3" fill="none" stroke="#222222"/>'
            yield _text(x + 2, y - 6, str(segment.fault), size=10)
