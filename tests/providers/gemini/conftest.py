from collections.abc import Iterator

import pytest

from tests.support.loopback import Loopback, gemini_answers


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        loopback.answer = gemini_answers("Lisbon, ", "says Gemini.")
        yield loopback
