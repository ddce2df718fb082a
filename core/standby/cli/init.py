"""`standby init`: a commented models.yaml to begin with, its schema for the editor, and the keys that it wants."""

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TextIO

import click
import msgspec

from standby.cli.completing import plugins
from standby.cli.init_asking import ask_for_vendors, missing
from standby.cli.init_chain import chain_text
from standby.cli.options import json_option
from standby.cli.output import Refused, print_json
from standby.cli.schema import schema_text
from standby.config import PACKAGED, load
from standby.errors import ConfigError
from standby.registry.plugins import Registry
from standby.settings import Settings

AND_THEN = " and then: "
"""What parts the steps of a plugin's `install`."""

MODELS, SCHEMA, KEYS = "models.yaml", "models.schema.json", ".env.example"

_HEAD = """\
# Copy this file to .env and fill in the keys; keep .env out of version control.
# standby reads .env in the folder that you work in, beside models.yaml, and one folder above; the
# environment wins. A model without its key is skipped. A key comes from your account with the
# vendor of the models that are named here.
"""

_NO_KEY = f"# No model of {MODELS} wants a key: there is nothing to fill in.\n"


class Wanted(msgspec.Struct, frozen=True):
    """The variables of one provider, the first that is set wins, and the models that are asked with it."""

    provider: str
    variables: tuple[str, ...]
    models: tuple[str, ...]


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option(
    "--vendor",
    "chosen",
    metavar="NAME",
    multiple=True,
    shell_complete=plugins,
    help="A vendor that you have a key of; may be repeated.",
)
@json_option
def command(folder: Path, *, chosen: tuple[str, ...], as_json: bool) -> None:
    """Write models.yaml, its schema and .env.example into FOLDER; a file that is there already is kept.

    With --vendor the chain has models of these vendors, in that order, each of them in service. On
    a terminal you are asked which ones you have; elsewhere the file is the commented one that
    ships. A vendor is a plugin that knows models.

    Exit status: 0, or 2 if a file cannot be written, or a vendor is not known.

    \b
    standby init
    standby init --vendor gemini --vendor openai my-app
    """  # noqa: D301 - click wants the character itself
    registry = Registry()
    chosen = chosen or _ask(folder, registry, as_json=as_json)
    text = (
        chain_text(chosen, registry, _today()) if chosen else PACKAGED.read_text(encoding="utf-8")
    )
    written: list[str] = []
    kept: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (MODELS, SCHEMA, KEYS):  # in this order: the keys are those that the file wants
            new = _write(folder / name, text if name == MODELS else _text(name, folder, registry))
            (written if new else kept).append(str(folder / name))
    except OSError as error:
        words = f"{error.filename or folder}: {(error.strerror or str(error)).lower()}"
        raise Refused(f"{words}; name a folder that you may write to") from error
    if as_json:
        print_json({"written": written, "kept": kept})
        return
    for path in written:
        click.echo(f"wrote {path}")
    for path in kept:
        click.echo(f"kept {path}: it was there already")
    _print_next_steps(folder, registry)


def _ask(folder: Path, registry: Registry, *, as_json: bool) -> tuple[str, ...]:
    """Ask on a terminal which vendors somebody has; nobody is asked about a file that is there already."""
    if (
        as_json
        or not (_is_terminal(sys.stdin) and _is_terminal(sys.stdout))
        or os.path.lexists(folder / MODELS)
    ):
        return ()
    return ask_for_vendors(registry, _today())


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # None: it was closed by who started us


def _today() -> date:
    return date.today()  # noqa: DTZ011 - the user's own day


def _text(name: str, folder: Path, registry: Registry) -> str:
    return schema_text(registry) if name == SCHEMA else _keys(folder / MODELS, registry)


def _write(path: Path, text: str) -> bool:
    """Write a new file; false: something of that name is there, and stays as it is."""
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(text)
    except OSError as error:
        with suppress(OSError):
            path.unlink()  # half a file would be kept the next time
        raise OSError(error.errno, error.strerror, str(path)) from error
    return True


# Keys


def _keys(file: Path, registry: Registry) -> str:
    """Return what .env is to hold: the variables of the models of the file; where it is broken, those of all plugins."""
    settings = _settings(file, registry)
    wanted = list(_of_all(registry) if settings is None else _of_models(settings, registry))
    return "\n".join((_HEAD, *map(_paragraph, wanted))) if wanted else _NO_KEY


def _settings(file: Path, registry: Registry) -> Settings | None:
    return load(file, registry, os.environ, cwd=Path.cwd(), today=_today()).settings


def _of_models(settings: Settings, registry: Registry) -> Iterable[Wanted]:
    asked: dict[str, list[str]] = {}
    for name, model in settings.models.items():
        asked.setdefault(model.provider or "", []).append(name)
    for provider, models in asked.items():
        with suppress(ConfigError):  # as above: a broken one is told, and its models are skipped
            variables = _variables(
                provider, settings, registry.info(settings.providers[provider].reference).keys
            )
            if variables:
                yield Wanted(provider, variables, tuple(models))


def _variables(provider: str, settings: Settings, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the variable that the file names for the key, else those that the plugin reads."""
    key = settings.providers[provider].api_key
    if key is None:
        return ()
    return keys if key.origin in (*keys, " or ".join(keys)) else (key.origin,)


def _of_all(registry: Registry) -> Iterable[Wanted]:
    for plugin in registry.names():
        with suppress(ConfigError):  # 'standby plugins' tells of a broken one
            if keys := registry.info(plugin).keys:
                yield Wanted(plugin, keys, tuple(registry.cards(plugin)))


def _paragraph(wanted: Wanted) -> str:
    first, *others = wanted.variables
    lines = [f"# {wanted.provider}: for {', '.join(wanted.models) or 'its models'}", f"{first}="]
    if others:
        lines.insert(1, f"# (one is enough; {first} goes before {' and '.join(others)})")
    return "\n".join((*lines, *(f"# {name}=" for name in others), ""))


# What to do next


def _print_next_steps(folder: Path, registry: Registry) -> None:
    named = "" if _is_found(folder / MODELS, os.environ) else str(folder / MODELS)
    asked = f" --config {_quoted(named)}" if named else ""
    checked = f" {_quoted(named)}" if named else ""
    keys, target = _quoted(str(folder / KEYS)), _quoted(str(folder / ".env"))
    fill_in = (
        f"  cp {keys} {target}      and fill in the keys\n" if _wants_keys(folder / KEYS) else ""
    )
    installing = "".join(f"  {step}\n" for step in _installing(folder / MODELS, registry))
    trying = f'  standby validate{checked}\n  standby check{asked}\n  standby ask{asked} "What is net metering?"'
    click.echo(f"\nNext:\n{installing}{fill_in}{trying}")


def _installing(file: Path, registry: Registry) -> Iterable[str]:
    """Give what the plugins of the file's models want done: a library only where it is missing, what follows always."""
    settings = _settings(file, registry)
    if settings is None:
        return
    providers = dict.fromkeys(model.provider or "" for model in settings.models.values())
    for plugin in dict.fromkeys(settings.providers[name].reference for name in providers):
        with suppress(ConfigError):  # 'standby plugins' tells of a broken one
            first, *later = registry.info(plugin).install.split(AND_THEN)
            yield from [first, *later] if missing(registry, plugin) else later


def _wants_keys(file: Path) -> bool:
    """Say whether the file names a variable; one that cannot be read may."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return True
    return any(line and not line.startswith("#") for line in lines)


def _is_found(file: Path, environ: Mapping[str, str]) -> bool:
    """Say whether the commands find this file by themselves."""
    ahead = Path("config/models.yaml")
    if environ.get("STANDBY_CONFIG"):
        return False
    return file == ahead or (file == Path("models.yaml") and not os.path.lexists(ahead))


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path
