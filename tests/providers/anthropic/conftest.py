from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.providers.anthropic.requests import KEY
from tests.providers.anthropic.wire_server import answers, text_block
from tests.support.loopback import Loopback
from tests.support.transports import TRANSPORTS, OpenAdapter, adapter_class, open_adapter


@pytest.fixture(params=TRANSPORTS)
def transport_class(request: pytest.FixtureRequest) -> type[Any]:
    """The lean adapter's class, then the one that sends through the SDK."""
    return adapter_class("anthropic", request.param)


@pytest.fixture
def adapter(transport_class: type[Any]) -> OpenAdapter:
    return partial(open_adapter, transport_class, "anthropic", key=KEY)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        loopback.answer = answers(text_block("Lisbon, says Claude."))
        yield loopback
