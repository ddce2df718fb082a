"""Every fault of an upstream server, on both wires, complete and streamed, through the real SDKs.

The fault occurs at the first model or at both. A cell passes if the call ends once and in time,
with the reply of the healthy model, or with the error that its row names.
"""

import importlib
import time
from collections.abc import Iterator

import pytest

from standby import AsyncStandby, CallFailed, ChainExhausted, Reply, Settings, Stopped, StreamBroken
from standby.cards import Card
from standby.settings import Chain, Model, Provider, Retry, Secret
from standby.testing import fresh_health
from tests.support.faults import FAULTS, Fault, Wire
from tests.support.loopback import Loopback

# imported here, so that no cell's time-out includes an import
importlib.import_module("standby_gemini.adapter")
importlib.import_module("standby_openai.adapter")

STOPS = {"blocked", "invalid_request"}
TIMEOUT = 1.0
WIRES = [
    Wire(plugin, path, model, streamed)
    for plugin, path, model in (("gemini", "", "gemini-2.5-pro"), ("openai", "/v1", "o3-mini"))
    for streamed in (False, True)
]


@pytest.fixture(autouse=True)
def _fresh_health() -> Iterator[None]:
    """Breakers are shared by the process; a cell must not inherit another's outage."""
    with fresh_health():
        yield


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Loopback, Loopback]]:
    with Loopback() as first, Loopback() as second:
        yield first, second


def client(wire: Wire, servers: tuple[Loopback, Loopback]) -> AsyncStandby:
    urls = [server.url + wire.path for server in servers]
    key = Secret("a-key")
    settings = Settings(
        providers={
            name: Provider(plugin=wire.plugin, base_url=url, api_key=key)
            for name, url in zip("pq", urls, strict=True)
        },
        models={
            "a": Model(
                provider="p", model=wire.model, timeout=TIMEOUT, card=Card(context_window=1000)
            ),
            "b": Model(provider="q", model=wire.model, timeout=TIMEOUT),
        },
        chains={"default": Chain(models=("a", "b"), deadline=6.0, retry=Retry(attempts=1))},
    )
    return AsyncStandby(settings=settings, environ={}, warm_up=False)


async def send(wire: Wire, servers: tuple[Loopback, Loopback]) -> tuple[Reply | CallFailed, str]:
    """Return how a call ends, and the text that the caller has received."""
    texts: list[str] = []
    async with client(wire, servers) as standby:
        try:
            if not wire.streamed:
                reply = await standby.chat("Which city?")
                return reply, reply.text
            async with standby.stream("Which city?") as stream:
                async for chunk in stream:
                    texts.append(chunk.text)  # noqa: PERF401 - keeps what came before a break
                return stream.reply, "".join(texts)
        except CallFailed as error:
            return error, "".join(texts)


@pytest.mark.parametrize("everywhere", [False, True], ids=["first model", "both models"])
@pytest.mark.parametrize(
    "wire", WIRES, ids=lambda wire: f"{wire.plugin} {'streamed' if wire.streamed else 'complete'}"
)
@pytest.mark.parametrize("row", FAULTS, ids=lambda row: f"{row[0]} {row[1]}")
async def test_a_fault_ends_as_its_row_says(
    servers: tuple[Loopback, Loopback],
    row: tuple[str, str, Fault, str],
    wire: Wire,
    *,
    everywhere: bool,
) -> None:
    _, _, fault, kinds = row
    first, second = servers
    first.script(fault(wire))
    second.script(fault(wire) if everywhere else wire.good())
    before = len(first.requests), len(second.requests)
    start = time.monotonic()
    result, text = await send(wire, servers)
    assert time.monotonic() - start < 6.05
    assert len(first.requests) - before[0] == 1
    assert len(second.requests) - before[1] <= 1
    attempt = result.trail[0]
    expected = kinds.split(" or ")
    if attempt.outcome == "answered":
        assert "ok" in expected
        assert (type(result), text) == (Reply, result.text)  # type: ignore[union-attr]
        return
    assert attempt.kind in expected, attempt
    check_failed(result, text, everywhere=everywhere)
    if isinstance(result, ChainExhausted):
        assert {each.kind for each in result.trail} <= {*expected, "unsupported"}


def check_failed(result: Reply | CallFailed, text: str, *, everywhere: bool) -> None:
    attempt = result.trail[0]
    if isinstance(result, StreamBroken):
        assert text, "a stream breaks only for a caller who has received a part of it"
        assert attempt.then == "stop"
    elif attempt.kind in STOPS:
        assert (type(result), text) == (Stopped, "")
    elif everywhere:
        assert (type(result), text) == (ChainExhausted, "")
    else:
        assert isinstance(result, Reply)
        assert (result.model, text) == ("b", "Lisbon, says the server.")


def test_there_are_enough_cells() -> None:
    assert len(FAULTS) * len(WIRES) * 2 >= 400
