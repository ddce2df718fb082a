"""Triggers: what they say to recognise a failure by, and whether whom they name is there."""

from collections.abc import Callable, Collection
from typing import Literal

from standby.config.finding import Findings, FormatValue, Location
from standby.config.resolve.catalogue import Plugins
from standby.resilience.triggers import pattern
from standby.settings import Trigger


def check_trigger(
    name: str, trigger: Trigger, findings: Findings, format_value: FormatValue
) -> None:
    """Add what is wrong with a trigger by itself."""
    location: Location = ("triggers", name)
    if all(
        getattr(trigger, field) is None for field in trigger.__struct_fields__ if field != "then"
    ):
        message = f"the trigger {name!r} says nothing to recognise a failure by"
        findings.error(location, "empty-trigger", message, "add a kind, or a message")
    for at, expression in items_of(trigger.message):
        spot = (*location, "message", *at)
        try:
            pattern(expression)
        except ValueError as error:
            message = f"{format_value(spot, expression)} is no RE2 expression: {error}"
            findings.error(
                spot, "bad-pattern", message, "RE2 has no look-around and no back-references"
            )


def check_test(name: str, trigger: Trigger, plugins: Plugins, findings: Findings) -> None:
    """Add a test that a trigger names and no plugin brings."""
    if trigger.test is None:
        return
    plugin, _, test = trigger.test.partition("/")
    location: Location = ("triggers", name, "test")
    known = plugins.predicates(plugin, location)
    if known is not None and test not in known:
        hint = findings.suggest(test, known) or f"its tests: {', '.join(sorted(known)) or 'none'}"
        findings.error(
            location, "unknown-test", f"the plugin {plugin!r} brings no test named {test!r}", hint
        )


def check_names(
    name: str,
    trigger: Trigger,
    field: Literal["provider", "model"],
    known: Collection[str],
    findings: Findings,
    elsewhere: Callable[[str], bool] = lambda _: False,
) -> None:
    """Add whom a trigger names and nobody knows; whether somebody knows him `elsewhere` is asked only if it matters."""
    for at, named in items_of(getattr(trigger, field)):
        if named not in known and not elsewhere(named):
            hint = (
                findings.suggest(named, known) or f"write the name of a {field} that a chain asks"
            )
            findings.error(
                ("triggers", name, field, *at),
                f"unknown-{field}",
                f"no {field} is named {named!r}",
                hint,
            )


def items_of(value: str | tuple[str, ...] | None) -> list[tuple[tuple[int, ...], str]]:
    """Return a field's items, each with where in the field it stands."""
    if value is None:
        return []
    return (
        [((), value)]
        if isinstance(value, str)
        else [((at,), item) for at, item in enumerate(value)]
    )
