"""What a shell may complete: names from the file and from the plugins' cards.

Where these cannot be read, nothing is completed.
"""

from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, suppress
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from standby.settings import Settings

Completer = Callable[[click.Context, click.Parameter, str], list[str]]
Source = Callable[[click.Context], Iterable[str]]


def _completer(source: Source) -> Completer:
    """Make a completer that neither raises nor prints: both would disturb the command line."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del param
        with suppress(Exception), redirect_stderr(StringIO()):
            return [name for name in dict.fromkeys(source(ctx)) if name.startswith(incomplete)]
        return []

    return complete


def _list_chains(ctx: click.Context) -> Iterable[str]:
    return _load_settings(ctx).chains


def _list_models(ctx: click.Context) -> Iterable[str]:
    return [name for chain in _load_settings(ctx).chains.values() for name in chain.models]


def _load_settings(ctx: click.Context) -> "Settings":
    """Load the file that the command line names so far, or the one that is found."""
    from standby.cli.config_file import load_settings  # noqa: PLC0415 - only to complete names
    from standby.registry.plugins import Registry  # noqa: PLC0415 - see above

    # where an option lacks its value, click has not recognised FILE yet
    files = [argument for argument in ctx.args if Path(argument).is_file()]
    given = ctx.params.get("config") or ctx.params.get("file")
    file = given or next(reversed(files), None)
    _, settings = load_settings(file, Registry(), on=date.min)
    return settings


def _list_plugins(_: click.Context) -> Iterable[str]:
    from standby.registry.plugins import Registry  # noqa: PLC0415 - only to complete names

    return Registry().names()


def _list_cards(_: click.Context) -> Iterable[str]:
    from standby.errors import ConfigError  # noqa: PLC0415 - only to complete names
    from standby.registry.plugins import Registry  # noqa: PLC0415 - see above

    registry = Registry()
    for plugin in registry.names():
        yield plugin
        with suppress(ConfigError):
            yield from registry.cards(plugin)


def _list_codes(_: click.Context) -> Iterable[str]:
    # only to complete names
    from standby.config.explanations import read_explanations  # noqa: PLC0415

    return read_explanations()


complete_chains = _completer(_list_chains)
complete_models = _completer(_list_models)
complete_cards = _completer(_list_cards)
complete_plugins = _completer(_list_plugins)
complete_codes = _completer(_list_codes)
