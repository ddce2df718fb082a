"""Warnings and infos about a valid file; each has a code, and lints.md shows an example of each.

They look at resolved settings without errors, for `standby validate` alone: no call waits for them.
"""

from collections.abc import Callable

from standby.config.finding import Findings, Location
from standby.config.lint.chains import lint_chains
from standby.config.lint.context import LintContext
from standby.config.lint.patterns import lint_patterns
from standby.config.lint.providers import lint_providers
from standby.config.lint.triggers import lint_triggers
from standby.config.resolve.catalogue import Catalogue
from standby.settings import Settings


def lint(
    given: Settings,
    settings: Settings,
    catalogue: Catalogue,
    is_variable: Callable[[Location], bool] = lambda _: False,
) -> Findings:
    """Return the warnings and infos about settings that have no errors.

    Args:
        given: The settings as the file gives them; the findings' locations refer to these.
        settings: The same settings, resolved.
        catalogue: The installed plugins.
        is_variable: Says whether a variable put the value at a location there.

    Returns:
        The findings; their severity is "warning" or "info".

    """
    context, findings = LintContext(given, settings, catalogue, is_variable), Findings()
    lint_providers(context, findings)
    lint_chains(context, findings)
    lint_triggers(context, findings)
    lint_patterns(context, findings)
    return findings
