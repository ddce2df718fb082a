from collections.abc import Iterator

import pytest

from tests.providers.anthropic.wire_server import answers, text_block
from tests.support.loopback import Loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        loopback.answer = answers(text_block("Lisbon, says Claude."))
        yield loopback
