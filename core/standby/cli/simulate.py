"""`standby simulate`: an outage against the file, in virtual time, on the code that would carry the calls."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from standby.cli.money import tokens_option
from standby.cli.options import chain_option, config_options, duration_option, json_option
from standby.cli.output import print_json
from standby.cli.tables import print_table
from standby.client import AsyncStandby
from standby.config.finding import suggest
from standby.config.scalars import format_duration
from standby.diagnostics.simulation.bill import Bill, compute_bill
from standby.diagnostics.simulation.formats import format_clock
from standby.diagnostics.simulation.outage import GrammarError, Outage, parse_outage
from standby.diagnostics.simulation.plot import Chart, render_svg
from standby.diagnostics.simulation.simulator import Simulation, simulate
from standby.diagnostics.simulation.summary import (
    CallerCounts,
    Interval,
    ModelCounts,
    Phase,
    count_callers,
    count_models,
    find_phases,
    split_intervals,
)
from standby.diagnostics.simulation.timeline import Line, build_timeline
from standby.dispatch.policy import Route
from standby.pricing import format_cost, format_dollars, format_size

MOST_CALLS = 100_000
"""Calls of one play; more would take minutes, and gigabytes."""

CALLERS = "(callers)"
"""What a line is of that is of no model."""

_PER_SECOND = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a play; `healthy` is what the callers see of the same calls without the outages.

    `retired` says of models that their vendor has shut them down: they are played as gone, but for
    those with an outage.
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


def _rate(ctx: click.Context, param: click.Parameter, value: str) -> float:
    del ctx, param  # as above
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)/(s|m|h)", value)
    rate = float(found[1]) / _PER_SECOND[found[2]] if found else 0.0
    if not rate:
        raise click.BadParameter(
            f"{value!r} is no rate; write a number above 0 and s, m or h, like 2/s, 30/m"
        )
    return rate


def _share(ctx: click.Context, param: click.Parameter, value: str) -> float:
    del ctx, param  # as above
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)%", value)
    share = float(found[1]) / 100 if found else 2.0
    if share > 1:
        raise click.BadParameter(f"{value!r} is no share; write 0% to 100%")
    return share


@click.command("simulate")
@click.option(
    "--outage",
    "outages",
    multiple=True,
    metavar="TEXT",
    help="What goes wrong with one model; may be repeated.",
)
@duration_option("--at", default="1m", show_default=True, help="When the outages begin.")
@click.option(
    "--rate",
    default="2/s",
    show_default=True,
    callback=_rate,
    help="Calls that come, like 2/s, 30/m.",
)
@duration_option("--duration", default="30m", show_default=True, help="How long calls come.")
@duration_option(
    "--latency", default="1s", show_default=True, help="How long a healthy answer takes."
)
@click.option(
    "--streams",
    metavar="N%",
    default="0%",
    show_default=True,
    callback=_share,
    help="How many calls are streams.",
)
@tokens_option
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Draws everything: the same seed, the same result.",
)
@config_options
@chain_option
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE.svg",
    help="Draw a picture into this file.",
)
@json_option
def command(
    outages: tuple[str, ...],
    *,
    chain: str,
    config: str | None,
    plot: Path | None,
    as_json: bool,
    at: float,
    **numbers: Any,
) -> None:
    """Play an outage against a chain, in virtual time: nothing is sent, and no key is needed.

    The walk, retries, breakers and triggers are the ones that carry real calls; the models and the
    clock are simulated. Calls come at random (Poisson) at the rate; an answer takes about
    --latency, a fault less; a stream says its first words after 0.3 of that. Each answer is billed
    for --tokens, and so is one that is cut or given up; an error is not.

    \b
    An outage is   MODEL: [after DURATION,] FAULT [for DURATION]
                   [, then FAULT [for DURATION]]...
    A fault is     [N%] and one of these; N% of the calls meet it, else all:
      503, 429, ...   an error of that status, without a vendor's own words
      timeout, hang   no answer at all
      cut             a connection that breaks amid the answer;
                      in a stream, after its first words
      empty, malformed, overloaded, ...   a failure of that kind
      ok              nothing: the model is well

    It begins at --at, or "after" a time of its own; a model is well outside of it.

    \b
    standby simulate --outage "primary: 503 for 10m, then 30% 500 for 5m"
    standby simulate models.yaml --outage "primary: hang for 2m" \\
        --outage "second: after 90s, 429"

    Exit status: 0, also where calls got no answer, or 2 if the file or the command line is wrong.
    """  # noqa: D301 - click wants the character itself
    if numbers["rate"] * numbers["duration"] > MOST_CALLS:
        expected = numbers["rate"] * numbers["duration"]
        raise click.UsageError(
            f"that is about {expected:,.0f} calls, and at most {MOST_CALLS:,} are played; lower --rate or --duration"
        )
    plan = Simulation(outages=_outages(outages, at), **numbers)
    route = AsyncStandby(config, warm_up=False).route(chain)
    _check(plan.outages, route)
    told, chart = _told(route, plan)
    if plot is not None:
        _draw(chart, plot)
    if as_json:
        print_json(told)
    else:
        _print(told, plot)


def _outages(texts: Sequence[str], at: float) -> tuple[Outage, ...]:
    try:
        return tuple(parse_outage(text, at) for text in texts)
    except GrammarError as error:
        raise click.BadParameter(str(error), param_hint="'--outage'") from None


def _check(outages: Sequence[Outage], route: Route) -> None:
    """Refuse an outage of a model that the chain does not have, and two of one model."""
    names = [target.name for target in route.targets]
    seen: set[str] = set()
    for model in (outage.model for outage in outages):
        if model not in names:
            theirs = [target.name for target in route.targets if target.provider == model]
            whose = (
                f"{model} is a provider; its models here are {', '.join(theirs)}" if theirs else ""
            )
            hint = whose or suggest(model, names) or f"there is {', '.join(names)}"
            words = f"no model of chain {route.name!r} is named {model!r}; {hint}"
            raise click.BadParameter(words, param_hint="'--outage'")
        if model in seen:
            words = f"{model!r} has two outages; write one, its parts joined by ', then' (with 'ok' where it is well between them)"
            raise click.BadParameter(words, param_hint="'--outage'")
        seen.add(model)


def _told(route: Route, plan: Simulation) -> tuple[Told, Chart]:
    events = simulate(route, plan)
    healthy = simulate(route, plan.without_outages()) if plan.outages else events
    asked = route.targets if route.chain.fallback else route.targets[:1]
    models = tuple(dict.fromkeys(target.name for target in asked))
    prices = {target.name: target.card.price for target in asked}
    intervals = split_intervals(events, plan.rate, plan.duration)
    breakers = find_phases(events, models, plan.duration)
    told = Told(
        chain=route.name,
        models=models,
        retired={
            target.name: target.breaker.suspicion for target in asked if target.breaker.suspicion
        },
        plan=plan,
        timeline=build_timeline(events, plan.outages, intervals, plan.duration),
        counts=count_models(events, models),
        callers=count_callers(events),
        healthy=count_callers(healthy),
        bill=compute_bill(events, prices, plan.tokens),
        healthy_bill=compute_bill(healthy, prices, plan.tokens),
        intervals=intervals,
        breakers=breakers,
    )
    return told, Chart(
        title=_title(told),
        models=models,
        duration=plan.duration,
        outages=plan.outages,
        intervals=intervals,
        phases=breakers,
    )


def _title(told: Told) -> str:
    plan = told.plan
    return f"chain {told.chain}: {_calls(plan.rate)} for {format_duration(plan.duration)}, seed {plan.seed}"


def _calls(rate: float) -> str:
    unit = next((unit for unit, size in _PER_SECOND.items() if rate * size >= 1), "h")
    return f"{rate * _PER_SECOND[unit]:g} calls/{unit}"


def _draw(chart: Chart, plot: Path) -> None:
    try:
        plot.write_text(render_svg(chart), encoding="utf-8")
    except OSError as error:
        words = f"{plot} cannot be written: {(error.strerror or str(error)).lower()}; name a file in a folder that is there"
        raise click.BadParameter(words, param_hint="'--plot'") from None


def _print(told: Told, plot: Path | None) -> None:
    click.echo(
        f"Simulated: {_title(told)}, an answer takes about {format_duration(told.plan.latency)}"
    )
    click.echo(f"Models: {' → '.join(told.models)}. Virtual time; nothing is sent.")
    for name, why in told.retired.items():
        named = any(outage.model == name for outage in told.plan.outages)
        click.echo(
            f"{name} is {why}: it is played as {'if it were there' if named else 'gone, and begins resting'}."
        )
    click.echo()
    streams = told.plan.streams > 0
    wide = max(map(len, (CALLERS, *told.models)))
    for line in told.timeline:
        click.echo(f"{format_clock(line.at)}  {(line.model or CALLERS).ljust(wide)}  {line.text}")
    if not told.timeline:
        click.echo(
            "Nothing went wrong."
            if told.callers.calls
            else "No calls came; raise --rate or --duration."
        )
    click.echo()
    columns = ("model", "requests", "answered", "failed", "retries", "probes", "served", "cost")
    print_table(columns, list(map(_row(told), told.counts)))
    click.echo()
    sights = [("these callers", told.callers)] + (
        [("without the outage", told.healthy)] if told.plan.outages else []
    )
    head = (
        "",
        "calls",
        "answered",
        "failed",
        "p50",
        "p95",
        "longest",
        *(("streams", "broken", "restarts") if streams else ()),
    )
    print_table(head, [_sight(*each, streams=streams) for each in sights])
    click.echo()
    click.echo(_money(told))
    if plot is not None:
        click.echo(f"wrote {plot}", err=True)


def _money(told: Told) -> str:
    bill = told.bill
    words = f"Cost at {format_size(bill.tokens)} a call: {format_cost(bill.all)}"
    if bill.wasted.dollars:
        words += f", {format_dollars(bill.wasted.dollars)} of it for answers that no caller got"
    return words + (
        f"; without the outage {format_cost(told.healthy_bill.all)}" if told.plan.outages else ""
    )


def _row(told: Told) -> Any:
    dollars = {each.model: each.dollars for each in told.bill.models}

    def row(count: ModelCounts) -> tuple[str, ...]:
        share = 100 * count.served / told.callers.answered if told.callers.answered else 0.0
        numbers = (count.requests, count.answered, count.failed, count.retries, count.probes)
        cost = dollars[count.model]
        return (
            count.model,
            *map(str, numbers),
            f"{count.served} ({share:.1f} %)",
            "" if cost is None else format_dollars(cost),
        )

    return row


def _sight(name: str, seen: CallerCounts, *, streams: bool) -> tuple[str, ...]:
    took = ["-" if each is None else f"{each:.2f} s" for each in (seen.p50, seen.p95, seen.longest)]
    of_streams = (seen.streams, seen.broken, seen.restarts) if streams else ()
    return (
        name,
        str(seen.calls),
        str(seen.answered),
        str(seen.failed),
        *took,
        *map(str, of_streams),
    )
