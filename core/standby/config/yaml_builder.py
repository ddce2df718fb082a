"""Builds a file's tree from YAML's events.

Every scalar stays a text: YAML 1.1 guesses at `no`, `1:30` and dates.

An alias (`*id001`, which PyYAML's own dump writes for a value that occurs twice) is a copy of what
its anchor (`&id001`) marks, as if it were written out. A few hundred bytes of aliases can expand to
gigabytes, so every copy counts towards the limits. Merge keys are refused.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import yaml

from standby.config.excerpt import is_secret_name
from standby.config.finding import Location
from standby.config.scalars import Unquoted
from standby.config.syntax_hints import find_swallowed_item
from standby.config.tree import DEEPEST, MOST_NODES, Mark, Tree, UnreadableConfig
from standby.errors import Problem

_WRITE_OUT = "write the value out, or quote a text that begins with '*'"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class YamlBuilder:
    """Fills a tree from YAML's events.

    An alias is built from the recorded events of its anchor, which are played again.
    """

    def __init__(self, tree: Tree, text: str) -> None:
        """Prepare to fill a tree.

        Args:
            tree: The tree to fill.
            text: The file's text.

        """
        self._tree = tree
        self._text = text
        self._events: Iterator[Any] = iter(())
        self._nodes = 0
        self._anchors: dict[str, list[Any]] = {}
        self._secret_anchors: set[str] = set()
        self._recording: dict[str, list[Any]] = {}
        self._is_copying = False

    def build(self, events: Iterable[Any]) -> None:
        """Fill the tree; problems are added to it.

        Args:
            events: The parser's events.

        Raises:
            UnreadableConfig: The file has too many values, or is nested too deeply.
            yaml.YAMLError: The events come from a text that is not YAML.

        """
        self._events = iter(events)
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    message = "a second document begins here"
                    self._report(event, "two-documents", message, "keep one, without '---'")
                    return
            elif isinstance(event, yaml.NodeEvent):
                self._tree.value = self._build_node(event, ())

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.splitlines()

    def _next_event(self) -> Any:
        event = next(self._events)
        if not self._is_copying:
            for recorded in self._recording.values():
                recorded.append(event)
        return event

    def _build_node(self, event: Any, location: Location) -> Any:
        self._count_node(event, location)
        if isinstance(event, yaml.AliasEvent):
            return self._copy_anchor(event, location)
        self._refuse_tag(event)
        if event.anchor is None or self._is_copying:
            return self._build_value(event, location)
        self._recording[event.anchor] = [event]
        self._secret_anchors.discard(event.anchor)
        if _holds_secret(location):
            self._secret_anchors.add(event.anchor)
        value = self._build_value(event, location)
        self._anchors[event.anchor] = self._recording.pop(event.anchor, [])
        return value

    def _count_node(self, event: Any, location: Location) -> None:
        self._nodes += 1
        self._tree.values[location] = mark = _mark(event)
        if self._nodes <= MOST_NODES and len(location) <= DEEPEST:
            return
        message = f"the file has more than {MOST_NODES} values, or is nested deeper than {DEEPEST}"
        if self._is_copying:
            message = f"with its aliases (*) written out, {message}"
        problem = Problem(code="too-large", message=message, hint="is it the right one?")
        raise UnreadableConfig(self._tree.locate(mark, problem))

    def _build_value(self, event: Any, location: Location) -> Any:
        if isinstance(event, yaml.MappingStartEvent):
            return self._build_mapping(location)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._build_sequence(location)
        if event.style:
            return event.value
        if event.end_mark.line > event.start_mark.line and self._report_swallowed(event, location):
            return None
        return None if event.value in _NULLS else Unquoted(event.value)

    def _report_swallowed(self, event: Any, location: Location) -> bool:
        """Report a text of several lines that has swallowed the next list item, if it has."""
        first, last = event.start_mark.line, event.end_mark.line
        problem = find_swallowed_item(self._lines, first, last)
        if problem is None:
            return False
        self._tree.failed.add(location)
        self._tree.report(Mark(problem.line + 1, 1), "syntax", problem.message, problem.hint)
        return True

    def _copy_anchor(self, alias: Any, location: Location) -> Any:
        """Build an alias's value; problems inside of it were reported where it is written."""
        reason = self._reject_alias(alias.anchor, location)
        if reason:
            message = f"*{alias.anchor} repeats no value: {reason}"
            self._report(alias, "alias", message, _WRITE_OUT)
            self._tree.failed.add(location)
            return None
        recorded = self._anchors[alias.anchor]
        events, is_copying = self._events, self._is_copying
        self._events, self._is_copying = iter(recorded[1:]), True
        value = self._build_node(recorded[0], location)
        self._events, self._is_copying = events, is_copying
        self._tree.values[location] = _mark(alias)
        return value

    def _reject_alias(self, anchor: str, location: Location) -> str:
        """Return why an alias is refused, or "".

        A secret must not be copied under another name, where it would be shown.
        """
        if anchor in self._recording:
            return "it is inside the value that it would repeat"
        if anchor in self._secret_anchors and not _holds_secret(location):
            return f"&{anchor} marks a value with a key's name"
        return "" if anchor in self._anchors else f"no &{anchor} comes before it"

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            hint = "remove it; the field's type is known without it"
            self._report(event, "tag", "tags (!) are not used here", hint)

    def _build_sequence(self, location: Location) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next_event(), yaml.SequenceEndEvent):
            at = (*location, len(items))
            items.append(self._build_node(event, at))
            is_empty = items[-1] is None and isinstance(event, yaml.ScalarEvent)
            if is_empty and at not in self._tree.failed:
                hint = "write it, or remove the '-'"
                self._report(event, "empty", "this item is empty", hint)
        return items

    def _build_mapping(self, location: Location) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while not isinstance(event := self._next_event(), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._skip_pair(event, location)
                continue
            is_merge = key == "<<" and not event.style
            self._add_key(event, key, location, pairs, is_merge=is_merge)
            value = self._build_node(self._next_event(), (*location, key))
            pairs[key] = None if is_merge else value
        return pairs

    def _skip_pair(self, event: Any, location: Location) -> None:
        hint = 'quote it: inside [ ] and { } write "${NAME}"'
        self._report(event, "bad-key", "a key must be a plain word", hint)
        self._build_node(event, (*location, "?"))
        self._build_node(self._next_event(), (*location, "?"))

    def _add_key(
        self, event: Any, key: str, location: Location, pairs: dict[str, Any], *, is_merge: bool
    ) -> None:
        self._refuse_tag(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = [event]
        if is_merge:
            message = "merge keys (<<) are not used here"
            self._report(event, "alias", message, "write the values out")
            self._tree.failed.add((*location, key))
        elif key in pairs:
            first = self._tree.keys[*location, key].line
            message = f"the key {key!r} is here and in line {first}"
            self._report(event, "duplicate-key", message, "keep one of them")
        self._tree.keys[*location, key] = _mark(event)

    def _report(self, event: Any, code: str, message: str, hint: str) -> None:
        if not self._is_copying:
            self._tree.report(_mark(event), code, message, hint)


def _holds_secret(location: Location) -> bool:
    return any(is_secret_name(str(step)) for step in location)


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
