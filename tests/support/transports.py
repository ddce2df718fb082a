"""A plugin's two ways to send: the lean client, and the vendor's own SDK."""

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from standby.config.lint.libraries import library_problem
from standby.plugin import Library, Provider, Secret

TRANSPORTS = ("lean", "sdk")
OpenAdapter = Callable[..., AbstractAsyncContextManager[Any]]
"""A fixture's function `(url, key=…)`, which opens an adapter."""

_CLASSES = {"openai": "OpenAI", "gemini": "Gemini", "anthropic": "Anthropic"}
_SDKS = {
    "openai": Library(module="openai", requirement="openai>=3.0"),
    "gemini": Library(module="google.genai", requirement="google-genai>=2.25"),
    "anthropic": Library(module="anthropic", requirement="anthropic>=2.0"),
}


def adapter_class(plugin: str, transport: str) -> type[Any]:
    """Return an adapter's class; skips the test where its SDK cannot be used."""
    if transport == "lean":
        module = importlib.import_module(f"standby_{plugin}.adapter")
        return getattr(module, f"{_CLASSES[plugin]}Adapter")
    if problem := library_problem(_SDKS[plugin]):
        pytest.skip(f"it needs {_SDKS[plugin].requirement}, {problem}")
    module = importlib.import_module(f"standby_{plugin}.sdk_adapter")
    return getattr(module, f"{_CLASSES[plugin]}SdkAdapter")


@asynccontextmanager
async def open_adapter(
    adapter_class: type[Any], plugin: str, url: str, *, key: str
) -> AsyncIterator[Any]:
    """Make an adapter for an endpoint, and close it at the end."""
    adapter = adapter_class(Provider(plugin=plugin, base_url=url, api_key=Secret(key, "A_KEY")))
    try:
        yield adapter
    finally:
        await adapter.aclose()
