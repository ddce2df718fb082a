"""A plugin's two ways to send: the lean client, and the vendor's own SDK."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from standby.config.lint.libraries import library_problem, required_libraries
from standby.plugin import Provider, Secret
from standby.registry.plugins import Registry

TRANSPORTS = ("lean", "sdk")
OpenAdapter = Callable[..., AbstractAsyncContextManager[Any]]
"""A fixture's function `(url, key=…)`, which opens an adapter."""


def adapter_class(plugin: str, transport: Any) -> type[Any]:
    """Return an adapter's class; skips the test where its SDK cannot be used."""
    provider = Provider(plugin=plugin, transport=transport)
    registry = Registry()
    for library in required_libraries(registry.info(plugin), provider):
        if problem := library_problem(library):
            pytest.skip(f"it needs {library.requirement}, {problem}")
    return registry.adapter(provider)


@asynccontextmanager
async def open_adapter(
    adapter_class: type[Any], plugin: str, url: str, *, key: str
) -> AsyncGenerator[Any, None]:
    """Make an adapter for an endpoint, and close it at the end."""
    adapter = adapter_class(Provider(plugin=plugin, base_url=url, api_key=Secret(key, "A_KEY")))
    try:
        yield adapter
    finally:
        await adapter.aclose()
