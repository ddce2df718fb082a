"""`standby validate`: every problem of a file at once, and what its chains come to."""

import os
import sys
from datetime import date
from pathlib import Path

import click

from standby.cli.options import config_options, json_option
from standby.cli.output import print_json
from standby.config import Loaded, load
from standby.errors import Problem
from standby.registry import Registry


@click.command("validate")
@config_options
@json_option
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
def command(*, config: str | None, as_json: bool, strict: bool) -> None:
    """Check FILE, or the models.yaml that would be used, before anything is sent.

    Exit status: 0, or 2 with errors. A missing key is a warning: a file must pass on a machine without secrets.
    What is worth knowing and as it should be is an info, and never fails. To silence a warning or an info, write
    "# standby: ignore[code] the reason" into its line or above it; the code stands in brackets.

    \b
    standby validate
    standby validate config/models.yaml --strict
    """  # noqa: D301 - click wants the character itself
    validate(config, as_json=as_json, strict=strict)


def validate(file: str | None, *, as_json: bool = False, strict: bool = False) -> None:
    """Check, print, and exit."""
    path = None if file is None else Path(file)
    today = date.today()  # noqa: DTZ011 - the user's own day
    loaded = load(path, Registry(), os.environ, cwd=Path.cwd(), today=today, lints=True)
    failing = [problem for problem in loaded.problems if problem.severity in (("error", "warning") if strict else ("error",))]
    if as_json:
        print_json({"file": loaded.file, "problems": loaded.problems, "chains": _chains(loaded)})
    else:
        _print(loaded)
    sys.exit(2 if failing else 0)


_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


def _print(loaded: Loaded) -> None:
    for problem in loaded.problems:
        _print_problem(problem)
    for name, models in _chains(loaded).items():
        told = " → ".join(f"{model['model']} ({model['origin']})" for model in models)
        click.echo(f"{name}: {told}")
    errors = sum(problem.severity == "error" for problem in loaded.problems)
    warnings = sum(problem.severity == "warning" for problem in loaded.problems)
    infos = len(loaded.problems) - errors - warnings
    told = f", {_count(infos, 'info')}" if infos else ""
    click.echo(f"{loaded.file}: {_count(errors, 'error')}, {_count(warnings, 'warning')}{told}")


def _print_problem(problem: Problem) -> None:
    code = "" if problem.severity == "error" else f"  [{problem.code}]"  # what silences it
    click.secho(f"{problem}{code}", fg=_COLOURS[problem.severity])
    if problem.excerpt:
        click.secho(f"    {problem.excerpt.strip()}", dim=True)


def _chains(loaded: Loaded) -> dict[str, list[dict[str, str]]]:
    if loaded.settings is None:
        return {}
    return {
        name: [{"model": model, "origin": loaded.origins.get((name, model), "")} for model in chain.models]
        for name, chain in loaded.settings.chains.items()
    }


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
