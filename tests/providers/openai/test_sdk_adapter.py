"""What only the adapter that sends through the SDK can do wrong."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai as sdk
import pytest

from standby.plugin import AttemptFailed, Kind, Provider, Secret
from tests.providers.openai.requests import KEY, collect, get_failure, model_request
from tests.support.half_imported import run_program
from tests.support.loopback import Loopback, openai_error
from tests.support.transports import OpenAdapter, adapter_class

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])


@pytest.fixture
def transport_class() -> type[Any]:
    return adapter_class("openai", "sdk")


@pytest.mark.usefixtures("transport_class")
def test_a_legacy_http_client_changes_nothing() -> None:
    code = (
        "import types, sys; sys.modules['aiohttp'] = None; "
        "from standby.plugin import Provider, Secret; "
        "from standby_openai.sdk_adapter import OpenAISdkAdapter, _Client; "
        "adapter = OpenAISdkAdapter(Provider(plugin='openai', api_key=Secret('k'))); "
        "print(type(adapter._sdk._client) is _Client)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_an_invalid_proxy_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, transport_class: type[Any]
) -> None:
    monkeypatch.setenv(name, "gopher://127.0.0.1:9")
    with pytest.raises(AttemptFailed, match=r"the client cannot be made: .*gopher") as caught:
        transport_class(
            Provider(plugin="openai", base_url="http://127.0.0.1:9", api_key=Secret(KEY))
        )
    assert caught.value.failure.kind is Kind.UNAVAILABLE


def test_an_unparsable_endpoint_is_unavailable(transport_class: type[Any]) -> None:
    url = "http://127.0.0.1:port"
    with pytest.raises(AttemptFailed, match="the client cannot be made: ") as caught:
        transport_class(Provider(plugin="openai", base_url=url, api_key=Secret(KEY)))
    assert caught.value.failure.kind is Kind.UNAVAILABLE


def test_the_certificates_are_read_once(transport_class: type[Any]) -> None:
    adapters = [transport_class(Provider(plugin="openai", api_key=Secret(KEY))) for _ in range(2)]
    contexts = {id(one._sdk._client._transport._pool._ssl_context) for one in adapters}  # type: ignore[attr-defined] # httpx2's
    assert len(contexts) == 1


@pytest.mark.usefixtures("transport_class")
def test_an_answer_comes_while_another_thread_imports_httpx(
    server: Loopback, tmp_path: Path
) -> None:
    program = """
import asyncio
from tests.providers.openai.requests import KEY, model_request
from tests.support.transports import adapter_class, open_adapter
async def ask():
    sdk_class = adapter_class("openai", "sdk")
    async with open_adapter(sdk_class, "openai", sys.argv[1], key=KEY) as openai:
        print((await openai.complete(model_request())).text)
asyncio.run(ask())
"""
    assert run_program(program, tmp_path, server.url) == ("Lisbon, says OpenAI.\n", "")


async def test_a_connection_that_never_opens_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, adapter: OpenAdapter
) -> None:
    monkeypatch.setattr("standby_openai.sdk_adapter.CONNECT_TIMEOUT", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.socket() as first,
        socket.socket() as second,
    ):
        for waiting in (first, second):  # the queue holds one: the next is left waiting
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with adapter(f"http://127.0.0.1:{full.getsockname()[1]}") as openai:
            failure = await get_failure(openai, model_request())
    assert (failure.kind, failure.text) == (Kind.TIMEOUT, "timeout: no connection in time")


@BOTH
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 418])
async def test_the_sdk_never_raises_its_own_errors(
    server: Loopback, status: int, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(openai_error(status, "Oh.", kind="server_error"))
    async with adapter(server.url) as openai:
        with pytest.raises(AttemptFailed) as caught:
            await (collect(openai, model_request()) if stream else openai.complete(model_request()))
    assert not isinstance(caught.value.__cause__, sdk.OpenAIError)
    assert not isinstance(caught.value.__context__, sdk.OpenAIError)
