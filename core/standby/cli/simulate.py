"""`standby simulate`: an outage against the file, in virtual time, on the code of real calls."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from standby.cli.files import write_file
from standby.cli.options import (
    chain_option,
    config_options,
    duration_option,
    json_option,
    parse_with,
    tokens_option,
)
from standby.cli.output import print_json
from standby.cli.simulate_report import PER_SECOND, SimulationReport, print_report
from standby.client import AsyncStandby
from standby.config.finding import suggest
from standby.diagnostics.simulation.bill import compute_bill
from standby.diagnostics.simulation.outage import GrammarError, Outage, parse_outage
from standby.diagnostics.simulation.plot import Chart, render_svg
from standby.diagnostics.simulation.settings import Simulation
from standby.diagnostics.simulation.simulator import simulate
from standby.diagnostics.simulation.summary import (
    count_callers,
    count_models,
    find_phases,
    split_intervals,
)
from standby.diagnostics.simulation.timeline import build_timeline
from standby.dispatch.target import Route

MOST_CALLS = 100_000
"""Calls of one simulation; more would take minutes, and gigabytes."""


def _parse_rate(text: str) -> float:
    """Return calls a second."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)/(s|m|h)", text)
    rate = float(match[1]) / PER_SECOND[match[2]] if match else 0.0
    if not rate:
        raise ValueError(
            f"{text!r} is not a rate; write a number above 0 and s, m or h, like 2/s, 30/m"
        )
    return rate


def _parse_share(text: str) -> float:
    """Return a share from 0 to 1."""
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)%", text)
    if match is None or float(match[1]) > 100:  # noqa: PLR2004 - per cent
        raise ValueError(f"{text!r} is not a share; write 0% to 100%")
    return float(match[1]) / 100


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
    callback=parse_with(_parse_rate),
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
    callback=parse_with(_parse_share),
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

    The dispatcher, retries, breakers and triggers are those of real calls; the models and the
    clock are simulated. Calls come at random (Poisson) at the rate; an answer takes about
    --latency, a fault less; a stream's first tokens come after 0.3 of that. Each answer is billed
    for --tokens, and so is one that is cut or cancelled; an error is not.

    \b
    An outage is   MODEL: [after DURATION,] FAULT [for DURATION]
                   [, then FAULT [for DURATION]]...
    A fault is     [N%] and one of these; N% of the calls meet it, else all:
      503, 429, ...   an error of that status, without a vendor's message
      timeout, hang   no answer at all
      cut             a connection that breaks amid the answer;
                      in a stream, after its first tokens
      empty, malformed, overloaded, ...   a failure of that kind
      ok              nothing: the model is healthy

    It begins at --at, or "after" a time of its own; a model is healthy outside of it.

    \b
    standby simulate --outage "primary: 503 for 10m, then 30% 500 for 5m"
    standby simulate models.yaml --outage "primary: hang for 2m" \\
        --outage "second: after 90s, 429"

    Exit status: 0, even where calls got no answer, or 2 if the file or the command line is wrong.
    """  # noqa: D301 - click wants the character itself
    _check_size(numbers["rate"] * numbers["duration"])
    plan = Simulation(outages=_parse_outages(outages, at), **numbers)
    report = _simulate(AsyncStandby(config, warm_up=False).route(chain), plan)
    if plot is not None:
        write_file(plot, render_svg(_build_chart(report)), option="--plot")
    if as_json:
        print_json(report)
        return
    print_report(report)
    if plot is not None:
        click.echo(f"wrote {plot}", err=True)


def _check_size(calls: float) -> None:
    if calls > MOST_CALLS:
        raise click.UsageError(
            f"that is about {calls:,.0f} calls, and at most {MOST_CALLS:,} are played; lower "
            "--rate or --duration"
        )


def _parse_outages(texts: Sequence[str], at: float) -> tuple[Outage, ...]:
    try:
        return tuple(parse_outage(text, at) for text in texts)
    except GrammarError as error:
        raise _bad_outage(str(error)) from None


def _check_outages(outages: Sequence[Outage], route: Route) -> None:
    """Refuse an outage of a model that the chain does not have, and two of one model."""
    names = [target.name for target in route.targets]
    seen: set[str] = set()
    for model in (outage.model for outage in outages):
        if model not in names:
            hint = _suggest_model(model, route)
            raise _bad_outage(f"no model of chain {route.name!r} is named {model!r}; {hint}")
        if model in seen:
            raise _bad_outage(
                f"{model!r} has two outages; write one, its parts joined by ', then' (with 'ok' "
                "where it is healthy between them)"
            )
        seen.add(model)


def _suggest_model(name: str, route: Route) -> str:
    names = [target.name for target in route.targets]
    of_provider = [target.name for target in route.targets if target.provider == name]
    if of_provider:
        return f"{name} is a provider; its models here are {', '.join(of_provider)}"
    return suggest(name, names) or f"it has {', '.join(names)}"


def _bad_outage(message: str) -> click.BadParameter:
    return click.BadParameter(message, param_hint="'--outage'")


def _simulate(route: Route, plan: Simulation) -> SimulationReport:
    _check_outages(plan.outages, route)
    events = simulate(route, plan)
    healthy = simulate(route, plan.without_outages()) if plan.outages else events
    targets = route.reachable
    models = tuple(dict.fromkeys(target.name for target in targets))
    prices = {target.name: target.card.price for target in targets}
    intervals = split_intervals(events, plan.rate, plan.duration)
    suspicions = {target.name: target.breaker.suspicion for target in targets}
    return SimulationReport(
        chain=route.name,
        models=models,
        retired={name: suspicion for name, suspicion in suspicions.items() if suspicion},
        plan=plan,
        timeline=build_timeline(events, plan.outages, intervals, plan.duration),
        counts=count_models(events, models),
        callers=count_callers(events),
        healthy=count_callers(healthy),
        bill=compute_bill(events, prices, plan.tokens),
        healthy_bill=compute_bill(healthy, prices, plan.tokens),
        intervals=intervals,
        breakers=find_phases(events, models, plan.duration),
    )


def _build_chart(report: SimulationReport) -> Chart:
    return Chart(
        title=report.title,
        models=report.models,
        duration=report.plan.duration,
        outages=report.plan.outages,
        intervals=report.intervals,
        phases=report.breakers,
    )
