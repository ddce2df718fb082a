"""What a test of a plugin or of a chain needs: known health, known plugins, and a model that plays a script."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from standby.plugin import GROUP
from standby.registry.plugins import Registry
from standby.resilience import health
from standby.settings import Model


@contextmanager
def fresh_health() -> Generator[None, None, None]:
    """Let every client of the process know no model's failures, and forget at the end what they learn."""
    health.forget()
    try:
        yield
    finally:
        health.forget()


def isolated_registry(**modules: str) -> Registry:
    """Return a registry of these plugins alone, each by its name: `isolated_registry(acme="standby_acme")`."""
    return Registry(metadata.EntryPoint(name, module, GROUP) for name, module in modules.items())


def scripted_model(*steps: str | Mapping[str, Any]) -> Model:
    """Return a model that plays the steps in order, the last for ever: a text, or a step as the plugin's help shows it."""
    script = [{"reply": step} if isinstance(step, str) else dict(step) for step in steps]
    return Model(provider="scripted", options={"script": script})
