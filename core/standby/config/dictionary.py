"""Reads a dictionary of the file's form into a tree; a value's position is its path."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeGuard

from standby.config.finding import Location, format_path
from standby.config.tree import DEEPEST, MOST_NODES, Mark, Tree, UnreadableConfig
from standby.errors import Problem
from standby.settings import Secret

NAME = "the dictionary"
"""What messages call a dictionary, which has no file's name."""


def read_dictionary(given: Mapping[str, Any]) -> Tree:
    """Copy a dictionary into a tree.

    Lists and tuples become lists, dates and paths texts, members of an `Enum` their values.

    Args:
        given: The dictionary.

    Returns:
        The tree; values that a file could not have are among its `problems`.

    Raises:
        UnreadableConfig: The dictionary is empty, larger than a file may be, or contains itself.

    """
    tree = Tree(file=NAME)
    tree.value = _Builder(tree).build_node(given, ())
    if not given:
        raise _refuse("empty", f"{NAME} is empty", "begin with 'version' and 'chains'")
    return tree


def _refuse(code: str, message: str, hint: str) -> UnreadableConfig:
    return UnreadableConfig(Problem(code=code, file=NAME, message=message, hint=hint))


class _Builder:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._nodes = 0

    def build_node(self, value: Any, location: Location) -> Any:
        self._count_node(location)
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, str):
            return str.__str__(value)
        if _is_mapping(value):
            return self._build_mapping(value, location)
        if _is_sequence(value):
            return self._build_sequence(value, location)
        return self._build_scalar(value, location)

    def _count_node(self, location: Location) -> None:
        self._nodes += 1
        self._tree.values[location] = _mark(location)
        if self._nodes > MOST_NODES or len(location) > DEEPEST:
            limits = f"more than {MOST_NODES} values, is nested deeper than {DEEPEST}"
            message = f"it has {limits}, or contains itself"
            raise _refuse("too-large", message, "is it the right one?")

    def _build_mapping(self, value: Mapping[Any, Any], location: Location) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                hint = "write it in quotes" if isinstance(key, int | float) else "a key is a text"
                message = f"a key must be a text, not the {type(key).__name__} {key!r}"
                self._report(location, "bad-key", message, hint)
                continue
            self._tree.keys[*location, key] = _mark((*location, key))
            pairs[str.__str__(key)] = self.build_node(item, (*location, key))
        return pairs

    def _build_sequence(self, value: Sequence[Any], location: Location) -> list[Any]:
        items = [self.build_node(item, (*location, at)) for at, item in enumerate(value)]
        for at, item in enumerate(value):
            if item is None:
                hint = "write it, or remove it"
                self._report((*location, at), "empty", "this item is empty", hint)
        return items

    def _build_scalar(self, value: Any, location: Location) -> Any:
        is_infinite = isinstance(value, float) and not math.isfinite(value)
        is_plain = value is None or isinstance(value, int | float)
        if is_plain and not is_infinite:
            return value
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, PurePath):
            return str(value)
        self._tree.failed.add(location)
        kind = "number that is not finite" if is_infinite else type(value).__name__
        message = f"a {kind} cannot be written in a file"
        self._report(location, "bad-type", message, _hint(value))
        return None

    def _report(self, location: Location, code: str, message: str, hint: str) -> None:
        self._tree.report(self._tree.values[location], code, message, hint)


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _mark(location: Location) -> Mark:
    return Mark(0, 0, format_path(location))


def _hint(value: Any) -> str:
    if isinstance(value, Secret):
        return "write '${NAME_OF_THE_VARIABLE}', or pass Standby(settings=Settings(…))"
    return "write a text, a number, True, False, a list or a dictionary"
