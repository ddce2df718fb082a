"""Which trigger of a chain fires for a failure, and why the others do not."""

from collections.abc import Mapping
from typing import cast

import msgspec

from standby.diagnostics.explanation import Rule, RuleOutcome
from standby.dispatch.target import Target
from standby.failures import Failure, Kind
from standby.resilience.triggers import FindPredicate, Triggers
from standby.settings import Trigger

FIELDS = ("provider", "model", "kind", "status", "code", "message", "test")
"""A trigger's fields, in the order in which they are compared."""


def explain_triggers(
    failure: Failure,
    target: Target,
    rules: Mapping[str, Trigger],
    locations: Mapping[str, str],
    triggers: Triggers,
) -> tuple[Rule, ...]:
    """Say of each trigger whether it fires for a failure.

    Args:
        failure: what went wrong.
        target: the model that failed.
        rules: the chain's triggers, in order.
        locations: where each trigger stands in the file.
        triggers: the same, compiled; they find the plugins' predicates.

    Returns:
        The triggers with the reason why each one did not fire.

    """
    explained: list[Rule] = []
    fired = ""
    for name, trigger in rules.items():
        mismatch = "" if fired else _mismatch(failure, target, trigger, triggers.predicates)
        outcome: RuleOutcome = "passed over" if mismatch else "fires"
        rule = Rule(
            name=name,
            then=trigger.then,
            outcome="not reached" if fired else outcome,
            why=f"{fired!r} comes first" if fired else mismatch,
            place=locations.get(name, ""),
        )
        explained.append(rule)
        if rule.outcome == "fires":
            fired = name
    return tuple(explained)


def may_apply(trigger: Trigger, target: Target) -> bool:
    """Tell whether a trigger may recognise a failure of a model.

    Args:
        trigger: the trigger.
        target: the model.

    Returns:
        False if the trigger names other providers or models.

    """
    unlimited = Trigger(then=trigger.then, provider=trigger.provider, model=trigger.model)
    return _recognises(unlimited, Failure(kind=Kind.OVERLOADED, message=""), target)


def _mismatch(failure: Failure, target: Target, trigger: Trigger, predicates: FindPredicate) -> str:
    """Return which field does not recognise the failure; each is put to the real matcher, alone."""
    if _recognises(trigger, failure, target, predicates):
        return ""
    # beside a kind that fits, a text is looked for in whatever failure it is
    fitting = Trigger(then=trigger.then, kind=failure.kind)
    for field in FIELDS:
        expected = getattr(trigger, field)
        alone = msgspec.structs.replace(fitting, **{field: expected})
        if expected is not None and not _recognises(alone, failure, target, predicates):
            return _describe_mismatch(field, expected, failure, target)
    kind = failure.kind
    return f"a text alone never decides about {kind}; add kind: {kind}, a status or a code"


def _recognises(
    trigger: Trigger, failure: Failure, target: Target, predicates: FindPredicate | None = None
) -> bool:
    match = Triggers([("", trigger)], predicates).match(
        failure, provider=target.provider, model=target.name
    )
    return match is not None


def _describe_mismatch(field: str, expected: object, failure: Failure, target: Target) -> str:
    items = cast("tuple[object, ...]", expected) if isinstance(expected, tuple) else (expected,)
    listed = " or ".join(map(str, items))
    if field == "test":
        return f"test: {listed} does not recognise it"
    if field == "message":
        return f"message: the text has no {' or '.join(repr(str(item)) for item in items)}"
    source = target if field == "provider" else failure
    actual = target.name if field == "model" else getattr(source, field)
    return f"{field}: {'none' if actual is None else actual}, not {listed}"
