"""A dictionary of the file's form, as the tree that a file gives; each value has its path where a file's has its line."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any

from standby.config.excerpt import Excerpts
from standby.config.finding import Location, format_path
from standby.config.source import DEEPEST, MOST_NODES, Mark, Tree, UnreadableConfig, locate_problem
from standby.errors import Problem
from standby.settings import Secret

NAME = "the dictionary"


def read_dictionary(given: Mapping[str, Any]) -> Tree:
    """Return a copy of what the dictionary says; what no file could say is among the tree's `problems`.

    Lists and tuples are lists, dates and paths are texts, members of an `Enum` their values. Raises
    `UnreadableConfig` for one that is empty, larger than a file may be, or holds itself.
    """
    tree = Tree(
        file=NAME, value=None, values={}, keys={}, lines=Excerpts(""), problems=[], failed=set()
    )
    tree.value = _Builder(tree).node(given, ())
    if not given:
        raise UnreadableConfig(
            Problem(
                code="empty",
                file=NAME,
                message=f"{NAME} is empty",
                hint="begin with 'version' and 'chains'",
            )
        )
    return tree


class _Builder:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._nodes = 0
        self._readers: tuple[tuple[Any, Callable[[Any, Location], Any]], ...] = (
            (Mapping, self._mapping),
            ((list, tuple), self._sequence),
        )

    def node(self, value: Any, location: Location) -> Any:
        self._count(location)
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, str):
            return str.__str__(value)
        read = next(
            (read for kinds, read in self._readers if isinstance(value, kinds)), self._scalar
        )
        return read(value, location)

    def _count(self, location: Location) -> None:
        self._nodes += 1
        self.tree.values[location] = Mark(0, 0, format_path(location))
        if self._nodes > MOST_NODES or len(location) > DEEPEST:
            words = f"it has more than {MOST_NODES} values, is nested deeper than {DEEPEST}, or contains itself"
            raise UnreadableConfig(
                Problem(code="too-large", file=NAME, message=words, hint="is it the right one?")
            )

    def _mapping(self, value: Mapping[Any, Any], location: Location) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                hint = "write it in quotes" if isinstance(key, int | float) else "a key is a text"
                self._problem(
                    location,
                    "bad-key",
                    f"a key must be a text, not the {type(key).__name__} {key!r}",
                    hint,
                )
                continue
            self.tree.keys[*location, key] = Mark(0, 0, format_path((*location, key)))
            pairs[str.__str__(key)] = self.node(item, (*location, key))
        return pairs

    def _sequence(self, value: Sequence[Any], location: Location) -> list[Any]:
        items = [self.node(item, (*location, at)) for at, item in enumerate(value)]
        for at, item in enumerate(value):
            if item is None:
                self._problem(
                    (*location, at), "empty", "this item is empty", "write it, or remove it"
                )
        return items

    def _scalar(self, value: Any, location: Location) -> Any:
        if (
            value is None
            or isinstance(value, int)
            or (isinstance(value, float) and math.isfinite(value))
        ):
            return value
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, PurePath):
            return str(value)
        self.tree.failed.add(location)
        kind = "number that is not finite" if isinstance(value, float) else type(value).__name__
        self._problem(location, "bad-type", f"a {kind} cannot be written in a file", _hint(value))
        return None

    def _problem(self, location: Location, code: str, message: str, hint: str) -> None:
        problem = Problem(code=code, message=message, hint=hint)
        self.tree.problems.append(locate_problem(self.tree, self.tree.values[location], problem))


def _hint(value: Any) -> str:
    if isinstance(value, Secret):
        return "write '${NAME_OF_THE_VARIABLE}', or make the whole as Standby(settings=Settings(…))"
    return "write a text, a number, True, False, a list or a dictionary"
