"""What a configuration file says, as plain values, with the position of each value and key."""

import re
from typing import Any

import msgspec

from standby.config.excerpt import Excerpts, mask_secrets
from standby.config.finding import Location
from standby.config.ignore_comments import Ignore
from standby.errors import Problem

LONGEST_MESSAGE = 500
"""Characters of a message, which may quote the file."""

DEEPEST = 50
"""Levels of nesting that a file may have."""

MOST_NODES = 10_000
"""Values that a file may have, those that its aliases repeat included."""

_DICTIONARY_HINTS = {
    "write one item per line, each after '- '": "write a list: ['a', 'b']",
    "write it in brackets: models: [a, b]": "write a list: ['a', 'b']",
    "write a space after each '-'": "write a list: ['a', 'b']",
    "write 'key: value' lines, indented below it": "write a dictionary: {'key': value}",
    "write one text after the ':'": "write one text",
    "write true or false": "write True or False",
    "add 'version: 1'": "add 'version': 1",
}
"""The hints that differ for a dictionary, by the hint for a file."""


class Mark(msgspec.Struct, frozen=True):
    """A position in the file, counted from 1.

    A dictionary has no lines: its marks have line 0 and the `path` that leads to the value.
    """

    line: int
    column: int
    path: str = ""

    @property
    def description(self) -> str:
        """Return the position for a person: "line 3", or the path."""
        return f"line {self.line}" if self.line else self.path


class UnreadableConfig(Exception):
    """A configuration that cannot be read at all; `problem` has the reason."""

    def __init__(self, problem: Problem) -> None:
        """Keep the reason.

        Args:
            problem: Why the configuration cannot be read.

        """
        super().__init__(problem.message)
        self.problem = problem


class Tree(msgspec.Struct):
    """The values of a configuration, with positions and problems.

    Attributes:
        file: The file's name, as messages show it.
        value: The values. Every scalar of a file is a text.
        values: The position of each value.
        keys: The position of each key.
        lines: The file's lines, without secrets.
        problems: What is wrong so far.
        failed: Locations whose value could not be read or filled in.
        ignores: The comments that silence warnings.

    """

    file: str
    value: Any = None
    values: dict[Location, Mark] = {}
    keys: dict[Location, Mark] = {}
    lines: Excerpts = msgspec.field(default_factory=lambda: Excerpts(""))
    problems: list[Problem] = []
    failed: set[Location] = set()
    ignores: tuple[Ignore, ...] = ()

    def report(self, mark: Mark, code: str, message: str, hint: str) -> None:
        """Add an error at a position.

        Args:
            mark: The position.
            code: The problem's code.
            message: What is wrong.
            hint: What to do about it.

        """
        self.problems.append(self.locate(mark, Problem(code=code, message=message, hint=hint)))

    def locate(self, mark: Mark | None, problem: Problem) -> Problem:
        """Add the position and the excerpt to a problem, and mask what may be a secret.

        Args:
            mark: The position; `None` where the problem concerns the whole file.
            problem: The problem.

        Returns:
            The problem, ready to be shown. For a dictionary, the path replaces the file's name, and
            the hint speaks of Python's syntax.

        """
        message, hint = _shorten(mask_secrets(problem.message)), mask_secrets(problem.hint)
        located = msgspec.structs.replace(problem, file=self.file, message=message, hint=hint)
        if mark is None:
            return located
        if not mark.line:
            return self._locate_in_dictionary(mark, located)
        return msgspec.structs.replace(
            located, line=mark.line, column=mark.column, excerpt=self.lines.at(mark.line)
        )

    def _locate_in_dictionary(self, mark: Mark, problem: Problem) -> Problem:
        message = problem.message.removeprefix(f"{mark.path}: ")
        return msgspec.structs.replace(
            problem,
            file=mark.path or self.file,
            message=re.sub("^the file", self.file, message),
            hint=_DICTIONARY_HINTS.get(problem.hint, problem.hint),
        )


def _shorten(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} …"
