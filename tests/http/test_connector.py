"""Which connections are used again, by whom, and to which address."""

import asyncio
import gc
import multiprocessing
import os
import socket
import time

import pytest

from standby.http.client import HttpClient
from standby_openai.failures import read_failure
from tests.support.http_calls import failed, post
from tests.support.loopback import Loopback, respond
from tests.support.raw_server import Peer, ok, serve, serve_bytes

BODY = b'{"a":1}'


async def test_a_connection_that_the_server_closed_while_idle_is_not_used(http: HttpClient) -> None:
    async with serve_bytes(ok(BODY)) as server:  # it closes after each answer, and does not say so
        for _ in range(50):
            assert await post(http, server.url) == BODY
        assert len(server.peers) == 50


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_connection_that_ends_while_nobody_looks_is_not_used(
    http: HttpClient, then: str
) -> None:
    """The loop is blocked while the server closes, as by a busy application."""
    answer = respond(200, BODY, then="keep")
    with Loopback() as server:
        server.script(answer)
        for _ in range(5):
            assert await post(http, server.url) == BODY
            end(server, then)
            time.sleep(0.05)  # noqa: ASYNC251 - the block is the point
        assert server.accepted == 5


def end(server: Loopback, then: str) -> None:
    def close() -> None:
        for writer in tuple(server._connections.values()):
            if then == "reset":
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

    server._loop.call_soon_threadsafe(close)


LEFTOVERS = [b"x", ok(b'{"a":2}'), b"HTTP/1.1 408 Request Timeout\r\n\r\n"]


@pytest.mark.parametrize("leftover", LEFTOVERS)
async def test_what_a_server_says_between_calls_answers_no_request(
    http: HttpClient, leftover: bytes
) -> None:
    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(ok(BODY))
            await asyncio.sleep(0.02)
            await peer.send(leftover)

    async with serve(play) as server:
        for _ in range(3):
            assert await post(http, server.url) == BODY
            await asyncio.sleep(0.05)
        assert len(server.peers) == 3
        assert await server.peers[0].gone()


async def test_leftovers_that_the_loop_has_not_read_answer_no_request(http: HttpClient) -> None:
    with Loopback() as server:
        server.script(respond(200, BODY))
        assert await post(http, server.url) == BODY
        for writer in tuple(server._connections.values()):
            server._loop.call_soon_threadsafe(writer.write, ok(b'{"a":2}'))
        time.sleep(0.1)  # noqa: ASYNC251 - the block is the point
        assert await post(http, server.url) == BODY
        assert server.accepted == 2


async def test_connection_close_is_obeyed(http: HttpClient) -> None:
    async with serve_bytes(ok(BODY, "Connection: close"), then="keep") as server:
        for _ in range(2):
            assert await post(http, server.url) == BODY
        assert len(server.peers) == 2


async def test_calls_at_once_have_connections_of_their_own_and_later_ones_share_them(
    http: HttpClient,
) -> None:
    async with serve_bytes(ok(BODY), then="keep") as server:
        for _ in range(3):
            results = await asyncio.gather(*(post(http, server.url) for _ in range(20)))
            assert results == [BODY] * 20
        assert len(server.peers) == 20


def free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_of_two_addresses_of_a_host_one_is_enough(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def both(name: str, port: int, **_: object) -> list[object]:
        assert name == "model.test"
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(ok(BODY))

    async with serve(play, host=host) as server:
        monkeypatch.setattr(socket, "getaddrinfo", both)
        start = time.monotonic()
        assert await post(http, f"http://model.test:{server.port}") == BODY
        assert time.monotonic() - start < 0.5


async def test_a_host_that_refuses_at_all_addresses_refuses(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 9, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 9)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    result = await post(http, "http://model.test:9")
    assert failed(result) == ("connection", "connection error: Connection refused")


# Forks

FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


def run_in_child(work: object) -> int:
    """Run a function in a forked child; return its exit status."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(10)
    return process.exitcode if process.exitcode is not None else -1


@FORK
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("deed", ["call", "close", "drop", "nothing"])
def test_a_child_process_leaves_its_parents_connections_alone(deed: str) -> None:
    clients: list[HttpClient] = []

    async def call(server: Loopback) -> None:
        clients.append(HttpClient(read_failure))
        assert await post(clients[0], server.url) == BODY
        assert run_in_child(child) == 0
        assert await post(clients[0], server.url) == BODY
        await clients[0].aclose()

    async def call_in_child(server: Loopback) -> None:
        assert [await post(clients[0], server.url) for _ in range(2)] == [BODY, BODY]
        await clients[0].aclose()

    def child() -> None:
        if deed == "call":
            asyncio.run(call_in_child(server))
        if deed == "close":
            asyncio.run(clients[0].aclose())
        if deed == "drop":
            clients.clear()
        gc.collect()

    with Loopback() as server:
        server.script(respond(200, BODY))
        asyncio.run(call(server))
        assert server.accepted == 1 + (deed == "call")
        assert len(server.requests) == 2 + 2 * (deed == "call")
