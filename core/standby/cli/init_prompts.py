"""What `standby init` asks on a terminal: which vendors the user has a key of."""

import os
from collections.abc import Mapping, Sequence
from datetime import date

import click

from standby.cli.errors import CommandError
from standby.cli.init_chain import list_vendors, render_chain
from standby.config.lint.libraries import is_missing, required_libraries
from standby.plugin import Library
from standby.registry.plugins import Registry
from standby.settings import Provider


def ask_for_vendors(registry: Registry, today: date) -> tuple[str, ...]:
    """List the plugins that know models, and ask until all that is named is among them.

    Args:
        registry: The installed plugins.
        today: The date by which models are in service.

    Returns:
        The plugins' names, in the order in which the user named them, by name or by number.
    """
    vendors = list(list_vendors(registry))
    click.echo("The plugins that are installed know models of:")
    for number, name in enumerate(vendors, 1):
        missing = " ".join(
            f"'{library.requirement}'" for library in missing_libraries(registry, name)
        )
        install = f"  (first: pip install {missing})" if missing else ""
        click.echo(f"  {number}  {name}{install}")

    def parse(text: str) -> tuple[str, ...]:
        chosen = _parse_choice(text, vendors)
        try:
            render_chain(chosen, registry, today)
        except CommandError as error:
            raise click.BadParameter(str(error)) from error
        return chosen

    question = "Which of them do you have, by name or number? The first is called first"
    chosen: tuple[str, ...] = click.prompt(
        question, default=_default_choice(registry, vendors), value_proc=parse
    )
    return chosen


def missing_libraries(registry: Registry, plugin: str) -> list[Library]:
    """Return the libraries that every account of a plugin needs and that are not installed.

    Args:
        registry: The installed plugins.
        plugin: The plugin's name.

    Returns:
        The libraries, as the plugin's manifest states them.

    Raises:
        ConfigError: The plugin is broken.
    """
    libraries = required_libraries(registry.info(plugin), Provider(plugin=plugin))
    return [library for library in libraries if is_missing(library)]


def _parse_choice(text: str, vendors: Sequence[str]) -> tuple[str, ...]:
    choices = text.replace(",", " ").split()
    if not choices:
        raise click.BadParameter("name one at least")
    numbered = {str(number): name for number, name in enumerate(vendors, 1)}
    return tuple(numbered.get(choice, choice) for choice in choices)


def _default_choice(registry: Registry, vendors: Sequence[str]) -> str:
    """Return the vendors whose library is installed, best those whose key is set."""
    keys = {
        name: registry.info(name).keys for name in vendors if not missing_libraries(registry, name)
    }
    candidates = (_with_key_set(keys), [name for name in keys if keys[name]], list(keys), vendors)
    return ", ".join(next(filter(None, candidates), ()))


def _with_key_set(keys: Mapping[str, Sequence[str]]) -> list[str]:
    return [name for name, names in keys.items() if any(os.environ.get(key) for key in names)]
