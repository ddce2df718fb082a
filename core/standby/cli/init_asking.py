"""What `standby init` asks on a terminal: which vendors somebody has."""

import os
from datetime import date

import click

from standby.cli.init_chain import chain_text, vendors
from standby.cli.output import Refused
from standby.config.lint.libraries import is_missing
from standby.plugin import Library
from standby.registry.plugins import Registry


def ask_for_vendors(registry: Registry, today: date) -> tuple[str, ...]:
    """Show the plugins that know models, and ask until all that is named is among them, by name or number."""
    known = list(vendors(registry))
    click.echo("The plugins that are installed know models of:")
    for number, name in enumerate(known, 1):
        lacking = " ".join(f"'{library.requirement}'" for library in missing(registry, name))
        click.echo(f"  {number}  {name}{f'  (first: pip install {lacking})' if lacking else ''}")

    def read(told: str) -> tuple[str, ...]:
        words = told.replace(",", " ").split()
        if not words:
            raise click.BadParameter("name one at least")
        numbered = {str(number): name for number, name in enumerate(known, 1)}
        chosen = tuple(numbered.get(word, word) for word in words)
        try:
            chain_text(chosen, registry, today)
        except Refused as error:
            raise click.BadParameter(str(error)) from error
        return chosen

    words = "Which of them do you have, by name or number? The first is asked first"
    chosen: tuple[str, ...] = click.prompt(
        words, default=_default(registry, known), value_proc=read
    )
    return chosen


def missing(registry: Registry, plugin: str) -> list[Library]:
    """Return the libraries that every account of a plugin needs and that are not installed."""
    return [
        library
        for library in registry.info(plugin).libraries
        if not library.option and is_missing(library)
    ]


def _default(registry: Registry, known: list[str]) -> str:
    """Return the vendors that can be asked and whose key is set; else those that can be asked and want a key."""
    wants = {name: registry.info(name).keys for name in known if not missing(registry, name)}
    keyed = [name for name, keys in wants.items() if any(os.environ.get(key) for key in keys)]
    return ", ".join(keyed or [name for name, keys in wants.items() if keys] or wants or known)
