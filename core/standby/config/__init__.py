"""models.yaml: found, read, checked, and turned into settings; `standby validate` and the clients take this one way."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from standby.errors import Problem
from standby.policy import Secret, Settings

if TYPE_CHECKING:
    from standby.config.resolve import Catalogue, Finding, Place
    from standby.config.source import Tree
    from standby.config.variables import Substituted

PACKAGED = Path(__file__).parents[1] / "models.yaml"
"""The chain that ships; a test keeps it equal to config/models.yaml."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a file gave: settings with nothing implicit, or `None` where there are errors.

    `origins` says, for a chain and a model in it, where the name came from: "PRIMARY_AI_MODEL, .env:3", "line 31".
    """

    file: str
    settings: Settings | None
    problems: tuple[Problem, ...]
    origins: Mapping[tuple[str, str], str]


def load(path: Path | None, catalogue: "Catalogue", environ: Mapping[str, str], *, cwd: Path, today: date) -> Loaded:
    """Load a file; never raises for what is wrong with it: `problems` tells all at once.

    `path` left out: `STANDBY_CONFIG`, then `config/models.yaml` and `models.yaml` below `cwd`, then the packaged one.
    """
    from standby.config.source import Refused, read_tree  # noqa: PLC0415 - `import standby` must not load yaml
    from standby.config.variables import Variables, substitute  # noqa: PLC0415 - see above

    found, name = _find(path, environ, cwd)
    try:
        tree = read_tree(found, name)
    except Refused as refused:
        return Loaded(file=name, settings=None, problems=(refused.problem,), origins={})
    folders = [cwd, found.parent, found.parent.parent] if found != PACKAGED else [cwd]
    variables = Variables(environ, folders)
    done = substitute(tree, variables)
    settings = _settings(tree, done, catalogue, variables, today)
    problems = sorted(tree.problems, key=lambda problem: (problem.line, problem.column))
    failed = any(problem.severity == "error" for problem in problems)
    return Loaded(
        file=name,
        settings=None if failed else settings,
        problems=tuple(problems),
        origins={} if settings is None else _origins(tree, done, settings),
    )


def _find(path: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Path, str]:
    if path is None and environ.get("STANDBY_CONFIG"):
        path = Path(environ["STANDBY_CONFIG"])
    if path is not None:
        return cwd / path, str(path)
    for candidate in (Path("config/models.yaml"), Path("models.yaml")):
        if (cwd / candidate).is_file():
            return cwd / candidate, str(candidate)
    return PACKAGED, "standby's own models.yaml"


def _settings(
    tree: "Tree", done: "Substituted", catalogue: "Catalogue", variables: Mapping[str, str], today: date
) -> Settings | None:
    """Check the tree and resolve it; problems go to the tree. What is sound is resolved even where something else is not."""
    from standby.config.check import findings_of  # noqa: PLC0415 - `import standby` must not load jsonschema
    from standby.config.resolve import resolve  # noqa: PLC0415 - see above
    from standby.config.schema import schema, seconds, typed  # noqa: PLC0415 - see above

    value = typed({} if done.value is None else done.value, schema(), schema())
    findings = findings_of(value, schema(), shown=lambda place, _: _shown(tree, place))
    _report(tree, findings)
    for finding in findings:
        _cut_out(value, finding.place)
    settings = _converted(seconds(value, schema(), schema()), done)
    if settings is None:
        return None
    resolution = resolve(settings, catalogue, variables, today=today)
    _report(tree, resolution.findings)
    return resolution.settings


def _shown(tree: "Tree", place: "Place") -> str:
    value = tree.value
    for step in place:
        value = value[step]
    return repr(value) if isinstance(value, str) else "this"


def _report(tree: "Tree", findings: "Iterable[Finding]") -> None:
    from standby.config.source import problem_at  # noqa: PLC0415 - see above

    for finding in findings:
        place = finding.place
        marks = tree.keys if finding.at_key else tree.values
        while place and place not in marks:
            place = place[:-1]
            marks = tree.keys if place in tree.keys else tree.values
        problem = finding.problem
        told = {name: getattr(problem, name) for name in ("code", "message", "severity", "hint")}
        tree.problems.append(problem_at(tree, marks.get(place), **told))


def _cut_out(value: Any, place: "Place") -> None:
    """Take what is wrong out, so that the rest can be looked at too."""
    for step in place[:-1]:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(value, dict) and place:
        value.pop(place[-1], None)


def _converted(value: Any, done: "Substituted") -> Settings | None:
    for place, secret in done.secrets.items():
        try:
            value[place[0]][place[1]][place[2]] = secret
        except (KeyError, TypeError, IndexError):
            continue  # it stands where no key belongs, and that has been told
    try:
        return msgspec.convert(value, Settings, strict=False, dec_hook=_secret)
    except msgspec.ValidationError:
        return None  # jsonschema has told what is wrong


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, Secret):
        return value
    raise TypeError(f"{kind.__name__} expected")


def _origins(tree: "Tree", done: "Substituted", settings: Settings) -> dict[tuple[str, str], str]:
    origins: dict[tuple[str, str], str] = {}
    for chain in settings.chains:
        written = done.value["chains"][chain]["models"]
        for at, name in enumerate(written):
            place = ("chains", chain, "models", at)
            origins.setdefault((chain, name), done.origins.get(place, f"line {tree.values[place].line}"))
    return origins
