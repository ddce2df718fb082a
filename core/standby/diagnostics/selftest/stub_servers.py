"""Stub servers: for each model a server on this machine that speaks its vendor's wire, as its plugin says."""

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
from standby.testing.loopback import Answer, Answers, Loopback, Received, respond

KEY = Secret("selftest-opens-nothing", origin="the self-test's own")
WORDS = "OK."


class StubServer:
    """One model's vendor, on this machine: well, until it is told otherwise."""

    def __init__(self, server: Loopback, render: StubHandler) -> None:
        """Be well."""
        self.url = server.url
        self._server = server
        self._render = render
        self.is_well()

    def is_well(self) -> None:
        """Answer from now on."""
        self._server.answer = self.good

    def fails(self, answer: Callable[["StubServer"], Answers]) -> None:
        """Give this answer from now on."""
        self._server.answer = answer(self)

    def good(self, request: Received) -> Answer:
        """Return the vendor's answer."""
        return self.says(request, WORDS)

    def says(self, request: Received, what: str | Failure, status: int | None = None) -> Answer:
        """Return what the vendor would send for the request, with that status instead of the usual one."""
        body = self._render(request.path, _decoded(request.body), what)
        usual = (what.status or 500) if isinstance(what, Failure) else 200
        return respond(usual if status is None else status, body)


class StubServers:
    """The stub servers of a chain's models; a context manager. `missing` says of each model that has none why."""

    def __init__(self, settings: Settings, registry: Registry, adapters: AdapterPool) -> None:
        """Begin no server yet."""
        self.missing: dict[str, str] = {}
        self._settings = settings
        self._registry = registry
        self._adapters = adapters
        self._servers = ExitStack()
        self._made: dict[str, StubServer] = {}

    def __enter__(self) -> Self:
        """Return the stub servers."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the servers."""
        self._servers.close()

    def of(self, target: Target) -> StubServer | None:
        """Return the model's stub server; `None`: it runs as it is."""
        return self._made.get(target.name)

    def redirected(self, target: Target) -> Target | None:
        """Return the model with its stub server behind it; as it is, where it reaches nobody; `None`: its plugin has none."""
        provider = self._settings.providers[target.provider]
        named = self._registry.info(provider.reference).stub_server
        if not named:
            self.missing[target.name] = f"its plugin {provider.plugin!r} brings no stub server"
            return None
        stub = self._registry.stub_handler(provider.reference)
        if stub is None:
            return target
        server = self._servers.enter_context(Loopback())
        self._made[target.name] = StubServer(server, stub)
        stand_in = _here(provider, server.url)
        return msgspec.structs.replace(
            target,
            adapter=partial(self._adapters.get, target.provider, stand_in),
            verify_response_model=False,
            secrets=(KEY,),
        )


def _here(provider: Provider, url: str) -> Provider:
    """Return the provider on this machine. Its account's options go: they lead to the vendor's own endpoints."""
    path = urlsplit(provider.base_url or "").path.rstrip("/")
    return msgspec.structs.replace(provider, base_url=url + path, api_key=KEY, options={})


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
