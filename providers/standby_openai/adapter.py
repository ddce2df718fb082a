"""The SDK: openai builds the URL, authenticates and sends; what comes back is read here, not by the SDK.

The SDK gets an HTTP client of ours, which shows it nothing but an unread 200: it would read the
body of an error without a bound, follow redirects with the key, and take HTML, a list and an error
inside a 200 for success.
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
    decode_error,
    decode_json,
    encode_json,
    iter_events,
    key_of,
    malformed,
    read_body,
    unavailable,
)
from standby_openai import reply, request, responses_reply, responses_request
from standby_openai.failures import failure_of

# openai looks up sys.modules["httpx"] at each request, and needs its classes. While another thread
# imports httpx (Google's SDK does), each request would raise AttributeError; so it is imported
# here.
with contextlib.suppress(Exception):  # it is not installed, or broken: openai then does without it
    importlib.import_module("httpx")

BASE_URL = "https://api.openai.com/v1"
CONNECT = 5.0
"""Seconds to come to a connection (the SDK's own bound); all other time-outs are the dispatcher's."""

LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
"""Connections of one event loop (the SDK's own bounds)."""

LINGER = 1.0
"""Seconds for what may follow a whole answer: its usage, `[DONE]`, and the body's end, which frees the connection."""

DONE = "[DONE]"

_LOST = (httpx2.TransportError, OSError)
"""What a broken connection raises; a broken TLS record is an OSError still (httpx2 #854)."""


class _NotOk(Exception):
    """Carries a failure past the SDK; it has no text, which openai 3.0 would log with a key in it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class _Client(httpx2.AsyncClient):
    """Gives the SDK a 200 that is still unread, and nothing else."""

    async def send(self, request: httpx2.Request, **_: Any) -> httpx2.Response:
        """Send; whatever is no 200 fails, a redirect too: it would take the key along."""
        response = await super().send(request, stream=True, follow_redirects=False)
        if response.status_code == HTTPStatus.OK:
            return response
        async with aclosing(response):
            body = decode_error(await read_body(response.aiter_bytes()))
        raise _NotOk(failure_of(response.status_code, response.headers, body))


class OpenAIAdapter:
    """Speaks to OpenAI, or to an endpoint with the same wire at `base_url`."""

    def __init__(self, provider: Provider) -> None:
        """Make the SDK's client; every setting that an environment variable could switch is given."""
        key = key_of(provider, "OPENAI_API_KEY")
        self._max_tokens = "max_completion_tokens" if provider.base_url is None else "max_tokens"
        self._headers = (
            {} if key else {"Authorization": openai.Omit()}
        )  # an endpoint of one's own may want no key
        timeout = httpx2.Timeout(None, connect=CONNECT)
        try:
            self._sdk = openai.AsyncOpenAI(
                api_key=key or "none",
                base_url=provider.base_url or BASE_URL,
                timeout=timeout,
                max_retries=0,
                default_headers=_headers(key),
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
            answer = decode_json(await read_body(response.aiter_bytes()))
        return responses_reply.reply_of(answer) if _by_responses(call) else reply.reply_of(answer)

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        """Yield the answer in pieces; raises `AttemptFailed`."""
        reader = responses_reply.Reader() if _by_responses(call) else reply.Reader()
        async with self._sent(call, stream=True) as response:
            events = _events(response)
            async for data in events:
                if data == DONE:
                    break
                if chunk := reader.chunk(decode_json(data)):
                    yield chunk
                if reader.finished:
                    break
            await _rest(events, reader)
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
        if _by_responses(call):
            path, body = "/responses", responses_request.body_of(call, stream=stream)
        else:
            path, body = (
                "/chat/completions",
                request.body_of(call, stream=stream, max_tokens=self._max_tokens),
            )
        try:
            response = await self._post(path, encode_json(body))
            async with aclosing(response):
                yield response
        except (*_LOST, httpx2.DecodingError) as error:
            raise _broken(error) from error

    async def _post(self, path: str, body: bytes) -> httpx2.Response:
        """Let the SDK send; raises `AttemptFailed`."""
        try:
            sent = await self._sdk.post(
                path,
                content=body,
                cast_to=httpx2.Response,
                options={"headers": self._headers},
                stream=True,  # so that the SDK leaves the body to us
                stream_cls=openai.AsyncStream[object],
            )
            return cast(
                "httpx2.Response", sent
            )  # what cast_to says; the SDK's types know streams only
        except (openai.APIConnectionError, _NotOk) as error:
            cause = error.__cause__ or error  # openai 3.0 wraps whatever its client raises
            if not isinstance(cause, _NotOk):
                raise _broken(cause) from error
        raise AttemptFailed(cause.failure)  # out here, where no frame of the SDK comes along


def _by_responses(call: ModelRequest) -> bool:
    """Say whether the model's card wants the Responses API: newer models call tools only there."""
    return (call.card.wire or {}).get("api") == "responses"


async def _events(response: httpx2.Response) -> AsyncIterator[str]:
    """Read what the events of a stream hold; after its end marker the body is read on, and holds nothing any more."""
    done = False
    async for event in iter_events(response.aiter_bytes()):
        data = event.stray or event.data
        if data and not done:
            done = data == DONE
            yield data


async def _rest(
    events: AsyncIterator[str], reader: "reply.Reader | responses_reply.Reader"
) -> None:
    """Take in what follows the end marker; an answer that is whole stays so, whatever becomes of the connection."""
    with contextlib.suppress(*_LOST):  # TimeoutError is an OSError
        async with asyncio.timeout(LINGER):
            async for data in events:
                if data != DONE:
                    reader.chunk(decode_json(data))


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
        "user-agent": f"AsyncOpenAI/Python {openai.__version__}",
    }
    custom = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    names = [
        line.partition(":")[0].strip() for line in custom if ":" in line
    ]  # as the SDK splits it
    given = ("Authorization", "OpenAI-Organization", "OpenAI-Project", *names)
    return {name: ours.get(name.lower(), openai.Omit()) for name in given}


@cache
def _trust() -> ssl.SSLContext:
    """Read the trusted certificates once: it takes 20 to 100 ms."""
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        words = f"the trusted certificates cannot be read: {error}; see the variables SSL_CERT_FILE and SSL_CERT_DIR"
        raise unavailable(words) from error
