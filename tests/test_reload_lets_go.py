"""What a reload leaves unnamed is let go: adapters, connections, and what is known of a model."""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from standby import AsyncStandby, CallFailed, Standby
from standby.resilience.circuit_breaker import CircuitBreaker, State
from standby.resilience.retry_budget import RetryBudget
from standby_openai.adapter import OpenAIAdapter
from tests.support.loopback import Loopback, openai_answers, openai_error, openai_stream

RELOADS = 40
DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        loopback.answer = openai_answers("Lisbon.", model="m")
        yield loopback


def count(*kinds: type[object]) -> dict[str, int]:
    """Return how many objects of each kind there are."""
    gc.collect()
    alive = gc.get_objects()
    return {kind.__name__: sum(isinstance(each, kind) for each in alive) for kind in kinds}


def held() -> dict[str, int]:
    return count(CircuitBreaker, RetryBudget, OpenAIAdapter) | {
        "descriptors": len(list(DESCRIPTORS.iterdir()))
    }


def config(url: str) -> dict[str, Any]:
    """Return a file of a model of one's own account, and of one that stays."""
    rests_long = {"failures": 1, "open": "5m", "open_limit": "5m"}
    return {
        "version": 1,
        "providers": {
            "mine": {"plugin": "openai", "base_url": url, "api_key": "${MINE}"},
            "stays": {"plugin": "openai", "base_url": url, "api_key": "${STAYS}"},
        },
        "models": {
            name: {"provider": provider, "model": "m", "breaker": rests_long}
            for name, provider in (("m", "mine"), ("s", "stays"))
        },
        "chains": {
            "default": {"models": ["m"], "retry": {"attempts": 1}},
            "stays": {"models": ["s"], "retry": {"attempts": 1}},
        },
    }


def change(file: dict[str, Any], environ: dict[str, str], url: str, what: str, number: int) -> None:
    """Give the account another key or endpoint, or the model another id."""
    match what:
        case "key":
            environ["MINE"] = f"key-{number}"
        case "endpoint":
            file["providers"]["mine"]["base_url"] = f"{url}/{number}"
        case _:
            file["models"]["m"]["model"] = f"m{number}"


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="counts descriptors by /proc")
@pytest.mark.parametrize("answers", [True, False], ids=["healthy", "failing"])
@pytest.mark.parametrize("what", ["key", "endpoint", "model"])
async def test_forty_reloads_leave_what_the_last_one_needs(
    server: Loopback, what: str, *, answers: bool
) -> None:
    if not answers:
        server.answer = lambda _: openai_error(500, "no", kind="server_error")
    file, environ = config(server.url), {"MINE": "a-key", "STAYS": "another-key"}
    async with AsyncStandby(file, environ=environ, warm_up=False) as client:
        for number in range(RELOADS):
            change(file, environ, server.url, what, number)
            client.reload()
            with suppress(CallFailed):
                await client.chat("Which city?")
            if number == 0:
                await asyncio.sleep(0.05)
                first = held()
        grown = first
        for _ in range(100):  # sockets close a little later
            now = held()
            grown = {name: now[name] - first[name] for name in first if now[name] > first[name] + 2}
            if not grown:
                break
            await asyncio.sleep(0.02)
    assert len(server.requests) == RELOADS
    assert grown == {}


def reloaded(client: Any, file: dict[str, Any], url: str) -> None:
    """Let the client call another endpoint from now on."""
    file["providers"]["mine"]["base_url"] = url
    client.reload()


async def test_a_call_under_way_keeps_its_adapter(server: Loopback) -> None:
    file, environ = config(server.url), {"MINE": "a-key", "STAYS": "another-key"}
    answer = openai_stream(("Lis", "bon."), model="m")
    server.script(replace(answer, pieces=tuple((0.1, piece) for _, piece in answer.pieces)))
    async with AsyncStandby(file, environ=environ, warm_up=False) as client:
        async with client.stream("Which city?") as stream:
            first = await anext(stream)
            reloaded(client, file, f"{server.url}/other")
            await asyncio.sleep(0.05)
            gc.collect()
            texts = [first.text, *[chunk.text async for chunk in stream]]
        assert "".join(texts) == "Lisbon."
        server.answer = openai_answers("Lisbon.", model="m")
        assert (await client.chat("Which city?")).text == "Lisbon."


def test_a_blocking_client_lets_go_too(server: Loopback) -> None:
    file, environ = config(server.url), {"MINE": "a-key", "STAYS": "another-key"}
    with Standby(file, environ=environ, warm_up=False) as client:
        for number in range(5):
            reloaded(client, file, f"{server.url}/{number}")
            client.chat("Which city?")
        for _ in range(100):
            if count(OpenAIAdapter) == {"OpenAIAdapter": 1}:
                break
            time.sleep(0.02)
        assert count(OpenAIAdapter) == {"OpenAIAdapter": 1}


async def test_the_health_of_a_model_that_stays_is_kept(server: Loopback) -> None:
    file, environ = config(server.url), {"MINE": "a-key", "STAYS": "another-key"}
    server.answer = lambda _: openai_error(500, "no", kind="server_error")
    async with AsyncStandby(file, environ=environ, warm_up=False) as client:
        for chain in ("default", "stays"):
            with pytest.raises(CallFailed):
                await client.chat("Which city?", chain=chain)
        for number in range(RELOADS):
            reloaded(client, file, f"{server.url}/{number}")
            gc.collect()
        states = {name: health.state for name, health in client.health().items()}
        reloaded(client, file, server.url)
        back = client.health()["m"].state
    assert states == {"m": State.CLOSED, "s": State.OPEN}
    assert back is State.CLOSED, "its settings were gone, and what was known with them"


async def test_the_health_that_another_client_has_is_kept(server: Loopback) -> None:
    file, environ = config(server.url), {"MINE": "a-key", "STAYS": "another-key"}
    server.answer = lambda _: openai_error(500, "no", kind="server_error")
    async with (
        AsyncStandby(config(server.url), environ=environ, warm_up=False) as other,
        AsyncStandby(file, environ=environ, warm_up=False) as client,
    ):
        with pytest.raises(CallFailed):
            await client.chat("Which city?")
        reloaded(client, file, f"{server.url}/elsewhere")
        gc.collect()
        assert other.health()["m"].state is State.OPEN
        reloaded(client, file, server.url)
        assert client.health()["m"].state is State.OPEN


def test_a_client_for_each_request_finds_what_the_one_before_has_learnt(server: Loopback) -> None:
    environ = {"MINE": "a-key", "STAYS": "another-key"}
    server.answer = lambda _: openai_error(500, "no", kind="server_error")
    for _ in range(2):
        with (
            Standby(config(server.url), environ=environ, warm_up=False) as client,
            suppress(CallFailed),
        ):
            client.chat("Which city?", chain="stays")
        del client
        gc.collect()
    with Standby(config(server.url), environ=environ, warm_up=False) as client:
        assert client.health()["s"].state is State.OPEN
