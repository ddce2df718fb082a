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

settings.register_profile(
    "standby", deadline=None
)  # a busy machine is no failure; what must be fast has a test of its own
settings.load_profile("standby")


def pytest_collection_finish() -> None:
    """Leave the tests and their modules out of every later garbage collection: they live to the end."""
    gc.collect()
    gc.freeze()


def pytest_configure() -> None:
    """Give the tests and the programs that they start what a plain terminal gives them.

    A shell's background job ignores Ctrl-C. Some systems forbid Python to keep what it compiles; a
    hundred programs would then compile the whole package each.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    trust_nobody()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nobody_is_known_to_be_sick() -> Iterator[None]:
    """Breakers are shared by the whole process; a test must not inherit another's outage."""
    with fresh_health():
        yield


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Return the threads that this test begins, itself or through another one that it began; nobody else's."""
    start, mine = threading.Thread.start, [threading.current_thread()]
    threads: list[threading.Thread] = []

    def recorded(thread: threading.Thread) -> None:
        if threading.current_thread() in (*mine, *threads):
            threads.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", recorded)
    return threads
