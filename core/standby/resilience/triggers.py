"""Which trigger recognises a failure: the first whose fields all match.

A field that is a list matches if any of its items does.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from standby.failures import Failure, Kind
from standby.settings import Trigger
from standby.types import Reply

T = TypeVar("T")

Predicate = Callable[[Reply | Failure], bool]
"""Recognises a failure, or a reply that is not good enough; a plugin brings it."""

FindPredicate = Callable[[str], Predicate]
"""Finds a plugin's predicate by the name in a trigger's `test`."""

_Condition = Callable[[Failure], bool]

CALLER_AT_FAULT = frozenset({Kind.INVALID_REQUEST, Kind.BLOCKED})
"""A 400 may echo the caller's text, so text alone never decides about these kinds."""


class Triggers:
    """The triggers of one chain, compiled once.

    Attributes:
        predicates: Finds a plugin's predicate by its name.
    """

    def __init__(
        self, named: Iterable[tuple[str, Trigger]], predicates: FindPredicate | None = None
    ) -> None:
        """Compile the triggers.

        Args:
            named: The triggers with their names, in order.
            predicates: Finds a plugin's predicate by its name; without it a trigger with a `test`
                recognises nothing.

        Raises:
            ValueError: RE2 refuses a pattern.
        """
        self.predicates = predicates or _find_none
        self._rules: list[tuple[str, Trigger, list[_Condition]]] = []
        self._reply_rules: list[tuple[str, Trigger, Predicate]] = []
        for name, trigger in named:
            predicate = None if trigger.test is None else self.predicates(trigger.test)
            self._rules.append((name, trigger, _conditions(trigger, predicate)))
            if predicate is not None and applies_to_replies(trigger):
                self._reply_rules.append((name, trigger, predicate))
        self.has_reply_rules = bool(self._reply_rules)

    def match(self, failure: Failure, *, provider: str, model: str) -> tuple[str, Trigger] | None:
        """Return the first trigger that recognises a failure.

        Args:
            failure: The failure.
            provider: The name of the provider that failed.
            model: The name of the model that failed.

        Returns:
            The trigger's name and the trigger; `None` where no trigger recognises it.
        """
        for name, trigger, conditions in self._rules:
            concerned = _concerns(trigger, provider, model)
            if concerned and all(condition(failure) for condition in conditions):
                return name, trigger
        return None

    def reject(self, reply: Reply, *, provider: str, model: str) -> Failure | None:
        """Return why a trigger rejects a reply.

        Args:
            reply: The reply.
            provider: The name of its provider.
            model: The name of its model.

        Returns:
            A failure whose `code` is the name of the trigger's predicate; `None` for a reply that
            no trigger rejects.
        """
        for name, trigger, predicate in self._reply_rules:
            if _concerns(trigger, provider, model) and predicate(reply):
                message = f"rejected: the trigger {name!r} recognises the reply"
                return Failure(kind=Kind.REJECTED, code=trigger.test, message=message)
        return None


def pattern(expression: str) -> Callable[[str], bool]:
    """Compile one item of a trigger's `message`.

    Args:
        expression: A piece of text, found in any case; or `/…/`, an RE2 expression.

    Returns:
        A function that says whether a text contains it.

    Raises:
        ValueError: It is empty, or RE2 refuses it; the message is RE2's own.
    """
    if expression in ("", "//"):
        raise ValueError("it is empty and would recognise every failure")
    delimited = expression.startswith("/") and expression.endswith("/")
    if len(expression) == 1 or not delimited:
        piece = expression.casefold()
        return lambda text: piece in text.casefold()
    compiled = _compile(expression[1:-1])
    # a lone surrogate is not valid UTF-8
    return lambda text: compiled.search(text.encode(errors="replace")) is not None


def _compile(expression: str) -> Any:
    # untyped; imported here because `import standby` must not load it
    re2: Any = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    try:
        return re2.compile(expression, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(error)) from None


def _find_none(_: str) -> Predicate:
    return lambda _: False


def applies_to_replies(trigger: Trigger) -> bool:
    """Return whether a trigger looks at replies too.

    Args:
        trigger: The trigger.

    Returns:
        Whether it has a `test` and no field that only a failure has.
    """
    return trigger.test is not None and all(
        getattr(trigger, field) is None for field in ("kind", "status", "code", "message")
    )


def _conditions(trigger: Trigger, predicate: Predicate | None) -> list[_Condition]:
    conditions = list(_structured_conditions(trigger))
    if trigger.message is not None:
        if not conditions:
            conditions.append(lambda failure: failure.kind not in CALLER_AT_FAULT)
        patterns = [pattern(expression) for expression in _as_tuple(trigger.message)]
        conditions.append(lambda failure: any(contains(failure.text) for contains in patterns))
    if predicate is not None:
        conditions.append(_predicate_condition(trigger, predicate))
    return conditions


def _structured_conditions(trigger: Trigger) -> Iterator[_Condition]:
    """Yield the conditions on what the caller's text cannot influence."""
    if trigger.kind is not None:
        kinds = frozenset(_as_tuple(trigger.kind))
        yield lambda failure: failure.kind in kinds
    if trigger.status is not None:
        statuses = frozenset(str(status) for status in _as_tuple(trigger.status))
        yield lambda failure: not statuses.isdisjoint(_status_names(failure.status))
    if trigger.code is not None:
        codes = frozenset(code.casefold() for code in _as_tuple(trigger.code))
        yield lambda failure: failure.code is not None and failure.code.casefold() in codes


def _predicate_condition(trigger: Trigger, predicate: Predicate) -> _Condition:
    """Ask the predicate; a reply that it has rejected before is known by the failure's code."""
    return lambda failure: (
        failure.code == trigger.test if failure.kind is Kind.REJECTED else predicate(failure)
    )


def _concerns(trigger: Trigger, provider: str, model: str) -> bool:
    return _includes(trigger.provider, provider) and _includes(trigger.model, model)


def _includes(names: str | tuple[str, ...] | None, name: str) -> bool:
    return names is None or name in _as_tuple(names)


def _as_tuple(value: T | tuple[T, ...]) -> tuple[T, ...]:
    return cast("tuple[T, ...]", value) if isinstance(value, tuple) else (value,)


def _status_names(status: int | None) -> tuple[str, ...]:
    return () if status is None else (str(status), f"{status // 100}xx")
