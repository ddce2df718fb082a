import os
from collections.abc import Iterator

import pytest

NOBODY = 65534


@pytest.fixture
def anybody() -> Iterator[None]:
    """Go on as a user to whom permissions apply."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
