from collections.abc import Iterator

import pytest

from tests.support.loopback import Loopback, openai_answers


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        loopback.answer = openai_answers("Lisbon, ", "says OpenAI.")
        yield loopback
