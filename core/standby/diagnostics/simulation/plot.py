"""A play as a picture, written by hand as SVG: what each model was asked over time, and how its breaker stood."""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

import msgspec

from standby.config.scalars import format_duration
from standby.diagnostics.simulation.outage import Outage
from standby.diagnostics.simulation.story import Interval, Phase
from standby.diagnostics.simulation.timeline import clock
from standby.resilience.circuit_breaker import State

WIDTH, LEFT, RIGHT, TOP = 1000, 150, 20, 84
BARS = 260
"""Height of the bars' area; all sizes are in pixels."""

ROW, STRIP = 34, 16
"""Height of one model's row below the bars, and of the strip in it."""

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8C6D31", "#7F7F7F")
"""Of models, in the order of the chain; colour-blind people can tell them apart (Okabe and Ito)."""

STATES = {
    State.CLOSED: ("#D5E8D4", "closed"),
    State.OPEN: ("#B03A2E", "open (resting)"),
    State.HALF_OPEN: ("#F4C430", "half-open (a probe)"),
}

FAILED = "#000000"

FONT = "system-ui, DejaVu Sans, sans-serif"

TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Seconds between two labels of the time axis."""

NARROWEST = 1.2
"""Pixels: a probe of a tenth of a second must still be seen."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is drawn: a title, the models in the order of the chain, and what happened to them in `duration` seconds."""

    title: str
    models: Sequence[str]
    duration: float
    outages: Sequence[Outage]
    intervals: Sequence[Interval]
    phases: Mapping[str, Sequence[Phase]]

    def colour(self, model: str) -> str:
        """Return a model's colour."""
        return COLOURS[self.models.index(model) % len(COLOURS)]

    def x(self, at: float) -> float:
        """Return where a moment is."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(at, self.duration) / self.duration


def picture(scene: Scene) -> str:
    """Return the picture as the text of an SVG file, on white, so that it can be read on any page."""
    height = TOP + BARS + 50 + ROW * len(scene.models) + 16
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}" font-size="12" fill="#222222">',
        f"<title>{escape(scene.title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#FFFFFF"/>',
        _text(LEFT, 22, scene.title, size=15),
        *_legend(scene),
        *_bars(scene),
        *_time_axis(scene, height - 16),
        *(
            line
            for row, model in enumerate(scene.models)
            for line in _strip(scene, model, TOP + BARS + 50 + ROW * row)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def _rect(x: float, y: float, width: float, height: float, fill: str, tip: str = "") -> str:
    head = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"'
    return f"{head}><title>{escape(tip)}</title></rect>" if tip else f"{head}/>"


def _legend(scene: Scene) -> Iterator[str]:
    requests = [(scene.colour(model), model) for model in scene.models]
    if any(interval.failed for interval in scene.intervals):
        requests.append((FAILED, "calls without an answer"))
    for y, lead, items in ((42, "requests to", requests), (62, "breaker", STATES.values())):
        yield _text(LEFT - 10, y, lead, anchor="end")
        x = float(LEFT)
        for fill, words in items:
            yield _rect(x, y - 10, 12, 12, fill)
            yield _text(x + 17, y, words)
            x += 40 + 6.6 * len(words)


def _bars(scene: Scene) -> Iterator[str]:
    """Stack what the models were asked in each interval; the black bar is of calls that got no answer."""
    most = max((max(each.requests.total(), each.failed) for each in scene.intervals), default=0)
    top = _round_up(max(1, most))
    foot, scale = TOP + BARS, BARS / top
    for mark in range(5):
        value, y = top * mark / 4, foot - BARS * mark / 4
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#DDDDDD"/>'
        yield _text(LEFT - 8, y + 4, f"{value:g}", anchor="end")
    ends = [*(interval.begins for interval in scene.intervals[1:]), scene.duration]
    length = ends[0] - scene.intervals[0].begins
    yield _text(16, TOP - 2, f"requests in {format_duration(round(length, 9))}")
    for interval, until in zip(scene.intervals, ends, strict=True):
        x, y = scene.x(interval.begins), float(foot)
        width = max(1.0, scene.x(until) - x - 1.5)
        for model in scene.models:
            if asked := interval.requests[model]:
                y -= asked * scale
                yield _rect(
                    x,
                    y,
                    width,
                    asked * scale,
                    scene.colour(model),
                    f"{clock(interval.begins)} {model}: {asked}",
                )
        if interval.failed:
            high = max(2.0, interval.failed * scale)
            yield _rect(
                x + width / 3,
                foot - high,
                width / 3,
                high,
                FAILED,
                f"{interval.failed} calls without an answer",
            )


def _round_up(value: int) -> int:
    """Return the next number whose quarters read well."""
    size = 1
    while True:
        for step in (4, 6, 8, 12, 16, 20, 24, 32):
            if step * size >= value and step * size % 4 == 0:
                return step * size
        size *= 10


def _time_axis(scene: Scene, foot: float) -> Iterator[str]:
    step = next((each for each in TICKS if scene.duration / each <= 10), scene.duration / 10)  # noqa: PLR2004 - labels have room
    for number in range(int(scene.duration / step) + 1):
        x = scene.x(number * step)
        yield f'<line x1="{x:.1f}" y1="{TOP + BARS}" x2="{x:.1f}" y2="{foot:.1f}" stroke="#DDDDDD"/>'
        yield _text(x, TOP + BARS + 18, clock(number * step), anchor="middle")


def _strip(scene: Scene, model: str, y: float) -> Iterator[str]:
    """Draw one model's row: its outages as words above a bracket, its breaker below."""
    yield _rect(12, y + 2, 10, 10, scene.colour(model))
    yield _text(28, y + 12, model if len(model) <= 18 else f"{model[:17]}…")  # noqa: PLR2004 - what fits
    for phase in sorted(
        scene.phases[model], key=lambda phase: phase.state == State.HALF_OPEN
    ):  # probes on top
        fill, words = STATES[State(phase.state)]
        x = scene.x(phase.begins)
        width = max(NARROWEST, scene.x(phase.ends) - x)
        yield _rect(
            x, y, width, STRIP, fill, f"{clock(phase.begins)} to {clock(phase.ends)}: {words}"
        )
    for spell in (
        spell for outage in scene.outages if outage.model == model for spell in outage.spells
    ):
        if spell.begins < scene.duration:
            x, until = scene.x(spell.begins), scene.x(spell.ends)
            yield f'<path d="M{x:.1f} {y - 1:.1f}v-3H{until:.1f}v3" fill="none" stroke="#222222"/>'
            yield _text(x + 2, y - 6, str(spell.fault), size=10)
