"""A model that does what it is told, for tests of chains: settings of the plugin `scripted`."""

from collections.abc import Mapping
from typing import Any

from standby.settings import Model


def scripted(*steps: str | Mapping[str, Any]) -> Model:
    """Return a model that plays the steps in order, the last for ever: a text, or a step as the plugin's help shows it."""
    script = [{"reply": step} if isinstance(step, str) else dict(step) for step in steps]
    return Model(provider="scripted", options={"script": script})
