"""The SDK: google-genai builds the URL, authenticates and sends; what comes back is read here, not by the SDK.

The SDK gets an HTTP client of ours, which sends the call's own body, keeps the real response, and
gives the SDK an empty one. Its own reading of a stream leaks the connection when it is left early,
fails on comments, and takes errors inside a 200 for success; its own way to send a body copies it
three times. It is given no settings with a call: it would spend a quarter of the call on copying
them, and calls no tool and asks for no continuation of an answer that is empty.
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
    decode_error,
    decode_json,
    encode_json,
    iter_events,
    key_of,
    malformed,
    read_body,
    unavailable,
)
from standby_gemini.failures import failure_of
from standby_gemini.reply import Reader, reply_of
from standby_gemini.request import body_of

BASE_URL = "https://generativelanguage.googleapis.com/"
MULTI_REGIONS = ("us", "eu")
VERSION = "v1beta"
"""Has every field and the "*-latest" names; v1 answered 400, Unknown name "systemInstruction", until August 2025 at least."""

CONNECT = 5.0
"""Seconds to come to a connection (openai-python's own bound); all other time-outs are the dispatcher's."""

SERVER_TIMEOUT = "600"
"""Seconds. The SDK would send its own time-out here, and a short one makes the server fail at once (python-genai #1330)."""

LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
"""Connections of one event loop (openai-python's own bounds)."""

_EMPTY = httpx2.Response(200, content=b"")
_PLACE = types.Content()
"""Stands where the SDK wants contents; what is sent is the call's own body."""


class _Exchange:
    """One request's body, and the response that came for it."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.response: httpx2.Response | None = None


class _Models(Protocol):
    """What is used of the SDK."""

    async def generate_content(
        self, *, model: str, contents: types.Content
    ) -> types.GenerateContentResponse: ...

    async def generate_content_stream(
        self, *, model: str, contents: types.Content
    ) -> AsyncIterator[types.GenerateContentResponse]: ...


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class _Client(httpx2.AsyncClient):
    """Sends the body of the call that it is asked for, and keeps the response, unread, for that call."""

    def build_request(self, *args: Any, **kwargs: Any) -> httpx2.Request:
        """Build what the SDK asks for, around the call's body; only the connection has a time-out."""
        kwargs |= {
            "content": _exchange.get().body,
            "timeout": httpx2.Timeout(None, connect=CONNECT),
        }
        return super().build_request(*args, **kwargs)

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Return an empty answer to the SDK, which so has nothing to judge; redirects, which would take the key along, fail."""
        _exchange.get().response = await super().send(request, stream=True, follow_redirects=False)
        return _EMPTY


class GeminiAdapter:
    """Speaks to the Gemini Developer API or to Vertex AI, or to what stands in their place at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the SDK's client; every setting that an environment variable could switch is given."""
        account = provider.options or {}
        self._provider = provider
        self._vertex = "project" in account or bool(account.get("express"))
        self._project: str | None = account.get("project")
        self._location = account.get("location", "global") if self._project else None
        try:
            self._http = _Client(verify=_trust(), limits=LIMITS)
            self._clients = {VERSION: self._client(VERSION)}
        except (
            ValueError,
            ImportError,
        ) as error:  # a proxy variable, or GOOGLE_GENAI_HTTP_CLIENT, that cannot be followed
            raise unavailable(f"the client cannot be made: {error}") from error

    async def complete(self, call: ModelRequest) -> Reply:
        """Return the whole answer; raises `AttemptFailed`."""
        async with self._sent(call, stream=False) as response:
            return reply_of(decode_json(await read_body(response.aiter_bytes())))

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        """Yield the answer in pieces; raises `AttemptFailed`."""
        reader = Reader()
        async with self._sent(call, stream=True) as response:
            async for chunk in _chunks(response, reader):
                yield chunk
        for chunk in reader.rest():
            yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        for sdk in self._clients.values():
            await sdk.aio.aclose()
            sdk.close()
        await self._http.aclose()

    def _client(self, version: str) -> genai.Client:
        """Make the SDK's client for one version of the API; all share one HTTP client."""
        return genai.Client(
            api_key=None if self._project else _key(self._provider),
            vertexai=self._vertex,
            project=self._project,
            location=self._location,
            debug_config=DebugConfig(client_mode=None, replays_directory=None, replay_id=None),
            http_options=types.HttpOptions(
                base_url=self._provider.base_url
                or (_vertex_url(self._location or "global") if self._vertex else BASE_URL),
                api_version=f"{version}1" if self._vertex and version == VERSION else version,
                headers={"X-Server-Timeout": SERVER_TIMEOUT},
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=self._http,
                client_args={"verify": _trust()},
                async_client_args={"ssl": _trust()},
            ),
        )

    @asynccontextmanager
    async def _sent(
        self, call: ModelRequest, *, stream: bool
    ) -> AsyncGenerator[httpx2.Response, None]:
        """Send; give a response that is a 200, unread, and close it whatever happens."""
        exchange = _Exchange(encode_json(body_of(call)))
        try:
            await self._send(call, exchange, stream=stream)
            response = exchange.response
            if response is None:
                raise unavailable("the SDK sent nothing")
            if response.status_code != HTTPStatus.OK:
                failed = decode_error(await read_body(response.aiter_bytes()))
                raise AttemptFailed(failure_of(response.status_code, response.headers, failed))
            yield response
        except (
            httpx2.TransportError,
            OSError,
        ) as error:  # a broken TLS record is an OSError still (httpx2 #854)
            raise connection_failure(error) from error.with_traceback(
                None
            )  # a frame of the SDK holds the key
        except httpx2.DecodingError as error:
            raise malformed(f"the body is not what its Content-Encoding says: {error}") from error
        finally:
            if exchange.response is not None and not exchange.response.is_closed:
                await asyncio.shield(exchange.response.aclose())

    async def _send(self, call: ModelRequest, exchange: _Exchange, *, stream: bool) -> None:
        """Let the SDK send; it reads an empty answer to its end."""
        version = call.options.get("api_version", VERSION)
        if version not in self._clients:
            self._clients[version] = self._client(version)
        models = cast(
            "_Models", self._clients[version].aio.models
        )  # whose own types are partly unknown
        token = _exchange.set(exchange)
        try:
            if stream:
                async for _ in await models.generate_content_stream(
                    model=call.model, contents=_PLACE
                ):
                    pass
            else:
                await models.generate_content(model=call.model, contents=_PLACE)
        except google.auth.exceptions.TransportError as error:
            raise connection_failure(error) from error
        except google.auth.exceptions.GoogleAuthError as error:
            raise unavailable(
                f"no Google Cloud credentials: {error}; see 'gcloud auth application-default login'"
            ) from error
        except (ValueError, httpx2.InvalidURL) as error:
            raise unavailable(
                f"not sent: {error} (model {call.model!r}; see also the base_url)"
            ) from error
        finally:
            _exchange.reset(token)


async def _chunks(response: httpx2.Response, reader: Reader) -> AsyncIterator[Chunk]:
    """Read the events of a stream to its end; one that breaks after its end marker is whole."""
    try:
        async for event in iter_events(response.aiter_bytes()):
            data = (
                event.stray or event.data
            )  # Google puts a bare JSON error between events, without "data:"
            if data == "[DONE]":
                break  # a proxy's own end marker: what follows is none of Gemini's words
            if data and (chunk := reader.chunk(decode_json(data))):
                yield chunk
    except (httpx2.TransportError, OSError):
        if not reader.finished:
            raise


def _vertex_url(location: str) -> str:
    """Return where Vertex AI answers for a place; given to the SDK, which else would ask a variable first."""
    if location == "global":
        return "https://aiplatform.googleapis.com/"
    if location in MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com/"
    return f"https://{location}-aiplatform.googleapis.com/"


def _key(provider: Provider) -> str:
    """Return a key that generateContent takes; the SDK insists on one where a proxy of one's own may want none."""
    key = key_of(provider, "GEMINI_API_KEY", "GOOGLE_API_KEY")
    if key.startswith("auth_tokens/"):
        raise unavailable(
            f"the key ({provider.api_key!r}) is a token for the Live API: take a key from AI Studio"
        )
    return key or "none"


@cache
def _trust() -> ssl.SSLContext:
    """Read the trusted certificates once: it takes 20 to 100 ms, and the SDK would do so twice for each client."""
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        words = f"the trusted certificates cannot be read: {error}; see the variables SSL_CERT_FILE and SSL_CERT_DIR"
        raise unavailable(words) from error


# The SDK warns that it uses GOOGLE_API_KEY whenever both variables are set, although it is given
# the key to use, and tells with each call that it would call functions, of which it is given none.
logging.getLogger("google_genai._api_client").addFilter(
    lambda record: "Using GOOGLE_API_KEY" not in record.getMessage()
)
logging.getLogger("google_genai.models").addFilter(lambda record: "AFC" not in record.getMessage())
