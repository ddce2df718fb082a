"""What tests of plugins and chains need: a clean health record, given plugins, a scripted model."""

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
    """Forget the health of all models, on entry and on exit.

    Health belongs to the process: without this, one test's failures may rest another test's models.

    Yields:
        Nothing.
    """
    health.forget()
    try:
        yield
    finally:
        health.forget()


def isolated_registry(**modules: str) -> Registry:
    """Return a registry of these plugins alone: `isolated_registry(acme="standby_acme")`.

    Args:
        modules: The plugins' modules by the plugins' names.

    Returns:
        The registry.
    """
    return Registry(metadata.EntryPoint(name, module, GROUP) for name, module in modules.items())


def scripted_model(*steps: str | Mapping[str, Any]) -> Model:
    """Return a model of the plugin `scripted`, which plays given steps.

    Args:
        steps: One step for each call, the last one for all further calls: a text to answer with, or
            a step of the plugin's option `script`.

    Returns:
        The model's settings.
    """
    script = [{"reply": step} if isinstance(step, str) else dict(step) for step in steps]
    return Model(provider="scripted", options={"script": script})
