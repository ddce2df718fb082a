from collections.abc import Iterator

import pytest

from standby import health


@pytest.fixture(autouse=True)
def _nobody_is_known_to_be_sick() -> Iterator[None]:
    """Breakers are shared by the whole process; a test must not inherit another's outage."""
    health.forget()
    yield
    health.forget()
