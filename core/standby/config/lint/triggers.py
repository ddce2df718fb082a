"""Lints of triggers: those that are unused, can never fire, are hidden, or match everything."""

from itertools import combinations
from typing import Any, cast

from standby.config.finding import Findings, Location
from standby.config.lint.context import LintContext
from standby.failures import Kind
from standby.resilience.triggers import CALLER_AT_FAULT, applies_to_replies
from standby.settings import Trigger


def lint_triggers(context: LintContext, findings: Findings) -> None:
    """Check each trigger by itself, and then beside the others in the chains that use it.

    Args:
        context: The settings.
        findings: Where the warnings and infos are added.

    """
    for name, trigger in context.settings.triggers.items():
        _check_trigger(context, name, trigger, findings)
    chains = context.given.chains
    is_checked = False
    for chain in context.settings.chains:
        has_all = chains[chain].triggers is None
        if not (has_all and is_checked):  # what is hidden in one chain with all is so in each
            _check_hidden(context, chain, findings)
        is_checked = is_checked or has_all
        _check_streams(context, chain, findings)


def _check_trigger(context: LintContext, name: str, trigger: Trigger, findings: Findings) -> None:
    location = ("triggers", name)
    if not context.chains_with(name):
        message = f"no chain uses the trigger {name!r}"
        hint = "name it under 'triggers:' of a chain, or take it out"
        findings.warn(location, "unused-trigger", message, hint)
    elif not context.models_under(name, trigger):
        message = (
            f"the trigger {name!r} can never fire: "
            "no chain that uses it has a model that it applies to"
        )
        hint = "correct its 'provider' and 'model', or take it out"
        findings.warn(location, "trigger-never-fires", message, hint)
    elif _matches_everything(trigger):
        is_for_all = trigger.provider is None and trigger.model is None
        scope = "" if is_for_all else " of the models that it names"
        message = (
            f"the trigger {name!r} matches every failure{scope}, "
            "even of a request that no model would accept"
        )
        findings.warn(location, "trigger-matches-all", message, "add a kind")


def _check_hidden(context: LintContext, chain: str, findings: Findings) -> None:
    """Report triggers of a chain that an earlier one leaves nothing to match."""
    names = context.settings.chains[chain].triggers or ()
    lists_triggers = context.given.chains[chain].triggers is not None
    reported: set[Location] = {
        finding.location for finding in findings if finding.problem.code == "trigger-hidden"
    }
    for (_, first), (at, second) in combinations(enumerate(names), 2):
        location: Location = (
            ("chains", chain, "triggers", at) if lists_triggers else ("triggers", second)
        )
        wide, narrow = context.settings.triggers[first], context.settings.triggers[second]
        if location in reported or not _covers(wide, narrow):
            continue
        if context.models_under(second, narrow):
            reported.add(location)
            message = (
                f"the trigger {second!r} can never fire: "
                f"{first!r} before it matches all that it matches"
            )
            hint = f"put it before {first!r}, or take it out"
            findings.warn(location, "trigger-hidden", message, hint)


def _check_streams(context: LintContext, chain: str, findings: Findings) -> None:
    """Report triggers with a predicate that cannot see a stream before its text is released."""
    rules = context.settings.chains[chain]
    if rules.stream.release == "whole":
        return
    triggers = context.settings.triggers
    for name in rules.triggers or ():
        if applies_to_replies(triggers[name]):
            message = (
                f"streams of {chain!r} release their text before {name!r} could test it: "
                "it tests whole replies only"
            )
            hint = "write stream: {release: whole}, if the chain is streamed"
            findings.inform(("chains", chain), "untested-streams", message, hint)
            return


def _matches_everything(trigger: Trigger) -> bool:
    if any(getattr(trigger, field) is not None for field in ("message", "status", "code", "test")):
        return False
    return trigger.kind is None or set(Kind) <= _fold_items(trigger.kind)


def _covers(wide: Trigger, narrow: Trigger) -> bool:
    """Say whether one trigger matches every failure that the other does."""
    fields = ("kind", "code", "test", "provider", "model")
    if not all(_includes(getattr(wide, field), getattr(narrow, field)) for field in fields):
        return False
    return _covers_statuses(wide, narrow) and _covers_messages(wide, narrow)


def _includes(wide: Any, narrow: Any) -> bool:
    if wide is None:
        return True
    return narrow is not None and _fold_items(narrow) <= _fold_items(wide)


def _covers_statuses(wide: Trigger, narrow: Trigger) -> bool:
    if wide.status is None or narrow.status is None:
        return wide.status is None
    covered = _fold_items(wide.status)
    return all(
        status in covered or f"{str(status)[0]}xx" in covered
        for status in _fold_items(narrow.status)
    )


def _covers_messages(wide: Trigger, narrow: Trigger) -> bool:
    if wide.message is None or narrow.message is None:
        return wide.message is None
    if has_only_message(wide) and not has_only_message(narrow):
        kinds = _fold_items(narrow.kind)
        if not kinds or kinds & CALLER_AT_FAULT:
            return False
    covered = _fold_items(wide.message)
    return all(_covers_pattern(covered, pattern) for pattern in _fold_items(narrow.message))


def _covers_pattern(covered: set[str], pattern: str) -> bool:
    if pattern in covered:
        return True
    if _is_expression(pattern):
        return False
    return any(text in pattern for text in covered if not _is_expression(text))


def _is_expression(pattern: str) -> bool:
    return len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/")


def has_only_message(trigger: Trigger) -> bool:
    """Say whether a trigger recognises failures by their text alone.

    Args:
        trigger: The trigger.

    Returns:
        `True` where it sets no kind, no status and no code.

    """
    return all(field is None for field in (trigger.kind, trigger.status, trigger.code))


def _fold_items(value: Any) -> set[Any]:
    """Return a field's items, texts in lower case."""
    if value is None:
        return set()
    if not isinstance(value, tuple):
        return {_fold(value)}
    return set(map(_fold, cast("tuple[Any, ...]", value)))  # type: ignore[redundant-cast]


def _fold(item: Any) -> Any:
    return item.casefold() if type(item) is str else item
