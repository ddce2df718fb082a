"""Lints of triggers: those that no chain uses, that can never fire, that an earlier one hides, and that match everything."""

from itertools import combinations
from typing import Any

from standby.config.finding import Findings, Location
from standby.config.lint.context import View
from standby.failures import Kind
from standby.resilience.triggers import CALLER_AT_FAULT, is_of_replies
from standby.settings import Trigger


def lint_triggers(view: View, findings: Findings) -> None:
    """Look at each trigger in the chains that use it."""
    for name, trigger in view.settings.triggers.items():
        location = ("triggers", name)
        if not view.using(name):
            message = f"no chain uses the trigger {name!r}"
            findings.warn(
                location,
                "unused-trigger",
                message,
                "name it under 'triggers:' of a chain, or take it out",
            )
        elif not view.reached_by(name, trigger):
            message = f"the trigger {name!r} can never fire: no chain that uses it asks a model that it names"
            findings.warn(
                location,
                "trigger-never-fires",
                message,
                "correct its 'provider' and 'model', or take it out",
            )
        elif _is_about_everything(trigger):
            whose = (
                ""
                if trigger.provider is None and trigger.model is None
                else " of the models that it names"
            )
            message = f"the trigger {name!r} matches every failure{whose}, a request that is wrong everywhere too"
            findings.warn(location, "trigger-matches-all", message, "add a kind")
    for chain in view.settings.chains:
        _hidden(view, chain, findings)
        _unheard(view, chain, findings)


def _hidden(view: View, chain: str, findings: Findings) -> None:
    names = view.settings.chains[chain].triggers or ()
    told: set[Location] = {
        finding.location for finding in findings if finding.problem.code == "trigger-hidden"
    }
    for (_, first), (at, second) in combinations(enumerate(names), 2):
        in_order = view.given.chains[chain].triggers is not None
        location: Location = ("chains", chain, "triggers", at) if in_order else ("triggers", second)
        wide, narrow = view.settings.triggers[first], view.settings.triggers[second]
        if location not in told and view.reached_by(second, narrow) and _covers(wide, narrow):
            told.add(location)
            message = f"the trigger {second!r} can never fire: {first!r} before it recognises all that it does"
            findings.warn(
                location, "trigger-hidden", message, f"put it before {first!r}, or take it out"
            )


def _unheard(view: View, chain: str, findings: Findings) -> None:
    """Tell of replies that a test is not asked about, because a stream has handed their words out."""
    rules = view.settings.chains[chain]
    testing = [name for name in rules.triggers or () if is_of_replies(view.settings.triggers[name])]
    if testing and rules.stream.release != "whole":
        message = f"streams of {chain!r} hand their words out before {testing[0]!r} could test them: it tests whole replies only"
        hint = "write stream: {release: whole}, if the chain is streamed"
        findings.inform(("chains", chain), "untested-streams", message, hint)


def _is_about_everything(trigger: Trigger) -> bool:
    if any(getattr(trigger, field) is not None for field in ("message", "status", "code", "test")):
        return False
    return trigger.kind is None or set(Kind) <= _items(trigger.kind)


def _covers(wide: Trigger, narrow: Trigger) -> bool:
    """Say whether the one recognises whatever the other does."""
    fields = ("kind", "code", "test", "provider", "model")
    if not all(_includes(getattr(wide, field), getattr(narrow, field)) for field in fields):
        return False
    return _covers_statuses(wide, narrow) and _covers_texts(wide, narrow)


def _includes(wide: Any, narrow: Any) -> bool:
    return wide is None or (narrow is not None and _items(narrow) <= _items(wide))


def _covers_statuses(wide: Trigger, narrow: Trigger) -> bool:
    if wide.status is None or narrow.status is None:
        return wide.status is None
    known = _items(wide.status)
    return all(
        status in known or f"{str(status)[0]}xx" in known for status in _items(narrow.status)
    )


def _covers_texts(wide: Trigger, narrow: Trigger) -> bool:
    if wide.message is None or narrow.message is None:
        return wide.message is None
    if is_text_alone(wide) and not is_text_alone(narrow):
        kinds = _items(narrow.kind)
        if not kinds or kinds & CALLER_AT_FAULT:
            return False
    known = _items(wide.message)
    return all(
        text in known or (not _is_expression(text) and _is_found(text, known))
        for text in _items(narrow.message)
    )


def _is_found(text: str, known: set[str]) -> bool:
    return any(piece in text for piece in known if not _is_expression(piece))


def _is_expression(text: str) -> bool:
    return len(text) > 1 and text.startswith("/") and text.endswith("/")


def is_text_alone(trigger: Trigger) -> bool:
    """Say whether nothing but its text says what a trigger is about."""
    return trigger.kind is None and trigger.status is None and trigger.code is None


def _items(value: Any) -> set[Any]:
    """Return a field's items; upper and lower case are the same."""
    if value is None:
        return set()
    items: list[Any] = list(value) if isinstance(value, tuple) else [value]  # pyright: ignore[reportUnknownArgumentType] # a field's own
    return {item.casefold() if type(item) is str else item for item in items}
