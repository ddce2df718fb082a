"""Which proxy a request goes through, what it is told, and what its own failures are called."""

import asyncio
import base64
import io
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import rich.console

from standby.failures import Failure, Kind
from standby.http import certificates, client
from standby.http.client import HttpClient
from standby.http.proxies import find_proxy
from standby.plugin import AttemptFailed
from tests.support.connect_proxy import forward_proxy
from tests.support.http_calls import KEY, failed, post
from tests.support.raw_server import Peer, ok, serve, serve_bytes
from tests.support.tls import Authority

BODY = b'{"a":1}'
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    certificates._contexts.clear()
    yield
    certificates._contexts.clear()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    authority = Authority()
    monkeypatch.setenv("SSL_CERT_FILE", authority.write(tmp_path / "authority.pem"))
    return authority


# Through a proxy


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_http_goes_through_the_proxy_of_a_variable(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async with serve_bytes(ok(BODY), then="keep") as server, forward_proxy() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        assert await post(http, server.url) == BODY
        assert proxy.heads[0].startswith(f"POST {server.url}/v1/x HTTP/1.1\r\n".encode())
        assert len(server.heads) == 1


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_https_goes_through_a_tunnel_and_the_proxy_sees_no_key(
    http: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    tmp_path: Path,
    variable: str,
) -> None:
    context = authority.server(tmp_path)
    async with (
        serve_bytes(ok(BODY), then="keep", tls=context) as server,
        forward_proxy() as proxy,
    ):
        monkeypatch.setenv(variable, proxy.url)
        assert [await post(http, server.url) for _ in range(3)] == [BODY] * 3
        assert len(server.peers) == 1
        [head] = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n".encode())
        assert KEY.encode() not in head
        assert b"Proxy-Authorization" not in server.heads[0]


async def test_a_proxy_may_be_reached_by_tls(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    context = authority.server(tmp_path)
    async with serve_bytes(ok(BODY)) as server, forward_proxy(tls=context) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert await post(http, server.url) == BODY
        assert len(proxy.heads) == 1


CREDENTIALS = [
    ("user:password", "user:password"),
    ("user:p%40ss%3Aw%2Frd", "user:p@ss:w/rd"),
    ("us%C3%A9r:password", "us\xe9r:password"),
    ("user:", "user:"),
]


@pytest.mark.parametrize(("written", "meant"), CREDENTIALS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_gets_the_password_and_the_model_does_not(
    http: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    tmp_path: Path,
    scheme: str,
    written: str,
    meant: str,
) -> None:
    context = authority.server(tmp_path) if scheme == "https" else None
    async with (
        serve_bytes(ok(BODY), then="keep", tls=context) as server,
        forward_proxy(credentials=meant) as proxy,
    ):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://{written}@127.0.0.1:{proxy.port}")
        assert [await post(http, server.url) for _ in range(2)] == [BODY] * 2
        assert f"Authorization: Bearer {KEY}".encode() in server.heads[0]
        assert b"Proxy-Authorization" not in server.heads[0]


# A proxy that fails


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            "",
            "asks for a password (407): write its variable as http://user:password@host:port",
        ),
        (
            "user:password@",
            "refuses the user or the password of its variable (407): correct them",
        ),
    ],
)
async def test_a_proxy_that_wants_a_password_is_named_with_what_to_change(
    http: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    scheme: str,
    given: str,
    problem: str,
) -> None:
    assert authority
    variable = f"{scheme.upper()}_PROXY"
    async with forward_proxy(credentials="another:word") as proxy:
        monkeypatch.setenv(variable, f"http://{given}127.0.0.1:{proxy.port}")
        result = await post(http, f"{scheme}://127.0.0.1:9")
    assert isinstance(result, Failure)
    assert (result.kind, result.lasting) == (Kind.UNAVAILABLE, True)
    assert result.text == f"the proxy http://127.0.0.1:{proxy.port} ({variable}) {problem}"


@pytest.mark.parametrize("written", ["hunter2secret", "hunter%2Fsecret", "a-b%40c%3Ad"])
async def test_a_proxy_that_sends_its_password_back_shows_it_nowhere(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    password = unquote(written)
    sent = base64.b64encode(f"user:{password}".encode()).decode()
    page = f"403 for user:{password}, {written}: Proxy-Authorization: Basic {sent}"
    head = f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(page)}\r\n\r\n"
    async with serve_bytes((head + page).encode()) as proxy:
        url = proxy.url.replace("//", f"//user:{written}@")
        monkeypatch.setenv("http_proxy", url)
        result = await post(http, "http://models.invalid/v1")
    assert isinstance(result, Failure)
    assert "403 for user:***, ***: Proxy-Authorization: Basic ***" in result.text
    assert not any(secret in repr(result) for secret in (password, written, sent))


def test_a_proxy_is_named_with_the_variable_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:3128")
    proxy = find_proxy("https://api.example.com/v1")
    assert proxy is not None
    assert proxy.name == "http://127.0.0.1:3128 (https_proxy)"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_dead_proxy_is_named_as_the_proxy(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, authority: Authority, scheme: str
) -> None:
    assert authority
    monkeypatch.setenv("ALL_PROXY", "http://user:password@127.0.0.1:9")
    async with serve_bytes(ok(BODY)) as server:
        result = await post(http, server.url.replace("http", scheme))
        assert server.peers == []
    text = "connection error: the proxy http://127.0.0.1:9 (ALL_PROXY): Connection refused"
    assert failed(result) == ("connection", text)


async def test_a_proxy_whose_name_is_not_known_is_named_as_the_proxy(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:password@proxy.invalid:3128")
    kind, text = failed(await post(http, "http://127.0.0.1:9"))
    assert kind == "connection"
    assert (
        "the proxy http://proxy.invalid:3128 (HTTP_PROXY): the host's name 'proxy.invalid' is"
        in text
    )


async def test_a_proxy_that_hangs_at_connect_is_left_in_time(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    assert authority
    monkeypatch.setattr(client, "_TIMEOUT", client._make_timeout(0.3))

    async def play(peer: Peer) -> None:
        await peer.gone(60)

    async with serve(play) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        start = time.monotonic()
        result = await post(http, "https://127.0.0.1:9")
        assert time.monotonic() - start < 1.0
        assert await proxy.peers[0].gone(0.5)
    text = f"timeout: through the proxy {proxy.url} (HTTPS_PROXY): no connection in 0.3s"
    assert failed(result) == ("timeout", text)


async def test_a_caller_who_leaves_at_connect_closes_the_socket(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    assert authority

    async def play(peer: Peer) -> None:
        await peer.gone(60)

    async with serve(play) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        task = asyncio.create_task(post(http, "https://127.0.0.1:9"))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])
        assert http._permits._value == 1000
        assert await proxy.peers[0].gone(0.5)


ANSWERS = [
    (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "the proxy {}: it answered 503"),
    (b"HTTP/1.1 403 No\r\nSet-Cookie: a=password\r\n\r\n<p>", "the proxy {}: it answered 403"),
    (b"HTTP/1.1 302 F\r\nLocation: http://a/\r\n\r\n", "the proxy {}: it answered 302"),
    (b"SSH-2.0-OpenSSH\r\n", "through the proxy {}: the answer is not valid HTTP"),
    (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200", "through the proxy {}: "),
]


@pytest.mark.parametrize(("answer", "text"), ANSWERS)
async def test_a_proxy_that_opens_no_tunnel_is_named_and_its_status_is_not_the_models(
    http: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    answer: bytes,
    text: str,
) -> None:
    assert authority
    async with forward_proxy(answer=answer) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:password@127.0.0.1:{proxy.port}")
        result = await post(http, "https://127.0.0.1:9")
    name = f"http://127.0.0.1:{proxy.port} (HTTPS_PROXY)"
    kind, shown = failed(result)
    assert kind == "connection"
    assert shown.startswith(f"connection error: {text.format(name)}")
    assert isinstance(result, Failure)
    assert result.status is None


async def test_a_break_behind_a_proxy_names_it_as_a_part_of_the_way(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + BODY
    async with (
        serve_bytes(answer, tls=authority.server(tmp_path)) as server,
        forward_proxy() as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        kind, text = failed(await post(http, server.url))
    assert kind == "connection"
    assert text == (
        f"connection error: through the proxy {proxy.url} (HTTPS_PROXY): "
        "the connection broke before the end of the answer"
    )


# Which proxy


def chosen(monkeypatch: pytest.MonkeyPatch, url: str, **variables: str) -> str | None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxy = find_proxy(url)
    return None if proxy is None else proxy.name


P = "http://p:1"


@pytest.mark.parametrize(
    ("url", "variables", "name"),
    [
        ("https://h/", {}, None),
        ("https://h/", {"HTTPS_PROXY": P}, "http://p:1 (HTTPS_PROXY)"),
        ("HTTPS://h/", {"HTTPS_PROXY": P}, "http://p:1 (HTTPS_PROXY)"),
        ("https://h/", {"HTTP_PROXY": P}, None),
        ("http://h/", {"HTTPS_PROXY": P}, None),
        ("https://h/", {"HTTPS_PROXY": P, "ALL_PROXY": "http://a"}, "http://p:1 (HTTPS_PROXY)"),
        ("https://h/", {"HTTPS_PROXY": "", "ALL_PROXY": "http://a"}, "http://a (ALL_PROXY)"),
        ("https://h/", {"HTTPS_PROXY": "p:1"}, "http://p:1 (HTTPS_PROXY)"),
        ("https://h/", {"HTTPS_PROXY": "u:w@p:1"}, "http://p:1 (HTTPS_PROXY)"),
        ("https://h/", {"HTTPS_PROXY": " http://p:1/ "}, "http://p:1 (HTTPS_PROXY)"),
        ("https://h/", {"HTTPS_PROXY": "https://p"}, "https://p (HTTPS_PROXY)"),
        ("https://h/", {"HTTPS_PROXY": "http://[::1]:1"}, "http://[::1]:1 (HTTPS_PROXY)"),
        ("https://h/", {"HTTPS_PROXY": "http://u:p@ss@h:1"}, "http://h:1 (HTTPS_PROXY)"),
    ],
)
def test_the_schemes_own_variable_comes_first(
    monkeypatch: pytest.MonkeyPatch, url: str, variables: dict[str, str], name: str | None
) -> None:
    assert chosen(monkeypatch, url, **variables) == name


@pytest.mark.parametrize(
    ("host", "excepted"),
    [
        ("api.example.com", "api.example.com"),
        ("API.example.com", "a, Api.Example.Com"),
        ("api.example.com", "example.com"),
        ("api.example.com", ".example.com"),
        ("api.example.com", "*.example.com"),
        ("api.example.com", "a b api.example.com"),
        ("api.example.com", "*"),
        ("api.example.com", "a,*"),
        ("api.example.com:8443", "api.example.com"),
        ("api.example.com:8443", "api.example.com:8443"),
        ("api.example.com", "api.example.com:443"),
        ("user:password@api.example.com", "api.example.com"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.9.9.9/8"),
        ("10.1.2.3:80", "10.0.0.0/8"),
        ("[::1]", "::1"),
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[::1]:8443", "[::1]:8443"),
        ("[fd00::5]:8443", "fd00::/8"),
        ("localhost", "localhost,127.0.0.1"),
    ],
)
def test_no_proxy_names_what_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, host: str, excepted: str
) -> None:
    assert chosen(monkeypatch, f"https://{host}/v1", ALL_PROXY=P, NO_PROXY=excepted) is None


@pytest.mark.parametrize(
    ("host", "excepted"),
    [
        ("api.example.com", ""),
        ("api.example.com", ","),
        ("api.example.com", "pi.example.com"),
        ("notexample.com", "example.com"),
        ("api.example.com", "api.example.com:8443"),
        ("api.example.com", "10.0.0.0/8"),
        ("11.1.2.3", "10.0.0.0/8,junk/8,10.0.0.0/99"),
        ("[fe80::1]", "fd00::/8"),
        ("[::1]", "::2"),
    ],
)
def test_no_proxy_names_nothing_else(
    monkeypatch: pytest.MonkeyPatch, host: str, excepted: str
) -> None:
    assert chosen(monkeypatch, f"https://{host}/v1", ALL_PROXY=P, NO_PROXY=excepted) is not None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("socks5://user:password@p:1080", "it is a SOCKS proxy, and only HTTP proxies are sup"),
        ("socks5h://p:1080", "it is a SOCKS proxy"),
        ("SOCKS4://p:1080", "it is a SOCKS proxy"),
        ("ftp://p:21", "its scheme is 'ftp'"),
        ("http://", "it names no host"),
        ("http://:8080", "it names no host"),
        ("http://p:port", "it is not a URL"),
        ("http://p:99999", "it is not a URL"),
        ("http://[::1", "it is not a URL"),
        ("http://two words:1", "it names no host"),
        ("http://user:pass/word@p:1", "it is not a URL"),
        ("http://user:12/password@p:1", "it goes on after the port, or / ? # in it are not enc"),
        ("http://user:12#password@p:1", "it goes on after the port"),
        ("http://user:12?password@p:1", "it goes on after the port"),
        ("http://p:1/proxy.pac", "it goes on after the port"),
    ],
)
async def test_a_variable_that_names_no_proxy_is_refused_before_anything_is_sent(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", value)
    async with serve_bytes(ok(BODY)) as server:
        result = await post(http, server.url)
        assert server.peers == []
    assert isinstance(result, Failure)
    assert (result.kind, result.lasting) == (Kind.UNAVAILABLE, True)
    assert result.text.startswith(f"the variable HTTP_PROXY does not name a proxy: {problem}")
    assert result.text.endswith("; write it as http://host:port")
    assert "password" not in result.text


def test_a_variable_in_lower_case_is_named_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "socks5://p:1")
    with pytest.raises(AttemptFailed, match="the variable https_proxy does not name a proxy"):
        find_proxy("https://h/")


def test_a_password_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@p:1")
    proxy = find_proxy("https://h/")
    assert proxy is not None
    assert proxy.url.reveal() == "http://user:password@p:1"
    console = rich.console.Console(file=io.StringIO(), width=200)
    console.print(proxy, client._Route(True, proxy))
    assert isinstance(console.file, io.StringIO)
    for shown in (repr(proxy), str(proxy), console.file.getvalue()):
        assert "p:1" in shown
        assert "password" not in shown
