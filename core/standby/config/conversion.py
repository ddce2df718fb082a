"""Does it fit? The types decide, for a file and for settings made in code alike; jsonschema is asked only for the words."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from standby.config.finding import Finding, Location, format_value_at
from standby.config.prune import prune
from standby.config.scalars import format_durations, parse_durations
from standby.config.schema import schema
from standby.errors import Problem
from standby.settings import Secret, Settings


def convert_settings(value: Any, secret: Callable[[str], Secret]) -> Settings:
    """Return what a tree says; raises `msgspec.ValidationError` where it does not fit. `secret` finds the key behind a name."""
    in_code = parse_durations(value, schema(), schema())
    return msgspec.convert(in_code, Settings, dec_hook=lambda _, name: secret(name))


def find_type_errors(settings: Settings) -> list[Finding]:
    """Return what a file that said the same would be refused for."""
    tree = msgspec.to_builtins(settings, enc_hook=_marked)
    try:
        return list(_no_structs(settings, msgspec.convert(tree, Settings, dec_hook=_unmarked), ()))
    except msgspec.ValidationError as error:
        from standby.config.validation import validate  # noqa: PLC0415 - jsonschema is slow to import, and mistakes are rare

        given = prune(msgspec.json.decode(msgspec.json.encode(settings, enc_hook=_named))).value
        in_file = format_durations(given, schema(), schema())
        found = validate(
            in_file, schema(), format_value=lambda location, _: format_value_at(given, location)
        )
        return found or [
            Finding(
                location=(), problem=Problem(code="bad-value", message=f"the settings: {error}")
            )
        ]


def _no_structs(given: Any, right: Any, location: Location) -> Iterator[Finding]:
    """Find dictionaries that say what a struct should: in a file they are right, in code nobody could read them."""
    if isinstance(right, msgspec.Struct):
        kind = type(right).__name__
        if not isinstance(given, type(right)):
            words = f"{'.'.join(map(str, location))} is a {type(given).__name__}, not a {kind}"
            yield Finding(
                location=location,
                problem=Problem(code="bad-type", message=words, hint=f"write {kind}(…)"),
            )
            return
        pairs = [
            (field, getattr(given, field), getattr(right, field))
            for field in right.__struct_fields__
        ]
    else:
        entries = cast("dict[str, Any]", right) if isinstance(right, dict) else {}
        pairs = [(key, given[key], entry) for key, entry in entries.items()]
    for key, one, other in pairs:
        yield from _no_structs(one, other, (*location, key))


def _marked(value: Any) -> Any:
    """Mark a key as one; what else is no plain value fits nowhere but in options."""
    return {"key": value.origin} if isinstance(value, Secret) else {}


def _unmarked(_: type, value: Any) -> Secret:
    if not isinstance(value, dict):
        raise ValueError("a key is written Secret(…)")  # noqa: TRY004 - msgspec makes its own error of this one
    return Secret("")


def _named(value: Any) -> Any:
    return value.origin if isinstance(value, Secret) else {}
