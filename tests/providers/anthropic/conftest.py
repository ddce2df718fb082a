from collections.abc import Iterator

import pytest

from tests.loopback import Loopback
from tests.providers.anthropic.wire_server import answers, text


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as running:
        running.answer = answers(text("Lisbon, says Claude."))
        yield running
