from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.providers.gemini.requests import KEY
from tests.support.loopback import Loopback, gemini_answers
from tests.support.transports import TRANSPORTS, OpenAdapter, adapter_class, open_adapter


@pytest.fixture(params=TRANSPORTS)
def transport_class(request: pytest.FixtureRequest) -> type[Any]:
    """The lean adapter's class, then the one that sends through the SDK."""
    return adapter_class("gemini", request.param)


@pytest.fixture
def adapter(transport_class: type[Any]) -> OpenAdapter:
    return partial(open_adapter, transport_class, "gemini", key=KEY)


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        loopback.answer = gemini_answers("Lisbon, ", "says Gemini.")
        yield loopback
