"""Anthropic's adapter: anthropic builds the URL, authenticates and sends.

The response is read here, not by the SDK. The SDK gets our own HTTP client, which gives it nothing
but an unread 200: the SDK would read an error's body without a bound, follow redirects with the
key, and accept HTML, a list and an error inside a 200 as success.
"""

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import cache
from http import HTTPStatus
from typing import Any, cast

import anthropic
import httpx2

from standby.plugin import (
    AttemptFailed,
    Chunk,
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
from standby_anthropic.failures import read_failure
from standby_anthropic.reply import Reader, read_reply
from standby_anthropic.request import build_body

BASE_URL = "https://api.anthropic.com"
VERSION = "2026-10-21"
"""The API version that the SDK's 2.x sends, with the key as a bearer's."""

_ALWAYS_SET = ("Authorization", "X-Api-Key", "Anthropic-Version")

CONNECT_TIMEOUT = 5.0
"""Seconds to open a connection, as in the SDK. The dispatcher owns all other time-outs."""

LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
"""Connections of one event loop; the bounds are the SDK's own."""

DRAIN_TIMEOUT = 1.0
"""Seconds to read the body's end after a complete answer, which frees the connection."""

_CONNECTION_ERRORS = (httpx2.TransportError, OSError)
"""Exceptions of a broken connection; a broken TLS record raises a plain OSError (httpx2 #854)."""

_BROKEN = (*_CONNECTION_ERRORS, httpx2.DecodingError)
"""Exceptions of a body that breaks off, or is not what its Content-Encoding says."""


class _Client(httpx2.AsyncClient):
    """Gives the SDK an unread 200, and nothing else."""

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Send; anything but a 200 fails, also a redirect, which would carry the key along."""
        response = await super().send(request, stream=True, follow_redirects=False)
        if response.status_code == HTTPStatus.OK:
            return response
        async with aclosing(response):
            body = await read_error(response.aiter_bytes(), response.status_code, *_BROKEN)
        raise AttemptFailed(read_failure(response.status_code, response.headers, body))


class AnthropicSdkAdapter:
    """Reaches Anthropic, or an endpoint with the same wire at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the SDK's client.

        Every setting that an environment variable could change is passed explicitly.

        Args:
            provider: The account: its key and its endpoint.

        Raises:
            AttemptFailed: `unavailable`, where the client cannot be made.
        """
        key = key_of(provider, "ANTHROPIC_API_KEY")
        version = provider.options.get("api_version", VERSION)
        is_bearer = bool(key) and version == VERSION  # a user's own endpoint may need no key
        self._headers = {} if is_bearer else {"Authorization": anthropic.Omit()}
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT)
        try:
            self._sdk = anthropic.AsyncAnthropic(
                api_key=key or "none",
                base_url=provider.base_url or BASE_URL,
                timeout=timeout,
                max_retries=0,
                default_headers=_default_headers(key, version),
                open_telemetry={"traces": False, "propagation": False},
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
            return read_reply(decode_json(await read_body(response.aiter_bytes())))

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Request a reply as a stream.

        Args:
            request: The attempt's request.

        Yields:
            The reply's chunks; the last one holds the end.

        Raises:
            AttemptFailed: The attempt failed, at any point.
        """
        reader = Reader()
        async with self._open_response(request, stream=True) as response:
            events = iter_events(response.aiter_bytes())
            async for event in events:
                if chunk := reader.read(decode_json(event.stray or event.data)):
                    yield chunk
                if reader.finished:
                    break
            await _drain(events)
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
        body = encode_json(build_body(request, stream=stream))
        try:
            sdk_response = await self._sdk.post(
                "/v1/messages",
                content=body,
                cast_to=httpx2.Response,
                options={"headers": self._headers},
                stream=True,  # the SDK then leaves the body unread
                stream_cls=anthropic.AsyncStream[object],
            )
            # the SDK's types know only streams here
            response = cast("httpx2.Response", sdk_response)
            async with aclosing(response):
                yield response
        # the SDK wraps every exception of its client, also our own failures
        except anthropic.APIConnectionError as error:
            if isinstance(error.__cause__, AttemptFailed):
                raise error.__cause__ from None
            raise _transport_failure(error.__cause__ or error) from error
        except _BROKEN as error:
            raise _transport_failure(error) from error


async def _drain(events: AsyncIterator[object]) -> None:
    """Read the body to its end.

    A complete answer stays complete, whatever follows it, and even if the connection breaks.
    """
    with contextlib.suppress(*_CONNECTION_ERRORS, AttemptFailed):  # TimeoutError is an OSError
        async with asyncio.timeout(DRAIN_TIMEOUT):
            async for _ in events:
                pass


def _transport_failure(error: BaseException) -> AttemptFailed:
    if isinstance(error, httpx2.DecodingError):
        return malformed(f"the body is not what its Content-Encoding says: {error}")
    return connection_failure(error)


def _default_headers(key: str, version: str) -> dict[str, Any]:
    """Set every header that the SDK would otherwise take from its own variables.

    A user who needs such headers can put a proxy in between.
    """
    is_bearer = version == VERSION
    ours: dict[str, Any] = {
        "authorization": f"Bearer {key}" if is_bearer else anthropic.Omit(),
        "x-api-key": key if key and not is_bearer else anthropic.Omit(),
        "accept": "application/json",
        "content-type": "application/json",
        "anthropic-version": version,
        "user-agent": f"AsyncAnthropic/Python {anthropic.__version__}",
    }
    custom = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").split("\n")
    # split as the SDK splits it
    names = [line.partition(":")[0].strip() for line in custom if ":" in line]
    names += ["Authorization", "X-Api-Key", "Anthropic-Version"]
    return {name: ours.get(name.lower(), anthropic.Omit()) for name in names}


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


# At DEBUG the SDK logs every exception of its HTTP client with its message, which is the vendor's
# and may echo the key.
logging.getLogger("anthropic._base_client").addFilter(
    lambda record: "Encountered Exception" not in record.getMessage()
)
