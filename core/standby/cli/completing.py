"""What a shell may complete: names from the file and from the plugins' cards. Where these cannot be read, nothing."""

import os
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
    """Complete from what a source gives; what goes wrong on the way, or is printed, must not disturb the command line."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del param
        with suppress(Exception), redirect_stderr(StringIO()):
            return [name for name in dict.fromkeys(source(ctx)) if name.startswith(incomplete)]
        return []

    return complete


def _chains(ctx: click.Context) -> Iterable[str]:
    return _settings(ctx).chains


def _models_of_the_file(ctx: click.Context) -> Iterable[str]:
    return [name for chain in _settings(ctx).chains.values() for name in chain.models]


def _settings(ctx: click.Context) -> "Settings":
    """Read the file that the command line names so far, or the one that is found; raises `ConfigError`."""
    from standby.config import load  # noqa: PLC0415 - only where a shell asks
    from standby.errors import ConfigError  # noqa: PLC0415 - see above
    from standby.registry.plugins import Registry  # noqa: PLC0415 - see above

    words = [
        word for word in ctx.args if Path(word).is_file()
    ]  # where an option lacks its value, click knows no FILE yet
    given = ctx.params.get("config") or ctx.params.get("file") or (words[-1] if words else None)
    loaded = load(
        Path(given) if given else None, Registry(), os.environ, cwd=Path.cwd(), today=date.min
    )
    if loaded.settings is None:
        raise ConfigError(loaded.problems)
    return loaded.settings


def _plugins(_: click.Context) -> Iterable[str]:
    from standby.registry.plugins import Registry  # noqa: PLC0415 - only where a shell asks

    return Registry().names()


def _models_of_the_cards(_: click.Context) -> Iterable[str]:
    from standby.errors import ConfigError  # noqa: PLC0415 - only where a shell asks
    from standby.registry.plugins import Registry  # noqa: PLC0415 - see above

    registry = Registry()
    for plugin in registry.names():
        yield plugin
        with suppress(ConfigError):
            yield from registry.cards(plugin)


def _codes(_: click.Context) -> Iterable[str]:
    from standby.config.explanations import read_explanations  # noqa: PLC0415 - only where a shell asks

    return read_explanations()


chains = _completer(_chains)
models = _completer(_models_of_the_file)
known_models = _completer(_models_of_the_cards)
plugins = _completer(_plugins)
codes = _completer(_codes)
