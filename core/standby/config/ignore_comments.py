"""Comments that silence warnings: `# standby: ignore[code, code] reason`.

A comment silences its own line, or the next one if it stands alone.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import yaml

from standby.config.finding import suggest
from standby.errors import Problem

UNUSED = "unused-ignore"
"""The code of a comment that silences nothing."""

_IGNORE = re.compile(r"#\s*standby:\s*ignore\[(?P<codes>[^\]]*)\]")

SILENCEABLE = (
    "base-url",
    "contradiction",
    "doubtful-key",
    "drops",
    "loss",
    "no-default",
    "no-key",
    "no-sdk",
    "no-time",
    "pattern-matches-nothing",
    "retired",
    "shared-quota",
    "tools-or-schema",
    "trigger-hidden",
    "trigger-matches-all",
    "trigger-never-fires",
    "twice",
    "unreachable-model",
    "untested-streams",
    "unused-trigger",
)
"""Codes of warnings and infos; errors cannot be silenced."""

_MACHINE_DEPENDENT = ("no-key", "no-sdk")
"""Codes of problems that another machine may not have."""


class Ignore(msgspec.Struct, frozen=True):
    """A comment that silences codes.

    Attributes:
        codes: The codes.
        target: The line that is silenced, counted from 1.
        line: The comment's line, counted from 1.
        column: The comment's column, counted from 1.

    """

    codes: tuple[str, ...]
    target: int
    line: int
    column: int

    def silences(self, problem: Problem) -> bool:
        """Say whether the comment silences a problem.

        Args:
            problem: The problem.

        Returns:
            Whether line and code match, and the problem is not an error.

        """
        if problem.severity == "error":
            return False
        return problem.line == self.target and problem.code in self.codes


def parse_ignores(text: str) -> tuple[Ignore, ...]:
    """Find the comments that silence warnings.

    Args:
        text: A text that is YAML.

    Returns:
        The comments. A `#` inside a value begins none.

    """
    if not _IGNORE.search(text):
        return ()
    lines = text.splitlines()
    try:
        scalars = _find_scalars(text)
    except yaml.YAMLError:  # after the document that counts
        return ()
    return tuple(
        _parse_ignore(match, at, lines)
        for at, line in enumerate(lines)
        for match in _IGNORE.finditer(line)
        if _is_comment(line, match.start())
        and not any(start <= (at, match.start()) < end for start, end in scalars)
    )


def remove_silenced(problems: Sequence[Problem], ignores: Sequence[Ignore]) -> list[Problem]:
    """Remove the problems that a comment silences.

    Args:
        problems: The problems.
        ignores: The comments.

    Returns:
        The problems that are left, all errors among them.

    """
    return [each for each in problems if not any(ignore.silences(each) for ignore in ignores)]


def find_unused_ignores(
    problems: Sequence[Problem], ignores: Sequence[Ignore], *, vary: bool
) -> Iterator[tuple[Ignore, Problem]]:
    """Find the comments that silence nothing.

    Args:
        problems: All problems of the file.
        ignores: The comments.
        vary: Whether problems vary from machine to machine, because variables name models. Then
            only codes that do not exist are reported.

    Returns:
        Each such comment, with the warning about it.

    """
    for ignore in ignores:
        silenced = {problem.code for problem in problems if ignore.silences(problem)}
        for code in ignore.codes or ("",):
            if code not in silenced and not _may_occur_elsewhere(code, vary=vary):
                message = f"ignore[{code}] silences nothing in line {ignore.target}"
                hint = _unused_hint(code)
                yield ignore, Problem(code=UNUSED, message=message, hint=hint, severity="warning")


def _may_occur_elsewhere(code: str, *, vary: bool) -> bool:
    depends_on_machine = vary or code in _MACHINE_DEPENDENT
    return code in SILENCEABLE and depends_on_machine


def _unused_hint(code: str) -> str:
    if code in SILENCEABLE:
        return "remove it, or move it to the line that the warning names"
    return suggest(code, SILENCEABLE) or f"what can be silenced is {', '.join(SILENCEABLE)}"


def _parse_ignore(match: re.Match[str], at: int, lines: Sequence[str]) -> Ignore:
    stands_alone = not lines[at][: match.start()].strip()
    target = _next_line(at, lines) if stands_alone else at
    codes = tuple(code.strip() for code in match["codes"].split(",") if code.strip())
    return Ignore(codes, target + 1, at + 1, match.start() + 1)


def _next_line(at: int, lines: Sequence[str]) -> int:
    """Return the next line that is neither blank nor a comment."""
    following = (
        number
        for number in range(at + 1, len(lines))
        if lines[number].strip() and lines[number].lstrip()[0] != "#"
    )
    return next(following, at)


def _is_comment(line: str, column: int) -> bool:
    return column == 0 or line[column - 1] in " \t"


def _find_scalars(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the start and end of each key and value, as line and column from 0."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    tokens = yaml.scan(text, Loader=loader)
    scalars = (token for token in tokens if isinstance(token, yaml.ScalarToken))
    return [(_position(token.start_mark), _position(token.end_mark)) for token in scalars]


def _position(mark: Any) -> tuple[int, int]:
    return mark.line, mark.column
