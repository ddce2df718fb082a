"""`standby check`: one tiny question to each model, for real; which would answer now, and what to do about the others."""

import os
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Literal

import click
import msgspec

from standby.cli import completing
from standby.cli.asking import LIMIT, Asked, Tell, ask_all
from standby.cli.colours import colour
from standby.cli.options import config_options, duration_option, json_option
from standby.cli.output import print_json
from standby.cli.remedies import ending, remedy, spent
from standby.cli.tables import one_line, print_table
from standby.config import load
from standby.config.finding import suggest
from standby.dispatch.assessment import is_wrong_model
from standby.dispatch.policy import Route
from standby.dispatch.redaction import without_keys
from standby.dispatch.routes import build_routes
from standby.dispatch.target import Target
from standby.errors import ConfigError, RequestError
from standby.failures import REACTIONS, Kind
from standby.registry.adapter_pool import AdapterPool
from standby.registry.plugins import Registry
from standby.settings import Settings

Outcome = Literal["answered", "failed", "skipped"]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What one model did. `response_model` is the vendor's word for the model that answered, `do` what to do about it, if anything."""

    model: str
    provider: str
    outcome: Outcome
    seconds: float
    response_model: str
    kind: Kind | None
    status: int | None
    text: str
    do: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a chain would answer now, by which model, or at which it would stop."""

    answers: bool = False
    by: str | None = None
    stops_at: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, and for which chains; without a chain each model speaks for itself alone."""

    file: str
    settings: Settings
    targets: tuple[Target, ...]
    chains: Mapping[str, Route]
    adapters: AdapterPool


@click.command("check")
@config_options
@click.option(
    "--chain",
    "chains",
    metavar="NAME",
    multiple=True,
    shell_complete=completing.chains,
    help="Only this chain; may be given more than once.",
)
@click.option(
    "--model",
    "models",
    metavar="NAME",
    multiple=True,
    shell_complete=completing.models,
    help="Only this model; may be given more than once.",
)
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
    """Ask each model of the chains one tiny question, for real and all at once; say which answer, and what to do.

    Exit status: 0, 1 if a chain could not answer (with --model alone: if a model did not), 2 if the
    file or the command line is wrong. Each model is asked for one word, and may spend 256 tokens on
    it: vendors bill that.

    \b
    standby check
    standby check --chain default --timeout 1m
    """  # noqa: D301 - click wants the character itself
    plan = _planned(config, chains, models)
    with _progress(len(plan.targets)) as tell:
        asked = ask_all(plan.targets, plan.adapters, timeout, tell)
    checked = [_checked(each, plan.settings) for each in asked]
    verdicts = {name: _verdict(route, asked) for name, route in plan.chains.items()}
    fine = (
        all(each.answers for each in verdicts.values()) if verdicts else all(map(_answers, asked))
    )
    if as_json:
        print_json({"file": plan.file, "fine": fine, "models": checked, "chains": verdicts})
    else:
        _print(checked, verdicts)
    sys.exit(0 if fine else 1)


# Whom to ask


def _planned(config: str | None, chains: Sequence[str], models: Sequence[str]) -> Plan:
    """Read the file and look the names up; raises `ConfigError`, or `RequestError` for a name that is not there."""
    registry = Registry()
    loaded = load(
        None if config is None else Path(config),
        registry,
        os.environ,
        cwd=Path.cwd(),
        today=_today(),
    )
    if loaded.settings is None:
        raise ConfigError(loaded.problems)
    adapters = AdapterPool(registry.adapter, registry.origin)
    all_of_them = build_routes(loaded.settings, adapters, registry.predicate, today=_today())
    for name in chains:
        _look_up(name, all_of_them.routes, "chain", loaded.file)
    routes = [
        _asked_of(all_of_them.routes[name])
        for name in chains or (() if models else all_of_them.routes)
    ]
    targets = (
        {target.name: target for route in routes for target in route.targets}
        if routes
        else all_of_them.targets
    )
    for name in models:
        _look_up(name, targets, "model", " and ".join(chains) or loaded.file)
    kept = (_only(models, route) for route in routes)
    return Plan(
        file=loaded.file,
        settings=loaded.settings,
        targets=tuple(target for name, target in targets.items() if name in models or not models),
        chains={route.name: route for route in kept if route.targets},
        adapters=adapters,
    )


def _asked_of(route: Route) -> Route:
    """Leave out the models that the chain never asks."""
    return (
        route if route.chain.fallback else msgspec.structs.replace(route, targets=route.targets[:1])
    )


def _only(models: Sequence[str], route: Route) -> Route:
    kept = tuple(target for target in route.targets if target.name in models or not models)
    return msgspec.structs.replace(route, targets=kept)


def _look_up(name: str, known: Iterable[str], what: str, where: str) -> None:
    names = tuple(known)
    if name not in names:
        hint = suggest(name, names) or f"there is {', '.join(sorted(names)) or 'none'}"
        raise RequestError(f"{where} has no {what} named {name!r}; {hint}")


# What came of it


def _answers(asked: Asked) -> bool:
    """Say whether the model is well; one that has spent all its tokens on thinking is."""
    return asked.reply is not None or (asked.failure is not None and spent(asked.failure))


def _verdict(route: Route, asked: Sequence[Asked]) -> Verdict:
    """Say whether the chain would answer: a model before the first that answers may stop it, as for a wrong request.

    A model that begins resting comes after all others, unless it has answered itself: then it is
    back.
    """
    found = {each.target.name: each for each in asked}
    for each in sorted((found[target.name] for target in route.targets), key=_rests):
        if _answers(each):
            return Verdict(answers=True, by=each.target.name)
        if each.failure is not None and each.seconds is not None:
            rule = route.triggers.match(
                each.failure, provider=each.target.provider, model=each.target.name
            )
            then = REACTIONS[each.failure.kind].then if rule is None else rule[1].then
            if then == "stop":
                return Verdict(stops_at=each.target.name)
    return Verdict()


def _rests(asked: Asked) -> bool:
    return asked.target.breaker.suspicion != "" and (
        asked.reply is None or is_wrong_model(asked.reply, asked.target)
    )


def _checked(asked: Asked, settings: Settings) -> Checked:
    target, failure, today = asked.target, asked.failure, _today()
    return Checked(
        model=target.name,
        provider=target.provider,
        outcome=_outcome(asked),
        seconds=asked.seconds or 0.0,
        response_model="" if asked.reply is None else _shown(asked.reply.response_model, target),
        kind=None if failure is None else failure.kind,
        status=None if failure is None else failure.status,
        text="" if failure is None else _shown(failure.text, target),
        do=ending(target, today)
        if failure is None
        else remedy(failure, target, settings.providers[target.provider], today),
    )


def _outcome(asked: Asked) -> Outcome:
    if _answers(asked):
        return "answered"
    return "skipped" if asked.seconds is None else "failed"


def _shown(text: str, target: Target) -> str:
    """Return a vendor's words on one line and without keys: the name of what it served is its word too."""
    return one_line(without_keys(text, target.secrets))


def _today() -> date:
    return date.today()  # noqa: DTZ011 - the user's own day


# Showing


@contextmanager
def _progress(models: int) -> Generator[Tell]:
    """Tell on standard error how far the check is: on a terminal by a bar, elsewhere by a line for each model."""
    words = f"asking {models} model{'' if models == 1 else 's'}, each for at most {LIMIT} tokens"
    if (
        sys.stderr is not None and sys.stderr.isatty() and colour() is not False
    ):  # None: it was closed by who started us
        from rich.console import Console  # noqa: PLC0415 - only where a person looks
        from rich.progress import Progress  # noqa: PLC0415 - see above

        with Progress(console=Console(stderr=True), transient=True) as bars:
            bar = bars.add_task(words, total=models)
            yield lambda _: bars.advance(bar)
        return
    click.echo(words, err=True)
    yield lambda asked: click.echo(
        f"{asked.target.name}  {_how(_outcome(asked), asked.seconds)}", err=True
    )


def _how(outcome: Outcome, seconds: float | None) -> str:
    if outcome == "skipped" or seconds is None:
        return outcome
    return f"{outcome} {'in' if outcome == 'answered' else 'after'} {seconds:.1f}s"


def _print(checked: Sequence[Checked], verdicts: Mapping[str, Verdict]) -> None:
    """Print a line for each model, then the words of each that wants something done, then each chain."""
    print_table(
        ("model", "provider", "outcome", "response_model", "kind"),
        [
            (
                each.model,
                each.provider,
                _how(each.outcome, each.seconds),
                each.response_model,
                each.kind or "",
            )
            for each in checked
        ],
        names=(0, 3),
    )
    for each in checked:
        if each.text or each.do:
            click.echo(f"\n{each.model}: {each.text or 'answers'}\n  to do: {each.do}")
    if verdicts:
        click.echo()
    for chain, verdict in verdicts.items():
        click.secho(f"{chain}: {_in_words(verdict)}", fg="green" if verdict.answers else "red")


def _in_words(verdict: Verdict) -> str:
    if verdict.by is not None:
        return f"answers, by {verdict.by}"
    if verdict.stops_at is not None:
        return f"cannot answer: {verdict.stops_at} stops it, and no other model is asked"
    return "cannot answer: none of its models does"
