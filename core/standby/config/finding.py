"""Problems of settings, each with its location; the reader of the file turns that into a line."""

import difflib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import msgspec

from standby.errors import Problem

Node = dict[str, Any] | list[Any] | str | float | bool | None
"""A value of a tree, which is a file's or a schema's."""

Location = tuple[str | int, ...]
"""The keys and positions that lead to a value."""

FormatValue = Callable[[Location, Any], str]
"""Formats the value at a location as the file has it, without what a variable put there."""

MOST_COMPARED = 500
"""The most names that one is compared with; each comparison takes 20 us and more."""

MOST_SUGGESTED = 20
"""The most findings for which names are suggested: few people correct more at once."""

SIMILARITY = 0.65
"""How similar a name must be to be suggested, from 0 to 1."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A problem and its location; with `at_key` the last key itself is meant, not its value."""

    location: Location
    problem: Problem
    at_key: bool = False


class Findings(list[Finding]):
    """The findings so far."""

    def error(self, location: Location, code: str, message: str, hint: str) -> None:
        """Add a problem that makes the settings unusable.

        Args:
            location: Where it is.
            code: Its code, which lints.md explains.
            message: What is wrong.
            hint: What to do about it.

        """
        self._add(location, Problem(code=code, message=message, hint=hint))

    def warn(self, location: Location, code: str, message: str, hint: str) -> None:
        """Add a problem that is probably a mistake.

        Args:
            location: Where it is.
            code: Its code, which lints.md explains.
            message: What is wrong.
            hint: What to do about it.

        """
        self._add(location, Problem(code=code, message=message, hint=hint, severity="warning"))

    def inform(self, location: Location, code: str, message: str, hint: str) -> None:
        """Add a consequence of valid settings that is worth knowing.

        Args:
            location: Where it is.
            code: Its code, which lints.md explains.
            message: The consequence.
            hint: What it means, or what would change it.

        """
        self._add(location, Problem(code=code, message=message, hint=hint, severity="info"))

    def _add(self, location: Location, problem: Problem) -> None:
        hint = " ".join(problem.hint.split())  # it may quote a name of several lines
        self.append(Finding(location=location, problem=msgspec.structs.replace(problem, hint=hint)))

    def suggest(self, name: str, candidates: Iterable[str]) -> str:
        """Suggest a similar name, as long as there are few findings.

        Args:
            name: The unknown name.
            candidates: The names that exist.

        Returns:
            What the function `suggest` returns; "" from the 21st finding on, to save time.

        """
        return suggest(name, candidates) if len(self) < MOST_SUGGESTED else ""


def format_plain_value(_: Location, value: Any) -> str:
    """Format a value that came from neither a file nor a variable.

    Args:
        value: The value.

    Returns:
        The value as `format_value_at` formats it.

    """
    return format_value_at(value, ())


def format_value_at(tree: Any, location: Location) -> str:
    """Format the value at a location.

    Args:
        tree: The tree that the location leads through.
        location: The keys and positions.

    Returns:
        A scalar as Python writes it; "this" for a list, a mapping, or where there is no value.

    """
    for step in location:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return "this"
    return "this" if isinstance(tree, dict | list) else repr(tree)


def format_path(location: Location) -> str:
    """Format a location for people.

    Args:
        location: The keys and positions.

    Returns:
        The path, like "chains.default.models[0]"; "" for the whole file.

    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")


def suggest(name: str, candidates: Iterable[str]) -> str:
    """Suggest the name that is probably meant.

    Args:
        name: The unknown name.
        candidates: The names that exist; upper and lower case do not matter.

    Returns:
        "did you mean 'x'?" for the most similar name, "" where none is similar.

    """
    folded = {each.casefold(): each for each in candidates if each != name}
    close = difflib.get_close_matches(
        name.casefold(), islice(folded, MOST_COMPARED), n=1, cutoff=SIMILARITY
    )
    return f"did you mean {folded[close[0]]!r}?" if close else ""
