"""OpenAI's adapter: openai builds the URL, authenticates and sends.

The response is read here, not by the SDK. The SDK gets our own HTTP client, which gives it nothing
but an unread 200: the SDK would read an error's body without a bound, follow redirects with the
key, and accept HTML, a list and an error inside a 200 as success.
"""

import asyncio
import contextlib
import importlib
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import cache
from http import HTTPStatus
from typing import Any, cast

import httpx2
import openai

from standby.plugin import (
    AttemptFailed,
    Chunk,
    Failure,
    ModelRequest,
    Provider,
    Reply,
    connection_failure,
    decode_json,
    encode_json,
    iter_events,
    key_of,
    malformed,
    read_body,
    read_error,
    unavailable,
)
from standby_openai import chat_reply, chat_request, responses_reply, responses_request
from standby_openai.failures import read_failure

# openai looks up sys.modules["httpx"] at each request, and needs its classes. While another thread
# imports httpx (Google's SDK does), each request would raise AttributeError; so it is imported
# here.
with contextlib.suppress(Exception):  # where it is missing or broken, openai works without it
    importlib.import_module("httpx")

BASE_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT = 5.0
"""Seconds to open a connection, as in the SDK. The dispatcher owns all other time-outs."""

LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
"""Connections of one event loop; the bounds are the SDK's own."""

DRAIN_TIMEOUT = 1.0
"""Seconds to read what follows a complete answer.

It may be the usage, `[DONE]`, and the body's end, which frees the connection.
"""

DONE = "[DONE]"

_CONNECTION_ERRORS = (httpx2.TransportError, OSError)
"""Exceptions of a broken connection; a broken TLS record raises a plain OSError (httpx2 #854)."""

_BROKEN = (*_CONNECTION_ERRORS, httpx2.DecodingError)
"""Exceptions of a body that breaks off, or is not what its Content-Encoding says."""


class _NotOk(Exception):
    """Carries a failure through the SDK.

    It has no text: openai 3.0 would log the text, and it may hold a key.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class _Client(httpx2.AsyncClient):
    """Gives the SDK an unread 200, and nothing else."""

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Send; anything but a 200 fails, also a redirect, which would carry the key along."""
        response = await super().send(request, stream=True, follow_redirects=False)
        if response.status_code == HTTPStatus.OK:
            return response
        async with aclosing(response):
            body = await read_error(response.aiter_bytes(), response.status_code, *_BROKEN)
        raise _NotOk(read_failure(response.status_code, response.headers, body))


class OpenAISdkAdapter:
    """Reaches OpenAI, or an endpoint with the same wire at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the SDK's client.

        Every setting that an environment variable could change is passed explicitly.

        Args:
            provider: The account: its key and its endpoint.

        Raises:
            AttemptFailed: `unavailable`, where the client cannot be made.
        """
        key = key_of(provider, "OPENAI_API_KEY")
        self._max_tokens = "max_completion_tokens" if provider.base_url is None else "max_tokens"
        # a user's own endpoint may need no key
        self._headers = {} if key else {"Authorization": openai.Omit()}
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT)
        try:
            self._sdk = openai.AsyncOpenAI(
                api_key=key or "none",
                base_url=provider.base_url or BASE_URL,
                timeout=timeout,
                max_retries=0,
                default_headers=_default_headers(key),
                http_client=_Client(verify=_ssl_context(), limits=LIMITS, timeout=timeout),
            )
        # an invalid proxy variable, or a base_url that is not a URL
        except (ValueError, ImportError, httpx2.InvalidURL) as error:
            raise unavailable(f"the client cannot be made: {error}") from error

    async def complete(self, request: ModelRequest) -> Reply:
        """Request a complete reply.

        Args:
            request: The attempt's request.

        Returns:
            The reply.

        Raises:
            AttemptFailed: The attempt failed, at any point.
        """
        async with self._open_response(request, stream=False) as response:
            answer = decode_json(await read_body(response.aiter_bytes()))
        if _uses_responses(request):
            return responses_reply.read_reply(answer)
        return chat_reply.read_reply(answer)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Request a reply as a stream.

        Args:
            request: The attempt's request.

        Yields:
            The reply's chunks; the last one holds the end.

        Raises:
            AttemptFailed: The attempt failed, at any point.
        """
        reader = responses_reply.Reader() if _uses_responses(request) else chat_reply.Reader()
        async with self._open_response(request, stream=True) as response:
            events = _iter_data(response)
            async for data in events:
                if data == DONE:
                    break
                if chunk := reader.read(decode_json(data)):
                    yield chunk
                if reader.finished:
                    break
            await _drain(events, reader)
        for chunk in reader.final_chunks():
            yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sdk.close()

    @asynccontextmanager
    async def _open_response(
        self, request: ModelRequest, *, stream: bool
    ) -> AsyncGenerator[httpx2.Response, None]:
        """Send the request; yield the unread 200, and close it in any case."""
        if _uses_responses(request):
            path, body = "/responses", responses_request.build_body(request, stream=stream)
        else:
            path = "/chat/completions"
            body = chat_request.build_body(request, stream=stream, max_tokens=self._max_tokens)
        try:
            response = await self._post(path, encode_json(body))
            async with aclosing(response):
                yield response
        except _BROKEN as error:
            raise _transport_failure(error) from error

    async def _post(self, path: str, body: bytes) -> httpx2.Response:
        """Let the SDK send; raises `AttemptFailed`."""
        try:
            response = await self._sdk.post(
                path,
                content=body,
                cast_to=httpx2.Response,
                options={"headers": self._headers},
                stream=True,  # the SDK then leaves the body unread
                stream_cls=openai.AsyncStream[object],
            )
            # the SDK's types know only streams here
            return cast("httpx2.Response", response)
        except (openai.APIConnectionError, _NotOk) as error:
            cause = error.__cause__ or error  # openai 3.0 wraps every exception of its client
            if not isinstance(cause, _NotOk):
                raise _transport_failure(cause) from error
        # raised here, where its traceback has no frame of the SDK
        raise AttemptFailed(cause.failure)


def _uses_responses(request: ModelRequest) -> bool:
    """Check whether the card names the Responses API: newer models call tools only there."""
    return (request.card.wire or {}).get("api") == "responses"


async def _iter_data(response: httpx2.Response) -> AsyncIterator[str]:
    """Yield the data of a stream's events.

    After the end marker the body is read to its end, and its events are ignored.
    """
    done = False
    async for event in iter_events(response.aiter_bytes()):
        data = event.stray or event.data
        if data and not done:
            done = data == DONE
            yield data


async def _drain(
    events: AsyncIterator[str], reader: "chat_reply.Reader | responses_reply.Reader"
) -> None:
    """Read what follows the end marker.

    A complete answer stays complete, even if the connection breaks.
    """
    with contextlib.suppress(*_CONNECTION_ERRORS):  # TimeoutError is an OSError
        async with asyncio.timeout(DRAIN_TIMEOUT):
            async for data in events:
                if data != DONE:
                    reader.read(decode_json(data))


def _transport_failure(error: BaseException) -> AttemptFailed:
    if isinstance(error, httpx2.DecodingError):
        return malformed(f"the body is not what its Content-Encoding says: {error}")
    return connection_failure(error)


def _default_headers(key: str) -> dict[str, Any]:
    """Set every header that the SDK would otherwise take from its own variables.

    A user who needs such headers can put a proxy in between.
    """
    ours: dict[str, Any] = {
        "authorization": f"Bearer {key}",
        "accept": "application/json",
        "content-type": "application/json",
        "user-agent": f"AsyncOpenAI/Python {openai.__version__}",
    }
    custom = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    # split as the SDK splits it
    names = [line.partition(":")[0].strip() for line in custom if ":" in line]
    headers = ("Authorization", "OpenAI-Organization", "OpenAI-Project", *names)
    return {name: ours.get(name.lower(), openai.Omit()) for name in headers}


@cache
def _ssl_context() -> ssl.SSLContext:
    """Read the trusted certificates once: it takes 20 to 100 ms."""
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        raise unavailable(
            f"the trusted certificates cannot be read: {error}; "
            "see the variables SSL_CERT_FILE and SSL_CERT_DIR"
        ) from error
