"""Which trigger recognises a failure. First match wins; within a trigger all fields must match, within a list any item."""

import importlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from standby.failures import Failure, Kind
from standby.settings import Trigger
from standby.types import Reply

T = TypeVar("T")

Predicate = Callable[[Reply | Failure], bool]
"""Recognises a failure, or a reply that is not good enough; a plugin brings it."""

FindPredicate = Callable[[str], Predicate]
"""Finds a plugin's test by the name that a trigger gives it."""

_Field = Callable[[Failure], bool]

CALLER_AT_FAULT = frozenset({Kind.INVALID_REQUEST, Kind.BLOCKED})
"""A 400 may echo the caller's words, so text alone never decides about these."""


class Triggers:
    """The triggers of one chain, compiled once."""

    def __init__(
        self, named: Iterable[tuple[str, Trigger]], tests: FindPredicate | None = None
    ) -> None:
        """Compile; raises `ValueError` for a pattern that RE2 refuses.

        `tests` finds a plugin's test by its name; without it no trigger that has one recognises
        anything.
        """
        self.tests = tests or _nothing
        self._rules: list[tuple[str, Trigger, list[_Field]]] = []
        self._of_replies: list[tuple[str, Trigger, Predicate]] = []
        for name, trigger in named:
            test = None if trigger.test is None else self.tests(trigger.test)
            self._rules.append((name, trigger, _fields(trigger, test)))
            if test is not None and is_of_replies(trigger):
                self._of_replies.append((name, trigger, test))

    def match(self, failure: Failure, *, provider: str, model: str) -> tuple[str, Trigger] | None:
        """Return the name of the first trigger that recognises the failure, and the trigger."""
        for name, trigger, fields in self._rules:
            if (
                _names(trigger.provider, provider)
                and _names(trigger.model, model)
                and all(fits(failure) for fits in fields)
            ):
                return name, trigger
        return None

    def reject(self, reply: Reply, *, provider: str, model: str) -> Failure | None:
        """Return what a trigger's test says against a reply; its `code` is the test's name."""
        for name, trigger, test in self._of_replies:
            if _names(trigger.provider, provider) and _names(trigger.model, model) and test(reply):
                words = f"rejected: the trigger {name!r} recognises the reply"
                return Failure(kind=Kind.REJECTED, code=trigger.test, message=words)
        return None


def pattern(expression: str) -> Callable[[str], bool]:
    """Compile one `message`: a piece of text, found in any case, or `/…/`, an RE2 expression. Raises `ValueError`."""
    if expression in ("", "//"):
        raise ValueError("it is empty and would recognise every failure")
    if not (len(expression) > 1 and expression.startswith("/") and expression.endswith("/")):
        piece = expression.casefold()
        return lambda text: piece in text.casefold()
    re2: Any = importlib.import_module(
        "re2"
    )  # has no types; `import standby` must not load it, only an expression needs it
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    try:
        compiled = re2.compile(expression[1:-1], options=options)
    except re2.error as error:
        words = str(
            error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error
        )
        raise ValueError(words) from None
    return lambda text: (
        compiled.search(text.encode(errors="replace")) is not None
    )  # half a character is no UTF-8


def _nothing(_: str) -> Predicate:
    return lambda _: False


def is_of_replies(trigger: Trigger) -> bool:
    """Say whether a test is asked about replies too: not beside a field that is about failures alone."""
    return trigger.test is not None and all(
        getattr(trigger, field) is None for field in ("kind", "status", "code", "message")
    )


def _fields(trigger: Trigger, test: Predicate | None) -> list[_Field]:
    tests: list[_Field] = []
    if trigger.kind is not None:
        kinds = frozenset(_listed(trigger.kind))
        tests.append(lambda failure: failure.kind in kinds)
    if trigger.status is not None:
        statuses = frozenset(str(status) for status in _listed(trigger.status))
        tests.append(
            lambda failure: (
                failure.status is not None
                and not statuses.isdisjoint(_status_names(failure.status))
            )
        )
    if trigger.code is not None:
        codes = frozenset(code.casefold() for code in _listed(trigger.code))
        tests.append(lambda failure: failure.code is not None and failure.code.casefold() in codes)
    if trigger.message is not None:
        patterns = [pattern(expression) for expression in _listed(trigger.message)]
        if not tests:
            tests.append(lambda failure: failure.kind not in CALLER_AT_FAULT)
        tests.append(lambda failure: any(found(failure.text) for found in patterns))
    if test is not None:
        tests.append(
            lambda failure: (
                failure.code == trigger.test if failure.kind is Kind.REJECTED else test(failure)
            )
        )
    return tests


def _listed(value: T | tuple[T, ...]) -> tuple[T, ...]:
    return cast("tuple[T, ...]", value) if isinstance(value, tuple) else (value,)


def _names(wanted: str | tuple[str, ...] | None, name: str) -> bool:
    return wanted is None or name in _listed(wanted)


def _status_names(status: int) -> tuple[str, str]:
    return str(status), f"{status // 100}xx"
