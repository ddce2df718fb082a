"""What a sound file may yet not mean: each lint has a code, and lints.md shows an example of each.

They run on resolved settings that have no errors, for `standby validate` alone: no call waits for
them.
"""

from collections.abc import Callable

from standby.config.catalogue import Catalogue
from standby.config.finding import Findings, Place
from standby.config.lints_chains import lint_chains
from standby.config.lints_patterns import lint_patterns
from standby.config.lints_providers import lint_providers
from standby.config.lints_triggers import lint_triggers
from standby.config.lints_view import View
from standby.settings import Settings


def lint(
    given: Settings,
    settings: Settings,
    catalogue: Catalogue,
    is_variable: Callable[[Place], bool] = lambda _: False,
) -> Findings:
    """Return what is doubtful; `given` has the places, `settings` is the same resolved, without errors."""
    view, findings = View(given, settings, catalogue, is_variable), Findings()
    lint_providers(view, findings)
    lint_chains(view, findings)
    lint_triggers(view, findings)
    lint_patterns(view, findings)
    return findings
