"""What only the adapter that sends through the SDK can do wrong."""

import socket
import subprocess
import sys
from typing import Any

import pytest
from google import genai
from google.genai import errors

from standby.plugin import AttemptFailed, Kind, Provider, Secret
from tests.providers.gemini.requests import KEY, get_failure, model_request
from tests.support.loopback import Loopback, gemini_error, gemini_reply, gemini_stream
from tests.support.transports import OpenAdapter, adapter_class

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])


@pytest.fixture
def transport_class() -> type[Any]:
    return adapter_class("gemini", "sdk")


def test_a_variable_that_makes_the_client_impossible_is_named(
    monkeypatch: pytest.MonkeyPatch, transport_class: type[Any]
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:9")
    with pytest.raises(AttemptFailed, match=r"the client cannot be made: .*gopher") as caught:
        transport_class(
            Provider(plugin="gemini", base_url="http://127.0.0.1:9", api_key=Secret(KEY))
        )
    assert caught.value.failure.kind is Kind.UNAVAILABLE


WITHOUT_HTTPX = """
import os, sys
sys.modules["httpx"] = None
os.environ["GOOGLE_GENAI_HTTP_CLIENT"] = "httpx"
from standby.plugin import AttemptFailed, Provider
from standby_gemini.sdk_adapter import GeminiSdkAdapter
try:
    GeminiSdkAdapter(Provider(plugin="gemini", base_url="http://127.0.0.1:9"))
except AttemptFailed as error:
    print(error.failure.kind, error)
"""
"""A None in `sys.modules` makes an import fail as if the library were missing."""


@pytest.mark.skipif(genai.__version__.startswith("2."), reason="google-genai 2 requires httpx")
@pytest.mark.usefixtures("transport_class")
def test_a_missing_library_that_the_sdk_requires_is_named() -> None:
    command = [sys.executable, "-c", WITHOUT_HTTPX]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.startswith(
        "unavailable the client cannot be made: httpx is configured via GOOGLE_GENAI_HTTP_CLIENT"
    )


async def test_a_connection_that_never_opens_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, adapter: OpenAdapter
) -> None:
    monkeypatch.setattr("standby_gemini.sdk_adapter.CONNECT_TIMEOUT", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.socket() as first,
        socket.socket() as second,
    ):
        for waiting in (first, second):  # the queue holds one: the next is left waiting
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with adapter(f"http://127.0.0.1:{full.getsockname()[1]}") as gemini:
            failure = await get_failure(gemini, model_request())
    assert (failure.kind, failure.text) == (Kind.TIMEOUT, "timeout: no connection in time")


@pytest.mark.parametrize(
    "error",
    [errors.APIError, errors.ClientError, errors.ServerError, errors.UnknownApiResponseError],
)
async def test_the_sdk_never_raises_its_own_errors(
    server: Loopback, error: type[Exception], adapter: OpenAdapter
) -> None:
    server.script(gemini_error(500, "INTERNAL", "Internal error encountered."))
    async with adapter(server.url) as gemini:
        with pytest.raises(AttemptFailed) as caught:
            await gemini.complete(model_request())
    assert not isinstance(caught.value.__cause__, error)
    assert not isinstance(caught.value.__context__, error)


@BOTH
async def test_a_continuation_finish_sends_no_second_request(
    server: Loopback, adapter: OpenAdapter, *, stream: bool
) -> None:
    finish = "CONTINUATION"  # google-genai 2.25 has no name for it
    server.script(
        gemini_stream(["Lis"], finish=finish) if stream else gemini_reply("Lis", finish=finish)
    )
    async with adapter(server.url) as gemini:
        assert (await get_failure(gemini, model_request(), stream=stream)).code == finish
    assert len(server.requests) == 1
