"""`standby selftest`: prove that a chain falls back and comes back.

Its own adapters talk to servers on this machine that fail.
"""

import os
import sys
from collections.abc import Iterator, Sequence

import click
import msgspec

from standby.cli.advice import is_only_thinking, retirement_notice
from standby.cli.config_file import load_settings, require_name, today
from standby.cli.live_check import LiveResult, check_models
from standby.cli.options import chain_option, config_options, json_option
from standby.cli.output import print_json
from standby.cli.tables import print_table
from standby.diagnostics.selftest.results import FaultResult, Recovery, SelftestResult
from standby.diagnostics.selftest.runner import HANG_TIMEOUT, MAX_PAUSE, run_selftest
from standby.dispatch.routes import build_routes
from standby.dispatch.target import Route, Target
from standby.registry.adapter_pool import AdapterPool
from standby.registry.plugins import Registry
from standby.runtime.control_characters import escape_line
from standby.settings import Settings

LIVE_TIMEOUT = 30.0
"""Seconds for each model, as with `standby check`."""

_GROUPS = {
    "usual": "the failures that people fall back on",
    "vendor": "the failures that its vendor is known for",
    "network": "what networks and proxies do",
}


class SelftestReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the test; `live` is what each model did for real, with `--live`."""

    file: str
    chain: str
    fine: bool
    summary: str = msgspec.field(name="verdict")
    warnings: tuple[str, ...]
    result: SelftestResult = msgspec.field(name="played")
    live: dict[str, str] = {}


@click.command("selftest")
@config_options
@chain_option
@click.option(
    "--live",
    is_flag=True,
    help="First ask each model for real, as 'standby check' does; vendors bill that.",
)
@json_option
def command(*, config: str | None, chain: str, live: bool, as_json: bool) -> None:
    """Prove on this machine that a chain falls back and comes back: no key, no network.

    The chain's own adapters and SDKs talk to servers on 127.0.0.1 that fail in each known way, and
    then recover. Time-outs and pauses are shortened for it, in memory only.

    Exit status: 0, 1 if the chain did not fall back or come back, 2 if the file or the command line
    is wrong.

    \b
    standby selftest
    standby selftest --config config/models.yaml --chain default --json
    """  # noqa: D301 - click wants the character itself
    registry = Registry()
    adapters = AdapterPool(registry.adapter, registry.origin)
    file, settings, route = _load_route(config, chain, registry, adapters)
    answers = _check_live(route, adapters) if live else {}
    os.environ["no_proxy"] = "*"  # from here on only this machine is called, past any proxy
    result = run_selftest(settings, registry, chain)
    problems = _problems(route, result)
    if live and "answers" not in answers.values():
        problems = ["no model answers for real: see 'standby check'"]
    report = SelftestReport(
        file=file,
        chain=chain,
        fine=not problems,
        summary="; ".join(problems) or _summarize(result),
        warnings=tuple(_warnings(route, settings)),
        result=result,
        live=answers,
    )
    if as_json:
        print_json(report)
    else:
        _print(report)
    sys.exit(0 if report.fine else 1)


def _load_route(
    config: str | None, chain: str, registry: Registry, adapters: AdapterPool
) -> tuple[str, Settings, Route]:
    """Read the file and look the chain up; raises `RequestError` for one that does not exist."""
    loaded, settings = load_settings(config, registry)
    routes = build_routes(settings, adapters, registry.predicate).routes
    require_name(chain, routes, what="chain", where=loaded.file)
    return loaded.file, settings, routes[chain]


def _reachable(route: Route) -> Sequence[Target]:
    return route.reachable


def _check_live(route: Route, adapters: AdapterPool) -> dict[str, str]:
    """Ask each model of the chain for real; return in text what each did."""
    results = check_models(_reachable(route), adapters, LIVE_TIMEOUT, lambda _: None)
    return {result.target.name: _format_live(result) for result in results}


def _format_live(result: LiveResult) -> str:
    failure = result.failure
    if failure is None or result.reply is not None:
        return "answers"
    return "answers" if is_only_thinking(failure) else failure.text


# What the results mean


def _warnings(route: Route, settings: Settings) -> Iterator[str]:
    """Yield what stays unproven: a real call needs a key, and a model in service."""
    for target in _reachable(route):
        provider = settings.providers[target.provider]
        key = provider.api_key
        if key is not None and not key:
            yield f"{target.name}: {key.origin} is not set, so a real call would skip it"
        if provider.options:
            yield (
                f"{target.name}: the options of provider {target.provider!r} were not used: "
                "they lead to its real endpoint"
            )
        if message := retirement_notice(target, today()):
            yield f"{target.name}: {message}"


def _problems(route: Route, result: SelftestResult) -> list[str]:
    """Return why the chain is not proven to fall back and come back; nothing if it is."""
    if reason := _why_no_fallback(route):
        return [f"nothing to fall back to: {reason}"]
    if not result.failing:
        reason = "none of the models that answer here can be made to fail and has another after it"
        return [f"nothing proven: {reason}"]
    problems: list[str] = []
    mute = [each.model for each in result.models if each.outcome == "does not answer"]
    wrong = sum(not case.passed for case in result.cases)
    if mute:
        problems.append(f"{' and '.join(mute)} cannot answer")
    if wrong:
        cases = f"{wrong} of {len(result.cases)} failures of {result.failing}"
        problems.append(f"does not fall back after {cases}")
    if reason := _why_not_back(result.recovery):
        problems.append(f"{result.failing} {reason}")
    return problems


def _why_no_fallback(route: Route) -> str:
    first, *others = (target.name for target in route.targets)
    if not route.chain.fallback:
        return f"'fallback' is false, so only {first} is called"
    return "" if others else f"{first} is the only model of the chain"


def _why_not_back(recovery: Recovery | None) -> str:
    if recovery is None or not _rests(recovery):
        return "never rests, however often it fails"
    return "" if recovery.passed else "is not used again after its recovery"


def _rests(recovery: Recovery) -> bool:
    return recovery.rested_after > 0 or recovery.never_rests


def _summarize(result: SelftestResult) -> str:
    moved = sum(bool(case.answered_by) for case in result.cases)
    others = len(result.cases) - moved
    own = (
        f" (the other {others}: the request itself is wrong, and the caller gets the error)"
        if others
        else ""
    )
    cases = f"{moved} of {len(result.cases)} failures of {result.failing}"
    return f"falls back after {cases}{own}, and comes back"


# Output


def _print(report: SelftestReport) -> None:
    for model, outcome in report.live.items():
        click.echo(escape_line(f"for real: {model}: {outcome}"))
    click.echo("each model, in its own wire, on this machine:")
    rows = [
        (each.model, each.provider, each.outcome, f"{each.seconds:.2f}s", each.reason)
        for each in report.result.models
    ]
    print_table(("model", "provider", "outcome", "time", ""), rows)
    for group, description in _GROUPS.items():
        cases = [case for case in report.result.cases if case.group == group]
        _print_cases(f"\n{report.result.failing}: {description}", cases)
    if report.result.recovery is not None:
        _print_recovery(report.result.failing, report.result.recovery)
    for warning in report.warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)
    click.secho(f"{report.chain}: {report.summary}", fg="green" if report.fine else "red")


def _print_cases(title: str, cases: Sequence[FaultResult]) -> None:
    if not cases:
        return
    click.echo(title)
    rows = [
        (
            "ok" if case.passed else "FAILED",
            case.fault,
            case.kind or "",
            "by default" if case.trigger is None else f"trigger {case.trigger}",
            _format_outcome(case),
            f"{case.seconds:.2f}s",
        )
        for case in cases
    ]
    print_table(("", "failure", "kind", "recognised", "then", "time"), rows)


def _format_outcome(case: FaultResult) -> str:
    calls = "" if case.attempts == 1 else f"called {case.attempts} times, "
    if case.answered_by:
        return f"{calls}{case.answered_by} answers"
    return calls + ("the caller gets the error" if case.then == "stop" else "no model answers")


def _print_recovery(model: str, recovery: Recovery) -> None:
    limits = f"time-out {HANG_TIMEOUT:g}s and pauses of at most {MAX_PAUSE:g}s here"
    click.echo(f"\n{model}: {limits}; the file's own are longer")
    if not _rests(recovery):
        click.echo("it never rested")
        return
    if recovery.never_rests:
        rests = "never rests: its breaker is off"
    else:
        rests = f"rests after {recovery.rested_after} failed calls"
    if recovery.seconds is None:
        used = "not used again"
    else:
        used = f"used again {recovery.seconds:.2f}s after its recovery"
    click.echo(f"{rests}; {used}")
