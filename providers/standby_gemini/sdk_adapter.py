"""Gemini's adapter: google-genai builds the URL, authenticates and sends.

The response is read here, not by the SDK. The SDK gets our own HTTP client, which sends the
request's own body, keeps the real response, and gives the SDK an empty one. The SDK's stream reader
leaks the connection when the caller stops early, fails on comments, and accepts errors inside a 200
as success. Its sender copies a body three times. A request passes no settings to the SDK, which
would spend a quarter of the time on copying them. On an empty answer the SDK calls no tool and
requests no continuation.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache
from http import HTTPStatus
from typing import Any, Protocol, cast

import google.auth.exceptions
import httpx2
from google import genai
from google.genai import types
from google.genai.client import DebugConfig

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
from standby_gemini.failures import read_failure
from standby_gemini.reply import Reader, read_reply
from standby_gemini.request import build_body

BASE_URL = "https://generativelanguage.googleapis.com/"
MULTI_REGIONS = ("us", "eu")
VERSION = "v1beta"
"""Has every field and the "*-latest" names.

v1 answered 400, Unknown name "systemInstruction", until August 2025 at least.
"""

CONNECT_TIMEOUT = 5.0
"""Seconds to open a connection, as in openai-python. The dispatcher owns all other time-outs."""

SERVER_TIMEOUT = "600"
"""Seconds.

Without it the SDK sends its own time-out, and a short one makes the server fail at once
(python-genai #1330).
"""

LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
"""Connections of one event loop; the bounds are openai-python's own."""

_BROKEN = (httpx2.TransportError, OSError, httpx2.DecodingError)
"""Exceptions of a body that breaks off, or is not what its Content-Encoding says.

A broken TLS record raises a plain OSError (httpx2 #854).
"""

_EMPTY_RESPONSE = httpx2.Response(200, content=b"")
_PLACEHOLDER = types.Content()
"""Replaces the contents that the SDK requires; the request's own body is sent instead."""


class _Exchange:
    """One request's body, and its response."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.response: httpx2.Response | None = None


class _Models(Protocol):
    """The part of the SDK that the adapter uses."""

    async def generate_content(
        self, *, model: str, contents: types.Content
    ) -> types.GenerateContentResponse: ...

    async def generate_content_stream(
        self, *, model: str, contents: types.Content
    ) -> AsyncIterator[types.GenerateContentResponse]: ...


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class _Client(httpx2.AsyncClient):
    """Sends the current exchange's body, and keeps the unread response for that exchange."""

    def build_request(self, *args: Any, **kwargs: Any) -> httpx2.Request:
        """Build the SDK's request around our own body; only connecting has a time-out."""
        kwargs |= {
            "content": _exchange.get().body,
            "timeout": httpx2.Timeout(None, connect=CONNECT_TIMEOUT),
        }
        return super().build_request(*args, **kwargs)

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Send, and give the SDK an empty response, so that it has nothing to interpret.

        A redirect is not followed: it would carry the key along.
        """
        _exchange.get().response = await super().send(request, stream=True, follow_redirects=False)
        return _EMPTY_RESPONSE


class GeminiSdkAdapter:
    """Reaches the Gemini Developer API or Vertex AI, or a proxy of them at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the SDK's client.

        Every setting that an environment variable could change is passed explicitly.

        Args:
            provider: The account: its key, its options and its endpoint.

        Raises:
            AttemptFailed: `unavailable`, where the client cannot be made.
        """
        account = provider.options
        self._provider = provider
        self._vertex = "project" in account or bool(account.get("express"))
        self._project: str | None = account.get("project")
        self._location = account.get("location", "global") if self._project else None
        try:
            self._http = _Client(verify=_ssl_context(), limits=LIMITS)
            self._clients = {VERSION: self._client(VERSION)}
        # a proxy variable, or GOOGLE_GENAI_HTTP_CLIENT, that is invalid
        except (ValueError, ImportError) as error:
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
            async for chunk in _read_chunks(response, reader):
                yield chunk
        for chunk in reader.final_chunks():
            yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        for sdk in self._clients.values():
            await sdk.aio.aclose()
            sdk.close()
        await self._http.aclose()

    def _client(self, version: str) -> genai.Client:
        """Make the SDK's client for one API version; all of them share one HTTP client."""
        return genai.Client(
            api_key=None if self._project else _key(self._provider),
            vertexai=self._vertex,
            project=self._project,
            location=self._location,
            debug_config=DebugConfig(client_mode=None, replays_directory=None, replay_id=None),
            http_options=types.HttpOptions(
                base_url=self._provider.base_url or self._default_url(),
                api_version=f"{version}1" if self._vertex and version == VERSION else version,
                headers={"X-Server-Timeout": SERVER_TIMEOUT},
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=self._http,
                client_args={"verify": _ssl_context()},
                async_client_args={"ssl": _ssl_context()},
            ),
        )

    def _default_url(self) -> str:
        return _vertex_url(self._location or "global") if self._vertex else BASE_URL

    @asynccontextmanager
    async def _open_response(
        self, request: ModelRequest, *, stream: bool
    ) -> AsyncGenerator[httpx2.Response, None]:
        """Send the request; yield the unread 200, and close it in any case."""
        exchange = _Exchange(encode_json(build_body(request)))
        try:
            await self._send(request, exchange, stream=stream)
            response = exchange.response
            if response is None:
                raise unavailable("the SDK sent nothing")
            if response.status_code != HTTPStatus.OK:
                status = response.status_code
                body = await read_error(response.aiter_bytes(), status, *_BROKEN)
                raise AttemptFailed(read_failure(status, response.headers, body))
            yield response
        # a broken TLS record raises a plain OSError (httpx2 #854)
        except (httpx2.TransportError, OSError) as error:
            # without the traceback: one of the SDK's frames holds the key
            raise connection_failure(error) from error.with_traceback(None)
        except httpx2.DecodingError as error:
            raise malformed(f"the body is not what its Content-Encoding says: {error}") from error
        finally:
            if exchange.response is not None and not exchange.response.is_closed:
                await asyncio.shield(exchange.response.aclose())

    async def _send(self, request: ModelRequest, exchange: _Exchange, *, stream: bool) -> None:
        """Let the SDK send; it reads an empty response to its end."""
        version = request.options.get("api_version", VERSION)
        if version not in self._clients:
            self._clients[version] = self._client(version)
        # the SDK's own types are partly unknown
        models = cast("_Models", self._clients[version].aio.models)
        token = _exchange.set(exchange)
        try:
            if stream:
                async for _ in await models.generate_content_stream(
                    model=request.model, contents=_PLACEHOLDER
                ):
                    pass
            else:
                await models.generate_content(model=request.model, contents=_PLACEHOLDER)
        except google.auth.exceptions.TransportError as error:
            raise connection_failure(error) from error
        except google.auth.exceptions.GoogleAuthError as error:
            raise unavailable(
                f"no Google Cloud credentials: {error}; see 'gcloud auth application-default login'"
            ) from error
        except (ValueError, httpx2.InvalidURL) as error:
            raise unavailable(
                f"not sent: {error} (model {request.model!r}; see also the base_url)"
            ) from error
        finally:
            _exchange.reset(token)


async def _read_chunks(response: httpx2.Response, reader: Reader) -> AsyncIterator[Chunk]:
    """Read a stream's events; a stream that breaks after its end marker is complete."""
    try:
        async for event in iter_events(response.aiter_bytes()):
            # Google puts a bare JSON error between events, without "data:"
            data = event.stray or event.data
            if data == "[DONE]":
                break  # a proxy's own end marker: Gemini itself sends nothing after it
            if data and (chunk := reader.read(decode_json(data))):
                yield chunk
    except (httpx2.TransportError, OSError):
        if not reader.finished:
            raise


def _vertex_url(location: str) -> str:
    """Return Vertex AI's URL for a location.

    Without it the SDK would read an environment variable first.
    """
    if location == "global":
        return "https://aiplatform.googleapis.com/"
    if location in MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com/"
    return f"https://{location}-aiplatform.googleapis.com/"


def _key(provider: Provider) -> str:
    """Return a key that generateContent accepts.

    The SDK requires a key even where a user's own proxy needs none.
    """
    key = key_of(provider, "GEMINI_API_KEY", "GOOGLE_API_KEY")
    if key.startswith("auth_tokens/"):
        raise unavailable(
            f"the key ({provider.api_key!r}) is a token for the Live API: use a key from AI Studio"
        )
    return key or "none"


@cache
def _ssl_context() -> ssl.SSLContext:
    """Read the trusted certificates once: it takes 20 to 100 ms.

    The SDK would read them twice for each client.
    """
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        raise unavailable(
            f"the trusted certificates cannot be read: {error}; "
            "see the variables SSL_CERT_FILE and SSL_CERT_DIR"
        ) from error


# Whenever both variables are set, the SDK warns that it uses GOOGLE_API_KEY, although it gets the
# key explicitly. With each request it logs that it would call functions, although it gets none.
logging.getLogger("google_genai._api_client").addFilter(
    lambda record: "Using GOOGLE_API_KEY" not in record.getMessage()
)
logging.getLogger("google_genai.models").addFilter(lambda record: "AFC" not in record.getMessage())
