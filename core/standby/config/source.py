"""A file's bytes, as a tree of plain values with marks. Every scalar stays text: YAML 1.1 guesses at `no`, `1:30` and dates.

Aliases and merge keys are refused: a few hundred bytes of them can grow into gigabytes.
"""

import stat
from pathlib import Path
from typing import Any

import msgspec
import yaml

from standby.errors import Problem

Step = str | int
Place = tuple[Step, ...]
"""The keys and positions that lead to a value."""

LARGEST = 2**20
DEEPEST = 50
MOST_NODES = 10_000


class Mark(msgspec.Struct, frozen=True):
    """A place in the text, counted from 1."""

    line: int
    column: int


class Refused(Exception):
    """The text is no tree; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(problem.message)
        self.problem = problem


class Tree(msgspec.Struct):
    """What a file says: the value, and where each value and each key stands."""

    file: str
    value: Any
    values: dict[Place, Mark]
    keys: dict[Place, Mark]
    lines: list[str]
    problems: list[Problem]


def read_tree(path: Path, file: str) -> Tree:
    """Read a file; raises `Refused` for one that cannot be read or is no YAML."""
    return parse(_text(path, file), file)


def parse(text: str, file: str) -> Tree:
    """Read a text; raises `Refused` where it is no YAML. Duplicate keys, aliases and the like are the tree's `problems`."""
    builder = _Builder(Tree(file=file, value=None, values={}, keys={}, lines=text.splitlines(), problems=[]))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        builder.feed(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        raise Refused(_syntax(error, builder.tree)) from None
    if builder.tree.value is None and not builder.tree.problems:
        raise Refused(_refusal(file, "empty", "the file is empty", "begin with 'version: 1' and 'chains:'"))
    return builder.tree


def problem_at(tree: Tree, mark: Mark | None, **told: Any) -> Problem:
    """Return a problem with its place; a line that may hold a key is not shown."""
    if mark is None:
        return Problem(file=tree.file, **told)
    excerpt = tree.lines[mark.line - 1].rstrip() if mark.line <= len(tree.lines) else ""
    if "key" in excerpt.lower():
        excerpt = ""
    return Problem(file=tree.file, line=mark.line, column=mark.column, excerpt=excerpt, **told)


def _text(path: Path, file: str) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise Refused(_refusal(file, "no-file", "this is a directory", "name the models.yaml in it"))
        if not stat.S_ISREG(mode):
            raise Refused(_refusal(file, "no-file", "this is no regular file", "name a file"))
        data = path.read_bytes() if path.stat().st_size <= LARGEST else b" " * (LARGEST + 1)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise Refused(_refusal(file, "no-file", f"cannot be read: {words}", "check the name and the permissions")) from None
    if len(data) > LARGEST:
        raise Refused(_refusal(file, "too-large", f"the file is larger than {LARGEST} bytes", "is it the right one?"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        words = f"the file is not UTF-8 (byte {error.start})"
        raise Refused(_refusal(file, "not-utf-8", words, "save it as UTF-8")) from None
    return text


def _refusal(file: str, code: str, message: str, hint: str) -> Problem:
    return Problem(code=code, file=file, message=message, hint=hint)


def _syntax(error: yaml.YAMLError, tree: Tree) -> Problem:
    words = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "this is no YAML")
    at = getattr(error, "problem_mark", None)
    mark = Mark(at.line + 1, at.column + 1) if at is not None else None
    line = tree.lines[mark.line - 1] if mark is not None and mark.line <= len(tree.lines) else ""
    hint = "check the indentation and the quotes"
    if "\t" in line[: len(line) - len(line.lstrip())] or ("cannot start any token" in words and "\t" in line):
        hint = "indent with spaces, not with tabs"
    elif "${" in line:
        hint = 'quote it: inside [ ] and { } a variable is written "${NAME}"'
    return problem_at(tree, mark, code="syntax", message=f"this is no YAML: {words}", hint=hint)


class _Builder:
    """Builds the tree from YAML's events."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._nodes = 0

    def feed(self, events: Any) -> None:
        self._events = iter(events)
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._problem(event, "two-documents", "a second document begins here", "keep one, without '---'")
                    return
            elif isinstance(event, yaml.NodeEvent):
                self.tree.value = self._node(event, ())

    def _node(self, event: Any, place: Place) -> Any:
        self._nodes += 1
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        self.tree.values[place] = mark
        if self._nodes > MOST_NODES or len(place) > DEEPEST:
            words = f"the file has more than {MOST_NODES} values, or is nested deeper than {DEEPEST}"
            raise Refused(problem_at(self.tree, mark, code="too-large", message=words, hint="is it the right one?"))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._problem(event, "alias", "anchors (&) and aliases (*) are not used here", "write the value out")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place)
        if isinstance(event, yaml.AliasEvent):
            return None
        if not event.style and event.value in ("", "~", "null", "Null", "NULL"):
            return None
        return event.value

    def _sequence(self, place: Place) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*place, len(items))))
            if items[-1] is None and isinstance(event, yaml.ScalarEvent):
                self._problem(event, "empty", "this item is empty", "write it, or take the '-' away")
        return items

    def _mapping(self, place: Place) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._problem(event, "bad-key", "a key must be a plain word", 'quote it: inside [ ] and { } write "${NAME}"')
                self._node(event, (*place, "?"))
                self._node(next(self._events), (*place, "?"))
                continue
            self._key(event, key, place)
            pairs[key] = self._node(next(self._events), (*place, key))
        return pairs

    def _key(self, event: Any, key: str, place: Place) -> None:
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        if key == "<<" and not event.style:
            self._problem(event, "alias", "merge keys (<<) are not used here", "write the values out")
        elif (*place, key) in self.tree.keys:
            first = self.tree.keys[*place, key].line
            self._problem(event, "duplicate-key", f"the key {key!r} stands here and in line {first}", "keep one of them")
        self.tree.keys.setdefault((*place, key), mark)

    def _problem(self, event: Any, code: str, message: str, hint: str) -> None:
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        self.tree.problems.append(problem_at(self.tree, mark, code=code, message=message, hint=hint))
