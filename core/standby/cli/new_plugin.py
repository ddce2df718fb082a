"""`standby new-plugin`: a package to begin with, whose tests pass before any edit."""

import re
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import click

from standby.cli.config_file import today
from standby.cli.errors import CommandError
from standby.cli.files import writing_into
from standby.cli.options import json_option
from standby.cli.output import print_json
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
    """Write a package with the provider plugin NAME; its example vendor does not exist.

    It can be installed without any edit; its tests and 'standby selftest' pass. Every place to
    change says "CHANGE ME:", and its README.md lists them in order. Nothing is overwritten. Exit
    status: 0, or 2 if it cannot be written.

    \b
    standby new-plugin acme
    standby new-plugin acme --out ~/plugins/acme
    """  # noqa: D301 - click wants the character itself
    folder = Path(f"standby-{name}") if out is None else out
    _check_name(name)
    written = _write_files(folder, render_files(name))
    if as_json:
        print_json({"written": [str(path) for path in written]})
        return
    for path in written:
        click.echo(f"wrote {path}")
    _print_next_steps(folder)


def _check_name(name: str) -> None:
    """Refuse a name that no plugin can have, or that is taken."""
    if len(name) > LONGEST or NAME.fullmatch(name) is None:
        raise CommandError(
            f"{name!r} is not a name for a plugin: take lowercase letters, digits and single "
            f"dashes between them, a letter first, at most {LONGEST} in all, as in 'acme' or "
            "'acme-eu'"
        )
    if name in _command_names():
        raise CommandError(
            f"'standby {name}' is a command, so a plugin of that name could add none of its own: "
            "take another name"
        )
    registry = Registry()
    if name in registry.names():
        owner = registry.status(name).distribution
        raise CommandError(
            f"a plugin named {name!r} is installed already ({owner}): take another name, or "
            "uninstall it"
        )
    package = _package_name(name)
    if find_spec(package) is not None:
        raise CommandError(
            f"a module named {package} is installed already: take another name, or uninstall it"
        )


def _command_names() -> frozenset[str]:
    from standby.cli import standby  # noqa: PLC0415 - it imports this module on demand

    return frozenset(standby.list_commands(click.Context(standby)))


def _package_name(name: str) -> str:
    return f"standby_{name.replace('-', '_')}"


# The files


def render_files(name: str) -> dict[PurePosixPath, str]:
    """Fill in the templates of a package.

    Args:
        name: The plugin's name.

    Returns:
        The files' texts, by their paths in the package's folder.
    """
    values = {
        "name": name,
        "package": _package_name(name),
        "variable": f"{name.replace('-', '_').upper()}_API_KEY",
        "standby": __version__,
        "year": str(today().year),
    }
    return {
        _target_path(file, values["package"]): fill_in(file.read_text(encoding="utf-8"), values)
        for file in TEMPLATES.rglob("*.template")
    }


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Replace each `{{ name }}` of a template.

    Args:
        template: The template's text.
        values: The replacements by name.

    Returns:
        The text.

    Raises:
        KeyError: The template has a name without a value.
    """
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _target_path(template: Path, package: str) -> PurePosixPath:
    """Return a template's path in the package.

    `dot-` stands for a point, the folder `package` for the package's own.
    """
    parts = template.relative_to(TEMPLATES).with_suffix("").parts
    named = (package if part == "package" else part for part in parts)
    return PurePosixPath(*(re.sub("^dot-", ".", part) for part in named))


def _write_files(folder: Path, files: Mapping[PurePosixPath, str]) -> list[Path]:
    """Write a new folder: all of it, or nothing."""
    with writing_into(folder, option="--out"):
        _create_folder(folder)
        try:
            return [_write(folder / path, text) for path, text in sorted(files.items())]
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)  # half a package would block the next try
            raise


def _create_folder(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError as error:
        raise CommandError(
            f"{error.filename or folder} exists already, and is unchanged: move it away, or name "
            "another with --out"
        ) from None


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


# What to do next


def _print_next_steps(folder: Path) -> None:
    quoted = f'"{folder}"' if " " in str(folder) else str(folder)
    click.echo(
        "\nNext:\n"
        f"  cd {quoted}\n"
        "  python -m pip install --upgrade pip\n"
        "  python -m pip install -e . --group dev\n"
        "  python -m pytest\n"
        "  standby selftest\n"
        "Then README.md, which says what to change, in order."
    )
