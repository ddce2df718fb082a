"""A file's bytes, as a tree of plain values with marks. Every scalar stays text: YAML 1.1 guesses at `no`, `1:30` and dates.

An alias (`*id001`, as PyYAML's own dump writes a value that occurs twice) stands for a copy of what
its anchor (`&id001`) marks, as though it were written out: a few hundred bytes of them can grow
into gigabytes, so every copy counts towards the largest file. Merge keys are refused.
"""

import re
import stat
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import yaml

from standby.config.excerpt import Excerpts, is_secret_name, mask_secrets
from standby.config.finding import Location
from standby.config.ignore_comments import Ignore, parse_ignores
from standby.config.scalars import Unquoted
from standby.config.syntax_hints import explain_syntax_error, find_swallowed_item
from standby.errors import Problem

LONGEST_MESSAGE = 500
"""Characters of a message that quotes what a file says."""

LARGEST = 2**20
DEEPEST = 50
MOST_NODES = 10_000

UNKNOWN = "check the indentation and the quotes"
"""What is left to say where no slip is known."""

_OF_A_DICTIONARY = {
    "write one item per line, each after '- '": "write a list: ['a', 'b']",
    "write it in brackets: models: [a, b]": "write a list: ['a', 'b']",
    "write a space after each '-'": "write a list: ['a', 'b']",
    "write 'key: value' lines, indented below it": "write a dictionary: {'key': value}",
    "write one text after the ':'": "write one text",
    "write true or false": "write True or False",
    "add 'version: 1'": "add 'version': 1",
}
"""What a hint for a file says to whom writes a dictionary."""

_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")


class Mark(msgspec.Struct, frozen=True):
    """A location in the text, counted from 1; in a dictionary, which has no lines, the `path` that leads there."""

    line: int
    column: int
    path: str = ""

    @property
    def description(self) -> str:
        """Return it as people say it: "line 3", or the path."""
        return f"line {self.line}" if self.line else self.path


class UnreadableConfig(Exception):
    """The text is no tree; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(problem.message)
        self.problem = problem


class Tree(msgspec.Struct):
    """What a file says: the value, and where each value and each key stands.

    `lines` are as they may be shown; `failed` is where something should stand and could not be had.
    """

    file: str
    value: Any
    values: dict[Location, Mark]
    keys: dict[Location, Mark]
    lines: Excerpts
    problems: list[Problem]
    failed: set[Location]
    ignores: tuple[Ignore, ...] = ()


def read_file(path: Path, file: str) -> Tree:
    """Read a file; raises `UnreadableConfig` for one that cannot be read or is no YAML."""
    return parse_text(_text(path, file), file)


def parse_text(text: str, file: str) -> Tree:
    """Read a text; raises `UnreadableConfig` where it is no YAML. Duplicate keys, tags and the like are the tree's `problems`."""
    tree = Tree(
        file=file, value=None, values={}, keys={}, lines=Excerpts(text), problems=[], failed=set()
    )
    loader = getattr(
        yaml, "CSafeLoader", yaml.SafeLoader
    )  # libyaml is 8 times as fast, where it is there
    try:
        _Builder(tree, text).feed(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        raise UnreadableConfig(_syntax(error, tree, text.splitlines())) from None
    tree.ignores = parse_ignores(text)
    if tree.value is None and not tree.problems:
        raise UnreadableConfig(
            _refusal(file, "empty", "the file is empty", "begin with 'version: 1' and 'chains:'")
        )
    return tree


def locate_problem(tree: Tree, mark: Mark | None, problem: Problem) -> Problem:
    """Return a problem with its location, and without any word that looks like a key."""
    message, hint = mask_secrets(problem.message), mask_secrets(problem.hint)
    message = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]} …"
    if mark is not None and not mark.line:
        message = message.removeprefix(f"{mark.path}: ")
        hint = _OF_A_DICTIONARY.get(hint, hint)
    told = msgspec.structs.replace(problem, file=tree.file, message=message, hint=hint)
    if mark is None:
        return told
    if not mark.line:
        return msgspec.structs.replace(
            told, file=mark.path or tree.file, message=re.sub("^the file", tree.file, message)
        )
    return msgspec.structs.replace(
        told, line=mark.line, column=mark.column, excerpt=tree.lines.at(mark.line)
    )


def _text(path: Path, file: str) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableConfig(
                _refusal(file, "no-file", "this is a directory", "name the models.yaml in it")
            )
        if not stat.S_ISREG(mode):
            raise UnreadableConfig(
                _refusal(file, "no-file", "this is not a regular file", "name a file")
            )
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        words = (getattr(error, "strerror", None) or str(error)).lower()
        raise UnreadableConfig(
            _refusal(
                file, "no-file", f"cannot be read: {words}", "check the name and the permissions"
            )
        ) from None
    if len(data) > LARGEST:
        raise UnreadableConfig(
            _refusal(
                file,
                "too-large",
                f"the file is larger than {LARGEST} bytes",
                "is it the right one?",
            )
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        words = f"the file is not UTF-8 (byte {error.start})"
        raise UnreadableConfig(_refusal(file, "not-utf-8", words, "save it as UTF-8")) from None


def _refusal(file: str, code: str, message: str, hint: str) -> Problem:
    return Problem(code=code, file=file, message=message, hint=hint)


def _syntax(error: yaml.YAMLError, tree: Tree, lines: list[str]) -> Problem:
    words = str(
        getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    )
    at = getattr(error, "problem_mark", None)
    if at is None or not lines:
        return locate_problem(
            tree,
            None,
            Problem(code="syntax", message=f"this is not YAML: {words}", hint=_remedy("", words)),
        )
    beyond = at.line >= len(lines)  # something is missing at the end
    mark = Mark(len(lines), len(lines[-1]) + 1) if beyond else Mark(at.line + 1, at.column + 1)
    hint = _remedy(lines[mark.line - 1], words)
    slip = explain_syntax_error(lines, mark.line - 1, words) if hint == UNKNOWN else None
    if slip is not None:
        words, hint = slip.message, slip.hint
        mark = mark if slip.line == mark.line - 1 else Mark(slip.line + 1, 1)
    return locate_problem(
        tree, mark, Problem(code="syntax", message=f"this is not YAML: {words}", hint=hint)
    )


def _remedy(line: str, words: str) -> str:
    if "\t" in line[: len(line) - len(line.lstrip())] or (
        "cannot start any token" in words and "\t" in line
    ):
        return "indent with spaces, not with tabs"
    if "${" in _QUOTED.sub("", line):
        return 'quote it: inside [ ] and { } a variable is written "${NAME}"'
    if "control characters" in words:
        return "this is not text, or not UTF-8; is it the right file?"
    return UNKNOWN


_WRITE_OUT = "write the value out, or quote a text that begins with '*'"


class _Builder:
    """Builds the tree from YAML's events; an alias is built from the events that its anchor marks, played again."""

    def __init__(self, tree: Tree, text: str) -> None:
        self.tree = tree
        self._text = text
        self._nodes = 0
        self._anchored: dict[str, list[Any]] = {}
        self._secret: set[str] = set()
        self._recording: dict[str, list[Any]] = {}
        self._copying = False

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.splitlines()

    def feed(self, events: Any) -> None:
        self._events = iter(events)
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._problem(
                        event,
                        "two-documents",
                        "a second document begins here",
                        "keep one, without '---'",
                    )
                    return
            elif isinstance(event, yaml.NodeEvent):
                self.tree.value = self._node(event, ())

    def _next(self) -> Any:
        event = next(self._events)
        if not self._copying:
            for recorded in self._recording.values():
                recorded.append(event)
        return event

    def _node(self, event: Any, location: Location) -> Any:
        self._count(event, location)
        if isinstance(event, yaml.AliasEvent):
            return self._copy(event, location)
        self._refuse_tag(event)
        if event.anchor is None or self._copying:
            return self._plain(event, location)
        self._recording[event.anchor] = [event]
        self._secret = self._secret - {event.anchor} | {
            event.anchor for step in location if is_secret_name(str(step))
        }
        value = self._plain(event, location)
        self._anchored[event.anchor] = self._recording.pop(event.anchor, [])
        return value

    def _count(self, event: Any, location: Location) -> None:
        self._nodes += 1
        self.tree.values[location] = mark = _mark(event)
        if self._nodes > MOST_NODES or len(location) > DEEPEST:
            words = (
                f"the file has more than {MOST_NODES} values, or is nested deeper than {DEEPEST}"
            )
            if self._copying:
                words = f"with its aliases (*) written out, {words}"
            raise UnreadableConfig(
                locate_problem(
                    self.tree,
                    mark,
                    Problem(code="too-large", message=words, hint="is it the right one?"),
                )
            )

    def _plain(self, event: Any, location: Location) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(location)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(location)
        if event.style:
            return event.value
        if event.end_mark.line > event.start_mark.line and self._swallows(event, location):
            return None
        return None if event.value in ("", "~", "null", "Null", "NULL") else Unquoted(event.value)

    def _swallows(self, event: Any, location: Location) -> bool:
        """Say whether a text of several lines has taken in what was to be another item; that is told."""
        slip = find_swallowed_item(self._lines, event.start_mark.line, event.end_mark.line)
        if slip is None:
            return False
        self.tree.failed.add(location)
        problem = Problem(code="syntax", message=slip.message, hint=slip.hint)
        self.tree.problems.append(locate_problem(self.tree, Mark(slip.line + 1, 1), problem))
        return True

    def _copy(self, alias: Any, location: Location) -> Any:
        """Build what an alias stands for; what is wrong with it has been told where it is written."""
        anchored, refusal = (
            self._anchored.get(alias.anchor),
            self._refusal_of(alias.anchor, location),
        )
        if anchored is None or refusal:
            self._problem(
                alias, "alias", f"*{alias.anchor} repeats no value: {refusal}", _WRITE_OUT
            )
            self.tree.failed.add(location)
            return None
        events, copying = self._events, self._copying
        self._events, self._copying = iter(anchored[1:]), True
        value = self._node(anchored[0], location)
        self._events, self._copying = events, copying
        self.tree.values[location] = _mark(alias)
        return value

    def _refusal_of(self, anchor: str, location: Location) -> str:
        """Say why an alias cannot be taken; a key must not come out under another name, where it would be shown."""
        if anchor in self._recording:
            return "it is inside the value that it would repeat"
        if anchor in self._secret and not any(is_secret_name(str(step)) for step in location):
            return f"&{anchor} marks a value with a key's name"
        return "" if anchor in self._anchored else f"no &{anchor} comes before it"

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            self._problem(
                event,
                "tag",
                "tags (!) are not used here",
                "remove it; the field's type is known without it",
            )

    def _sequence(self, location: Location) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*location, len(items))))
            is_told = (*location, len(items) - 1) in self.tree.failed
            if items[-1] is None and isinstance(event, yaml.ScalarEvent) and not is_told:
                self._problem(event, "empty", "this item is empty", "write it, or remove the '-'")
        return items

    def _mapping(self, location: Location) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._problem(
                    event,
                    "bad-key",
                    "a key must be a plain word",
                    'quote it: inside [ ] and { } write "${NAME}"',
                )
                self._node(event, (*location, "?"))
                self._node(self._next(), (*location, "?"))
                continue
            merges = self._key(event, key, location, pairs)
            value = self._node(self._next(), (*location, key))
            pairs[key] = None if merges else value
        return pairs

    def _key(self, event: Any, key: str, location: Location, pairs: dict[str, Any]) -> bool:
        """Take a key in; says whether it is one that merges, whose value counts for nothing."""
        self._refuse_tag(event)
        if event.anchor is not None:
            self._anchored[event.anchor] = [event]
        merges = key == "<<" and not event.style
        if merges:
            self._problem(
                event, "alias", "merge keys (<<) are not used here", "write the values out"
            )
            self.tree.failed.add((*location, key))
        elif key in pairs:
            first = self.tree.keys[*location, key].line
            self._problem(
                event,
                "duplicate-key",
                f"the key {key!r} is here and in line {first}",
                "keep one of them",
            )
        self.tree.keys[*location, key] = _mark(event)
        return merges

    def _problem(self, event: Any, code: str, message: str, hint: str) -> None:
        if not self._copying:
            self.tree.problems.append(
                locate_problem(
                    self.tree, _mark(event), Problem(code=code, message=message, hint=hint)
                )
            )


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
