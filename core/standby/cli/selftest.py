"""`standby selftest`: does the chain fall back, and come back? Its own adapters against servers on this machine that fail."""

import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click
import msgspec

from standby.cli.asking import Asked, ask_all
from standby.cli.options import chain_option, config_options, json_option
from standby.cli.output import print_json
from standby.cli.remedies import ending, spent
from standby.cli.tables import print_table
from standby.config import load
from standby.config.finding import suggest
from standby.diagnostics.selftest.results import FaultResult, SelftestResult
from standby.diagnostics.selftest.runner import HANG_TIMEOUT, MAX_PAUSE, run_selftest
from standby.dispatch.policy import Route
from standby.dispatch.routes import build_routes
from standby.errors import ConfigError, RequestError
from standby.registry.adapter_pool import AdapterPool
from standby.registry.plugins import Registry
from standby.settings import Settings

LIVE_PATIENCE = 30.0
"""Seconds for each model, as `standby check` has it."""

_GROUPS = {
    "usual": "the failures that people fall back on",
    "vendor": "the failures that its vendor is known for",
    "network": "what networks and proxies do",
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the test; `live` is what each model did for real, where that was asked for."""

    file: str
    chain: str
    fine: bool
    verdict: str
    warnings: tuple[str, ...]
    played: SelftestResult
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
    """Prove on this machine that a chain falls back and comes back, without a key and without the network.

    The chain's own adapters and SDKs talk to servers on 127.0.0.1 that fail in each known way, and
    then are well again. Time-outs and pauses are shortened for it, in memory only.

    Exit status: 0, 1 if the chain did not fall back or come back, 2 if the file or the command line
    is wrong.

    \b
    standby selftest
    standby selftest --config config/models.yaml --chain default --json
    """  # noqa: D301 - click wants the character itself
    registry = Registry()
    adapters = AdapterPool(registry.adapter, registry.origin)
    file, settings, route = _found(config, chain, registry, adapters)
    answers = _live(route, adapters) if live else {}
    os.environ["no_proxy"] = (
        "*"  # from here on only this machine is asked, and no proxy leads there
    )
    played = run_selftest(settings, registry, chain)
    words, fine = _verdict(route, played)
    if live and "answers" not in answers.values():
        words, fine = "no model answers for real: see 'standby check'", False
    told = Told(
        file=file,
        chain=chain,
        fine=fine,
        verdict=words,
        warnings=_warnings(route, settings),
        played=played,
        live=answers,
    )
    if as_json:
        print_json(told)
    else:
        _print(told)
    sys.exit(0 if fine else 1)


def _found(
    config: str | None, chain: str, registry: Registry, adapters: AdapterPool
) -> tuple[str, Settings, Route]:
    """Read the file and look the chain up; raises `ConfigError`, or `RequestError` for a chain that is not there."""
    loaded = load(
        None if config is None else Path(config),
        registry,
        os.environ,
        cwd=Path.cwd(),
        today=_today(),
    )
    if loaded.settings is None:
        raise ConfigError(loaded.problems)
    routes = build_routes(loaded.settings, adapters, registry.predicate).routes
    if chain not in routes:
        hint = suggest(chain, tuple(routes)) or f"there is {', '.join(sorted(routes))}"
        raise RequestError(f"{loaded.file} has no chain named {chain!r}; {hint}")
    return loaded.file, loaded.settings, routes[chain]


def _live(route: Route, adapters: AdapterPool) -> dict[str, str]:
    """Ask each model of the chain for real; how each ended, in words."""
    told: list[Asked] = []
    asked = route.targets if route.chain.fallback else route.targets[:1]
    ask_all(asked, adapters, LIVE_PATIENCE, told.append)
    return {each.target.name: _lives(each) for each in told}


def _lives(asked: Asked) -> str:
    if asked.failure is None or asked.reply is not None or spent(asked.failure):
        return "answers"
    return asked.failure.text


def _today() -> date:
    return date.today()  # noqa: DTZ011 - the user's own day


# What came of it


def _warnings(route: Route, settings: Settings) -> tuple[str, ...]:
    """Say what stays unproven: a real call needs a key, and a model that is still there."""
    told: list[str] = []
    for target in route.targets if route.chain.fallback else route.targets[:1]:
        provider = settings.providers[target.provider]
        if provider.api_key is not None and not provider.api_key:
            told.append(
                f"{target.name}: {provider.api_key.origin} is not set, so a real call would skip it"
            )
        if provider.options:
            told.append(
                f"{target.name}: the options of provider {target.provider!r} were left out: they lead to its real endpoint"
            )
        if words := ending(target, _today()):
            told.append(f"{target.name}: {words}")
    return tuple(told)


def _verdict(route: Route, played: SelftestResult) -> tuple[str, bool]:
    """Say in words whether the chain falls back and comes back, and whether that is so."""
    if alone := _alone(route):
        return f"nothing to fall back to: {alone}", False
    if not played.failing:
        return (
            "nothing proven: of the models that answer here, none can be made to fail and has another behind it",
            False,
        )
    mute = [each.model for each in played.models if each.outcome == "does not answer"]
    wrong = [case.fault for case in played.cases if not case.passed]
    flaws = [f"{' and '.join(mute)} cannot answer"] if mute else []
    flaws += (
        [
            f"does not fall back after {len(wrong)} of {len(played.cases)} failures of {played.failing}"
        ]
        if wrong
        else []
    )
    flaws += [f"{played.failing} {lost}"] if (lost := _lost(played)) else []
    if flaws:
        return "; ".join(flaws), False
    moved = sum(bool(case.answered_by) for case in played.cases)
    rest = len(played.cases) - moved
    own = (
        f" (the other {rest}: the request itself is refused, and the caller is told)"
        if rest
        else ""
    )
    return (
        f"falls back after {moved} of {len(played.cases)} failures of {played.failing}{own}, and comes back",
        True,
    )


def _alone(route: Route) -> str:
    if not route.chain.fallback:
        return f"'fallback' is false, so only {route.targets[0].name} is asked"
    return "" if route.targets[1:] else f"{route.targets[0].name} is the only model of the chain"


def _lost(played: SelftestResult) -> str:
    if played.recovery is None or not (played.recovery.rested_after or played.recovery.never_rests):
        return "never rests, however often it fails"
    return "" if played.recovery.passed else "is not used again after its recovery"


# Showing


def _print(told: Told) -> None:
    for model, words in told.live.items():
        click.echo(f"for real: {model}: {words}")
    click.echo("each model, in its own wire, on this machine:")
    rows = [
        (each.model, each.provider, each.outcome, f"{each.seconds:.2f}s", each.reason)
        for each in told.played.models
    ]
    print_table(("model", "provider", "outcome", "time", ""), rows)
    for group, words in _GROUPS.items():
        _print_cases(
            f"\n{told.played.failing}: {words}",
            [case for case in told.played.cases if case.group == group],
        )
    _print_return(told.played)
    for warning in told.warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)
    click.secho(f"{told.chain}: {told.verdict}", fg="green" if told.fine else "red")


def _print_cases(head: str, cases: Sequence[FaultResult]) -> None:
    if not cases:
        return
    click.echo(head)
    rows = [
        (
            "ok" if case.passed else "FAILED",
            case.fault,
            case.kind or "",
            "by default" if case.trigger is None else f"trigger {case.trigger}",
            _outcome(case),
            f"{case.seconds:.2f}s",
        )
        for case in cases
    ]
    print_table(("", "failure", "kind", "recognised", "then", "time"), rows)


def _outcome(case: FaultResult) -> str:
    asked = "" if case.attempts == 1 else f"asked {case.attempts} times, "
    if case.answered_by:
        return f"{asked}{case.answered_by} answers"
    return f"{asked}the caller is told" if case.then == "stop" else f"{asked}no model answers"


def _print_return(played: SelftestResult) -> None:
    if played.recovery is None:
        return
    click.echo(
        f"\n{played.failing}: time-out {HANG_TIMEOUT:g}s and pauses of at most {MAX_PAUSE:g}s here; the file's own are longer"
    )
    if not (played.recovery.rested_after or played.recovery.never_rests):
        click.echo("it never rested")
        return
    used = (
        "not used again"
        if played.recovery.seconds is None
        else f"used again {played.recovery.seconds:.2f}s after its recovery"
    )
    rests = (
        "never rests: its breaker is off"
        if played.recovery.never_rests
        else f"rests after {played.recovery.rested_after} failed calls"
    )
    click.echo(f"{rests}; {used}")
