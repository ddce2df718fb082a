"""`# standby: ignore[code, code] reason`: a comment that silences warnings on its line, or on the next if it stands alone."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import yaml

from standby.config.finding import suggest
from standby.errors import Problem

UNUSED = "unused-ignore"

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


class Ignore(msgspec.Struct, frozen=True):
    """The codes that are silenced in a line, and where the comment stands, counted from 1."""

    codes: tuple[str, ...]
    target: int
    line: int
    column: int


def parse_ignores(text: str) -> tuple[Ignore, ...]:
    """Return the ignores of a text that is YAML; a `#` inside a value is none."""
    if not _IGNORE.search(text):
        return ()
    lines = text.splitlines()
    try:
        values = _values(text)
    except yaml.YAMLError:  # behind the document that counts
        return ()
    return tuple(
        _ignore(found, at, lines)
        for at, line in enumerate(lines)
        for found in _IGNORE.finditer(line)
        if _is_comment(line, found.start())
        and not any(start <= (at, found.start()) < end for start, end in values)
    )


def remove_silenced(problems: Sequence[Problem], ignores: Sequence[Ignore]) -> list[Problem]:
    """Return the problems that no comment silences; an error is never silenced."""
    return [
        problem for problem in problems if not any(_silences(ignore, problem) for ignore in ignores)
    ]


def find_unused_ignores(
    problems: Sequence[Problem], ignores: Sequence[Ignore], *, vary: bool
) -> Iterator[tuple[Ignore, Problem]]:
    """Give the ignores that silence nothing, each with what is to be said of it; `problems` are all that were found.

    Where problems `vary` from machine to machine, because variables name models, only codes that do
    not exist are told.
    """
    for ignore in ignores:
        silenced = {problem.code for problem in problems if _silences(ignore, problem)}
        for code in ignore.codes or ("",):
            known = code in SILENCEABLE
            if code in silenced or (
                known and (vary or code in ("no-key", "no-sdk"))
            ):  # either may be missing elsewhere
                continue
            hint = "remove it, or move it to the line that the warning names"
            if not known:
                hint = (
                    suggest(code, SILENCEABLE)
                    or f"what can be silenced is {', '.join(SILENCEABLE)}"
                )
            message = f"ignore[{code}] silences nothing in line {ignore.target}"
            yield ignore, Problem(code=UNUSED, message=message, hint=hint, severity="warning")


def _silences(ignore: Ignore, problem: Problem) -> bool:
    return (
        problem.severity != "error"
        and problem.line == ignore.target
        and problem.code in ignore.codes
    )


def _ignore(found: re.Match[str], at: int, lines: Sequence[str]) -> Ignore:
    target = at if lines[at][: found.start()].strip() else _next(at, lines)
    codes = tuple(code.strip() for code in found["codes"].split(",") if code.strip())
    return Ignore(codes, target + 1, at + 1, found.start() + 1)


def _next(at: int, lines: Sequence[str]) -> int:
    """Return the line that a comment which stands alone belongs to: the next that is neither blank nor a comment."""
    following = (
        number
        for number in range(at + 1, len(lines))
        if lines[number].strip() and lines[number].lstrip()[0] != "#"
    )
    return next(following, at)


def _is_comment(line: str, column: int) -> bool:
    return column == 0 or line[column - 1] in " \t"


def _values(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where the values and keys stand that may hold a `#`: from line and column to line and column, from 0."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    tokens = (
        token for token in yaml.scan(text, Loader=loader) if isinstance(token, yaml.ScalarToken)
    )
    return [(_position(token.start_mark), _position(token.end_mark)) for token in tokens]


def _position(mark: Any) -> tuple[int, int]:
    return mark.line, mark.column
