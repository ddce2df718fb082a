"""Checks of triggers: their conditions, and the names of providers, models and predicates."""

from collections.abc import Callable, Collection
from typing import Literal

from standby.config.finding import Findings, FormatValue, Location
from standby.config.resolve.catalogue import CachedCatalogue
from standby.resilience.triggers import pattern
from standby.settings import Trigger


def check_trigger(
    name: str, trigger: Trigger, findings: Findings, format_value: FormatValue
) -> None:
    """Report a trigger without a condition, and patterns that RE2 does not accept.

    Args:
        name: The trigger's name.
        trigger: The trigger.
        findings: Where the errors are added.
        format_value: Formats a value for a message.

    """
    location: Location = ("triggers", name)
    conditions = (field for field in trigger.__struct_fields__ if field != "then")
    if all(getattr(trigger, field) is None for field in conditions):
        message = f"the trigger {name!r} says nothing to recognise a failure by"
        findings.error(location, "empty-trigger", message, "add a kind, or a message")
    for at, expression in list_items(trigger.message):
        item = (*location, "message", *at)
        try:
            pattern(expression)
        except ValueError as error:
            message = f"{format_value(item, expression)} is not an RE2 expression: {error}"
            hint = "RE2 has no look-around and no back-references"
            findings.error(item, "bad-pattern", message, hint)


def check_predicate(
    name: str, trigger: Trigger, plugins: CachedCatalogue, findings: Findings
) -> None:
    """Report a predicate that a trigger names under `test` and its plugin does not have.

    Args:
        name: The trigger's name.
        trigger: The trigger.
        plugins: The installed plugins.
        findings: Where the error is added.

    """
    if trigger.test is None:
        return
    plugin, _, predicate = trigger.test.partition("/")
    location: Location = ("triggers", name, "test")
    available = plugins.predicates(plugin, location)
    if available is not None and predicate not in available:
        hint = findings.suggest(predicate, available)
        hint = hint or f"its predicates: {', '.join(sorted(available)) or 'none'}"
        message = f"the plugin {plugin!r} has no predicate named {predicate!r}"
        findings.error(location, "unknown-test", message, hint)


def check_names(
    name: str,
    trigger: Trigger,
    field: Literal["provider", "model"],
    defined: Collection[str],
    findings: Findings,
    is_known_elsewhere: Callable[[str], bool] = lambda _: False,
) -> None:
    """Report the providers or models that a trigger names and that do not exist.

    Args:
        name: The trigger's name.
        trigger: The trigger.
        field: The field to check.
        defined: The names that the settings define.
        findings: Where the errors are added.
        is_known_elsewhere: Says whether another name exists; called only for undefined names.

    """
    for at, item in list_items(getattr(trigger, field)):
        if item not in defined and not is_known_elsewhere(item):
            hint = findings.suggest(item, defined)
            hint = hint or f"write the name of a {field} that a chain uses"
            message = f"no {field} is named {item!r}"
            findings.error(("triggers", name, field, *at), f"unknown-{field}", message, hint)


def list_items(value: str | tuple[str, ...] | None) -> list[tuple[tuple[int, ...], str]]:
    """Return the items of a field that takes one text or several.

    Args:
        value: The field's value.

    Returns:
        Each item with its location inside the field: empty for a single text, else its position.

    """
    if value is None:
        return []
    if isinstance(value, str):
        return [((), value)]
    return [((at,), item) for at, item in enumerate(value)]
