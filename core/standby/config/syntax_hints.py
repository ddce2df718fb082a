"""Explains why a file is not YAML: common mistakes of layout, instead of the parser's message.

Each rule looks at the line at which the parser stopped, and at the line with text before it: a
mistake is often noticed one line late. Lines are counted from 0.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_KEY = r"^(?P<indent> *(?:- +)*)(?P<key>[A-Za-z_][\w./-]*)"
_KEY_AND_VALUE = re.compile(_KEY + ": ")
_NO_SPACE_AFTER_COLON = re.compile(_KEY + r":(?P<value>[^\s:/][^:]*)$")
_NO_COLON = re.compile(_KEY + r"\s*$")
_EQUALS = re.compile(_KEY + r"\s*=\s*(?P<value>.*)$")
_COLON_IN_VALUE = re.compile(_KEY + r":\s+(?P<value>[^\s\"'\[{|>&*#][^#]*: .*)$")
_DASH_AFTER_KEY = re.compile(_KEY + r":\s+-\s")
_UNQUOTED = re.compile(r"(?:^ *|[:-]\s+)(?P<value>[@%`][^\s,\]}]*)")
_NO_SPACE_AFTER_DASH = re.compile(r"^ *-(?P<value>[^\s\-][^:]*)$")
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_COMMENT = re.compile(r"(^|\s)#.*")


class SyntaxProblem(NamedTuple):
    """A mistake in a file's layout, and what to do about it."""

    line: int
    message: str
    hint: str


Rule = Callable[[Sequence[str], int, str], SyntaxProblem | None]
"""Looks for one mistake: takes the lines, the line to look at, and the parser's message."""


def explain_syntax_error(lines: Sequence[str], at: int, message: str) -> SyntaxProblem | None:
    """Find the mistake that stopped the parser.

    Args:
        lines: The file's lines.
        at: The line at which the parser stopped, counted from 0.
        message: The parser's message.

    Returns:
        The mistake; `None` where it is not known.

    """
    candidates = [at, *_text_lines_before(lines, at)][:2]
    problems = (rule(lines, line, message) for rule in _RULES for line in candidates)
    return next((problem for problem in problems if problem is not None), None)


def find_swallowed_item(lines: Sequence[str], first: int, last: int) -> SyntaxProblem | None:
    """Find a list item that became a part of the value above it.

    Args:
        lines: The file's lines.
        first: The value's first line, counted from 0.
        last: The value's last line.

    Returns:
        The mistake; `None` where no line of the value begins with a dash.

    """
    dashed = next((at for at in range(first + 1, last + 1) if _is_item(lines[at])), None)
    if dashed is None:
        return None
    text = lines[first].lstrip()
    if text.startswith("- "):
        message = "this '-' is deeper than the one above, so both are one value"
        hint = f"begin it in column {_indent(lines[first]) + 1}, as the one above"
        return SyntaxProblem(dashed, message, hint)
    if text.startswith("-"):
        message = "a '-' without a space after it does not begin a list item"
        return SyntaxProblem(first, message, "write '- ' before each")
    match = _NO_COLON.match(lines[first])
    if match is not None:
        return _missing_colon(first, match["key"])
    if _KEY_AND_VALUE.match(lines[first]):
        hint = "begin a list on the line below its key, or quote the text"
        return SyntaxProblem(dashed, "this '-' continues the value above it", hint)
    return None


def _fence(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    if not lines[at].startswith("```"):
        return None
    hint = "remove it, and the one at the end"
    return SyntaxProblem(at, "this line belongs to Markdown", hint)


def _dash(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    if not _NO_SPACE_AFTER_DASH.match(lines[at]) or lines[at].startswith("---"):
        return None
    return SyntaxProblem(at, "a '-' needs a space after it", "write '- ' and then the item")


def _dash_after_key(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    if _DASH_AFTER_KEY.match(lines[at]) is None:
        return None
    message = "a list begins on the line below its key"
    return SyntaxProblem(at, message, "move the first '-' there")


def _equals(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    match = _EQUALS.match(lines[at])
    if match is None:
        return None
    message = "a key is followed by ':', not by '='"
    return SyntaxProblem(at, message, f"write {match['key']}: …")


def _colon(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    match = _NO_SPACE_AFTER_COLON.match(lines[at])
    if match is None:
        return None
    return SyntaxProblem(at, "a ':' needs a space after it", f"write {match['key']}: …")


def _no_colon(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    match = _NO_COLON.match(lines[at])
    if match is None or "-" in match["indent"]:
        return None
    return _missing_colon(at, match["key"])


def _missing_colon(at: int, key: str) -> SyntaxProblem:
    return SyntaxProblem(at, f"{key!r} has no ':' after it", f"write {key}:")


def _colon_in_value(lines: Sequence[str], at: int, message: str) -> SyntaxProblem | None:
    match = _COLON_IN_VALUE.match(lines[at])
    if match is None or "mapping values" not in message:
        return None
    hint = f"quote what comes after {match['key']}:"
    return SyntaxProblem(at, "a value with ': ' in it is read as another key", hint)


def _find_unquoted(lines: Sequence[str], at: int, message: str) -> SyntaxProblem | None:
    match = _UNQUOTED.search(_remove_quoted(lines[at]))
    if match is None or "cannot start any token" not in message:
        return None
    return SyntaxProblem(at, f"a value cannot begin with {match['value'][0]!r}", "quote it")


def _unclosed_bracket(lines: Sequence[str], at: int, message: str) -> SyntaxProblem | None:
    if "expected ','" not in message:
        return None
    for line in _text_lines_before(lines, at):
        text = _remove_quoted(_COMMENT.sub("", lines[line]))
        for opening, closing in ("[]", "{}"):
            if text.count(opening) > text.count(closing):
                problem = f"the {opening!r} in this line is never closed"
                return SyntaxProblem(line, problem, f"write {closing} at its end")
    return None


def _unclosed_quote(lines: Sequence[str], at: int, message: str) -> SyntaxProblem | None:
    if "unexpected end of stream" not in message:
        return None
    candidates = (at, *_text_lines_before(lines, at))
    unclosed = [line for line in candidates if re.search("[\"']", _remove_quoted(lines[line]))]
    if not unclosed:
        return None
    return SyntaxProblem(min(unclosed), "a quote that begins in this line never ends", "close it")


def _key_in_list(lines: Sequence[str], at: int, message: str) -> SyntaxProblem | None:
    if "'-' indicator" not in message or not lines[at].strip():
        return None
    hint = "begin it below the list's own key"
    return SyntaxProblem(at, "a key is among the items of a list", hint)


def _indentation(lines: Sequence[str], at: int, _: str) -> SyntaxProblem | None:
    """Find a line that is aligned neither with its neighbours nor with what it belongs to."""
    if _is_item(lines[at]):
        return _item_indentation(lines, at)
    indent = _indent(lines[at])
    open_indents: list[int] = []
    for line in _text_lines_before(lines, at):
        if not open_indents or _indent(lines[line]) < open_indents[-1]:
            open_indents.append(_indent(lines[line]))
    if indent in open_indents or not open_indents:
        return None
    nearest = min(open_indents, key=lambda each: abs(each - indent))
    message = f"this line begins in column {indent + 1}, and no line that it could belong to does"
    return SyntaxProblem(at, message, f"begin it in column {nearest + 1}")


def _item_indentation(lines: Sequence[str], at: int) -> SyntaxProblem | None:
    """Find a list item that is not aligned with the one before it."""
    above = next((each for each in _text_lines_before(lines, at) if _is_item(lines[each])), None)
    if above is None or _indent(lines[above]) == _indent(lines[at]):
        return None
    column, column_above = _indent(lines[at]) + 1, _indent(lines[above]) + 1
    message = f"this '-' is in column {column}, the one above in column {column_above}"
    return SyntaxProblem(at, message, "put each '-' of a list below the first")


_RULES: tuple[Rule, ...] = (
    _fence,
    _dash,
    _dash_after_key,
    _equals,
    _unclosed_bracket,
    _unclosed_quote,
    _find_unquoted,
    _colon,
    _no_colon,
    _colon_in_value,
    _key_in_list,
    _indentation,
)


def _text_lines_before(lines: Sequence[str], at: int) -> Iterator[int]:
    """Yield the lines before one, the nearest first, that are neither blank nor a comment."""
    return (
        line
        for line in range(min(at, len(lines)) - 1, -1, -1)
        if _COMMENT.sub("", lines[line]).strip()
    )


def _remove_quoted(line: str) -> str:
    return _QUOTED.sub("", line)


def _is_item(line: str) -> bool:
    return line.lstrip().startswith("-")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
