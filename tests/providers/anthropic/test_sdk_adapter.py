"""What only the adapter that sends through the SDK can do wrong."""

from typing import Any

import anthropic as sdk
import pytest

from standby.plugin import AttemptFailed, Kind, Provider, Secret
from standby_anthropic.adapter import VERSION
from tests.providers.anthropic.requests import KEY
from tests.support.transports import adapter_class


@pytest.fixture
def transport_class() -> type[Any]:
    return adapter_class("anthropic", "sdk")


def test_an_unparsable_endpoint_is_unavailable(transport_class: type[Any]) -> None:
    with pytest.raises(AttemptFailed, match="the client cannot be made: ") as caught:
        transport_class(
            Provider(plugin="anthropic", base_url="http://127.0.0.1:port", api_key=Secret(KEY))
        )
    assert caught.value.failure.kind is Kind.UNAVAILABLE


@pytest.mark.usefixtures("transport_class")
def test_the_version_is_the_sdks_own() -> None:
    assert sdk.AsyncAnthropic(api_key="k").default_headers["anthropic-version"] == VERSION
