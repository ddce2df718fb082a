"""Which trigger recognises a failure. First match wins; within a trigger all fields must match, within a list any item."""

from collections.abc import Callable, Iterable
from typing import Any

from standby.failures import Failure, Kind
from standby.policy import Trigger

Test = Callable[[Failure], bool]

_CALLER_AT_FAULT = frozenset({Kind.INVALID_REQUEST, Kind.BLOCKED})
"""A 400 may echo the caller's words, so text alone never decides about these."""


class Triggers:
    """The triggers of one chain, compiled once."""

    def __init__(self, named: Iterable[tuple[str, Trigger]]) -> None:
        """Compile; raises `ValueError` for a pattern that RE2 refuses."""
        self._rules = [(name, trigger, _tests(trigger)) for name, trigger in named]

    def match(self, failure: Failure, *, provider: str, model: str) -> tuple[str, Trigger] | None:
        """Return the name of the first trigger that recognises the failure, and the trigger."""
        for name, trigger, tests in self._rules:
            if _names(trigger.provider, provider) and _names(trigger.model, model) and all(test(failure) for test in tests):
                return name, trigger
        return None


def pattern(expression: str) -> Callable[[str], bool]:
    """Compile one `message`: a piece of text, found in any case, or `/…/`, an RE2 expression. Raises `ValueError`."""
    if not (len(expression) > 1 and expression.startswith("/") and expression.endswith("/")):
        piece = expression.casefold()
        return lambda text: piece in text.casefold()
    import re2  # noqa: PLC0415 - `import standby` must not load it; only an expression needs it

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    try:
        compiled = re2.compile(expression[1:-1], options=options)
    except re2.error as error:
        words = str(error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error)
        raise ValueError(words) from None
    return lambda text: compiled.search(text) is not None


def _tests(trigger: Trigger) -> list[Test]:
    tests: list[Test] = []
    if trigger.kind is not None:
        kinds = frozenset(_listed(trigger.kind))
        tests.append(lambda failure: failure.kind in kinds)
    if trigger.status is not None:
        statuses = frozenset(str(status) for status in _listed(trigger.status))
        tests.append(lambda failure: failure.status is not None and not statuses.isdisjoint(_status_names(failure.status)))
    if trigger.code is not None:
        codes = frozenset(code.casefold() for code in _listed(trigger.code))
        tests.append(lambda failure: failure.code is not None and failure.code.casefold() in codes)
    if trigger.message is not None:
        patterns = [pattern(expression) for expression in _listed(trigger.message)]
        if not tests:
            tests.append(lambda failure: failure.kind not in _CALLER_AT_FAULT)
        tests.append(lambda failure: any(found(failure.text) for found in patterns))
    return tests


def _listed(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _names(wanted: str | tuple[str, ...] | None, name: str) -> bool:
    return wanted is None or name in _listed(wanted)


def _status_names(status: int) -> tuple[str, str]:
    return str(status), f"{status // 100}xx"
