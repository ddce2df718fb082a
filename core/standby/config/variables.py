"""`${VAR}` in a file: where variables come from, and their substitution. A value never appears in a problem."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from standby.config.finding import Location, Node
from standby.config.source import Tree, locate_problem
from standby.errors import Problem

_REFERENCE = re.compile(
    r"""\$\$\{                                     # the two characters themselves
    | \$\{ (?P<name> [A-Za-z_][A-Za-z0-9_]* )
      (?: :- (?P<default> [^}$]* (?: \$ (?!\{) [^}$]* )* ) )? \}
    | (?P<broken> \$\{ [^}]* \}? )""",
    re.VERBOSE,
)


class Variables(Mapping[str, str]):
    """The environment, then the `.env` files; the first that has a name wins. Nothing is changed."""

    def __init__(self, environ: Mapping[str, str], folders: Iterable[Path]) -> None:
        """Read the folders' `.env` files; what is doubtful in them is told in `problems`."""
        self._values = dict(environ)
        self._origins = dict.fromkeys(environ, "environment")
        self.problems: list[Problem] = []
        for folder in dict.fromkeys(folder.resolve() for folder in folders):
            for name, value, line in _dotenv(folder / ".env", self.problems):
                if name not in self._values:
                    self._values[name] = value
                    self._origins[name] = f".env:{line}"

    def origin(self, name: str) -> str:
        """Say where a variable comes from: "environment", or ".env:3"."""
        return self._origins[name]

    def __getitem__(self, name: str) -> str:
        """Return a variable's value."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count the names."""
        return len(self._values)


def _dotenv(path: Path, problems: list[Problem]) -> list[tuple[str, str, int]]:
    if not path.is_file():
        return []
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only where there is such a file

    try:
        with path.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            problems.append(_ignored(path, "this is not UTF-8, and is ignored", "save it as UTF-8"))
        else:
            words = (error.strerror or str(error)).lower()
            problems.append(
                _ignored(path, f"cannot be read: {words}; it is ignored", "check the permissions")
            )
        return []
    found: list[tuple[str, str, int]] = []
    for binding in bindings:
        line = binding.original.line + _blank_lines(binding.original.string)
        if binding.error:
            problems.append(_ignored(path, "this line is ignored", "write NAME=value", line))
        elif binding.key and binding.value is not None:
            found.append((binding.key, binding.value, line))
    return found


def _ignored(path: Path, message: str, hint: str, line: int = 0) -> Problem:
    return Problem(
        code="dotenv",
        message=message,
        hint=hint,
        severity="warning",
        file=str(path),
        line=line,
        column=int(line > 0),
    )


def _blank_lines(original: str) -> int:
    """Count the lines that the parser puts before a binding's own."""
    return original[: len(original) - len(original.lstrip())].count("\n")


LONGEST_SHOWN = 80
"""Characters of what is no variable that a message quotes."""


class Substitution(msgspec.Struct):
    """A tree's value with the variables in it, `None` where nothing is left, and what came from where."""

    value: Any
    origins: dict[Location, str]


def substitute(tree: Tree, variables: Variables) -> Substitution:
    """Put the variables in; what is wrong is added to the tree's problems and to what failed. Keys stay as they are."""
    substitution = _Substituter(tree, variables)
    return Substitution(value=substitution.walk(tree.value, ()), origins=substitution.origins)


class _Substituter:
    def __init__(self, tree: Tree, variables: Variables) -> None:
        self._tree = tree
        self._variables = variables
        self.origins: dict[Location, str] = {}

    def walk(self, value: Node, location: Location) -> Any:
        if isinstance(value, dict):
            return {key: self.walk(item, (*location, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.walk(item, (*location, at)) for at, item in enumerate(value)]
        if location[-1:] == ("api_key",) and value is not None:
            return self._key(str(value), location)
        if not isinstance(value, str):
            return value
        return self._text(value, location) if "${" in value else value

    def _key(self, value: str, location: Location) -> str | None:
        """Return the name of the key's variable: the value itself stays out of the tree."""
        found = _REFERENCE.fullmatch(value)
        if found is not None and found["name"] and not found["default"]:
            name: str = found["name"]
            return name
        if value.strip():
            hint = "put it into a variable and write api_key: ${NAME_OF_THE_VARIABLE}"
            self._error(location, "literal-key", "a key must not be written in this file", hint)
        return None

    def _text(self, value: str, location: Location) -> str | None:
        origins: list[str] = []
        text = _REFERENCE.sub(lambda found: self._put(found, location, origins), value)
        if origins:
            self.origins[location] = "; ".join(origins)
        return text if text.strip() and location not in self._tree.failed else None

    def _put(self, found: re.Match[str], location: Location, origins: list[str]) -> str:
        name, default = found["name"], found["default"]
        if found["broken"]:
            hint = "write ${NAME} or ${NAME:-default}, and $${ for the two characters themselves"
            shown = (
                found["broken"]
                if len(found["broken"]) <= LONGEST_SHOWN
                else f"{found['broken'][:LONGEST_SHOWN]}…"
            )
            self._error(location, "bad-variable", f"{shown!r} is not a variable", hint)
        elif name is None:
            return "${"
        elif self._variables.get(name, "").strip():
            origins.append(f"{name}, {self._variables.origin(name)}")
            return self._variables[name]
        elif default is not None:
            origins.append(f"default, {self._tree.values[location].description}")
            return str(default)
        else:
            state = "is empty" if name in self._variables else "is not set"
            hint = f"set it, or write a default: ${{{name}:-…}}"
            self._error(location, "unset-variable", f"the variable {name} {state}", hint)
        return ""

    def _error(self, location: Location, code: str, message: str, hint: str) -> None:
        problem = Problem(code=code, message=message, hint=hint)
        self._tree.failed.add(location)
        self._tree.problems.append(locate_problem(self._tree, self._tree.values[location], problem))
