"""The stub servers of a chain: for each model one that speaks its vendor's wire."""

from contextlib import ExitStack
from typing import Self
from urllib.parse import urlsplit

import msgspec

from standby.diagnostics.selftest.stub_server import StubServer
from standby.dispatch.target import Target
from standby.registry.adapter_pool import AdapterPool
from standby.registry.plugins import Registry
from standby.settings import Provider, Secret, Settings
from standby.testing.loopback import Loopback

KEY = Secret("selftest-opens-nothing", origin="the self-test's own")


class StubServers:
    """The stub servers of a chain's models; a context manager.

    `missing` says by model why it has none.
    """

    def __init__(self, settings: Settings, registry: Registry, adapters: AdapterPool) -> None:
        """Start no server yet."""
        self.missing: dict[str, str] = {}
        self._settings = settings
        self._registry = registry
        self._adapters = adapters
        self._stack = ExitStack()
        self._servers: dict[str, StubServer] = {}

    def __enter__(self) -> Self:
        """Return the stub servers."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the servers."""
        self._stack.close()

    def find(self, target: Target) -> StubServer | None:
        """Find a model's stub server.

        Args:
            target: The model.

        Returns:
            The server, or `None` for a model that runs without one.
        """
        return self._servers.get(target.name)

    def redirect(self, target: Target) -> Target | None:
        """Start a model's stub server.

        Args:
            target: The model.

        Returns:
            The model with the stub server behind it; the same model where it needs no server;
            `None` where its plugin has no stub server.
        """
        provider = self._settings.providers[target.provider]
        if not self._registry.info(provider.reference).stub_server:
            self.missing[target.name] = f"its plugin {provider.plugin!r} brings no stub server"
            return None
        render = self._registry.stub_handler(provider.reference)
        if render is None:
            return target
        server = self._stack.enter_context(Loopback())
        self._servers[target.name] = StubServer(server, render)
        local = _local_provider(provider, server.url)
        return msgspec.structs.replace(
            target,
            adapter=self._adapters.handle(target.provider, local),
            verify_response_model=False,
            secrets=(KEY,),
        )


def _local_provider(provider: Provider, url: str) -> Provider:
    """Point a provider to this machine; its options would lead to the vendor's endpoints."""
    path = urlsplit(provider.base_url or "").path.rstrip("/")
    return msgspec.structs.replace(provider, base_url=url + path, api_key=KEY, options={})
