from collections.abc import Iterator

import pytest
from hypothesis import settings

from standby import health

settings.register_profile("standby", deadline=None)  # a busy machine is no failure; what must be fast has a test of its own
settings.load_profile("standby")


@pytest.fixture(autouse=True)
def _nobody_is_known_to_be_sick() -> Iterator[None]:
    """Breakers are shared by the whole process; a test must not inherit another's outage."""
    health.forget()
    yield
    health.forget()
