"""Whose fault it is: the model's, the proxy's, or our own; and that nothing of it is secret."""

import asyncio
import errno
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from standby.failures import Kind
from standby.http.client import HttpClient
from standby.http.transport_errors import transport_failure
from standby.runtime.attempt_clock import ATTEMPT_CLOCK
from tests.support.http_calls import failed, post
from tests.support.loopback import Loopback, respond
from tests.support.raw_server import Peer, serve

BODY = b'{"a":1}'


async def test_a_refused_connection(http: HttpClient) -> None:
    result = await post(http, "http://127.0.0.1:9")
    assert failed(result) == ("connection", "connection error: Connection refused")


async def test_a_name_that_is_not_known(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    name = "the host's name 'model.test' is not known"
    text = f"connection error: {name} (Name or service not known)"
    assert failed(await post(http, "http://model.test")) == ("connection", text)


class Clock:
    """An attempt's clock with a second left."""

    def __init__(self, left: float) -> None:
        self.left = left
        self.log: list[str] = []

    def pause(self) -> None:
        self.log.append("pause")

    def resume(self) -> None:
        self.log.append("resume")

    def remaining(self) -> float:
        return self.left


@pytest.mark.parametrize(("left", "shown"), [(0.3, "0.3s"), (0.0, "0.001s"), (-1.0, "0.001s")])
async def test_a_connection_that_does_not_open_is_a_timeout_of_the_length_it_had(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, left: float, shown: str
) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", hang)
    clock = Clock(left)
    ATTEMPT_CLOCK.set(clock)
    result = await post(http, "http://127.0.0.1:9")
    assert failed(result) == ("timeout", f"timeout: no connection in {shown}")
    assert clock.log.count("pause") == clock.log.count("resume")


async def test_the_clock_stands_until_there_is_a_connection(http: HttpClient) -> None:
    clock, seen = Clock(5.0), []

    async def play(peer: Peer) -> None:
        await peer.request()
        seen.append(tuple(clock.log))
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    ATTEMPT_CLOCK.set(clock)
    async with serve(play) as server:
        assert await post(http, server.url) == b""
    assert seen[0].count("pause") == seen[0].count("resume") > 0
    assert clock.log == list(seen[0])


EXHAUST = """
import asyncio, os, resource, sys
from standby.http.client import HttpClient
from standby.plugin import AttemptFailed
from standby_openai.failures import read_failure

async def main():
    http = HttpClient(read_failure)
    for url in sys.argv[1:]:
        await http.post(url, {}, b"{}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    files = []
    try:
        while True:
            files.append(open(os.devnull))
    except OSError:
        pass
    for url in ["http://127.0.0.1:9", "http://localhost:9", "http://name.invalid"]:
        try:
            await http.post(url, {}, b"{}")
        except AttemptFailed as error:
            failure = error.failure
            print(failure.kind.value, failure.lasting, failure.text, sep=" | ")
    for each in files:
        each.close()
    await http.post(sys.argv[1], {}, b"{}")
    await http.aclose()
    print("fine")

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no such limit")
def test_too_many_open_files_are_a_shortage_of_our_own() -> None:
    with Loopback() as server:
        server.script(respond(200, BODY))
        command = [sys.executable, "-W", "error", "-c", EXHAUST, server.url]
        run = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=60, check=False
        )
    text = "not sent: Too many open files: this process has used up what the system gives it"
    assert run.stdout.splitlines() == [f"unavailable | False | {text}"] * 3 + ["fine"], run.stderr
    assert run.stderr == ""


@pytest.mark.parametrize(
    "number",
    [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL],
)
def test_each_shortage_of_the_system_is_named_and_is_not_lasting(number: int) -> None:
    failure = transport_failure(OSError(number, "x")).failure
    assert (failure.kind, failure.lasting) == (Kind.UNAVAILABLE, False)
    assert os.strerror(number) in failure.text


def test_no_thread_for_a_look_up_is_a_shortage() -> None:
    failure = transport_failure(RuntimeError("can't start new thread")).failure
    assert (failure.kind, failure.lasting) == (Kind.UNAVAILABLE, False)
    assert failure.text == "not sent: this process has no thread left, or its event loop is closing"


class Unheard(Exception):
    """An error of a future release."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (aiohttp.ServerDisconnectedError("sk-1"), "the server closed the connection without an an"),
        (aiohttp.ClientPayloadError("sk-1"), "the connection broke before the end of the answer"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "Connection reset by peer"),
        (OSError("sk-1"), "no address of the host can be reached"),
        (ssl.SSLError("sk-1"), "TLS failed"),
        (Unheard("sk-1"), "the connection broke (Unheard)"),
        (AssertionError("sk-1"), "the connection broke (AssertionError)"),
    ],
)
def test_an_errors_own_words_are_never_shown(error: Exception, text: str) -> None:
    failure = transport_failure(error).failure
    assert failure.kind is Kind.CONNECTION
    assert failure.text.startswith(f"connection error: {text}")
    assert "sk-1" not in failure.text


def test_the_pure_python_parser_lets_no_error_of_its_own_out(tmp_path: Path) -> None:
    """A platform without binaries has it; its errors are of other types."""
    here = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "damaged"]
    environment = {**os.environ, "AIOHTTP_NO_EXTENSIONS": "1", "TMPDIR": str(tmp_path)}
    run = subprocess.run(  # noqa: S603
        [*command, str(here / "test_client.py")],
        cwd=here.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout
