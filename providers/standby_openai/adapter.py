"""The SDK: openai builds the URL, authenticates and sends; what comes back is read here, not by the SDK."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
import msgspec
import openai

from standby.plugin import AttemptFailed, Call, Chunk, Provider, Reply, decoded, events_of, shown, whole
from standby_openai.failures import failure_of, lost
from standby_openai.reply import DONE, Reader, reply_of
from standby_openai.request import body_of

BASE_URL = "https://api.openai.com/v1"
CONNECT = 5.0
"""Seconds to come to a connection (the SDK's own bound); all other time-outs are the dispatcher's."""


class OpenAIAdapter:
    """Speaks to OpenAI, or to an endpoint with the same wire at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the SDK's client; every setting that an environment variable could switch is given."""
        key = provider.api_key.reveal() if provider.api_key else ""
        self._max_tokens = "max_completion_tokens" if provider.base_url is None else "max_tokens"
        self._headers: dict[str, str | openai.Omit] = {"Content-Type": "application/json"}
        if not key:  # an endpoint of one's own may want no key
            self._headers["Authorization"] = openai.Omit()
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(None, connect=CONNECT),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self._sdk = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=provider.base_url or BASE_URL,
            timeout=httpx2.Timeout(None, connect=CONNECT),
            max_retries=0,
            default_headers={**_without_the_environments(), "Authorization": f"Bearer {key}"},
            http_client=self._http,
        )

    async def complete(self, call: Call) -> Reply:
        """Return the whole answer; raises `AttemptFailed`."""
        async with self._sent(call, stream=False) as response:
            return reply_of(decoded(await whole(response.aiter_bytes())))

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Yield the answer in pieces; raises `AttemptFailed`."""
        reader = Reader()
        async with self._sent(call, stream=True) as response:
            async for event in events_of(response.aiter_bytes()):
                if event.data == DONE:
                    break
                chunk = reader.chunk(decoded(event.stray or event.data))
                if chunk is not None:
                    yield chunk
                if reader.complete:
                    break
        yield Chunk(end=reader.end())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sdk.close()

    @asynccontextmanager
    async def _sent(self, call: Call, *, stream: bool) -> AsyncIterator[httpx2.Response]:
        """Send; give a response that is a 200, unread, and close it whatever happens."""
        body = msgspec.json.encode(body_of(call, stream=stream, max_tokens=self._max_tokens))
        try:
            sent = await self._sdk.post(
                "/chat/completions",
                content=body,
                cast_to=httpx2.Response,
                options={"headers": self._headers},
                stream=True,  # so that the SDK leaves the body to us
                stream_cls=openai.AsyncStream[object],
            )
            response = cast("httpx2.Response", sent)  # what cast_to says; the SDK's types know streams only
            async with _closing(response):
                if response.status_code != httpx2.codes.OK:
                    raise AttemptFailed(
                        failure_of(response.status_code, response.headers, shown(await whole(response.aiter_bytes())))
                    )
                yield response
        except openai.APIStatusError as error:
            failure = failure_of(error.status_code, error.response.headers, shown(error.response.content))
            raise AttemptFailed(failure) from error
        except (openai.APIConnectionError, httpx2.TransportError, httpx2.DecodingError) as error:
            raise AttemptFailed(lost(error)) from error


@asynccontextmanager
async def _closing(response: httpx2.Response) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await response.aclose()


def _without_the_environments() -> dict[str, Any]:
    """Take back the headers that the SDK reads from variables of its own; who wants them puts a proxy in between."""
    custom = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    names = [line.partition(":")[0].strip() for line in custom if ":" in line]
    names = [name for name in names if name.lower() != "authorization"]  # a variable never outweighs the one that is given
    return dict.fromkeys(("OpenAI-Organization", "OpenAI-Project", *names), openai.Omit())
