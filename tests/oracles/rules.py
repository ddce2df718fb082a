"""Rules that bodies must keep, as pairs of a broken condition and its message."""

from collections.abc import Iterable, Iterator

Rule = tuple[object, str]
"""Whether a rule is broken, and its message."""


def broken(*rules: Rule) -> Iterator[str]:
    """Yield the messages of the broken rules."""
    return (message for is_broken, message in rules if is_broken)


def unknown_fields(fields: Iterable[str], allowed: Iterable[str]) -> Iterator[str]:
    """Yield a message for each unknown field."""
    return (f"there is no field {name}" for name in sorted(set(fields) - set(allowed)))


def has_duplicates(values: Iterable[object]) -> bool:
    """Return whether a value occurs twice."""
    values = list(values)
    return len(set(values)) < len(values)
