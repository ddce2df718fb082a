"""A recorded answer is replayed to the plugin's own adapter, and gives the dispatcher's failure."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from standby.cards import Card
from standby.diagnostics.recorded_failure import from_recording
from standby.diagnostics.replay import replay_answer
from standby.dispatch.target import Target
from standby.errors import RequestError
from standby.http.client import HttpClient
from standby.plugin import (
    AttemptFailed,
    Chunk,
    End,
    Failure,
    Kind,
    ModelRequest,
    get_str,
    iter_ndjson,
)
from standby.registry.plugins import Registry
from standby.settings import Provider
from tests.oracles.expected import ExpectedFailure, Wire
from tests.support.playing import target
from tests.support.recorded import PLUGINS, ROWS, as_events

WIRES: dict[str, dict[str, Any]] = {"responses": {"api": "responses"}}
REGISTRY = Registry()


def build_arguments(wire: Wire, **rest: Any) -> tuple[Target, Provider, type[Any]]:
    plugin = PLUGINS[wire]
    model = target("m", None, provider=plugin, card=Card(wire=WIRES.get(wire)), **rest)
    provider = Provider(plugin=plugin)
    return model, provider, REGISTRY.adapter(provider)


@pytest.mark.parametrize("name", ROWS)
async def test_every_recording_gives_the_failure_in_the_table_of_recordings(name: str) -> None:
    row, one = ROWS[name], as_events(name)
    status = (isinstance(row, ExpectedFailure) and row.status) or 200
    failure = await replay_answer(
        *build_arguments(row.wire, verify_response_model=False),
        one.status or status,
        {},
        one.unpacked,
    )
    if isinstance(row, ExpectedFailure):
        assert failure is not None
        assert (failure.kind, failure.status, failure.code) == (row.kind, row.status, row.code)
    else:
        assert failure is None or failure.kind == "truncated"


async def test_a_reply_of_another_model_is_a_failure() -> None:
    choice = b'{"message":{"content":"hi"},"finish_reason":"stop"}'
    body = b'{"id":"1","model":"gpt-5","choices":[%s]}' % choice
    failure = await replay_answer(*build_arguments("chat", vendor_id="o3-mini"), 200, {}, body)
    assert failure is not None
    assert failure.text == "asked for o3-mini, served by gpt-5"


async def test_a_stated_delay_is_kept() -> None:
    failure = await replay_answer(
        *build_arguments("chat"),
        429,
        {"Retry-After": "7", "X-Other": "1"},
        b'{"error":{"message":"slow down"}}',
    )
    assert failure is not None
    assert failure.retry_after == 7


class StreamsLines:
    """An adapter for a vendor that streams one JSON object a line."""

    def __init__(self, provider: Provider) -> None:
        self.url = str(provider.base_url)
        self.http = HttpClient(lambda status, *_: Failure(kind=Kind.SERVER_ERROR, status=status))

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        del call
        async with self.http.stream(self.url, {}, b"") as pieces:
            async for piece in iter_ndjson(pieces):
                if get_str(piece.get("why")) == "filter":
                    raise AttemptFailed(Failure(kind=Kind.BLOCKED, message="a filter said no"))
                yield Chunk(get_str(piece.get("text")), End() if piece.get("done") else None)

    async def aclose(self) -> None:
        await self.http.aclose()


LINES = b'{"text": "Lis"}\r\n{"text": "bon."}\n'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (LINES + b'{"done": true}\n', None),
        (LINES + b'\n{"done": true}', None),
        (LINES + b'{"why": "filter"}\n', Kind.BLOCKED),
        (LINES, Kind.MALFORMED),
    ],
)
async def test_a_recorded_stream_of_lines_is_replayed_as_a_stream(
    body: bytes, kind: Kind | None
) -> None:
    model = target("m", None, provider="acme", card=Card())
    failure = await replay_answer(model, Provider(plugin="acme"), StreamsLines, 200, {}, body)
    assert (failure and failure.kind) == kind

    def replay(status: int, headers: Any, recorded: bytes) -> Failure | None:
        replayed = replay_answer(
            model, Provider(plugin="acme"), StreamsLines, status, headers, recorded
        )
        with ThreadPoolExecutor() as pool:  # a loop runs here already
            return pool.submit(asyncio.run, replayed).result()

    if kind is None:
        with pytest.raises(RequestError, match="holds no failure"):
            from_recording(body, "lines.txt", None, None, replay)
    else:
        assert from_recording(body, "lines.txt", None, None, replay).failure.kind is kind
