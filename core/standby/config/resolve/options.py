"""Options of a plugin, a model's and an account's: checked against the plugin's own schema."""

from typing import Any

from standby.config.finding import Findings, FormatValue, Location
from standby.config.scalars import JsonSchema, convert_scalars
from standby.runtime.isolation import Origin

DEMANDS = frozenset({"required", "minProperties", "oneOf", "anyOf", "allOf", "if"})
"""Rules of a schema that no options at all may break."""


def checked(
    given: dict[str, Any],
    schema: JsonSchema,
    location: Location,
    owner: str,
    findings: Findings,
    format_value: FormatValue,
    origin: Origin,
) -> dict[str, Any]:
    """Return the options with their types; what does not fit is told."""
    if not given and DEMANDS.isdisjoint(schema):
        return given
    from standby.config.validation import findings_of  # noqa: PLC0415 - jsonschema is slow to import, options are rare

    try:
        options: dict[str, Any] = convert_scalars(given, schema, schema)
        found = findings_of(
            options, schema, location=location, owner=owner, format_value=format_value
        )
    except Exception as error:  # noqa: BLE001 - a stranger's schema may be none at all
        message = f"the options of {origin} cannot be checked: its schema is broken: {type(error).__name__}"
        findings.error(
            location,
            "broken-plugin",
            message,
            f"update {origin.distribution}, or leave the options out",
        )
        return given
    findings += found
    return options
