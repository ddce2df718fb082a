"""Slips of layout in a file that is not YAML: what a tired person typed, instead of a parser's words.

Each rule looks at the line that the parser stopped at and at the one with text before it: a slip
is often noticed one line late.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple


class SyntaxProblem(NamedTuple):
    """A slip: its line, counted from 0, what it is, and what to do."""

    line: int
    message: str
    hint: str


_KEY = r"^(?P<indent> *(?:- +)*)(?P<key>[A-Za-z_][\w./-]*)"
_NO_BLANK_BEHIND_COLON = re.compile(_KEY + r":(?P<value>[^\s:/][^:]*)$")
_NO_COLON = re.compile(_KEY + r"\s*$")
_EQUALS = re.compile(_KEY + r"\s*=\s*(?P<value>.*)$")
_COLON_IN_VALUE = re.compile(_KEY + r":\s+(?P<value>[^\s\"'\[{|>&*#][^#]*: .*)$")
_DASH_BEHIND_KEY = re.compile(_KEY + r":\s+-\s")
_UNQUOTED = re.compile(r"(?:^ *|[:-]\s+)(?P<value>[@%`][^\s,\]}]*)")
_NO_BLANK_BEHIND_DASH = re.compile(r"^ *-(?P<value>[^\s\-][^:]*)$")
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_COMMENT = re.compile(r"(^|\s)#.*")

Rule = Callable[[Sequence[str], int, str], SyntaxProblem | None]


def explain_syntax_error(lines: Sequence[str], at: int, words: str) -> SyntaxProblem | None:
    """Return the slip by which a parser stopped at a line, counted from 0, with these words; `None`: none is known."""
    near = [at, *(_before(lines, at))][:2]
    ways = chain.from_iterable(((rule, line) for line in near) for rule in _RULES)
    return next(
        (slip for rule, line in ways if (slip := rule(lines, line, words)) is not None), None
    )


def find_swallowed_item(lines: Sequence[str], first: int, last: int) -> SyntaxProblem | None:
    """Return the slip by which a value goes on over lines that begin with a dash, counted from 0."""
    dashed = next(
        (at for at in range(first + 1, last + 1) if lines[at].lstrip().startswith("-")), None
    )
    if dashed is None:
        return None
    begun = lines[first].lstrip()
    if begun.startswith("- "):
        return SyntaxProblem(
            dashed,
            "this '-' stands deeper than the one above, so both are one value",
            _below(lines, first),
        )
    if begun.startswith("-"):
        return SyntaxProblem(
            first,
            "a '-' without a space after it does not begin a list item",
            "write '- ' before each",
        )
    found = _NO_COLON.match(lines[first])
    if found is not None:
        return SyntaxProblem(
            first, f"{found['key']!r} has no ':' after it", f"write {found['key']}:"
        )
    if re.match(_KEY + ": ", lines[first]):
        what = "this '-' goes on with the value above it"
        return SyntaxProblem(
            dashed, what, "begin a list on the line below its key, or quote the text"
        )
    return None


def _fence(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    if lines[at].startswith("```"):
        return SyntaxProblem(
            at, "this line belongs to Markdown", "remove it, and the one at the end"
        )
    return None


def _dash(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    found = _NO_BLANK_BEHIND_DASH.match(lines[at])
    if found is None or lines[at].startswith("---"):
        return None
    return SyntaxProblem(at, "a '-' needs a space after it", "write '- ' and then the item")


def _dash_behind_key(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    if _DASH_BEHIND_KEY.match(lines[at]) is None:
        return None
    return SyntaxProblem(at, "a list begins on the line below its key", "move the first '-' there")


def _equals(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    found = _EQUALS.match(lines[at])
    if found is None:
        return None
    return SyntaxProblem(at, "a key is followed by ':', not by '='", f"write {found['key']}: …")


def _colon(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    found = _NO_BLANK_BEHIND_COLON.match(lines[at])
    if found is None:
        return None
    return SyntaxProblem(at, "a ':' needs a space after it", f"write {found['key']}: …")


def _no_colon(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    found = _NO_COLON.match(lines[at])
    if found is None or "-" in found["indent"]:
        return None
    return SyntaxProblem(at, f"{found['key']!r} has no ':' after it", f"write {found['key']}:")


def _colon_in_value(lines: Sequence[str], at: int, words: str) -> SyntaxProblem | None:
    found = _COLON_IN_VALUE.match(lines[at])
    if found is None or "mapping values" not in words:
        return None
    return SyntaxProblem(
        at,
        "a value with ': ' in it is read as another key",
        f"quote what comes after {found['key']}:",
    )


def _unquoted(lines: Sequence[str], at: int, words: str) -> SyntaxProblem | None:
    found = _UNQUOTED.search(_QUOTED.sub("", lines[at]))
    if found is None or "cannot start any token" not in words:
        return None
    return SyntaxProblem(at, f"a value cannot begin with {found['value'][0]!r}", "quote it")


def _unclosed(lines: Sequence[str], at: int, words: str) -> SyntaxProblem | None:
    """Find the bracket or the quote that is open where the parser wants it closed."""
    if "expected ','" in words:
        for line in (at, *_before(lines, at)):
            bare = _QUOTED.sub("", _COMMENT.sub("", lines[line]))
            for opens, closes in ("[]", "{}"):
                if bare.count(opens) > bare.count(closes) and line != at:
                    return SyntaxProblem(
                        line,
                        f"the {opens!r} in this line is never closed",
                        f"write {closes} at its end",
                    )
    if "unexpected end of stream" in words:
        odd = (
            line
            for line in (at, *_before(lines, at))
            if any(q in _QUOTED.sub("", lines[line]) for q in "\"'")
        )
        first = min(odd, default=None)
        if first is not None:
            return SyntaxProblem(first, "a quote that begins in this line never ends", "close it")
    return None


def _indented(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    """Find a line that begins neither below its neighbours nor below what it belongs to."""
    indent, is_item = _indent(lines[at]), lines[at].lstrip().startswith("-")
    open_at: list[int] = []
    for line in _before(lines, at):
        if not open_at or _indent(lines[line]) < open_at[-1]:
            open_at.append(_indent(lines[line]))
    if is_item:
        other = next(
            (line for line in _before(lines, at) if lines[line].lstrip().startswith("-")), None
        )
        if other is not None and _indent(lines[other]) != indent:
            what = f"this '-' stands in column {indent + 1}, the one above in column {_indent(lines[other]) + 1}"
            return SyntaxProblem(at, what, "put each '-' of a list below the first")
        return None
    if indent in open_at or not open_at:
        return None
    nearest = min(open_at, key=lambda known: abs(known - indent))
    what = f"this line begins in column {indent + 1}, and no line that it could belong to does"
    return SyntaxProblem(at, what, f"begin it in column {nearest + 1}")


def _key_in_list(lines: Sequence[str], at: int, words: str) -> SyntaxProblem | None:
    if "'-' indicator" not in words or not lines[at].strip():
        return None
    return SyntaxProblem(
        at, "a key is among the items of a list", "begin it below the list's own key"
    )


_RULES: tuple[Rule, ...] = (
    _fence,
    _dash,
    _dash_behind_key,
    _equals,
    _unclosed,
    _unquoted,
    _colon,
    _no_colon,
    _colon_in_value,
    _key_in_list,
    _indented,
)


def _before(lines: Sequence[str], at: int) -> Iterator[int]:
    """Give the lines before one, the nearest first, that say something."""
    return (
        line
        for line in range(min(at, len(lines)) - 1, -1, -1)
        if _COMMENT.sub("", lines[line]).strip()
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _below(lines: Sequence[str], first: int) -> str:
    return f"begin it in column {_indent(lines[first]) + 1}, as the one above"
