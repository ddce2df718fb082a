"""Does it fit? The types decide, for a file and for settings made in code alike; jsonschema is asked only for the words."""

from collections.abc import Callable
from typing import Any

import msgspec

from standby.config.finding import Finding, shown_at
from standby.config.left_out import thinned
from standby.config.schema import schema
from standby.config.texts import in_seconds, in_units
from standby.errors import Problem
from standby.policy import Secret, Settings


def settings_of(value: Any, secret: Callable[[str], Secret]) -> Settings:
    """Return what a tree says; raises `msgspec.ValidationError` where it does not fit. `secret` finds the key behind a name."""
    in_code = in_seconds(value, schema(), schema())
    return msgspec.convert(in_code, Settings, dec_hook=lambda _, name: secret(name))


def misfits(settings: Settings) -> list[Finding]:
    """Return what a file that said the same would be refused for."""
    tree = msgspec.to_builtins(settings, enc_hook=_marked)
    try:
        msgspec.convert(tree, Settings, dec_hook=_unmarked)
    except msgspec.ValidationError as error:
        from standby.config.check import findings_of  # noqa: PLC0415 - jsonschema is slow to import, and mistakes are rare

        given = thinned(msgspec.json.decode(msgspec.json.encode(settings, enc_hook=_named))).value
        in_file = in_units(given, schema(), schema())
        found = findings_of(in_file, schema(), shown=lambda place, _: shown_at(given, place))
        return found or [Finding(place=(), problem=Problem(code="bad-value", message=f"the settings: {error}"))]
    return []


def _marked(value: Any) -> Any:
    """Mark a key as one; what else is no plain value fits nowhere but in options."""
    return {"key": value.origin} if isinstance(value, Secret) else {}


def _unmarked(_: type, value: Any) -> Secret:
    if not isinstance(value, dict):
        raise ValueError("a key is written Secret(…)")  # noqa: TRY004 - msgspec makes its own error of this one
    return Secret("")


def _named(value: Any) -> Any:
    return value.origin if isinstance(value, Secret) else {}
