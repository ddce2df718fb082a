"""A registry that sees only the plugins that a test gives it."""

from importlib import metadata

from standby.plugin import GROUP
from standby.registry.plugins import Registry


def isolated_registry(**modules: str) -> Registry:
    """Return a registry of these plugins alone, each by its name: `isolated_registry(acme="standby_acme")`."""
    return Registry(metadata.EntryPoint(name, module, GROUP) for name, module in modules.items())
