"""A client made at import under real gunicorn: loaded once before the fork, or in each worker."""

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.busy import SLACK
from tests.support.loopback import Answer, Loopback, Received, late, openai_answers

pytest.importorskip("gunicorn", reason="scripts/integrations runs these, where gunicorn is")
pytest.importorskip("gevent", reason="scripts/integrations runs these, where gevent is")

WORKERS = {
    "sync": ("-k", "sync", "-w", "2"),
    "gthread": ("-k", "gthread", "--threads", "6"),
    "gevent": ("-k", "gevent"),
    "gevent, two workers": ("-k", "gevent", "-w", "2"),
}
SIX = ("/chat", "/stream", "/chat", "/stream", "/chat", "/chat")
COMPLAINT = re.compile("blocks the event loop|is multi-threaded|Traceback|Exception ignored")


@pytest.fixture
def model() -> Iterator[Loopback]:
    answer = openai_answers("Lisbon.")

    def answer_late(request: Received) -> Answer:
        return late(0.2, answer(request))

    with Loopback() as server:
        server.answer = answer_late
        yield server


class Gunicorn:
    """A running server; `log` is all that it wrote, once it has ended."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.log = ""

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=20 + SLACK) as answer:  # noqa: S310 - ours
            return str(answer.read().decode())

    def get_at_once(self, *paths: str) -> list[str]:
        with ThreadPoolExecutor(len(paths)) as pool:
            return list(pool.map(self.get, paths))


@contextmanager
def serve(model: Loopback, *options: str, **environ: str) -> Generator[Gunicorn, None, None]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = (
            *(sys.executable, "-W", "always", "-m", "gunicorn", "--no-control-socket"),
            *(
                "--graceful-timeout",
                "5",
            ),  # a worker that is ended while it starts misses the signal
            *("--bind", f"fd://{listener.fileno()}", *options, "tests.heavy.wsgi_app:app"),
        )
        process = subprocess.Popen(  # noqa: S603 - ours
            command,
            pass_fds=[listener.fileno()],
            env={**os.environ, "STANDBY_TEST_MODEL": model.url, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        server = Gunicorn(process, listener.getsockname()[1])
        try:
            yield server
            process.terminate()
            server.log, _ = process.communicate(timeout=20 + SLACK)
        finally:
            process.kill()


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("load", ["--preload", ""])
def test_six_requests_at_once_are_answered_without_a_complaint(
    model: Loopback, worker: str, load: str
) -> None:
    with serve(model, *load.split(), *WORKERS[worker]) as server:
        assert server.get_at_once(*SIX) == ["Lisbon."] * 6
        assert server.get("/health") == "closed"
        assert server.get("/chat") == "Lisbon."
    assert server.process.returncode == 0
    assert [line for line in server.log.splitlines() if COMPLAINT.search(line)] == []


@pytest.mark.parametrize("worker", WORKERS)
def test_a_call_before_the_fork_changes_nothing(model: Loopback, worker: str) -> None:
    environ = {"STANDBY_TEST_CALL_AT_IMPORT": "1"}
    with serve(model, "--preload", *WORKERS[worker], **environ) as server:
        assert server.get_at_once(*SIX) == ["Lisbon."] * 6
    assert server.process.returncode == 0
    assert [line for line in server.log.splitlines() if COMPLAINT.search(line)] == []
