"""What is found wrong with settings, before anybody asks in which line: the keys that lead there, and the words."""

import difflib
import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import msgspec

from standby.errors import Problem

Node = dict[str, Any] | list[Any] | str | float | bool | None
"""What a tree is made of: a file's, or a schema's."""

Location = tuple[str | int, ...]
"""The keys and positions that lead to a value."""

FormatValue = Callable[[Location, Any], str]
"""How the value at a location may be shown: as the file says it, never what a variable put there."""


MOST_COMPARED = 500
"""Names that one is compared with; a look at each takes 20 us and more."""

MOST_SUGGESTED = 20
"""Findings up to which names are suggested: nobody mends more in one go."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A problem and its location; `at_key` if the last key itself is meant, not what stands behind it."""

    location: Location
    problem: Problem
    at_key: bool = False


class Findings(list[Finding]):
    """What has been found so far."""

    def error(self, location: Location, code: str, message: str, hint: str) -> None:
        """Add what makes the settings unusable."""
        self._add(location, Problem(code=code, message=message, hint=hint))

    def warn(self, location: Location, code: str, message: str, hint: str) -> None:
        """Add what is doubtful."""
        self._add(location, Problem(code=code, message=message, hint=hint, severity="warning"))

    def inform(self, location: Location, code: str, message: str, hint: str) -> None:
        """Add what is as it should be, and worth knowing."""
        self._add(location, Problem(code=code, message=message, hint=hint, severity="info"))

    def _add(self, location: Location, problem: Problem) -> None:
        hint = " ".join(problem.hint.split())  # it may quote a name of several lines
        self.append(Finding(location=location, problem=msgspec.structs.replace(problem, hint=hint)))

    def suggest(self, name: str, known: Iterable[str]) -> str:
        """Suggest a name, as `suggest` does; no more once there are many findings: each takes a look at all that is known."""
        return suggest(name, known) if len(self) < MOST_SUGGESTED else ""


def format_plain_value(_: Location, value: Any) -> str:
    """Show a value that no file and no variable stands behind."""
    return format_value_at(value, ())


def format_value_at(tree: Any, location: Location) -> str:
    """Show what stands at a location: a scalar as Python writes it, anything larger, or nothing at all, as "this"."""
    for step in location:
        try:
            tree = tree[step]
        except (KeyError, IndexError, TypeError):
            return "this"
    return "this" if isinstance(tree, dict | list) else repr(tree)


def format_path(location: Location) -> str:
    """Return how a person calls a location: "chains.default.models[0]"."""
    return re.sub(
        r"\.\[", "[", ".".join(f"[{step}]" if isinstance(step, int) else step for step in location)
    )


def suggest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the known name that is closest, or "" where none is close."""
    folded = {each.casefold(): each for each in known if each != name}
    close = difflib.get_close_matches(
        name.casefold(), islice(folded, MOST_COMPARED), n=1, cutoff=0.65
    )
    return f"did you mean {folded[close[0]]!r}?" if close else ""
