"""Converts a tree to settings, and checks settings made in code by the same types.

The types decide what fits; jsonschema is used only to explain what does not.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from standby.config.finding import Finding, Location, format_value_at
from standby.config.prune import prune
from standby.config.scalars import format_durations, parse_durations
from standby.config.schema import schema
from standby.errors import Problem
from standby.settings import Secret, Settings


def convert_settings(value: Any, make_secret: Callable[[str], Secret]) -> Settings:
    """Convert a tree to settings.

    Args:
        value: The tree, with durations as texts.
        make_secret: Makes the secret of a variable's name.

    Returns:
        The settings, with durations in seconds.

    Raises:
        msgspec.ValidationError: The tree does not fit.

    """
    in_seconds = parse_durations(value, schema(), schema())
    return msgspec.convert(in_seconds, Settings, dec_hook=lambda _, name: make_secret(name))


def find_type_errors(settings: Settings) -> list[Finding]:
    """Find what a file with the same values would be refused for.

    Args:
        settings: Settings made in code.

    Returns:
        The findings.

    """
    tree = msgspec.to_builtins(settings, enc_hook=_encode_secret)
    try:
        converted = msgspec.convert(tree, Settings, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        return _explain(settings, error)
    return list(_find_non_structs(settings, converted, ()))


def _explain(settings: Settings, error: msgspec.ValidationError) -> list[Finding]:
    # jsonschema is slow to import, and mistakes are rare
    from standby.config.validation import validate  # noqa: PLC0415

    values = msgspec.to_builtins(settings, str_keys=True, enc_hook=_encode_name)
    given = prune(json.loads(json.dumps(values))).value  # unlike msgspec's JSON it has infinity
    in_file = format_durations(given, schema(), schema())
    findings = validate(
        in_file, schema(), format_value=lambda location, _: format_value_at(given, location)
    )
    problem = Problem(code="bad-value", message=f"the settings: {error}")
    return findings or [Finding(location=(), problem=problem)]


def _find_non_structs(given: Any, expected: Any, location: Location) -> Iterator[Finding]:
    """Find dictionaries where a struct is expected: a file has them, code must not."""
    if not isinstance(expected, msgspec.Struct):
        items = cast("dict[str, Any]", expected) if isinstance(expected, dict) else {}
        for key, item in items.items():
            yield from _find_non_structs(given[key], item, (*location, key))
        return
    kind = type(expected).__name__
    if not isinstance(given, type(expected)):
        message = f"{'.'.join(map(str, location))} is a {type(given).__name__}, not a {kind}"
        problem = Problem(code="bad-type", message=message, hint=f"write {kind}(…)")
        yield Finding(location=location, problem=problem)
        return
    for key in expected.__struct_fields__:
        yield from _find_non_structs(getattr(given, key), getattr(expected, key), (*location, key))


def _encode_secret(value: Any) -> Any:
    """Encode a key so that it is decoded as one; other objects fit nowhere but in options."""
    return {"key": value.origin} if isinstance(value, Secret) else {}


def _decode_secret(_: type, value: Any) -> Secret:
    if not isinstance(value, dict):
        # msgspec makes its own error of this one
        raise ValueError("a key is written Secret(…)")  # noqa: TRY004
    return Secret("")


def _encode_name(value: Any) -> Any:
    return value.origin if isinstance(value, Secret) else {}
