"""What a sound file may yet not mean: each lint has a code, and lints.md shows an example of each.

They run on resolved settings that have no errors, for `standby validate` alone: no call waits for
them.
"""

from collections.abc import Callable

from standby.config.finding import Findings, Location
from standby.config.lint.chains import lint_chains
from standby.config.lint.context import View
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
    """Return what is doubtful; `given` has the places, `settings` is the same resolved, without errors."""
    view, findings = View(given, settings, catalogue, is_variable), Findings()
    lint_providers(view, findings)
    lint_chains(view, findings)
    lint_triggers(view, findings)
    lint_patterns(view, findings)
    return findings
