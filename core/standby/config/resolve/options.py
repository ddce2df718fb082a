"""Options of a model or a provider, checked against the schema that their plugin states."""

from typing import Any

from standby.config.finding import Findings, FormatValue, Location
from standby.config.scalars import JsonSchema, convert_scalars
from standby.runtime.isolation import Origin

DEMANDS = frozenset({"required", "minProperties", "oneOf", "anyOf", "allOf", "if"})
"""Rules of a schema that an empty mapping may violate."""


def check_options(
    given: dict[str, Any],
    schema: JsonSchema,
    location: Location,
    owner: str,
    findings: Findings,
    format_value: FormatValue,
    origin: Origin,
) -> dict[str, Any]:
    """Check options against their plugin's schema, and give them its types.

    Args:
        given: The options as the settings have them.
        schema: The plugin's JSON Schema for them.
        location: Where they are in the settings.
        owner: The provider or plugin whose options they are, for messages.
        findings: Where the errors are added; a broken schema is one, too.
        format_value: Formats a value for a message.
        origin: The distribution that the plugin comes from.

    Returns:
        The options with the schema's types; as given where the schema is broken.

    """
    if not given and DEMANDS.isdisjoint(schema):
        return given
    # jsonschema is slow to import, options are rare
    from standby.config.validation import validate  # noqa: PLC0415

    try:
        options: dict[str, Any] = convert_scalars(given, schema, schema)
        findings += validate(
            options, schema, location=location, owner=owner, format_value=format_value
        )
    except Exception as error:  # noqa: BLE001 - a plugin's schema may be anything
        message = (
            f"the options of {origin} cannot be checked: "
            f"its schema is broken: {type(error).__name__}"
        )
        hint = f"update {origin.distribution}, or leave the options out"
        findings.error(location, "broken-plugin", message, hint)
        return given
    return options
