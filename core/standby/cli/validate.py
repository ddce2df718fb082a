"""`standby validate`: every problem of a file at once, and the chains that it results in."""

import shutil
import sys
from collections.abc import Sequence
from itertools import zip_longest

import click
import msgspec

from standby.cli.completers import complete_codes
from standby.cli.config_file import load_file, today
from standby.cli.errors import WRONG, CommandError
from standby.cli.options import config_options, json_option
from standby.cli.output import print_json
from standby.config import LoadedConfig
from standby.config.explanations import read_explanations
from standby.config.finding import suggest
from standby.errors import Problem
from standby.registry.plugins import Registry
from standby.runtime.control_characters import escape_controls

_COLOURS = {"error": "red", "warning": "yellow", "info": "blue"}


class ChainModel(msgspec.Struct, frozen=True):
    """A model of a chain.

    `origin` is where its name came from, `is_reachable` whether a call may reach it, `rests` why it
    begins resting; "" if it does not.
    """

    model: str
    origin: str
    is_reachable: bool = msgspec.field(name="asked")
    rests: str

    def __str__(self) -> str:
        """Return "o3-mini (line 5, begins resting: retired on 2026-10-23)"."""
        rests = f", begins resting: {self.rests}" if self.rests else ""
        return f"{self.model} ({self.origin}{rests})"


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
    shell_complete=complete_codes,
    help="Explain a problem by its code, which stands in brackets.",
)
@json_option
def command(
    *, config: str | None, as_json: bool, strict: bool, with_infos: bool, code: str | None
) -> None:
    """Check FILE, or the models.yaml that would be used, before anything is sent.

    Exit status: 0, or 2 with errors. A missing key is a warning: a file must pass on a machine
    without secrets. An info is worth knowing and needs no change; it never fails. To silence a
    warning or an info, write "# standby: ignore[code] the reason" into its line or above it; the
    code stands in brackets.

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
    codes = read_explanations()
    if code not in codes:
        hint = suggest(code, codes) or f"the codes are {', '.join(codes)}"
        raise CommandError(f"no problem has the code {code!r}; {hint}")
    if as_json:
        print_json({"code": code, "explanation": codes[code]})
        return
    click.secho(code, bold=True)
    width = shutil.get_terminal_size().columns
    for part in codes[code].split("\n\n"):
        is_example = part.startswith(" ")
        click.echo("\n" + (part if is_example else click.wrap_text(part, width)))


def validate(
    file: str | None, *, as_json: bool = False, strict: bool = False, with_infos: bool = False
) -> None:
    """Check a file, print what was found, and exit.

    Args:
        file: The file; `None`: look where `standby` looks.
        as_json: Print one JSON document.
        strict: Fail on warnings too.
        with_infos: Print the infos too.

    Raises:
        SystemExit: Always; with 0, or 2 where the file fails.
    """
    loaded = load_file(file, Registry(), lints=True)
    failing = ("error", "warning") if strict else ("error",)
    if as_json:
        document = {"file": loaded.file, "problems": loaded.problems}
        chains = {"chains": _describe_chains(loaded), "fallback_off": loaded.switched_off}
        print_json(document | chains)
    else:
        _print(loaded, with_infos=with_infos)
    sys.exit(WRONG if any(each.severity in failing for each in loaded.problems) else 0)


def _describe_chains(loaded: LoadedConfig) -> dict[str, list[ChainModel]]:
    settings = loaded.settings
    if settings is None:
        return {}
    return {
        name: [
            ChainModel(
                model=model,
                origin=loaded.origins.get((name, model), ""),
                is_reachable=chain.fallback or not at,
                rests=settings.rest_reason(model, today()),
            )
            for at, model in enumerate(chain.models)
        ]
        for name, chain in settings.chains.items()
    }


# Output


def _print(loaded: LoadedConfig, *, with_infos: bool) -> None:
    problems = [each for each in loaded.problems if with_infos or each.severity != "info"]
    for problem, following in zip_longest(problems, problems[1:]):
        _print_problem(problem, following)
    for name, models in _describe_chains(loaded).items():
        click.echo(f"{name}: {_format_chain(models, loaded.switched_off.get(name, ''))}")
    click.echo(f"{loaded.file}: {_format_counts(loaded.problems, with_infos=with_infos)}")


def _print_problem(problem: Problem, following: Problem | None) -> None:
    """Print a problem, and its line below the last problem of that line."""
    line = escape_controls(f"{problem}  [{problem.code}]")
    click.secho(line, fg=_COLOURS[problem.severity])
    is_last = following is None or _line_of(following) != _line_of(problem)
    if is_last and problem.excerpt:
        click.secho(f"    {escape_controls(problem.excerpt.strip())}", dim=True)


def _line_of(problem: Problem) -> tuple[str, int | None]:
    return problem.file, problem.line


def _format_chain(models: Sequence[ChainModel], switched_off: str) -> str:
    """Return a chain's models; an arrow is where a call may go on."""
    reachable = " → ".join(str(model) for model in models if model.is_reachable)
    if not switched_off:
        return reachable
    others = [f"{model.model} ({model.origin})" for model in models if not model.is_reachable]
    never = f", so that it never calls {', '.join(others)}" if others else ""
    return f"{reachable}; fallback is off ({switched_off}){never}"


def _format_counts(problems: Sequence[Problem], *, with_infos: bool) -> str:
    severities = [problem.severity for problem in problems]
    errors, warnings, infos = (
        severities.count(severity) for severity in ("error", "warning", "info")
    )
    text = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
    if not infos:
        return text
    return f"{text}, {_count(infos, 'info')}" + ("" if with_infos else " (--all shows them)")


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
