"""Stub servers: for each model a server on this machine that speaks its vendor's wire."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from standby.dispatch.target import Target
from standby.failures import Failure
from standby.plugin import StubHandler
from standby.registry.adapter_pool import AdapterPool
from standby.registry.plugins import Registry
from standby.settings import Provider, Secret, Settings
from standby.testing import Answer, Answers, Loopback, Received, respond

KEY = Secret("selftest-opens-nothing", origin="the self-test's own")
TEXT = "OK."


class StubServer:
    """One model's vendor, on this machine; it answers until a fault is set."""

    def __init__(self, server: Loopback, render: StubHandler) -> None:
        """Begin without a fault."""
        self.url = server.url
        self._server = server
        self._render = render
        self.recover()

    def recover(self) -> None:
        """Answer from now on."""
        self._server.answer = self.answer

    def fail_with(self, fault: Callable[["StubServer"], Answers]) -> None:
        """Answer with a fault from now on.

        Args:
            fault: Given this server, returns what answers its requests.
        """
        self._server.answer = fault(self)

    def answer(self, request: Received) -> Answer:
        """Build the vendor's answer to a request.

        Args:
            request: The request that was received.

        Returns:
            A complete answer with a short text.
        """
        return self.respond(request, TEXT)

    def respond(
        self, request: Received, content: str | Failure, status: int | None = None
    ) -> Answer:
        """Build the vendor's response with this content.

        Args:
            request: The request that was received.
            content: The text of an answer, or a failure that the vendor reports.
            status: The HTTP status; `None`: the usual one for the content.

        Returns:
            The response, as the vendor's wire writes it.
        """
        body = self._render(request.path, _decode(request.body), content)
        usual = (content.status or 500) if isinstance(content, Failure) else 200
        return respond(usual if status is None else status, body)


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
            adapter=partial(self._adapters.get, target.provider, local),
            verify_response_model=False,
            secrets=(KEY,),
        )


def _local_provider(provider: Provider, url: str) -> Provider:
    """Point a provider to this machine; its options would lead to the vendor's endpoints."""
    path = urlsplit(provider.base_url or "").path.rstrip("/")
    return msgspec.structs.replace(provider, base_url=url + path, api_key=KEY, options={})


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
