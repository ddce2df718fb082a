"""`standby init`: a commented models.yaml to begin with, its schema, and the keys that it needs."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click
import msgspec

from standby.cli.completers import complete_plugins
from standby.cli.config_file import load_file, today
from standby.cli.files import create_file, writing_into
from standby.cli.init_chain import render_chain
from standby.cli.init_prompts import ask_for_vendors, missing_libraries
from standby.cli.options import json_option
from standby.cli.output import print_json
from standby.cli.schema import schema_text
from standby.config import PACKAGED
from standby.errors import ConfigError
from standby.registry.plugins import Registry
from standby.settings import Settings

AND_THEN = " and then: "
"""What parts the steps of a plugin's `install`."""

MODELS, SCHEMA, KEYS = "models.yaml", "models.schema.json", ".env.example"

_HEAD = """\
# Copy this file to .env and fill in the keys; keep .env out of version control.
# standby reads .env in the folder that you work in, beside models.yaml, and one folder above;
# the environment wins. A model without its key is skipped.
# A key comes from your account with the vendor of the models that are named here.
"""

_NO_KEY = f"# No model of {MODELS} needs a key: there is nothing to fill in.\n"


class KeyVariables(msgspec.Struct, frozen=True):
    """The variables that may hold one provider's key, and the models that need it.

    The first variable that is set wins.
    """

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
    shell_complete=complete_plugins,
    help="A vendor that you have a key of; may be repeated.",
)
@json_option
def command(folder: Path, *, chosen: tuple[str, ...], as_json: bool) -> None:
    """Write models.yaml, its schema and .env.example into FOLDER; a file that exists is kept.

    With --vendor the chain has models of these vendors, in that order, each of them in service. On
    a terminal it asks which ones you have; elsewhere the file is the commented one that
    ships. A vendor is a plugin that knows models.

    Exit status: 0, or 2 if a file cannot be written, or a vendor is not known.

    \b
    standby init
    standby init --vendor gemini --vendor openai my-app
    """  # noqa: D301 - click wants the character itself
    registry = Registry()
    if not chosen and _may_prompt(folder, as_json=as_json):
        chosen = ask_for_vendors(registry, today())
    shipped = PACKAGED.read_text(encoding="utf-8")
    text = render_chain(chosen, registry, today()) if chosen else shipped
    written, kept = _write_files(folder, text, registry)
    if as_json:
        print_json({"written": written, "kept": kept})
        return
    for path in written:
        click.echo(f"wrote {path}")
    for path in kept:
        click.echo(f"kept {path}: it existed already")
    _print_next_steps(folder, registry)


def _may_prompt(folder: Path, *, as_json: bool) -> bool:
    """Say whether to ask for vendors: on a terminal only, and not about a file that exists."""
    if as_json or os.path.lexists(folder / MODELS):
        return False
    return _is_terminal(sys.stdin) and _is_terminal(sys.stdout)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # None: the parent process closed it


def _write_files(folder: Path, text: str, registry: Registry) -> tuple[list[str], list[str]]:
    """Return the paths of the files that were written, and of those that were kept."""
    written: list[str] = []
    kept: list[str] = []
    contents: Mapping[str, Callable[[], str]] = {
        MODELS: lambda: text,
        SCHEMA: lambda: schema_text(registry),
        KEYS: lambda: _render_keys(folder / MODELS, registry),  # of the file that is there by then
    }
    with writing_into(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            is_new = create_file(folder / name, content())
            (written if is_new else kept).append(str(folder / name))
    return written, kept


# Keys


def _render_keys(file: Path, registry: Registry) -> str:
    """Return what .env should hold: the variables for the file's models.

    Where the file is broken: those of all plugins.
    """
    settings = load_file(file, registry).settings
    variables = _all_keys(registry) if settings is None else _keys_of_models(settings, registry)
    paragraphs = list(map(_render_paragraph, variables))
    return "\n".join((_HEAD, *paragraphs)) if paragraphs else _NO_KEY


def _keys_of_models(settings: Settings, registry: Registry) -> Iterator[KeyVariables]:
    models: dict[str, list[str]] = {}
    for name, model in settings.models.items():
        models.setdefault(model.provider or "", []).append(name)
    for provider, names in models.items():
        with suppress(ConfigError):  # 'standby plugins' reports a broken one
            if variables := _key_variables(provider, settings, registry):
                yield KeyVariables(provider, variables, tuple(names))


def _key_variables(provider: str, settings: Settings, registry: Registry) -> tuple[str, ...]:
    """Return the variable that the file names for the key, else those that the plugin reads."""
    keys = registry.info(settings.providers[provider].reference).keys
    key = settings.providers[provider].api_key
    if key is None:
        return ()
    return keys if key.origin in (*keys, " or ".join(keys)) else (key.origin,)


def _all_keys(registry: Registry) -> Iterator[KeyVariables]:
    for plugin in registry.names():
        with suppress(ConfigError):  # 'standby plugins' reports a broken one
            if keys := registry.info(plugin).keys:
                yield KeyVariables(plugin, keys, tuple(registry.cards(plugin)))


def _render_paragraph(key: KeyVariables) -> str:
    first, *others = key.variables
    lines = [f"# {key.provider}: for {', '.join(key.models) or 'its models'}", f"{first}="]
    if others:
        lines.insert(1, f"# (one is enough; {first} goes before {' and '.join(others)})")
    return "\n".join((*lines, *(f"# {name}=" for name in others), ""))


# What to do next


def _print_next_steps(folder: Path, registry: Registry) -> None:
    file = "" if _is_default(folder / MODELS, os.environ) else _quote(str(folder / MODELS))
    option, argument = (f" --config {file}", f" {file}") if file else ("", "")
    steps = [
        *_install_steps(folder / MODELS, registry),
        *_fill_in_steps(folder),
        f"standby validate{argument}",
        f"standby check{option}",
        f'standby ask{option} "What is net metering?"',
    ]
    click.echo("\n".join(("\nNext:", *(f"  {step}" for step in steps))))


def _fill_in_steps(folder: Path) -> Iterator[str]:
    if _names_variables(folder / KEYS):
        example, target = _quote(str(folder / KEYS)), _quote(str(folder / ".env"))
        yield f"cp {example} {target}      and fill in the keys"


def _install_steps(file: Path, registry: Registry) -> Iterable[str]:
    """Yield what the plugins of the file's models need.

    A library is installed only where it is missing; the steps after it are always named.
    """
    settings = load_file(file, registry).settings
    if settings is None:
        return
    providers = dict.fromkeys(model.provider or "" for model in settings.models.values())
    for plugin in dict.fromkeys(settings.providers[name].reference for name in providers):
        with suppress(ConfigError):  # 'standby plugins' reports a broken one
            first, *later = registry.info(plugin).install.split(AND_THEN)
            yield from [first, *later] if missing_libraries(registry, plugin) else later


def _names_variables(file: Path) -> bool:
    """Say whether the file names a variable; one that cannot be read may."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return True
    return any(line and not line.startswith("#") for line in lines)


def _is_default(file: Path, environ: Mapping[str, str]) -> bool:
    """Say whether the commands find this file without its name."""
    if environ.get("STANDBY_CONFIG"):
        return False
    preferred = Path("config/models.yaml")
    found = preferred if os.path.lexists(preferred) else Path("models.yaml")
    return file in (preferred, found)


def _quote(path: str) -> str:
    return f'"{path}"' if " " in path else path
