"""`${VAR}` in a file: where variables come from, and their substitution. A value never appears in a problem."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from standby.config.source import Mark, Place, Tree, problem_at
from standby.policy import Secret

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_BROKEN = re.compile(r"\$\{[^}]*\}?")


class Variables(Mapping[str, str]):
    """The environment, then the `.env` files; the first that has a name wins. Nothing is changed."""

    def __init__(self, environ: Mapping[str, str], folders: Iterable[Path]) -> None:
        """Read the folders' `.env` files."""
        self._values = dict(environ)
        self._origins = dict.fromkeys(environ, "environment")
        for folder in dict.fromkeys(folder.resolve() for folder in folders):
            for name, value, line in _dotenv(folder / ".env"):
                if name not in self._values:
                    self._values[name] = value
                    self._origins[name] = f".env:{line}"

    def origin(self, name: str) -> str:
        """Say where a variable comes from: "environment", or ".env:3"."""
        return self._origins[name]

    def __getitem__(self, name: str) -> str:
        """Return a variable's value."""
        return self._values[name]

    def __iter__(self) -> Any:
        """Iterate over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count the names."""
        return len(self._values)


def _dotenv(path: Path) -> list[tuple[str, str, int]]:
    if not path.is_file():
        return []
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only where there is such a file

    with path.open(encoding="utf-8", errors="replace") as stream:
        bindings = list(parse_stream(stream))
    return [
        (b.key, b.value, b.original.line + _blank_lines(b.original.string)) for b in bindings if b.key and b.value is not None
    ]


def _blank_lines(original: str) -> int:
    """Count the lines that the parser puts before a binding's own."""
    return original[: len(original) - len(original.lstrip())].count("\n")


class Substituted(msgspec.Struct):
    """A tree's value with the variables in it, and what came from where."""

    value: Any
    origins: dict[Place, str]
    secrets: dict[Place, Secret]


def substitute(tree: Tree, variables: Variables) -> Substituted:
    """Put the variables in; what is wrong is added to the tree's problems. Keys are left as they are."""
    done = Substituted(value=None, origins={}, secrets={})
    done.value = _walk(tree, variables, done, tree.value, ())
    return done


def _walk(tree: Tree, variables: Variables, done: Substituted, value: Any, place: Place) -> Any:
    if isinstance(value, dict):
        walked = ((key, _walk(tree, variables, done, item, (*place, key))) for key, item in value.items())
        return {key: item for key, item in walked if item is not None}
    if isinstance(value, list):
        return [_walk(tree, variables, done, item, (*place, at)) for at, item in enumerate(value)]
    if value is None:
        return None
    if place[-1:] == ("api_key",):
        return _secret(tree, variables, done, value, place)
    return _text(tree, variables, done, value, place)


def _secret(tree: Tree, variables: Variables, done: Substituted, value: str, place: Place) -> str | None:
    found = _REFERENCE.fullmatch(value)
    if found is None or found["name"] is None or found["default"]:
        message = "a key must not stand in this file"
        hint = "put it into a variable and write api_key: ${NAME_OF_THE_VARIABLE}"
        tree.problems.append(problem_at(tree, tree.values[place], code="literal-key", message=message, hint=hint))
        return None
    name = found["name"]
    done.secrets[place] = Secret(variables.get(name, ""), origin=name)
    return name


def _text(tree: Tree, variables: Variables, done: Substituted, value: str, place: Place) -> str | None:
    mark = tree.values[place]
    if "${" not in value:
        return value
    origins: list[str] = []

    def put(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return "${"
        if variables.get(name):
            origins.append(f"{name}, {variables.origin(name)}")
            return variables[name]
        if found["default"] is None:
            message = f"the variable {name} is not set"
            hint = f"set it, or write a default: ${{{name}:-…}}"
            tree.problems.append(problem_at(tree, mark, code="unset-variable", message=message, hint=hint))
        else:
            origins.append(f"default, line {mark.line}")
        return found["default"] or ""

    _report_broken(tree, value, mark)
    text = _REFERENCE.sub(put, value)
    if origins:
        done.origins[place] = "; ".join(origins)
    return text or None


def _report_broken(tree: Tree, value: str, mark: Mark) -> None:
    for found in _BROKEN.finditer(_REFERENCE.sub("", value)):
        message = f"{found.group()!r} is no variable"
        hint = "write ${NAME} or ${NAME:-default}, and $${ for the two characters themselves"
        tree.problems.append(problem_at(tree, mark, code="bad-variable", message=message, hint=hint))
