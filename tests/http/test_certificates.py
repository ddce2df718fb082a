"""What is trusted, who says so, and when it is read."""

import asyncio
import datetime as dt
import ssl
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from standby.failures import Failure, Kind
from standby.http import certificates
from standby.http.certificates import trusted_certificates
from standby.http.client import HttpClient
from tests.support.http_calls import failed, post
from tests.support.raw_server import Peer, ok, serve, serve_bytes
from tests.support.tls import Authority

BODY = b'{"a":1}'
NOT_VALID = "connection error: the server's certificate is not valid: "
AUTHORITIES = "; the variable SSL_CERT_FILE names the authorities to trust"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without variables, and with nothing read."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    certificates._contexts.clear()
    yield
    certificates._contexts.clear()


@pytest.fixture
def trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setenv("SSL_CERT_FILE", authority.write(tmp_path / "authority.pem"))
    return authority


async def test_a_server_whose_authority_a_file_names_is_trusted(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    async with serve_bytes(ok(BODY), then="keep", tls=trusted.server(tmp_path)) as server:
        assert [await post(http, server.url) for _ in range(2)] == [BODY, BODY]
        assert await post(http, server.url.replace("https", "HTTPS")) == BODY
        assert len(server.peers) == 1


async def test_a_server_whose_authority_a_folder_names_is_trusted(
    http: HttpClient, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "trusted"
    folder.mkdir()
    hashed = authority.hash_name()
    authority.write(folder / f"{hashed}.0")
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    async with serve_bytes(ok(BODY), tls=authority.server(tmp_path)) as server:
        assert await post(http, server.url) == BODY


async def test_a_bundle_with_words_between_its_certificates_is_read(
    http: HttpClient, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"# Other\n" + Authority("Other").pem + b"\nOurs:\n" + authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    async with serve_bytes(ok(BODY), tls=authority.server(tmp_path)) as server:
        assert await post(http, server.url) == BODY


async def test_a_server_of_an_unknown_authority_is_not_trusted(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    assert trusted
    context = Authority("Another authority").server(tmp_path)
    async with serve_bytes(ok(BODY), tls=context) as server:
        kind, text = failed(await post(http, server.url))
        assert server.heads == []
    assert kind == "connection"
    assert text == f"{NOT_VALID}unable to get local issuer certificate{AUTHORITIES}"


async def test_a_certificate_that_has_expired_is_named_as_such(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    context = trusted.server(tmp_path, end=-dt.timedelta(hours=1))
    async with serve_bytes(ok(BODY), tls=context) as server:
        assert failed(await post(http, server.url)) == (
            "connection",
            f"{NOT_VALID}certificate has expired",
        )
        assert server.heads == []


@pytest.mark.parametrize("name", ["model.test", "127.0.0.2"])
async def test_a_certificate_of_another_name_is_named_as_such(
    http: HttpClient, trusted: Authority, tmp_path: Path, name: str
) -> None:
    async with serve_bytes(ok(BODY), tls=trusted.server(tmp_path, name)) as server:
        kind, text = failed(await post(http, server.url))
        assert server.heads == []
    assert kind == "connection"
    assert text.startswith(f"{NOT_VALID}IP address mismatch")
    assert "SSL_CERT_FILE" not in text


ALERT = b"\x15\x03\x03\0\2\2\x28"
CLOSED = "the server closed the connection in the TLS handshake"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (ALERT, "the TLS handshake failed (SSLV3_ALERT_HANDSHAKE_FAILURE)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the TLS handshake failed (WRONG_VERSION_NUMBER)"),
        (b"", CLOSED),
        (ALERT[:3], CLOSED),
    ],
)
async def test_a_handshake_that_fails_is_named(
    http: HttpClient, trusted: Authority, said: bytes, text: str
) -> None:
    assert trusted

    async def play(peer: Peer) -> None:
        await peer.reader.read(2**16)
        await peer.send(said)

    async with serve(play) as server:
        result = await post(http, server.url.replace("http:", "https:"))
    kind, message = failed(result)
    assert kind == "connection"
    names = {text, text.replace("SSLV3_", "SSL/TLS_"), text.replace("SSLV3_", "")}
    assert message.removeprefix("connection error: ") in names


async def test_a_server_without_a_common_cipher_fails_in_the_handshake(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    context = trusted.server(tmp_path)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("NULL-SHA256:@SECLEVEL=0")
    async with serve_bytes(ok(BODY), tls=context) as server:
        kind, text = failed(await post(http, server.url))
    assert kind == "connection"
    assert "handshake" in text


async def test_http_to_a_port_of_https_is_a_connection_that_breaks(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    async with serve_bytes(ok(BODY), tls=trusted.server(tmp_path)) as server:
        kind, text = failed(await post(http, server.url.replace("https", "http")))
    assert (kind, text) == (
        "connection",
        "connection error: the server closed the connection without an answer",
    )


async def test_a_server_that_wants_a_certificate_of_the_client_gets_none(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    context = trusted.server(tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=trusted.pem.decode())
    async with serve_bytes(ok(BODY), tls=context) as server:
        kind, _ = failed(await post(http, server.url))
        assert server.heads == []
    assert kind == "connection"


async def test_a_handshake_that_hangs_is_left_with_its_socket(
    http: HttpClient, trusted: Authority
) -> None:
    assert trusted

    async def play(peer: Peer) -> None:
        await peer.gone(60)

    async with serve(play) as server:
        task = asyncio.create_task(post(http, server.url.replace("http", "https")))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.wait([task])
        assert http._permits._value == 1000
        assert await server.peers[0].gone(0.5)


async def test_a_connection_cut_within_tls_is_no_end_of_the_body(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    """Without its own goodbye TLS has been cut, though the body says to read up to the end."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + BODY
    context = trusted.server(tmp_path)
    async with serve_bytes(answer, then="reset", wait=0.05, tls=context) as server:
        assert failed(await post(http, server.url)) == (
            "connection",
            "connection error: the connection broke before the end of the answer",
        )


async def test_http_1_1_is_offered_and_no_other_protocol(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    chosen: list[str | None] = []

    async def play(peer: Peer) -> None:
        await peer.request()
        chosen.append(peer.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await peer.send(ok(BODY))

    for offered in (["h2", "http/1.1"], ["h2"]):
        context = trusted.server(tmp_path)
        context.set_alpn_protocols(offered)
        async with serve(play, tls=context) as server:
            await post(http, server.url)
    assert chosen[:1] == ["http/1.1"]
    assert "h2" not in chosen


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file or directory"),
        (b"", "it holds no certificate in PEM"),
        (b"words\n", "it holds no certificate in PEM"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "it holds no certificate in PEM",
        ),
    ],
)
async def test_a_file_that_holds_no_certificates_is_named_before_anything_is_sent(
    http: HttpClient,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
    problem: str,
) -> None:
    path = tmp_path / "junk.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with serve_bytes(ok(BODY), tls=authority.server(tmp_path)) as server:
        result = await post(http, server.url)
        assert server.peers == []
        check_unreadable(result, "SSL_CERT_FILE", path, problem)
        path.write_bytes(authority.pem)  # it is read anew once it is right
        assert await post(http, server.url) == BODY


async def test_a_file_that_may_not_be_read_is_named(
    http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    result = await post(http, "https://127.0.0.1:9")
    assert isinstance(result, Failure)
    assert result.kind is Kind.UNAVAILABLE
    assert f"{str(tmp_path)!r} of the variable SSL_CERT_FILE" in result.text


async def test_a_folder_that_is_none_is_named(
    http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))
    result = await post(http, "https://127.0.0.1:9")
    check_unreadable(result, "SSL_CERT_DIR", tmp_path / "missing", "it is not a folder")


def check_unreadable(result: bytes | Failure, variable: str, path: Path, problem: str) -> None:
    assert isinstance(result, Failure)
    assert (result.kind, result.lasting) == (Kind.UNAVAILABLE, True)
    assert result.text == (
        f"the trusted certificates cannot be read: {str(path)!r} of the variable {variable}: "
        f"{problem}; correct the variable, or unset it to trust the system's"
    )


async def test_an_endpoint_of_http_needs_no_certificates(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/missing.pem")
    async with serve_bytes(ok(BODY)) as server:
        assert await post(http, server.url) == BODY


async def test_certificates_are_read_once_and_in_a_thread(
    http: HttpClient, trusted: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[threading.Thread] = []
    create = ssl.create_default_context

    def record(*args: str, **options: str) -> ssl.SSLContext:
        readers.append(threading.current_thread())
        return create(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl, "create_default_context", record)
    async with serve_bytes(ok(BODY), tls=trusted.server(tmp_path)) as server:
        results = await asyncio.gather(*(post(http, server.url) for _ in range(20)))
    assert results == [BODY] * 20
    await trusted_certificates()
    assert len(readers) == 1
    assert readers[0] is not threading.current_thread()


async def test_a_caller_who_leaves_while_they_are_read_leaves_the_others_alone(
    http: HttpClient, trusted: Authority, tmp_path: Path
) -> None:
    async with serve_bytes(ok(BODY), tls=trusted.server(tmp_path)) as server:
        first, *others = (asyncio.create_task(post(http, server.url)) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        assert await asyncio.gather(*others) == [BODY] * 2


async def test_without_variables_the_system_is_trusted() -> None:
    context = await trusted_certificates()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert await trusted_certificates() is context


async def test_a_python_without_certificates_and_without_certifi_still_checks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(certificates, "_system_has_certificates", lambda: False)
    monkeypatch.setitem(sys.modules, "certifi", None)
    assert (await trusted_certificates()).verify_mode is ssl.CERT_REQUIRED


async def test_a_python_without_certificates_trusts_those_of_certifi(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certifi = types.ModuleType("certifi")
    path = authority.write(tmp_path / "certifi.pem")
    certifi.where = lambda: path  # type: ignore[attr-defined]
    monkeypatch.setattr(certificates, "_system_has_certificates", lambda: False)
    monkeypatch.setitem(sys.modules, "certifi", certifi)
    assert len((await trusted_certificates()).get_ca_certs()) == 1
