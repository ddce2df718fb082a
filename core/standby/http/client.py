"""The one HTTP client of all adapters: aiohttp, with guards around it.

It alone knows certificates, proxies, bounds, redirects (never followed), broken bodies and the
pool. It raises `AttemptFailed` and nothing else, in messages that hold no key and no URL.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure
from standby.http.bodies import LARGEST, malformed, read_body, read_error
from standby.http.certificates import trusted_certificates
from standby.http.chunks import ChunkReader, iter_chunks
from standby.http.connector import GuardedConnector
from standby.http.decompression import Decompressor
from standby.http.proxies import Proxy, find_proxy
from standby.http.resolver import make_resolver
from standby.http.transport import Headers, shortage
from standby.http.transport_errors import (
    CONNECT_TIMEOUT,
    password_wanted,
    transport_failure,
)
from standby.runtime.attempt_clock import clock_paused, remaining
from standby.version import __version__

__all__ = ["ChunkReader", "FailureReader", "Headers", "HttpClient", "iter_chunks"]

MAX_CONNECTIONS = 1000
"""Connections of one client: of one account on one event loop. The bound is the SDKs' own."""

POOL_TIMEOUT = 10.0
"""Seconds to wait for one of them."""

KEEP_ALIVE = 20.0
"""Seconds that an idle connection is kept."""

_NEVER = 1e9
"""Seconds: aiohttp rounds longer time-outs than this up to whole seconds."""

_SHORTEST = 0.001
"""Seconds: aiohttp reads a time-out of 0 as none."""

_LARGE = 2**20
"""Bytes of a body above which aiohttp warns unless it reads it from a file."""

FailureReader = Callable[[int, Mapping[str, str], Any], Failure]
"""Reads an error response: its status, its headers (lower case), and its decoded body."""


class _Route(msgspec.Struct, frozen=True):
    """How requests reach an endpoint."""

    tls: Any
    proxy: Proxy | None


class HttpClient:
    """Posts the requests of one adapter on one event loop."""

    def __init__(self, read_failure: FailureReader) -> None:
        """Make the client; it opens no connection yet.

        Args:
            read_failure: Reads the vendor's error responses.
        """
        self._read_failure = read_failure
        self._permits = asyncio.Semaphore(MAX_CONNECTIONS)
        self._routes: dict[str, _Route] = {}
        self._routing = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Post a request.

        Args:
            url: The URL.
            headers: The headers, the key among them.
            body: The body.

        Returns:
            The whole body of the answer, whose status is 200.

        Raises:
            AttemptFailed: Any other outcome.
        """
        async with self.stream(url, headers, body) as pieces:
            return await read_body(pieces)

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncGenerator[AsyncIterator[bytes], None]:
        """Post a request, and read the answer as it comes.

        The connection is kept if the body was read to its end, and closed otherwise.

        Args:
            url: The URL.
            headers: The headers, the key among them.
            body: The body.

        Yields:
            The pieces of the answer's body, cut anywhere; its status is 200.

        Raises:
            AttemptFailed: Any other outcome, and a body that breaks off or is too long.
        """
        route = self._routes.get(url) or await self._find_route(url)
        await self._acquire()
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._send(url, headers, body, route)
            if response.status != HTTPStatus.OK:
                raise await self._failure(response, route.proxy)
            async with aclosing(self._iter_body(response, route.proxy)) as pieces:
                yield pieces
        finally:
            if response is not None:
                response.release()
            self._permits.release()

    async def aclose(self) -> None:
        """Close the connections; requests under way lose theirs."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _find_route(self, url: str) -> _Route:
        with clock_paused():
            async with self._routing:  # a crowd of first calls reads the certificates once
                return self._routes.get(url) or await self._make_route(url)

    async def _make_route(self, url: str) -> _Route:
        proxy = find_proxy(url)
        tls: Any = True
        urls = [url] if proxy is None else [url, proxy.url.reveal()]
        if any(each.lower().startswith("https:") for each in urls):
            tls = await trusted_certificates()
        self._routes[url] = route = _Route(tls, proxy)
        return route

    async def _acquire(self) -> None:
        if not self._permits.locked():
            await self._permits.acquire()
            return
        with clock_paused():
            try:
                async with asyncio.timeout(POOL_TIMEOUT):
                    await self._permits.acquire()
            except TimeoutError:
                raise shortage(f"all {MAX_CONNECTIONS} connections are in use") from None

    async def _send(
        self, url: str, headers: Mapping[str, str], body: bytes, route: _Route
    ) -> aiohttp.ClientResponse:
        session = self._session
        if session is None or session.closed:  # that of a parent process is
            session = self._open_session()
        timeout = _timeout()
        try:
            response = await session.post(
                url,
                data=body if len(body) < _LARGE else io.BytesIO(body),
                headers=headers,
                allow_redirects=False,
                proxy=None if route.proxy is None else route.proxy.url.reveal(),
                ssl=route.tls,
                timeout=timeout,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is may hold the key
            failure = self._describe(error, route.proxy, timeout.connect)
        else:
            _watch(response)
            return response
        raise failure  # outside of the `except`, so that it does not keep aiohttp's exception

    def _open_session(self) -> aiohttp.ClientSession:
        """Make the session."""
        if self._is_closed:
            raise shortage("the client was closed meanwhile")
        self._session = aiohttp.ClientSession(
            connector=GuardedConnector(
                limit=0,
                keepalive_timeout=KEEP_ALIVE,
                resolver=make_resolver(),
                timeout_ceil_threshold=_NEVER,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"User-Agent": f"standby/{__version__}", "Accept-Encoding": "identity"},
            skip_auto_headers=("Content-Type",),
            max_field_size=2**14,
        )
        return self._session

    async def _failure(
        self, response: aiohttp.ClientResponse, proxy: Proxy | None
    ) -> AttemptFailed:
        """Read an error response; a redirect is one, as it would carry the key along."""
        headers = {name.lower(): _clean(value) for name, value in response.headers.items()}
        status = response.status
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and proxy is not None:
            return password_wanted(proxy)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return AttemptFailed(self._read_failure(status, headers, _describe_redirect(headers)))
        body = await read_error(self._iter_body(response, None), status)
        failure = self._read_failure(status, headers, body)
        return AttemptFailed(failure if proxy is None else _hide_password(failure, proxy))

    async def _iter_body(
        self, response: aiohttp.ClientResponse, proxy: Proxy | None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the pieces of a body, unpacked, and at most `LARGEST` bytes of it."""
        coding = response.headers.get("Content-Encoding", "").lower()
        packed = None if coding in ("", "identity") else Decompressor(coding)
        size = 0
        while received := await self._read(response.content, proxy):
            for piece in (received,) if packed is None else packed.feed(received):
                size += len(piece)
                if size > LARGEST:
                    raise malformed(f"the answer is longer than {LARGEST} bytes")
                yield piece
        if packed is not None:
            packed.finish()

    async def _read(self, content: aiohttp.StreamReader, proxy: Proxy | None) -> bytes:
        """Read what has come; b"" at the end."""
        try:
            return await content.readany()
        except Exception as error:  # noqa: BLE001 - whatever it is may hold the key
            failure = self._describe(error, proxy)
        raise failure

    def _describe(
        self, error: Exception, proxy: Proxy | None, connect: float | None = None
    ) -> AttemptFailed:
        if self._is_closed:
            return shortage("the client was closed meanwhile")
        return transport_failure(error, proxy, connect or CONNECT_TIMEOUT)


def _timeout() -> aiohttp.ClientTimeout:
    left = remaining()
    return _TIMEOUT if left >= CONNECT_TIMEOUT else _make_timeout(max(left, _SHORTEST))


def _make_timeout(connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None, connect=connect, sock_connect=None, sock_read=None, ceil_threshold=_NEVER
    )


_TIMEOUT = _make_timeout(CONNECT_TIMEOUT)


def _describe_redirect(headers: Mapping[str, str]) -> str:
    """Say where a redirect points to, without what may be secret in the URL."""
    try:
        parts = urlsplit(headers.get("location", ""))
        host = parts.netloc.rpartition("@")[2]
        target = f"{parts.scheme}://{host}{parts.path}" if host else parts.path
    except ValueError:
        target = ""
    where = f" to {target[:200]}" if target else ""
    return f"redirects{where}; redirects are not followed: correct the base_url"


def _watch(response: aiohttp.ClientResponse) -> None:
    """Have the reader learn that the connection is lost.

    After some damage in transit aiohttp 3.14 closes the socket, and the reader waits for ever.
    """
    connection: Any = response.connection
    if connection is None:  # the body is complete
        return
    content, closed = response.content, connection.protocol.closed
    if closed is None:
        _break(content)
        return

    def end(_: Any) -> None:
        _break(content)

    closed.add_done_callback(end)
    content.on_eof(lambda: closed.remove_done_callback(end))


def _break(content: aiohttp.StreamReader) -> None:
    if not content.is_eof() and content.exception() is None:
        content.set_exception(aiohttp.ClientPayloadError())


def _hide_password(failure: Failure, proxy: Proxy) -> Failure:
    """Return a failure without the password of the proxy, which may have sent it back."""
    code = None if failure.code is None else proxy.hide(failure.code)
    message, response_id = proxy.hide(failure.message), proxy.hide(failure.id)
    return msgspec.structs.replace(failure, code=code, message=message, id=response_id)


def _clean(value: str) -> str:
    """Replace the surrogates that aiohttp leaves for bytes beyond ASCII: they cannot be encoded."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
