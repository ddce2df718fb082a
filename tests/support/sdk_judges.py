"""One request sent three ways: by our client, by the adapter over an SDK, and by the SDK alone.

The SDK alone gets the body that we have sent as its own typed arguments, and encodes it itself.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

from standby.plugin import Chunk, ModelRequest, Provider, Reply, Secret
from tests.support.loopback import Loopback, Received
from tests.support.transports import TRANSPORTS, adapter_class

KEY = "a-key-that-opens-nothing"
ACCOUNTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "openai": ("openai", "/v1", {}),
    "anthropic": ("anthropic", "", {}),
    "gemini": ("gemini", "", {}),
    "vertex by key": ("gemini", "", {"express": True}),
    "vertex": ("gemini", "", {"project": "my-project", "location": "europe-west1"}),
}
"""Plugin, path of the `base_url`, and the provider's options, by the account's name."""

TIMEOUT = 600.0
"""Seconds. Without it Anthropic's SDK refuses to ask for a long answer that is no stream."""


class Judge(Protocol):
    """Sends a body to a model by an SDK alone."""

    def __call__(
        self, model: str, body: Mapping[str, Any], *, stream: bool
    ) -> Awaitable[object]: ...


class Senders:
    """The three ways to one server, with one account."""

    def __init__(
        self, server: Loopback, lean: Any, sdk: Any, judge: Judge, *, stream: bool
    ) -> None:
        self._server = server
        self._lean, self._sdk, self._judge = lean, sdk, judge
        self._stream = stream

    async def send(self, attempt: ModelRequest) -> tuple[Received, dict[str, Received]]:
        """Return what arrived from us, and what arrived from the others; raises as we do."""
        await self._send_by(self._lean, attempt)
        ours = self._last()
        await self._send_by(self._sdk, attempt)
        through_adapter = self._last()
        await self._judge(attempt.model, ours.json, stream=self._stream)
        return ours, {"through the adapter": through_adapter, "alone": self._last()}

    async def _send_by(self, adapter: Any, attempt: ModelRequest) -> None:
        sending: AsyncIterator[Chunk] | Awaitable[Reply]
        sending = adapter.stream(attempt) if self._stream else adapter.complete(attempt)
        await _read(sending)

    def _last(self) -> Received:
        return [request for request in self._server.requests if request.path != "/token"][-1]


@asynccontextmanager
async def open_senders(
    account: str, server: Loopback, *, stream: bool
) -> AsyncGenerator[Senders, None]:
    """Make the three clients of an account; skips the test where its SDK is too old."""
    plugin, path, options = ACCOUNTS[account]
    async with AsyncExitStack() as stack:
        adapters: list[Any] = []
        for transport in TRANSPORTS:
            provider = Provider(
                plugin=plugin,
                base_url=server.url + path,
                api_key=Secret(KEY, "A_KEY"),
                options=options,
                transport=transport,
            )
            adapters.append(adapter_class(plugin, transport)(provider))
            stack.push_async_callback(adapters[-1].aclose)
        judge = await stack.enter_async_context(_JUDGES[plugin](server.url + path, options))
        yield Senders(server, *adapters, judge, stream=stream)


@asynccontextmanager
async def _openai(url: str, _: Mapping[str, Any]) -> AsyncGenerator[Judge, None]:
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0) as client:

        async def judge(_: str, body: Mapping[str, Any], *, stream: bool) -> None:
            assert bool(body.get("stream")) is stream
            api: Any = client.responses if "input" in body else client.chat.completions
            await _read(api.create(**body))

        yield judge


@asynccontextmanager
async def _anthropic(url: str, _: Mapping[str, Any]) -> AsyncGenerator[Judge, None]:
    async with anthropic.AsyncAnthropic(
        api_key=KEY, base_url=url, max_retries=0, timeout=TIMEOUT
    ) as client:

        async def judge(_: str, body: Mapping[str, Any], *, stream: bool) -> None:
            assert bool(body.get("stream")) is stream
            create: Any = client.messages.create
            await _read(create(**body))

        yield judge


@asynccontextmanager
async def _gemini(url: str, options: Mapping[str, Any]) -> AsyncGenerator[Judge, None]:
    version = None if options else "v1beta"  # the SDK's own choice is v1, which lacks some fields
    http = httpx2.AsyncClient()  # the SDK would take aiohttp, whose headers are our own
    client = genai.Client(
        vertexai=bool(options),
        api_key=None if "project" in options else KEY,
        project=options.get("project"),
        location=options.get("location"),
        http_options=types.HttpOptions(base_url=url, api_version=version, httpx_async_client=http),
    )
    async with client.aio as google:
        models: Any = google.models

        async def judge(model: str, body: Mapping[str, Any], *, stream: bool) -> None:
            send = models.generate_content_stream if stream else models.generate_content
            await _read(send(model=model, **_typed(body)))

        yield judge
    client.close()
    await http.aclose()


_JUDGES = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}


def _typed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body of Gemini's as the SDK's own arguments."""
    above = {name: value for name, value in body.items() if name != "contents"}
    settings = above.pop("generationConfig", {})
    return {
        "contents": [types.Content.model_validate(each) for each in body["contents"]],
        "config": types.GenerateContentConfig.model_validate({**settings, **above}),
    }


async def _read(sending: Any) -> None:
    """Send, and read the answer or the stream to its end."""
    answer = sending if hasattr(sending, "__aiter__") else await sending
    if hasattr(answer, "__aiter__"):
        async for _ in answer:
            pass
