"""`standby new-plugin`: a package to begin with, whose tests pass before a word of it is changed."""

import re
import shutil
from collections.abc import Mapping
from datetime import date
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import click

from standby.cli.options import json_option
from standby.cli.output import Refused, print_json
from standby.registry.plugins import Registry
from standby.version import __version__

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 20
"""Characters of a name; it becomes a part of a module's, a distribution's and a variable's."""

TEMPLATES = Path(__file__).parents[1] / "templates" / "new_plugin"

_PLACEHOLDER = re.compile(r"\{\{ (\w+) \}\}")


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The folder to write, instead of ./standby-NAME."
)
@json_option
def command(name: str, *, out: Path | None, as_json: bool) -> None:
    """Write a package with the provider plugin NAME; its example speaks to a vendor that does not exist.

    It can be installed as it stands; its tests and 'standby selftest' pass. Every place to change
    says "CHANGE ME:", and its README.md lists them in order. Nothing is overwritten. Exit status:
    0, or 2 if it cannot be written.

    \b
    standby new-plugin acme
    standby new-plugin acme --out ~/plugins/acme
    """  # noqa: D301 - click wants the character itself
    folder = Path(f"standby-{name}") if out is None else out
    _check(name)
    written = _write(folder, rendered(name))
    if as_json:
        print_json({"written": [str(path) for path in written]})
        return
    for path in written:
        click.echo(f"wrote {path}")
    _print_next_steps(folder)


def _check(name: str) -> None:
    """Refuse a name that no plugin can have, or that one has already."""
    if len(name) > LONGEST or NAME.fullmatch(name) is None:
        raise Refused(
            f"{name!r} is no name for a plugin: take lowercase letters, digits and single dashes between them, "
            f"a letter first, at most {LONGEST} in all, as in 'acme' or 'acme-eu'"
        )
    if name in _commands():
        raise Refused(
            f"'standby {name}' is a command, so a plugin of that name could add none of its own: take another name"
        )
    registry = Registry()
    if name in registry.names():
        owner = registry.status(name).distribution
        raise Refused(
            f"a plugin named {name!r} is installed already ({owner}): take another name, or uninstall it"
        )
    package = _package(name)
    if find_spec(package) is not None:
        raise Refused(
            f"a module named {package} is installed already: take another name, or uninstall it"
        )


def _commands() -> frozenset[str]:
    from standby.cli import standby  # noqa: PLC0415 - it imports this module, when it is asked for

    return frozenset(standby.list_commands(click.Context(standby)))


def _package(name: str) -> str:
    return f"standby_{name.replace('-', '_')}"


# The files


def rendered(name: str) -> dict[PurePosixPath, str]:
    """Return the package's files, by their paths in its folder."""
    facts = {
        "name": name,
        "package": _package(name),
        "variable": f"{name.replace('-', '_').upper()}_API_KEY",
        "standby": __version__,
        "year": str(date.today().year),  # noqa: DTZ011 - the user's own day
    }
    return {
        _path(file, facts["package"]): filled(file.read_text(encoding="utf-8"), facts)
        for file in TEMPLATES.rglob("*.template")
    }


def filled(template: str, facts: Mapping[str, str]) -> str:
    """Replace each `{{ name }}` by what the facts have under that name; raises `KeyError` for none."""
    return _PLACEHOLDER.sub(lambda found: facts[found[1]], template)


def _path(template: Path, package: str) -> PurePosixPath:
    """Return where a template's file belongs.

    `dot-` stands for a point, the folder `package` for the package's own.
    """
    parts = template.relative_to(TEMPLATES).with_suffix("").parts
    named = (package if part == "package" else part for part in parts)
    return PurePosixPath(*(re.sub("^dot-", ".", part) for part in named))


def _write(folder: Path, files: Mapping[PurePosixPath, str]) -> list[Path]:
    """Write a new folder, the whole of it or nothing; raises `Refused`."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError as error:
        taken = error.filename or folder
        raise Refused(
            f"{taken} is there already, and stays as it is: move it away, or name another with --out"
        ) from None
    except OSError as error:
        raise _unwritable(error, folder) from error
    try:
        return [_put(folder / path, text) for path, text in sorted(files.items())]
    except OSError as error:
        shutil.rmtree(
            folder, ignore_errors=True
        )  # half a package would be in the way the next time
        raise _unwritable(error, folder) from error


def _put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _unwritable(error: OSError, folder: Path) -> Refused:
    words = (error.strerror or str(error)).lower()
    return Refused(
        f"{error.filename or folder}: {words}; name a folder that you may write to with --out"
    )


# What is said


def _print_next_steps(folder: Path) -> None:
    shown = f'"{folder}"' if " " in str(folder) else str(folder)
    click.echo(
        "\nNext:\n"
        f"  cd {shown}\n"
        "  python -m pip install --upgrade pip\n"
        "  python -m pip install -e . --group dev\n"
        "  python -m pytest\n"
        "  standby selftest\n"
        "Then README.md, which says what to change, in order."
    )
