"""The SDK: anthropic builds the URL, authenticates and sends; what comes back is read here, not by the SDK.

The SDK gets an HTTP client of ours, which shows it nothing but an unread 200: it would read the
body of an error without a bound, follow redirects with the key, and take HTML, a list and an error
inside a 200 for success.
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
    decode_error,
    decode_json,
    encode_json,
    iter_events,
    key_of,
    malformed,
    read_body,
    unavailable,
)
from standby_anthropic.failures import failure_of
from standby_anthropic.reply import Reader, reply_of
from standby_anthropic.request import body_of

BASE_URL = "https://api.anthropic.com"
VERSION = "2026-10-21"
"""The API version that the SDK's 2.x sends; said here only where a variable would change it."""

CONNECT = 5.0
"""Seconds to come to a connection (the SDK's own bound); all other time-outs are the dispatcher's."""

LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
"""Connections of one event loop (the SDK's own bounds)."""

LINGER = 1.0
"""Seconds for the body's end behind a whole answer, which frees the connection."""

_LOST = (httpx2.TransportError, OSError)
"""What a broken connection raises; a broken TLS record is an OSError still (httpx2 #854)."""


class _Client(httpx2.AsyncClient):
    """Gives the SDK a 200 that is still unread, and nothing else."""

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Send; whatever is no 200 fails, a redirect too: it would take the key along."""
        response = await super().send(request, stream=True, follow_redirects=False)
        if response.status_code == HTTPStatus.OK:
            return response
        async with aclosing(response):
            body = decode_error(await read_body(response.aiter_bytes()))
        raise AttemptFailed(failure_of(response.status_code, response.headers, body))


class AnthropicAdapter:
    """Speaks to Anthropic, or to an endpoint with the same wire at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the SDK's client; every setting that an environment variable could switch is given."""
        key = key_of(provider, "ANTHROPIC_API_KEY")
        self._headers = (
            {} if key else {"Authorization": anthropic.Omit()}
        )  # an endpoint of one's own may want no key
        timeout = httpx2.Timeout(None, connect=CONNECT)
        try:
            self._sdk = anthropic.AsyncAnthropic(
                api_key=key or "none",
                base_url=provider.base_url or BASE_URL,
                timeout=timeout,
                max_retries=0,
                default_headers=_headers(key),
                open_telemetry={"traces": False, "propagation": False},
                http_client=_Client(verify=_trust(), limits=LIMITS, timeout=timeout),
            )
        except (
            ValueError,
            ImportError,
            httpx2.InvalidURL,
        ) as error:  # a proxy variable that cannot be followed, no URL
            raise unavailable(f"the client cannot be made: {error}") from error

    async def complete(self, call: ModelRequest) -> Reply:
        """Return the whole answer; raises `AttemptFailed`."""
        async with self._sent(call, stream=False) as response:
            return reply_of(decode_json(await read_body(response.aiter_bytes())))

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        """Yield the answer in pieces; raises `AttemptFailed`."""
        reader = Reader()
        async with self._sent(call, stream=True) as response:
            events = iter_events(response.aiter_bytes())
            async for event in events:
                if chunk := reader.chunk(decode_json(event.stray or event.data)):
                    yield chunk
                if reader.finished:
                    break
            await _rest(events)
        for chunk in reader.rest():
            yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sdk.close()

    @asynccontextmanager
    async def _sent(
        self, call: ModelRequest, *, stream: bool
    ) -> AsyncGenerator[httpx2.Response, None]:
        """Send; give a response that is a 200, unread, and close it whatever happens."""
        body = encode_json(body_of(call, stream=stream))
        try:
            sent = await self._sdk.post(
                "/v1/messages",
                content=body,
                cast_to=httpx2.Response,
                options={"headers": self._headers},
                stream=True,  # so that the SDK leaves the body to us
                stream_cls=anthropic.AsyncStream[object],
            )
            response = cast(
                "httpx2.Response", sent
            )  # what cast_to says; the SDK's types know streams only
            async with aclosing(response):
                yield response
        except (
            anthropic.APIConnectionError
        ) as error:  # what the SDK makes of all that its client raises, a failure of ours too
            if isinstance(error.__cause__, AttemptFailed):
                raise error.__cause__ from None
            raise _broken(error.__cause__ or error) from error
        except (*_LOST, httpx2.DecodingError) as error:
            raise _broken(error) from error


async def _rest(events: AsyncIterator[object]) -> None:
    """Read the body to its end; an answer that is whole stays so, whatever follows it or becomes of the connection."""
    with contextlib.suppress(*_LOST, AttemptFailed):  # TimeoutError is an OSError
        async with asyncio.timeout(LINGER):
            async for _ in events:
                pass


def _broken(error: BaseException) -> AttemptFailed:
    if isinstance(error, httpx2.DecodingError):
        return malformed(f"the body is not what its Content-Encoding says: {error}")
    return connection_failure(error)


def _headers(key: str) -> dict[str, Any]:
    """Give every header that the SDK would else take from variables of its own; who wants those puts a proxy in between."""
    ours: dict[str, Any] = {
        "authorization": f"Bearer {key}",
        "accept": "application/json",
        "content-type": "application/json",
        "anthropic-version": VERSION,
        "user-agent": f"AsyncAnthropic/Python {anthropic.__version__}",
    }
    custom = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").split("\n")
    names = [
        line.partition(":")[0].strip() for line in custom if ":" in line
    ]  # as the SDK splits it
    return {name: ours.get(name.lower(), anthropic.Omit()) for name in ("Authorization", *names)}


@cache
def _trust() -> ssl.SSLContext:
    """Read the trusted certificates once: it takes 20 to 100 ms."""
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        words = f"the trusted certificates cannot be read: {error}; see the variables SSL_CERT_FILE and SSL_CERT_DIR"
        raise unavailable(words) from error


# At DEBUG the SDK logs whatever its HTTP client raises with its words, which are the vendor's and
# may echo the key.
logging.getLogger("anthropic._base_client").addFilter(
    lambda record: "Encountered Exception" not in record.getMessage()
)
