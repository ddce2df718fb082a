"""`${VAR}` in a file: where variables come from, and their substitution.

A variable's value never appears in a problem.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from standby.config.finding import Location, Node
from standby.config.tree import Tree
from standby.errors import Problem

LARGEST_DOTENV = 2**20
"""Bytes that a `.env` file may have: as many as a models.yaml."""

LONGEST_QUOTE = 80
"""Characters of a malformed variable that a message quotes."""

_REFERENCE = re.compile(
    r"""\$\$\{                                     # the two characters themselves
    | \$\{ (?P<name> [A-Za-z_][A-Za-z0-9_]* )
      (?: :- (?P<default> [^}$]* (?: \$ (?!\{) [^}$]* )* ) )? \}
    | (?P<broken> \$\{ [^}]* \}? )""",
    re.VERBOSE,
)


class Variables(Mapping[str, str]):
    """The variables of the environment and of the `.env` files.

    The environment wins, then the first file that has the name. The environment is not changed.
    """

    def __init__(self, environ: Mapping[str, str], folders: Iterable[Path]) -> None:
        """Read the `.env` files; warnings about them are in `problems`.

        Args:
            environ: The environment.
            folders: The folders whose `.env` files are read, the first first.

        """
        self._values = dict(environ)
        self._origins = dict.fromkeys(environ, "environment")
        self.problems: list[Problem] = []
        for folder in dict.fromkeys(folder.resolve() for folder in folders):
            for name, value, line in _read_dotenv(folder / ".env", self.problems):
                if name not in self._values:
                    self._values[name] = value
                    self._origins[name] = f".env:{line}"

    def origin(self, name: str) -> str:
        """Return where a variable comes from.

        Args:
            name: The variable's name.

        Returns:
            "environment", or a file and a line like ".env:3".

        Raises:
            KeyError: No such variable is set.

        """
        return self._origins[name]

    def __getitem__(self, name: str) -> str:
        """Return a variable's value."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of variables."""
        return len(self._values)


class Substitution(msgspec.Struct):
    """A tree's value with its variables filled in.

    Attributes:
        value: The value; what is empty after the substitution is `None`.
        origins: Where the value at a location came from, for each that has variables:
            "NAME, environment", "NAME, .env:3", "default, line 4".

    """

    value: Any
    origins: dict[Location, str]


def substitute(tree: Tree, variables: Variables) -> Substitution:
    """Fill in the variables of a tree's values; keys are left unchanged.

    Args:
        tree: The tree; problems and failed locations are added to it.
        variables: The variables.

    Returns:
        The value, and where its parts came from.

    """
    substituter = _Substituter(tree, variables)
    value = substituter.fill_in(tree.value, ())
    return Substitution(value=value, origins=substituter.origins)


class _Substituter:
    def __init__(self, tree: Tree, variables: Variables) -> None:
        self._tree = tree
        self._variables = variables
        self.origins: dict[Location, str] = {}

    def fill_in(self, value: Node, location: Location) -> Any:
        if isinstance(value, dict):
            return {key: self.fill_in(item, (*location, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill_in(item, (*location, at)) for at, item in enumerate(value)]
        if location[-1:] == ("api_key",) and value is not None:
            return self._read_key_variable(str(value), location)
        if isinstance(value, str) and "${" in value:
            return self._fill_in_text(value, location)
        return value

    def _read_key_variable(self, value: str, location: Location) -> str | None:
        """Return the name of the key's variable: its value must stay out of the tree."""
        match = _REFERENCE.fullmatch(value)
        name = "" if match is None or match["default"] else match["name"]
        if name:
            return str(name)
        if value.strip():
            hint = "put it into a variable and write api_key: ${NAME_OF_THE_VARIABLE}"
            message = "a key must not be written in this file"
            self._report(location, "literal-key", message, hint)
        return None

    def _fill_in_text(self, value: str, location: Location) -> str | None:
        origins: list[str] = []
        text = _REFERENCE.sub(lambda match: self._resolve(match, location, origins), value)
        if origins:
            self.origins[location] = "; ".join(origins)
        return text if text.strip() and location not in self._tree.failed else None

    def _resolve(self, match: re.Match[str], location: Location, origins: list[str]) -> str:
        name, default = match["name"], match["default"]
        if match["broken"]:
            hint = "write ${NAME} or ${NAME:-default}, and $${ for the two characters themselves"
            message = f"{_quote(match['broken'])} is not a variable"
            self._report(location, "bad-variable", message, hint)
            return ""
        if name is None:
            return "${"
        if self._variables.get(name, "").strip():
            origins.append(f"{name}, {self._variables.origin(name)}")
            return self._variables[name]
        if default is not None:
            origins.append(f"default, {self._tree.values[location].description}")
            return str(default)
        state = "is empty" if name in self._variables else "is not set"
        hint = f"set it, or write a default: ${{{name}:-…}}"
        self._report(location, "unset-variable", f"the variable {name} {state}", hint)
        return ""

    def _report(self, location: Location, code: str, message: str, hint: str) -> None:
        self._tree.failed.add(location)
        self._tree.report(self._tree.values[location], code, message, hint)


def _quote(text: str) -> str:
    return repr(text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…")


def _read_dotenv(path: Path, problems: list[Problem]) -> list[tuple[str, str, int]]:
    """Return the names and values of a `.env` file, each with its line."""
    if not path.is_file():
        return []
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only where there is such a file

    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_DOTENV + 1)
        if len(data) > LARGEST_DOTENV:
            message = f"the file is larger than {LARGEST_DOTENV} bytes"
            too_large = _warn(path, message, "is it the right one?")
            problems.append(msgspec.structs.replace(too_large, severity="error"))
            return []
        bindings = list(parse_stream(io.StringIO(data.decode("utf-8-sig"))))
    except UnicodeDecodeError:
        problems.append(_warn(path, "this is not UTF-8, and is ignored", "save it as UTF-8"))
        return []
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"cannot be read: {reason}; it is ignored"
        problems.append(_warn(path, message, "check the permissions"))
        return []
    variables: list[tuple[str, str, int]] = []
    for binding in bindings:
        line = binding.original.line + _leading_lines(binding.original.string)
        if binding.error:
            problems.append(_warn(path, "this line is ignored", "write NAME=value", line))
        elif binding.key and binding.value is not None:
            variables.append((binding.key, binding.value, line))
    return variables


def _warn(path: Path, message: str, hint: str, line: int = 0) -> Problem:
    return Problem(
        code="dotenv",
        message=message,
        hint=hint,
        severity="warning",
        file=str(path),
        line=line,
        column=int(line > 0),
    )


def _leading_lines(original: str) -> int:
    """Count the line ends that the parser puts before a binding's own text."""
    return original[: len(original) - len(original.lstrip())].count("\n")
