"""`standby validate`: every problem of a file at once, and what its chains come to."""

import os
import shutil
import sys
from datetime import date
from itertools import zip_longest
from pathlib import Path

import click
import msgspec

from standby.cli.completing import codes
from standby.cli.options import config_options, json_option
from standby.cli.output import print_json
from standby.config import LoadedConfig, load
from standby.config.explanations import read_explanations
from standby.config.finding import suggest
from standby.errors import Problem, RequestError
from standby.registry.plugins import Registry


@click.command("validate")
@config_options
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option(
    "--all", "with_infos", is_flag=True, help="Show the infos, which are only counted otherwise."
)
@click.option(
    "--explain",
    "code",
    metavar="CODE",
    shell_complete=codes,
    help="Explain a problem by its code, which stands in brackets.",
)
@json_option
def command(
    *, config: str | None, as_json: bool, strict: bool, with_infos: bool, code: str | None
) -> None:
    """Check FILE, or the models.yaml that would be used, before anything is sent.

    Exit status: 0, or 2 with errors. A missing key is a warning: a file must pass on a machine
    without secrets. What is worth knowing and as it should be is an info, and never fails. To
    silence a warning or an info, write "# standby: ignore[code] the reason" into its line or above
    it; the code stands in brackets.

    \b
    standby validate
    standby validate config/models.yaml --strict
    standby validate --explain no-time
    """  # noqa: D301 - click wants the character itself
    if code is None:
        validate(config, as_json=as_json, strict=strict, with_infos=with_infos)
    elif config is not None:
        raise click.UsageError("--explain is about a code and reads no file; give one of the two")
    else:
        _explain(code.strip("[]"), as_json=as_json)


def _explain(code: str, *, as_json: bool) -> None:
    known = read_explanations()
    if code not in known:
        hint = suggest(code, known) or f"there is {', '.join(known)}"
        raise RequestError(f"no problem has the code {code!r}; {hint}")
    if as_json:
        print_json({"code": code, "explanation": known[code]})
        return
    click.secho(code, bold=True)
    for part in known[code].split("\n\n"):
        click.echo(
            "\n"
            + (
                part
                if part.startswith(" ")
                else click.wrap_text(part, shutil.get_terminal_size().columns)
            )
        )


def validate(
    file: str | None, *, as_json: bool = False, strict: bool = False, with_infos: bool = False
) -> None:
    """Check, print, and exit."""
    path = None if file is None else Path(file)
    today = date.today()  # noqa: DTZ011 - the user's own day
    loaded = load(path, Registry(), os.environ, cwd=Path.cwd(), today=today, lints=True)
    failing = [
        problem
        for problem in loaded.problems
        if problem.severity in (("error", "warning") if strict else ("error",))
    ]
    if as_json:
        off = loaded.switched_off
        print_json(
            {
                "file": loaded.file,
                "problems": loaded.problems,
                "chains": _chains(loaded),
                "fallback_off": off,
            }
        )
    else:
        _print(loaded, with_infos=with_infos)
    sys.exit(2 if failing else 0)


class Link(msgspec.Struct, frozen=True):
    """A model of a chain, where its name came from, whether a call may reach it, and why it begins resting, if it does."""

    model: str
    origin: str
    asked: bool
    rests: str

    def __str__(self) -> str:
        """Return "o3-mini (line 5, begins resting: retired on 2026-10-23)"."""
        return (
            f"{self.model} ({self.origin}{f', begins resting: {self.rests}' if self.rests else ''})"
        )


_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


def _print(loaded: LoadedConfig, *, with_infos: bool) -> None:
    shown = [problem for problem in loaded.problems if with_infos or problem.severity != "info"]
    for problem, after in zip_longest(shown, shown[1:]):
        _print_problem(
            problem,
            with_line=after is None or (problem.file, problem.line) != (after.file, after.line),
        )
    for name, models in _chains(loaded).items():
        click.echo(f"{name}: {_picture(models, loaded.switched_off.get(name, ''))}")
    errors = sum(problem.severity == "error" for problem in loaded.problems)
    warnings = sum(problem.severity == "warning" for problem in loaded.problems)
    infos = len(loaded.problems) - errors - warnings
    told = (
        f", {_count(infos, 'info')}{'' if with_infos else ' (--all shows them)'}" if infos else ""
    )
    click.echo(f"{loaded.file}: {_count(errors, 'error')}, {_count(warnings, 'warning')}{told}")


def _print_problem(problem: Problem, *, with_line: bool) -> None:
    click.secho(f"{problem}  [{problem.code}]", fg=_COLOURS[problem.severity])
    if with_line and problem.excerpt:
        click.secho(f"    {problem.excerpt.strip()}", dim=True)


def _picture(models: list[Link], switched_off: str) -> str:
    """Draw a chain: an arrow is where a call may go on."""
    asked = " → ".join(str(model) for model in models if model.asked)
    left = [f"{model.model} ({model.origin})" for model in models if not model.asked]
    if not switched_off:
        return asked
    never = f", so that it never asks {', '.join(left)}" if left else ""
    return f"{asked}; fallback is off ({switched_off}){never}"


def _chains(loaded: LoadedConfig) -> dict[str, list[Link]]:
    settings = loaded.settings
    if settings is None:
        return {}
    today = date.today()  # noqa: DTZ011 - the user's own day
    return {
        name: [
            Link(
                model=model,
                origin=loaded.origins.get((name, model), ""),
                asked=chain.fallback or not at,
                rests=settings.rest_reason(model, today),
            )
            for at, model in enumerate(chain.models)
        ]
        for name, chain in settings.chains.items()
    }


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
