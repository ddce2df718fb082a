"""Every fault of an upstream server, on both wires, complete and streamed, over real sockets.

The fault occurs at the first model or at both. A cell passes if the call ends once and in time,
with the reply of the healthy model, or with the error that its row names.
"""

import asyncio
import importlib
import socket
import time
from collections.abc import Iterator

import pytest

from standby import AsyncStandby, CallFailed, ChainExhausted, Reply, Settings, Stopped, StreamBroken
from standby.cards import Card
from standby.settings import Chain, Model, Provider, Retry, Secret
from standby.testing import fresh_health
from tests.support.faults import FAULTS, Fault, Wire, raw_answer
from tests.support.loopback import Loopback
from tests.support.raw_server import Peer, serve

# imported here, so that no cell waits for an import
importlib.import_module("standby_gemini.adapter")
importlib.import_module("standby_openai.adapter")

STOPS = {"blocked", "invalid_request"}
TIMEOUT = 1.0
WIRES = [
    Wire(plugin, path, model, streamed)
    for plugin, path, model in (("gemini", "", "gemini-2.5-pro"), ("openai", "/v1", "o3-mini"))
    for streamed in (False, True)
]


@pytest.fixture(autouse=True)
def _fresh_health() -> Iterator[None]:
    """Breakers are shared by the process; a cell must not inherit another's outage."""
    with fresh_health():
        yield


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Loopback, Loopback]]:
    with Loopback() as first, Loopback() as second:
        yield first, second


def client(
    wire: Wire, servers: tuple[Loopback, Loopback], first_url: str | None = None
) -> AsyncStandby:
    urls = [(first_url or servers[0].url) + wire.path, servers[1].url + wire.path]
    key = Secret("a-key")
    settings = Settings(
        providers={
            name: Provider(plugin=wire.plugin, base_url=url, api_key=key)
            for name, url in zip("pq", urls, strict=True)
        },
        models={
            "a": Model(
                provider="p", model=wire.model, timeout=TIMEOUT, card=Card(context_window=1000)
            ),
            "b": Model(provider="q", model=wire.model, timeout=TIMEOUT),
        },
        chains={"default": Chain(models=("a", "b"), deadline=6.0, retry=Retry(attempts=1))},
    )
    return AsyncStandby(settings=settings, environ={}, warm_up=False)


async def send(wire: Wire, servers: tuple[Loopback, Loopback]) -> tuple[Reply | CallFailed, str]:
    async with client(wire, servers) as standby:
        return await call(wire, standby)


async def call(wire: Wire, standby: AsyncStandby) -> tuple[Reply | CallFailed, str]:
    """Return how a call ends, and the text that the caller has received."""
    texts: list[str] = []
    try:
        if not wire.streamed:
            reply = await standby.chat("Which city?")
            return reply, reply.text
        async with standby.stream("Which city?") as stream:
            async for chunk in stream:
                texts.append(chunk.text)  # noqa: PERF401 - keeps what came before a break
            return stream.reply, "".join(texts)
    except CallFailed as error:
        return error, "".join(texts)


ON_WIRES = pytest.mark.parametrize(
    "wire", WIRES, ids=lambda wire: f"{wire.plugin} {'streamed' if wire.streamed else 'complete'}"
)


@pytest.mark.parametrize("everywhere", [False, True], ids=["first model", "both models"])
@ON_WIRES
@pytest.mark.parametrize("row", FAULTS, ids=lambda row: f"{row[0]} {row[1]}")
async def test_a_fault_ends_as_its_row_says(
    servers: tuple[Loopback, Loopback],
    row: tuple[str, str, Fault, str],
    wire: Wire,
    *,
    everywhere: bool,
) -> None:
    _, _, fault, kinds = row
    first, second = servers
    first.script(fault(wire))
    second.script(fault(wire) if everywhere else wire.good())
    before = len(first.requests), len(second.requests)
    start = time.monotonic()
    result, text = await send(wire, servers)
    assert time.monotonic() - start < 6.05
    assert len(first.requests) - before[0] == 1
    assert len(second.requests) - before[1] <= 1
    attempt = result.trail[0]
    expected = kinds.split(" or ")
    if attempt.outcome == "answered":
        assert "ok" in expected
        assert (type(result), text) == (Reply, result.text)  # type: ignore[union-attr]
        return
    assert attempt.kind in expected, attempt
    check_failed(result, text, everywhere=everywhere)
    if isinstance(result, ChainExhausted):
        assert {each.kind for each in result.trail} <= {*expected, "unsupported"}


def check_failed(result: Reply | CallFailed, text: str, *, everywhere: bool) -> None:
    attempt = result.trail[0]
    if isinstance(result, StreamBroken):
        assert text, "a stream breaks only for a caller who has received a part of it"
        assert attempt.then == "stop"
    elif attempt.kind in STOPS:
        assert (type(result), text) == (Stopped, "")
    elif everywhere:
        assert (type(result), text) == (ChainExhausted, "")
    else:
        assert isinstance(result, Reply)
        assert (result.model, text) == ("b", "Lisbon, says the server.")


# On the way to the server


async def check_moved_on(
    wire: Wire, servers: tuple[Loopback, Loopback], first_url: str, kind: str, text: str
) -> None:
    before = len(servers[0].requests)
    start = time.monotonic()
    async with client(wire, servers, first_url) as standby:
        result, received = await call(wire, standby)
    assert time.monotonic() - start < TIMEOUT + 1.0
    assert len(servers[0].requests) == before
    attempt = result.trail[0]
    assert (attempt.kind, text in attempt.text) == (kind, True), attempt
    assert (result.trail[-1].model, received) == ("b", "Lisbon, says the server.")


@ON_WIRES
@pytest.mark.parametrize("said", [b"", b"\x15\x03\x03\0\2\2\x28", b"HTTP/1.1 400 Bad Request\r\n"])
async def test_tls_that_fails_in_the_handshake(
    servers: tuple[Loopback, Loopback], wire: Wire, said: bytes
) -> None:
    async def play(peer: Peer) -> None:
        await peer.reader.read(2**16)
        await peer.send(said)

    servers[1].script(wire.good())
    async with serve(play) as plain:
        url = plain.url.replace("http:", "https:")
        await check_moved_on(wire, servers, url, "connection", "TLS handshake")


@ON_WIRES
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_hangs(
    servers: tuple[Loopback, Loopback], wire: Wire, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(peer: Peer) -> None:
        await peer.gone(60)

    servers[1].script(wire.good())
    async with serve(play) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", f"127.0.0.1:{servers[1].port}")
        url = servers[0].url.replace("http:", f"{scheme}:")
        text = "through the proxy" if scheme == "https" else ""
        await check_moved_on(wire, servers, url, "timeout", text)


@ON_WIRES
async def test_ipv6_that_is_refused_beside_ipv4_that_works(
    servers: tuple[Loopback, Loopback], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(_: str, port: int, **__: object) -> list[object]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    servers[0].script(wire.good())
    async with client(wire, servers, f"http://model.test:{servers[0].port}") as standby:
        result, text = await call(wire, standby)
    assert ([each.outcome for each in result.trail], text) == (
        ["answered"],
        "Lisbon, says the server.",
    )


@ON_WIRES
async def test_a_kept_connection_that_is_closed_while_idle(
    servers: tuple[Loopback, Loopback], wire: Wire
) -> None:
    servers[0].script(raw_answer(trailers=b"X-Time: 2\r\n")(wire))  # and it closes
    async with client(wire, servers) as standby:
        for _ in range(5):
            await asyncio.sleep(0.05)
            result, text = await call(wire, standby)
            assert ([each.outcome for each in result.trail], text) == (
                ["answered"],
                "Lisbon, says the server.",
            )


def test_there_are_enough_cells() -> None:
    assert len(FAULTS) * len(WIRES) * 2 >= 400
