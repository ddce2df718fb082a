"""The models.yaml of a command: found, read and checked before anything is sent."""

import os
from collections.abc import Collection
from datetime import date
from pathlib import Path

from standby.config import LoadedConfig, load
from standby.config.finding import suggest
from standby.errors import ConfigError, RequestError
from standby.registry.plugins import Registry
from standby.settings import Settings


def today() -> date:
    """Read the calendar; a card's `retires` is compared with it.

    Returns:
        The date where the user is.
    """
    return date.today()  # noqa: DTZ011 - the user's own day


def load_file(
    config: str | Path | None, registry: Registry, *, on: date | None = None, lints: bool = False
) -> LoadedConfig:
    """Load the file that a command line names, or the one that is found.

    Args:
        config: The file; `None`: look where `standby` looks.
        registry: The installed plugins.
        on: The date by which models count as retired; today by default.
        lints: Also report what is doubtful.

    Returns:
        The settings, or the problems that keep the file from having any.
    """
    path = None if config is None else Path(config)
    date_ = today() if on is None else on
    return load(path, registry, os.environ, cwd=Path.cwd(), today=date_, lints=lints)


def load_settings(
    config: str | Path | None, registry: Registry, *, on: date | None = None
) -> tuple[LoadedConfig, Settings]:
    """Load a file that must be valid.

    Args:
        config: The file; `None`: look where `standby` looks.
        registry: The installed plugins.
        on: The date by which models count as retired; today by default.

    Returns:
        What the file gave, and its settings.

    Raises:
        ConfigError: The file has errors; all of them are reported at once.
    """
    loaded = load_file(config, registry, on=on)
    if loaded.settings is None:
        raise ConfigError(loaded.problems)
    return loaded, loaded.settings


def require_name(name: str, names: Collection[str], *, what: str, where: str) -> None:
    """Check that a chain or a model of the command line exists.

    Args:
        name: What the command line names.
        names: The names that exist.
        what: What kind of name it is: "chain" or "model".
        where: Where it is looked for: the file, or the chains.

    Raises:
        RequestError: It does not; the message has the nearest name. A client raises the same.
    """
    if name not in names:
        hint = suggest(name, names) or f"it has {', '.join(sorted(names)) or 'none'}"
        raise RequestError(f"{where} has no {what} named {name!r}; {hint}")
