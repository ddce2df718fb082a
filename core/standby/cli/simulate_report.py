"""What a simulation found, and how it is printed for a person."""

from collections.abc import Iterator, Sequence

import click
import msgspec

from standby.cli.tables import print_table
from standby.config.durations import format_duration
from standby.diagnostics.simulation.bill import Bill
from standby.diagnostics.simulation.formats import format_clock
from standby.diagnostics.simulation.settings import Simulation
from standby.diagnostics.simulation.summary import CallerCounts, Interval, ModelCounts, Phase
from standby.diagnostics.simulation.timeline import Line
from standby.pricing import format_cost, format_dollars, format_size

CALLERS = "(callers)"
"""The name on a line of the timeline that is about no model."""

PER_SECOND = {"s": 1.0, "m": 60.0, "h": 3600.0}
"""Seconds in the units of a rate."""


class SimulationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a simulation.

    `healthy` is what the callers see of the same calls without the outages. `retired` says of
    models that their vendor has shut them down: they are played as gone, but for those with an
    outage.
    """

    chain: str
    models: tuple[str, ...]
    retired: dict[str, str]
    plan: Simulation
    timeline: Sequence[Line]
    counts: Sequence[ModelCounts]
    callers: CallerCounts
    healthy: CallerCounts
    bill: Bill
    healthy_bill: Bill
    intervals: Sequence[Interval]
    breakers: dict[str, list[Phase]]

    @property
    def title(self) -> str:
        """Say which chain was played, and how many calls."""
        plan = self.plan
        rate = _format_rate(plan.rate)
        return f"chain {self.chain}: {rate} for {format_duration(plan.duration)}, seed {plan.seed}"


def print_report(report: SimulationReport) -> None:
    """Print the timeline, what each model did, and what the callers saw.

    Args:
        report: What came of the simulation.
    """
    click.echo(
        f"Simulated: {report.title}, an answer takes about {format_duration(report.plan.latency)}"
    )
    click.echo(f"Models: {' → '.join(report.models)}. Virtual time; nothing is sent.")
    for line in _format_retired(report):
        click.echo(line)
    click.echo()
    for line in _format_timeline(report):
        click.echo(line)
    click.echo()
    _print_models(report)
    click.echo()
    _print_callers(report)
    click.echo()
    click.echo(_format_cost(report))


def _format_rate(rate: float) -> str:
    unit = next((unit for unit, size in PER_SECOND.items() if rate * size >= 1), "h")
    return f"{rate * PER_SECOND[unit]:g} calls/{unit}"


def _format_retired(report: SimulationReport) -> Iterator[str]:
    with_outage = {outage.model for outage in report.plan.outages}
    for name, why in report.retired.items():
        state = "if it were there" if name in with_outage else "gone, and begins resting"
        yield f"{name} is {why}: it is played as {state}."


def _format_timeline(report: SimulationReport) -> Iterator[str]:
    width = max(map(len, (CALLERS, *report.models)))
    for line in report.timeline:
        yield f"{format_clock(line.at)}  {(line.model or CALLERS).ljust(width)}  {line.text}"
    if not report.timeline:
        has_calls = report.callers.calls > 0
        yield "Nothing went wrong." if has_calls else "No calls came; raise --rate or --duration."


def _print_models(report: SimulationReport) -> None:
    columns = ("model", "requests", "answered", "failed", "retries", "probes", "served", "cost")
    print_table(columns, [_format_model(report, count) for count in report.counts])


def _format_model(report: SimulationReport, count: ModelCounts) -> tuple[str, ...]:
    answered = report.callers.answered
    share = 100 * count.replies / answered if answered else 0.0
    numbers = (count.requests, count.answered, count.failed, count.retries, count.probes)
    cost = next(each.dollars for each in report.bill.models if each.model == count.model)
    return (
        count.model,
        *map(str, numbers),
        f"{count.replies} ({share:.1f} %)",
        "" if cost is None else format_dollars(cost),
    )


def _print_callers(report: SimulationReport) -> None:
    with_streams = report.plan.streams > 0
    head = ["", "calls", "answered", "failed", "p50", "p95", "longest"]
    if with_streams:
        head += ["streams", "broken", "restarts"]
    rows = [_format_callers("these callers", report.callers, with_streams=with_streams)]
    if report.plan.outages:
        rows.append(
            _format_callers("without the outage", report.healthy, with_streams=with_streams)
        )
    print_table(head, rows)


def _format_callers(name: str, counts: CallerCounts, *, with_streams: bool) -> list[str]:
    latencies = (counts.p50, counts.p95, counts.longest)
    streams = (counts.streams, counts.broken, counts.restarts) if with_streams else ()
    return [
        name,
        *map(str, (counts.calls, counts.answered, counts.failed)),
        *("-" if seconds is None else f"{seconds:.2f} s" for seconds in latencies),
        *map(str, streams),
    ]


def _format_cost(report: SimulationReport) -> str:
    bill = report.bill
    text = f"Cost at {format_size(bill.tokens)} a call: {format_cost(bill.all)}"
    if bill.wasted.dollars:
        text += f", {format_dollars(bill.wasted.dollars)} of it for answers that no caller got"
    if report.plan.outages:
        text += f"; without the outage {format_cost(report.healthy_bill.all)}"
    return text
