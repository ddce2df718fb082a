"""Plugins report the same fault alike over real sockets, and so do their two transports."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from standby.plugin import (
    AttemptFailed,
    Card,
    Failure,
    Kind,
    Message,
    ModelRequest,
    Provider,
    Request,
    Secret,
    Text,
)
from tests.support.loopback import Answer, Loopback, cut, garbage, hang, html, reset, respond
from tests.support.transports import adapter_class

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
PLUGINS = ("gemini", "openai", "gemini/sdk", "openai/sdk")
REQUEST = ModelRequest(
    request=Request((Message("user", (Text("Which city?"),)),)),
    model="a-model",
    card=Card(),
    options={},
    timeout=60.0,
)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture(params=PLUGINS)
async def adapter(request: pytest.FixtureRequest, server: Loopback) -> AsyncIterator[Any]:
    adapter = make_adapter(request.param, server.url)
    yield adapter
    await adapter.aclose()


def make_adapter(name: str, url: str | None, key: str = "a-key") -> Any:
    plugin, _, transport = name.partition("/")
    make = adapter_class(plugin, transport or "lean")
    return make(Provider(plugin=plugin, base_url=url, api_key=Secret(key, "A_KEY")))


async def send(adapter: Any, *, stream: bool) -> None:
    if stream:
        async for _ in adapter.stream(REQUEST):
            pass
    else:
        await adapter.complete(REQUEST)


async def get_failure(adapter: Any, *, stream: bool) -> Failure:
    with pytest.raises(AttemptFailed) as caught:
        await send(adapter, stream=stream)
    return caught.value.failure


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (html(502), Kind.SERVER_ERROR, "502 Bad Gateway. Bad Gateway"),
        (
            html(200),
            Kind.MALFORMED,
            "200 OK. malformed: expected JSON, got 46 bytes of HTML or XML",
        ),
        (respond(500, ""), Kind.SERVER_ERROR, "500 Internal Server Error"),
        (
            respond(500, {"error": {"message": "Oh."}}),
            Kind.SERVER_ERROR,
            "500 Internal Server Error. Oh.",
        ),
        (
            respond(503, "upstream connect error"),
            Kind.OVERLOADED,
            "503 Service Unavailable. upstream connect error",
        ),
        (respond(504, ""), Kind.SERVER_ERROR, "504 Gateway Timeout"),
        (
            respond(429, {"error": {"message": "Slow."}}),
            Kind.RATE_LIMITED,
            "429 Too Many Requests. Slow.",
        ),
        (respond(402, ""), Kind.QUOTA_EXHAUSTED, "402 Payment Required"),
        (respond(401, {"error": {"message": "Who?"}}), Kind.UNAUTHORIZED, "401 Unauthorized. Who?"),
        (respond(403, ""), Kind.UNAUTHORIZED, "403 Forbidden"),
        (respond(404, {"error": {"message": "No."}}), Kind.MODEL_MISSING, "404 Not Found. No."),
        (respond(400, {"error": {"message": "No."}}), Kind.INVALID_REQUEST, "400 Bad Request. No."),
        (
            respond(200, {"error": {"message": "Oh.", "code": 503}}),
            Kind.OVERLOADED,
            "503 Service Unavailable. Oh.",
        ),
        (respond(200, "null"), Kind.MALFORMED, None),
        (respond(204, ""), Kind.MALFORMED, "204 No Content"),
        (
            respond(307, "", {"Location": "http://127.0.0.1:9/"}),
            Kind.MALFORMED,
            None,
        ),
        (respond(200, "no gzip", {"Content-Encoding": "gzip"}), Kind.MALFORMED, None),
        (reset(), Kind.CONNECTION, "connection error: Connection reset by peer"),
        (
            cut(Answer(raw=True), 0),
            Kind.CONNECTION,
            None,
        ),
        (garbage(), Kind.CONNECTION, None),
    ],
    ids=str,
)
async def test_one_fault_has_one_kind_and_one_text(
    adapter: Any, server: Loopback, answer: Answer, kind: Kind, text: str | None, *, stream: bool
) -> None:
    server.script(answer)
    failure = await get_failure(adapter, stream=stream)
    assert failure.kind is kind
    assert text is None or failure.text == text


@BOTH
async def test_a_stated_delay_is_read_alike(
    adapter: Any, server: Loopback, *, stream: bool
) -> None:
    server.script(respond(429, "", {"Retry-After": "7"}))
    assert (await get_failure(adapter, stream=stream)).retry_after == 7.0


@BOTH
@pytest.mark.parametrize("name", PLUGINS)
async def test_a_refused_connection_is_reported_alike(name: str, *, stream: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    adapter = make_adapter(name, f"http://127.0.0.1:{port}")
    failure = await get_failure(adapter, stream=stream)
    await adapter.aclose()
    assert (failure.kind, failure.text) == (Kind.CONNECTION, "connection error: Connection refused")


@BOTH
async def test_a_hang_ends_with_its_callers_cancellation(
    adapter: Any, server: Loopback, *, stream: bool
) -> None:
    server.script(hang())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await send(adapter, stream=stream)
    assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


@pytest.mark.parametrize(
    ("url", "key"),
    [(None, ""), ("http://127.0.0.1:9", "a\nkey"), ("http://127.0.0.1:9", "schlüssel")],
)
def test_a_missing_or_unsendable_key_is_reported_alike(url: str | None, key: str) -> None:
    failures: set[Failure] = set()
    for name in PLUGINS:
        with pytest.raises(AttemptFailed) as caught:
            make_adapter(name, url, key)
        failures.add(caught.value.failure)
    assert [failure.kind for failure in failures] == [Kind.UNAVAILABLE]


@pytest.fixture
def fresh_certificates() -> Iterator[None]:
    """Make the test read the trusted certificates again, and the next test too."""
    for read in _sdk_contexts():
        read.cache_clear()
    yield
    for read in _sdk_contexts():
        read.cache_clear()


def _sdk_contexts() -> list[Any]:
    names = ("standby_gemini.sdk_adapter", "standby_openai.sdk_adapter")
    return [sys.modules[name]._ssl_context for name in names if name in sys.modules]


@pytest.mark.usefixtures("fresh_certificates")
@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize(
    "file", ["/nowhere/certificates.pem", __file__], ids=["missing", "no certificate"]
)
async def test_unreadable_certificates_are_reported(
    monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", file)
    with pytest.raises(
        AttemptFailed, match=r"the trusted certificates cannot be read: .* SSL_CERT_FILE"
    ) as caught:  # an SDK reads them when its client is made
        await make_adapter(name, "https://127.0.0.1:9").complete(REQUEST)
    assert caught.value.failure.kind is Kind.UNAVAILABLE


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    file = tmp_path / "certificate.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    options += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file)]
    command = [openssl, "req", *options, "-out", str(tmp_path / "only.pem")]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - ours
    file.write_bytes(file.read_bytes() + (tmp_path / "only.pem").read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "only.pem"))
    return file


def broken_tls(listener: socket.socket, certificate: Path) -> None:
    """Take one request, and answer with an invalid TLS record."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with context.wrap_socket(listener.accept()[0], server_side=True) as connection:
        connection.recv(65536)
        os.write(connection.fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)
        connection.recv(65536)


@BOTH
@pytest.mark.usefixtures("fresh_certificates")
@pytest.mark.parametrize("name", PLUGINS)
async def test_a_broken_tls_record_is_a_connection_failure(
    certificate: Path, name: str, *, stream: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        adapter = make_adapter(name, f"https://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=broken_tls, args=(listener, certificate), daemon=True)
        thread.start()
        failure = await get_failure(adapter, stream=stream)
        await adapter.aclose()
        await asyncio.to_thread(thread.join, 5)
    assert failure.kind is Kind.CONNECTION
    assert failure.text.startswith("connection error: ")
