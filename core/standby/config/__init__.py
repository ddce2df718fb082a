"""models.yaml: found, read, checked, and turned into settings; `standby validate` and the clients take this one way."""

import os
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from standby.errors import ConfigError, Problem
from standby.settings import Settings

if TYPE_CHECKING:
    from standby.config.resolve.catalogue import Catalogue

PACKAGED = Path(__file__).parents[1] / "models.yaml"
"""The chain that ships; a test keeps it equal to config/models.yaml."""


Config = str | os.PathLike[str] | Mapping[str, Any]
"""Where a configuration is: a file's path, or a dictionary of the file's form."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a file gave: settings with nothing implicit, or `None` where there are errors.

    `path` is `None` where it was a dictionary. `origins` says, for a chain and a model in it, where
    the name came from: "PRIMARY_AI_MODEL, .env:3", "line 31". `switched_off` says the same, for
    each chain whose fallback is off, of what switched it off.
    """

    file: str
    path: Path | None
    settings: Settings | None
    problems: tuple[Problem, ...]
    origins: Mapping[tuple[str, str], str]
    switched_off: Mapping[str, str] = {}


def check_config(
    config: Any, settings: Settings | None, *, watch: bool
) -> Path | Mapping[str, Any] | None:
    """Return the path or the dictionary of a configuration; raises `TypeError` for what is neither, or has no file.

    Raises `ConfigError` for a path without a name, like that of an empty variable.
    """
    if config is not None and settings is not None:
        raise TypeError("give a configuration, or settings, not both")
    if settings is not None or isinstance(config, Mapping):
        if watch:
            what = "settings" if config is None else "a dictionary"
            raise TypeError(f"watch=True looks at a file: there is none behind {what}")
        return cast("Mapping[str, Any] | None", config)
    if config == "":
        hint = "name a file, or leave it out: then STANDBY_CONFIG, config/models.yaml or models.yaml is read"
        raise ConfigError(
            [
                Problem(
                    code="no-file", message="the configuration's path is an empty text", hint=hint
                )
            ]
        )
    if config is None or isinstance(config, str | os.PathLike):
        return None if config is None else Path(cast("str | os.PathLike[str]", config))
    hint = ", like settings=…" if isinstance(config, Settings) else ""
    raise TypeError(
        f"config: expected a path or a dictionary, got {type(config).__name__}; give the rest by name{hint}"
    )


def load(
    config: Path | Mapping[str, Any] | None,
    catalogue: "Catalogue",
    environ: Mapping[str, str],
    *,
    cwd: Path,
    today: date,
    lints: bool = False,
) -> Loaded:
    """Load a file, or a dictionary of its form; never raises for what is wrong with it.

    `problems` tells all at once, what is doubtful only with `lints`. `config` left out:
    `STANDBY_CONFIG`, then `config/models.yaml` and `models.yaml` below `cwd`, then the packaged
    one.
    """
    from standby.config.dictionary import NAME, read_dictionary  # noqa: PLC0415 - `import standby` must not load yaml
    from standby.config.reader import ConfigReader  # noqa: PLC0415 - see above
    from standby.config.source import UnreadableConfig, read_file  # noqa: PLC0415 - see above
    from standby.config.variables import Variables  # noqa: PLC0415 - see above

    found: Path | None = None
    if isinstance(config, Mapping):
        name, folders, read = NAME, [cwd], partial(read_dictionary, config)
    else:
        found, name = _find(config, environ, cwd)
        folders = [cwd] if found == PACKAGED else [cwd, found.parent, found.parent.parent]
        read = partial(read_file, found, name)
    variables = Variables(environ, folders)
    try:
        tree = read()
    except UnreadableConfig as refused:
        problem = refused.problem
        if config is None and problem.code == "no-file" and environ.get("STANDBY_CONFIG"):
            problem = msgspec.structs.replace(
                problem, hint=f"{problem.hint} (STANDBY_CONFIG names it)"
            )
        return Loaded(
            file=name,
            path=found,
            settings=None,
            problems=(problem, *variables.problems),
            origins={},
        )
    reading = ConfigReader(tree, variables)
    settings = reading.settings(catalogue, today)
    if lints:
        reading.lint(catalogue)
    problems = (*reading.problems, *variables.problems)
    failed = any(
        problem.severity == "error" and problem.code != "broken-plugin" for problem in problems
    )
    return Loaded(
        file=name,
        path=found,
        settings=None if failed else settings,
        problems=problems,
        origins=reading.origins,
        switched_off=reading.switched_off,
    )


def _find(path: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Path, str]:
    if path is None and environ.get("STANDBY_CONFIG"):
        path = Path(environ["STANDBY_CONFIG"])
    if path is not None:
        return cwd / path, str(path)
    for candidate in (Path("config/models.yaml"), Path("models.yaml")):
        if os.path.lexists(
            cwd / candidate
        ):  # whatever it is: a directory or a dangling link is told, not passed over
            return cwd / candidate, str(candidate)
    return PACKAGED, "standby's own models.yaml"
