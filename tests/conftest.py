import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

from standby.testing import fresh_health
from tests.support.certificates import trust_nobody

# No deadline: a busy machine is no failure, and speed has tests of its own.
settings.register_profile("standby", deadline=None)
settings.load_profile("standby")


def pytest_collection_finish() -> None:
    """Exempt the tests and their modules from garbage collection: they live to the end."""
    gc.collect()
    gc.freeze()


def pytest_configure() -> None:
    """Give the tests and their child processes the environment of a plain terminal.

    A shell's background job ignores Ctrl-C. Some systems forbid Python to write bytecode; each of a
    hundred child processes would then compile the whole package.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    trust_nobody()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _all_models_are_healthy() -> Iterator[None]:
    """Start with closed breakers: the whole process shares them, also with earlier tests."""
    with fresh_health():
        yield


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Return the threads that this test starts, directly or through a thread that it started."""
    start, own_threads = threading.Thread.start, [threading.current_thread()]
    threads: list[threading.Thread] = []

    def record_and_start(thread: threading.Thread) -> None:
        if threading.current_thread() in (*own_threads, *threads):
            threads.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", record_and_start)
    return threads
