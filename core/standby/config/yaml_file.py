"""Reads a YAML file into a tree, and explains why a text is not YAML."""

import re
import stat
from pathlib import Path

import yaml

from standby.config.excerpt import Excerpts
from standby.config.ignore_comments import parse_ignores
from standby.config.syntax_hints import explain_syntax_error
from standby.config.tree import Mark, Tree, UnreadableConfig
from standby.config.yaml_builder import YamlBuilder
from standby.errors import Problem

LARGEST = 2**20
"""Bytes that a file may have."""

_UNKNOWN = "check the indentation and the quotes"
"""The hint for a syntax error of unknown cause."""

_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")


def read_file(path: Path, file: str) -> Tree:
    """Read a file.

    Args:
        path: Where the file is.
        file: The file's name, as messages show it.

    Returns:
        The tree. Duplicate keys, tags and the like are its `problems`.

    Raises:
        UnreadableConfig: The file cannot be read, is empty or too large, or is not YAML.

    """
    return parse_text(_read_text(path, file), file)


def parse_text(text: str, file: str) -> Tree:
    """Parse a text.

    Args:
        text: The YAML.
        file: The file's name, as messages show it.

    Returns:
        The tree. Duplicate keys, tags and the like are its `problems`.

    Raises:
        UnreadableConfig: The text is empty, too large, or not YAML.

    """
    tree = Tree(file=file, lines=Excerpts(text))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, if present: 8 times as fast
    try:
        YamlBuilder(tree, text).build(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        raise UnreadableConfig(_explain(error, tree, text.splitlines())) from None
    tree.ignores = parse_ignores(text)
    if tree.value is None and not tree.problems:
        raise _unreadable(
            file, "empty", "the file is empty", "begin with 'version: 1' and 'chains:'"
        )
    return tree


def _read_text(path: Path, file: str) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            hint = "name the models.yaml in it"
            raise _unreadable(file, "no-file", "this is a directory", hint)
        if not stat.S_ISREG(mode):
            raise _unreadable(file, "no-file", "this is not a regular file", "name a file")
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: the name has a NUL in it
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        hint = "check the name and the permissions"
        raise _unreadable(file, "no-file", f"cannot be read: {reason}", hint) from None
    if len(data) > LARGEST:
        message = f"the file is larger than {LARGEST} bytes"
        raise _unreadable(file, "too-large", message, "is it the right one?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 (byte {error.start})"
        raise _unreadable(file, "not-utf-8", message, "save it as UTF-8") from None


def _unreadable(file: str, code: str, message: str, hint: str) -> UnreadableConfig:
    return UnreadableConfig(Problem(code=code, file=file, message=message, hint=hint))


def _explain(error: yaml.YAMLError, tree: Tree, lines: list[str]) -> Problem:
    reason = getattr(error, "problem", None) or getattr(error, "reason", None)
    message = str(reason or "it cannot be read")
    at = getattr(error, "problem_mark", None)
    if at is None or not lines:
        return tree.locate(None, _not_yaml(message, _hint("", message)))
    is_past_end = at.line >= len(lines)  # something is missing at the end
    mark = Mark(len(lines), len(lines[-1]) + 1) if is_past_end else Mark(at.line + 1, at.column + 1)
    hint = _hint(lines[mark.line - 1], message)
    cause = explain_syntax_error(lines, mark.line - 1, message) if hint == _UNKNOWN else None
    if cause is None:
        return tree.locate(mark, _not_yaml(message, hint))
    if cause.line != mark.line - 1:
        mark = Mark(cause.line + 1, 1)
    return tree.locate(mark, _not_yaml(cause.message, cause.hint))


def _not_yaml(message: str, hint: str) -> Problem:
    return Problem(code="syntax", message=f"this is not YAML: {message}", hint=hint)


def _hint(line: str, message: str) -> str:
    indentation = line[: len(line) - len(line.lstrip())]
    is_tab = "\t" in line and "cannot start any token" in message
    if "\t" in indentation or is_tab:
        return "indent with spaces, not with tabs"
    if "${" in _QUOTED.sub("", line):
        return 'quote it: inside [ ] and { } a variable is written "${NAME}"'
    if "control characters" in message:
        return "this is not text, or not UTF-8; is it the right file?"
    return _UNKNOWN
