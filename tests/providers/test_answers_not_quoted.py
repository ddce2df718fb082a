"""An answer that cannot be used is described by its length and shape; no failure quotes it."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from standby.plugin import (
    AttemptFailed,
    Card,
    Message,
    ModelRequest,
    Provider,
    Request,
    Secret,
    Text,
)
from tests.support.loopback import Answer, Loopback, respond
from tests.support.transports import TRANSPORTS, adapter_class

ADAPTERS = [
    (plugin, transport) for transport in TRANSPORTS for plugin in ("gemini", "openai", "anthropic")
]

REQUEST = ModelRequest(
    request=Request((Message("user", (Text("Which city?"),)),)),
    model="a-model",
    card=Card(),
    options={},
    timeout=60.0,
)

WORD = "Lisbon"
"""The answer, in every shape below."""

TEXT = {"text": WORD, "content": WORD}
ANSWER = json.dumps(
    {
        "candidates": [{"content": {"parts": [TEXT]}}],
        "choices": [{"message": TEXT, "delta": TEXT}],
        "content": [{"type": "text", **TEXT}],
    }
).encode()


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture(params=ADAPTERS, ids="/".join)
async def adapter(request: pytest.FixtureRequest, server: Loopback) -> AsyncIterator[Any]:
    key = Secret("a-key", "A_KEY")
    adapter = adapter_class(*request.param)(
        Provider(plugin="any", base_url=server.url, api_key=key)
    )
    yield adapter
    await adapter.aclose()


@pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
@pytest.mark.parametrize(
    "answer",
    [
        respond(200, ANSWER[:-3]),
        respond(200, WORD),
        respond(200, b"data: " + ANSWER[:-3] + b"\n\n"),
        respond(200, json.dumps([WORD])),
        respond(200, b'{"error": true, ' + ANSWER[1:]),
        respond(200, b'data: {"error": true, ' + ANSWER[1:] + b"\n\n"),
        respond(201, ANSWER),
        respond(201, ANSWER[:-3]),
        respond(202, f"<html>{WORD}</html>"),
        respond(206, WORD),
    ],
    ids=str,
)
async def test_no_failure_quotes_an_answer(
    adapter: Any, server: Loopback, answer: Answer, *, stream: bool
) -> None:
    server.script(answer)
    with pytest.raises(AttemptFailed) as caught:
        if stream:
            _ = [chunk async for chunk in adapter.stream(REQUEST)]
        else:
            await adapter.complete(REQUEST)
    assert WORD not in repr(caught.value.failure)
    assert caught.value.failure.message
