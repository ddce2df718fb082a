import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from standby import health

settings.register_profile("standby", deadline=None)  # a busy machine is no failure; what must be fast has a test of its own
settings.load_profile("standby")


def pytest_collection_finish() -> None:
    """Leave the tests and their modules out of every later garbage collection: they live to the end."""
    gc.collect()
    gc.freeze()


def pytest_configure() -> None:
    """Take Ctrl-C again where a shell's background job ignores it: the programs that the tests interrupt inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _nobody_is_known_to_be_sick() -> Iterator[None]:
    """Breakers are shared by the whole process; a test must not inherit another's outage."""
    health.forget()
    yield
    health.forget()
