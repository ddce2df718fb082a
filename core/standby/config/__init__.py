"""models.yaml, from finding the file to its settings: `standby validate` and clients share it."""

import os
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from standby.errors import ConfigError, Problem
from standby.settings import Settings

if TYPE_CHECKING:
    from standby.config.resolve.catalogue import Catalogue
    from standby.config.tree import Tree

PACKAGED = Path(__file__).parents[1] / "models.yaml"
"""The chain that ships; a test keeps it equal to config/models.yaml."""

Config = str | os.PathLike[str] | Mapping[str, Any]
"""A configuration: a file's path, or a dictionary of the file's form."""

_EMPTY_PATH = Problem(
    code="no-file",
    message="the configuration's path is an empty text",
    hint=(
        "name a file, or leave it out: "
        "then STANDBY_CONFIG, config/models.yaml or models.yaml is read"
    ),
)


class LoadedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a configuration and its problems.

    `path` is `None` for a dictionary, `settings` where there are errors. `origins` says for each
    chain and model where the model's name came from: "PRIMARY_AI_MODEL, .env:3", "line 31".
    `switched_off` says for each chain without fallback, in the same form, what turned it off.
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
    """Check the arguments that a client is made with.

    Args:
        config: A path, or a dictionary of the file's form; `None` to look for a file.
        settings: Settings made in code, in place of a configuration.
        watch: Whether the file is to be watched for changes.

    Returns:
        The path or the dictionary; `None` where there is none.

    Raises:
        TypeError: There are both, `config` is neither a path nor a dictionary, or `watch` is set
            and there is no file.
        ConfigError: The path is empty, like that of an empty variable.

    """
    if config is not None and settings is not None:
        raise TypeError("give a configuration, or settings, not both")
    if settings is not None or isinstance(config, Mapping):
        if watch:
            value = "settings" if config is None else "a dictionary"
            raise TypeError(f"watch=True watches a file, not {value}")
        return cast("Mapping[str, Any] | None", config)
    return None if config is None else _check_path(config)


def _check_path(config: Any) -> Path:
    if config == "":
        raise ConfigError([_EMPTY_PATH])
    if isinstance(config, str | os.PathLike):
        return Path(cast("str | os.PathLike[str]", config))
    hint = ", like settings=…" if isinstance(config, Settings) else ""
    raise TypeError(
        f"config: expected a path or a dictionary, got {type(config).__name__}; "
        f"give the rest by name{hint}"
    )


def load(
    config: Path | Mapping[str, Any] | None,
    catalogue: "Catalogue",
    environ: Mapping[str, str],
    *,
    cwd: Path,
    today: date,
    lints: bool = False,
) -> LoadedConfig:
    """Load a file, or a dictionary of its form; never raises for what is wrong with it.

    Args:
        config: The path or the dictionary. For `None` the file is looked for: `STANDBY_CONFIG`,
            `config/models.yaml` and `models.yaml` in `cwd`, the packaged one.
        catalogue: The installed plugins.
        environ: The environment's variables.
        cwd: The folder that relative paths start from, and the first one with an `.env` file.
        today: The date that models' retirements are compared with.
        lints: Whether warnings and infos about valid settings are wanted, too.

    Returns:
        The settings, and all problems at once.

    """
    # `import standby` must not load yaml
    from standby.config.reader import ConfigReader  # noqa: PLC0415
    from standby.config.tree import UnreadableConfig  # noqa: PLC0415 - see above
    from standby.config.variables import Variables  # noqa: PLC0415 - see above

    source = _find_source(config, environ, cwd)
    variables = Variables(environ, source.dotenv_folders)
    try:
        tree = source.read()
    except UnreadableConfig as error:
        problems = (source.explain(error.problem), *variables.problems)
        return source.without_settings(problems)
    reader = ConfigReader(tree, variables)
    settings = reader.read_settings(catalogue, today)
    if lints:
        reader.lint(catalogue)
    problems = (*reader.problems, *variables.problems)
    return LoadedConfig(
        file=source.name,
        path=source.path,
        settings=None if any(map(_is_fatal, problems)) else settings,
        problems=problems,
        origins=reader.origins,
        switched_off=reader.switched_off,
    )


def _is_fatal(problem: Problem) -> bool:
    """Say whether a problem makes settings unusable; a broken plugin's models are just skipped."""
    return problem.severity == "error" and problem.code != "broken-plugin"


class _Source(NamedTuple):
    """A configuration before it is read."""

    name: str
    """What messages call it."""
    path: Path | None
    dotenv_folders: list[Path]
    read: "Callable[[], Tree]"
    is_from_variable: bool = False
    """Whether STANDBY_CONFIG names the file."""

    def without_settings(self, problems: tuple[Problem, ...]) -> LoadedConfig:
        """Return what is loaded of a file that cannot be read."""
        return LoadedConfig(
            file=self.name, path=self.path, settings=None, problems=problems, origins={}
        )

    def explain(self, problem: Problem) -> Problem:
        """Return the problem of reading, with what led to a missing file."""
        if self.is_from_variable and problem.code == "no-file":
            hint = f"{problem.hint} (STANDBY_CONFIG names it)"
            return msgspec.structs.replace(problem, hint=hint)
        return problem


def _find_source(
    config: Path | Mapping[str, Any] | None, environ: Mapping[str, str], cwd: Path
) -> _Source:
    from standby.config.dictionary import NAME, read_dictionary  # noqa: PLC0415 - as in `load`
    from standby.config.yaml_file import read_file  # noqa: PLC0415 - see above

    if isinstance(config, Mapping):
        return _Source(NAME, None, [cwd], partial(read_dictionary, config))
    path, name = _find_file(config, environ, cwd)
    folders = [cwd] if path == PACKAGED else [cwd, path.parent, path.parent.parent]
    is_from_variable = config is None and bool(environ.get("STANDBY_CONFIG"))
    return _Source(name, path, folders, partial(read_file, path, name), is_from_variable)


def _find_file(path: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Path, str]:
    """Return the file to read, and what messages call it."""
    if path is None and environ.get("STANDBY_CONFIG"):
        path = Path(environ["STANDBY_CONFIG"])
    if path is not None:
        return cwd / path, str(path)
    for candidate in (Path("config/models.yaml"), Path("models.yaml")):
        # a folder or a broken link of that name is reported, not passed over:
        if os.path.lexists(cwd / candidate):
            return cwd / candidate, str(candidate)
    return PACKAGED, "standby's own models.yaml"
