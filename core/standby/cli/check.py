"""`standby check`: which models would answer now, and what to do about the others."""

import sys
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import click
import msgspec

from standby.cli.advice import advise, is_only_thinking, retirement_notice
from standby.cli.colours import uses_colour
from standby.cli.config_file import load_settings, require_name, today
from standby.cli.live_check import LIMIT, LiveResult, OnResult, check_models
from standby.cli.options import (
    chains_option,
    config_options,
    duration_option,
    json_option,
    models_option,
)
from standby.cli.output import print_json
from standby.cli.tables import print_table
from standby.dispatch.assessment import is_wrong_model
from standby.dispatch.policy import rule_for
from standby.dispatch.redaction import hide_keys
from standby.dispatch.routes import build_routes
from standby.dispatch.target import Route, Target
from standby.failures import Kind
from standby.registry.adapter_pool import AdapterPool
from standby.registry.plugins import Registry
from standby.runtime.control_characters import escape_line
from standby.settings import Settings

Outcome = Literal["answered", "failed", "skipped"]


class ModelCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What one model did, and what to do about it.

    `response_model` is the vendor's name of the model that answered; `do` is "" where nothing is to
    be done.
    """

    model: str
    provider: str
    outcome: Outcome
    seconds: float
    response_model: str
    kind: Kind | None
    status: int | None
    text: str
    do: str


class ChainCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a chain would answer now, by which model, or which model would stop it."""

    answers: bool = False
    by: str | None = None
    stops_at: str | None = None


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The models to check, and the chains that they count for; without chains, each for itself."""

    file: str
    settings: Settings
    targets: tuple[Target, ...]
    chains: Mapping[str, Route]
    adapters: AdapterPool


@click.command("check")
@config_options
@chains_option
@models_option
@duration_option(
    "--timeout", default="30s", show_default=True, help="How long each model may take."
)
@json_option
def command(
    *,
    config: str | None,
    chains: tuple[str, ...],
    models: tuple[str, ...],
    timeout: float,
    as_json: bool,
) -> None:
    """Ask each model of the chains one tiny question, for real and all at once.

    It says which models answer, and what to do about the others.

    Exit status: 0, 1 if a chain could not answer (with --model alone: if a model did not), 2 if the
    file or the command line is wrong. Each question requests one word, and its answer may spend
    256 tokens: vendors bill that.

    \b
    standby check
    standby check --chain default --timeout 1m
    """  # noqa: D301 - click wants the character itself
    selection = _select(config, chains, models)
    with _show_progress(len(selection.targets)) as on_result:
        results = check_models(selection.targets, selection.adapters, timeout, on_result)
    model_checks = [_describe(result, selection.settings) for result in results]
    chain_checks = {name: _check_chain(route, results) for name, route in selection.chains.items()}
    if chain_checks:
        fine = all(each.answers for each in chain_checks.values())
    else:
        fine = all(map(_answers, results))
    if as_json:
        document = {"file": selection.file, "fine": fine}
        print_json({**document, "models": model_checks, "chains": chain_checks})
    else:
        _print(model_checks, chain_checks)
    sys.exit(0 if fine else 1)


# What to check


def _select(config: str | None, chains: Sequence[str], models: Sequence[str]) -> Selection:
    """Read the file and look the names up; raises `RequestError` for one that does not exist."""
    registry = Registry()
    loaded, settings = load_settings(config, registry)
    adapters = AdapterPool(registry.adapter, registry.origin)
    routing = build_routes(settings, adapters, registry.predicate, today=today())
    for name in chains:
        require_name(name, routing.routes, what="chain", where=loaded.file)
    every_chain = () if models else routing.routes
    routes = [_drop_unreachable(routing.routes[name]) for name in chains or every_chain]
    where = " and ".join(chains) or loaded.file
    chosen = _choose(_targets_of(routes) or routing.targets, models, where)
    kept = (_restrict(route, chosen) for route in routes)
    return Selection(
        file=loaded.file,
        settings=settings,
        targets=tuple(chosen.values()),
        chains={route.name: route for route in kept if route.targets},
        adapters=adapters,
    )


def _targets_of(routes: Sequence[Route]) -> Mapping[str, Target]:
    return {target.name: target for route in routes for target in route.targets}


def _choose(
    targets: Mapping[str, Target], models: Sequence[str], where: str
) -> Mapping[str, Target]:
    """Return the named models, in the chains' order; all where none is named."""
    for name in models:
        require_name(name, targets, what="model", where=where)
    if not models:
        return targets
    return {name: target for name, target in targets.items() if name in models}


def _drop_unreachable(route: Route) -> Route:
    """Drop the models that no call reaches, because fallback is off."""
    return replace(route, targets=route.reachable)


def _restrict(route: Route, names: Collection[str]) -> Route:
    targets = tuple(target for target in route.targets if target.name in names)
    return replace(route, targets=targets)


# What the results mean


def _answers(result: LiveResult) -> bool:
    """Say whether the model is healthy; one that spent all its tokens on thinking is."""
    if result.reply is not None:
        return True
    return result.failure is not None and is_only_thinking(result.failure)


def _check_chain(route: Route, results: Sequence[LiveResult]) -> ChainCheck:
    """Say whether the chain would answer.

    A model before the first that answers may stop it, as for an invalid request. A model that
    begins resting comes after all others, unless it has answered itself: then it is back.
    """
    by_name = {result.target.name: result for result in results}
    for result in sorted((by_name[target.name] for target in route.targets), key=_rests):
        if _answers(result):
            return ChainCheck(answers=True, by=result.target.name)
        if _stops(route, result):
            return ChainCheck(stops_at=result.target.name)
    return ChainCheck()


def _stops(route: Route, result: LiveResult) -> bool:
    target, failure = result.target, result.failure
    if failure is None or result.seconds is None:
        return False
    return rule_for(failure, target, route.triggers).then == "stop"


def _rests(result: LiveResult) -> bool:
    if not result.target.breaker.suspicion:
        return False
    return result.reply is None or is_wrong_model(result.reply, result.target)


def _describe(result: LiveResult, settings: Settings) -> ModelCheck:
    target, reply, failure = result.target, result.reply, result.failure
    if failure is None:
        advice = retirement_notice(target, today())
    else:
        advice = advise(failure, target, settings.providers[target.provider], today())
    return ModelCheck(
        model=target.name,
        provider=target.provider,
        outcome=_outcome(result),
        seconds=result.seconds or 0.0,
        response_model="" if reply is None else _clean(reply.response_model, target),
        kind=None if failure is None else failure.kind,
        status=None if failure is None else failure.status,
        text="" if failure is None else _clean(failure.text, target),
        do=advice,
    )


def _outcome(result: LiveResult) -> Outcome:
    if _answers(result):
        return "answered"
    return "skipped" if result.seconds is None else "failed"


def _clean(text: str, target: Target) -> str:
    """Return a vendor's text on one line and without keys; the name of a model is such a text."""
    return escape_line(" ".join(hide_keys(text, target.secrets).split()))


# Output


@contextmanager
def _show_progress(models: int) -> Generator[OnResult]:
    """Show on standard error how far the check is.

    On a terminal a bar moves; elsewhere each model is a line.
    """
    title = f"asking {models} model{'' if models == 1 else 's'}, each for at most {LIMIT} tokens"
    is_terminal = sys.stderr is not None and sys.stderr.isatty()  # None: the parent closed it
    if is_terminal and uses_colour() is not False:
        from rich.console import Console  # noqa: PLC0415 - only on a terminal
        from rich.progress import Progress  # noqa: PLC0415 - see above

        with Progress(console=Console(stderr=True), transient=True) as bars:
            bar = bars.add_task(title, total=models)
            yield lambda _: bars.advance(bar)
        return
    click.echo(title, err=True)
    yield _print_progress


def _print_progress(result: LiveResult) -> None:
    outcome = _format_outcome(_outcome(result), result.seconds)
    click.echo(f"{result.target.name}  {outcome}", err=True)


def _format_outcome(outcome: Outcome, seconds: float | None) -> str:
    if outcome == "skipped" or seconds is None:
        return outcome
    return f"{outcome} {'in' if outcome == 'answered' else 'after'} {seconds:.1f}s"


def _print(model_checks: Sequence[ModelCheck], chain_checks: Mapping[str, ChainCheck]) -> None:
    print_table(
        ("model", "provider", "outcome", "response_model", "kind"),
        [
            (
                each.model,
                each.provider,
                _format_outcome(each.outcome, each.seconds),
                each.response_model,
                each.kind or "",
            )
            for each in model_checks
        ],
        names=(0, 3),
    )
    for each in model_checks:
        if each.text or each.do:
            click.echo(f"\n{each.model}: {each.text or 'answers'}\n  to do: {each.do}")
    if chain_checks:
        click.echo()
    for name, chain in chain_checks.items():
        click.secho(f"{name}: {_format_chain(chain)}", fg="green" if chain.answers else "red")


def _format_chain(chain: ChainCheck) -> str:
    if chain.by is not None:
        return f"answers, by {chain.by}"
    if chain.stops_at is not None:
        return f"cannot answer: {chain.stops_at} stops it, and no other model is called"
    return "cannot answer: none of its models does"
