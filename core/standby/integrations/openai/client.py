"""OpenAI's own SDK on a chain: its requests are answered in this process, without a server.

::

    import standby

    with standby.openai_client() as client:
        client.chat.completions.create(model="default", messages=[{"role": "user", "content":
        "Hello."}])

`model` names the chain. A framework that builds the SDK's client itself takes the transport:
`openai.OpenAI(http_client=httpx2.Client(transport=StandbyTransport()), base_url=BASE_URL,
api_key="unused", max_retries=0)`, or `httpx.Client`: responses are of the library that requests.
"""

import importlib
import inspect
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

try:
    import openai
except ImportError as error:
    raise ImportError(
        f"standby's OpenAI client needs OpenAI's SDK: pip install 'openai>=1.108' ({error})",
        name="openai",
    ) from error

from standby.client import AsyncStandby, Standby
from standby.config import Config as _Config
from standby.config.finding import suggest
from standby.errors import StandbyError
from standby.integrations.openai.exchange import Exchange
from standby.integrations.openai.http import find_library
from standby.integrations.openai.request import ChatRequest
from standby.observe.bus import Sink
from standby.runtime.sharing import Shared
from standby.runtime.versions import version_mismatch
from standby.settings import Settings

REQUIREMENT = "openai>=1.108"
"""The versions of OpenAI's SDK with which the tests of this client pass."""

if _installed := version_mismatch(REQUIREMENT):
    raise ImportError(
        f"standby's OpenAI client needs {REQUIREMENT}, and version {_installed} is installed: "
        f"pip install '{REQUIREMENT}'",
        name="openai",
    )

BASE_URL = "http://standby.invalid/v1"
"""No such host exists (RFC 2606): a request that misses the transport reaches no vendor."""

KEY = "unused"
"""The SDK requires a key; standby has each model's own."""


class ClientOptions(TypedDict, total=False):
    """What `Standby` and `AsyncStandby` take besides `config`."""

    settings: Settings | None
    environ: Mapping[str, str] | None
    sinks: Sequence[Sink]
    jitter: random.Random | None
    warm_up: bool
    watch: bool


Config = _Config | None

# openai looks up sys.modules["httpx"] at each request, and needs its classes. While another thread
# imports httpx (Google's SDK does), each request would raise AttributeError; so it is imported
# here.
with suppress(Exception):  # not installed, or broken: openai then does without it
    importlib.import_module("httpx")

if TYPE_CHECKING:
    import httpx
    import httpx2

    class _Transport(httpx.BaseTransport, httpx2.BaseTransport):
        def __enter__(self) -> Self: ...
        def __exit__(self, *_: object) -> None: ...
        def handle_request(self, request: Any) -> Any: ...

    class _AsyncTransport(httpx.AsyncBaseTransport, httpx2.AsyncBaseTransport):
        async def __aenter__(self) -> Self: ...
        async def __aexit__(self, *_: object) -> None: ...
        async def handle_async_request(self, request: Any) -> Any: ...

else:  # neither library need be installed, and neither checks a transport's class
    _Transport = _AsyncTransport = object


class _OpenAI(Shared, openai.OpenAI):
    """The SDK's client; frameworks copy what they are given, and this one is shared."""


class _AsyncOpenAI(Shared, openai.AsyncOpenAI):
    """The SDK's client; frameworks copy what they are given, and this one is shared."""


def openai_client(
    client: Standby | Config = None, *, config: Config = None, **options: Unpack[ClientOptions]
) -> openai.OpenAI:
    """Build an `openai.OpenAI` whose requests go to a chain; `model` names the chain.

    Args:
        client: A `Standby`, which stays open; or a configuration, as `config`. Without it, a client
            is made of what `Standby` takes, and closed with the SDK's.
        config: The path of a models.yaml, or a dictionary of its form.
        options: The other arguments of `Standby`.

    Returns:
        The SDK's client; a copy of it is the client itself.

    Raises:
        ConfigError: The configuration cannot be used.
        TypeError: There is both a client and what would make another, or an unknown option.
    """
    _check_options("openai_client", options)
    transport = StandbyTransport(client, config=config, **options)
    http_client = find_library(openai.DefaultHttpxClient).Client(transport=transport)
    return _OpenAI(
        http_client=http_client, base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=None
    )


def async_openai_client(
    client: AsyncStandby | Config = None, *, config: Config = None, **options: Unpack[ClientOptions]
) -> openai.AsyncOpenAI:
    """Build an `openai.AsyncOpenAI` whose requests go to a chain; `model` names the chain.

    Args:
        client: An `AsyncStandby`, which stays open; or a configuration, as `config`. Without it, a
            client is made of what `AsyncStandby` takes, and closed with the SDK's.
        config: The path of a models.yaml, or a dictionary of its form.
        options: The other arguments of `AsyncStandby`.

    Returns:
        The SDK's client; a copy of it is the client itself.

    Raises:
        ConfigError: The configuration cannot be used.
        TypeError: There is both a client and what would make another, or an unknown option.
    """
    _check_options("async_openai_client", options)
    transport = AsyncStandbyTransport(client, config=config, **options)
    http_client = find_library(openai.DefaultAsyncHttpxClient).AsyncClient(transport=transport)
    return _AsyncOpenAI(
        http_client=http_client, base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=None
    )


class StandbyTransport(Shared, _Transport):
    """Answers the requests of an `httpx.Client`, or an `httpx2.Client`, by `Standby`."""

    def __init__(
        self,
        client: Standby | Config = None,
        *,
        config: Config = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        """Take a client, which stays open, or make one, which is closed with the transport."""
        _check_options("StandbyTransport", options)
        self._client, self._is_own = _make_client(Standby, client, config, options)

    def __enter__(self) -> Self:
        """Return the transport."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client, if it was made here."""
        self.close()

    def handle_request(self, request: Any) -> Any:
        """Answer a request.

        Args:
            request: The library's request.

        Returns:
            The library's response.

        Raises:
            ReadTimeout: The library's error, where the SDK's own time-out was the shorter one.
        """
        exchange = Exchange(request, self._client.settings)
        try:
            response = exchange.respond_without_model()
            return response or self._chat(exchange, exchange.parse(request.read()))
        except StandbyError as error:
            return exchange.respond_error(error)

    def _chat(self, exchange: Exchange, request: ChatRequest) -> Any:
        arguments = exchange.arguments(request)
        if not request.stream:
            return exchange.respond(self._client.chat(request.messages, **arguments))
        stream = self._client.stream(request.messages, **arguments)
        try:
            first = next(stream)
        except BaseException:
            stream.close()
            raise
        return exchange.respond_stream(stream, first)

    def close(self) -> None:
        """Close the client, if it was made here."""
        if self._is_own:
            self._client.close()


class AsyncStandbyTransport(Shared, _AsyncTransport):
    """Answers requests of an `httpx.AsyncClient`, or an `httpx2.AsyncClient`, by `AsyncStandby`."""

    def __init__(
        self,
        client: AsyncStandby | Config = None,
        *,
        config: Config = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        """Take a client, which stays open, or make one, which is closed with the transport."""
        _check_options("AsyncStandbyTransport", options)
        self._client, self._is_own = _make_client(AsyncStandby, client, config, options)

    async def __aenter__(self) -> Self:
        """Return the transport."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client, if it was made here."""
        await self.aclose()

    async def handle_async_request(self, request: Any) -> Any:
        """Answer a request.

        Args:
            request: The library's request.

        Returns:
            The library's response.

        Raises:
            ReadTimeout: The library's error, where the SDK's own time-out was the shorter one.
        """
        exchange = Exchange(request, self._client.settings)
        try:
            response = exchange.respond_without_model()
            return response or await self._chat(exchange, exchange.parse(await request.aread()))
        except StandbyError as error:
            return exchange.respond_error(error)

    async def _chat(self, exchange: Exchange, request: ChatRequest) -> Any:
        arguments = exchange.arguments(request)
        if not request.stream:
            return exchange.respond(await self._client.chat(request.messages, **arguments))
        stream = self._client.stream(request.messages, **arguments)
        try:
            first = await anext(stream)
        except BaseException:  # cancelled too: then the stream ends as well
            await stream.close()
            raise
        return exchange.respond_stream(stream, first)

    async def aclose(self) -> None:
        """Close the client, if it was made here."""
        if self._is_own:
            await self._client.close()


def _check_options(function: str, options: Iterable[str]) -> None:
    """Raise `TypeError` for an option that `Standby` does not have either."""
    allowed = ("client", "config", *ClientOptions.__annotations__)
    for name in options:
        if name not in allowed:
            raise TypeError(
                f"{function}: unknown option {name!r}; {_suggest_option(name, allowed)}"
            )


def _suggest_option(name: str, allowed: Sequence[str]) -> str:
    if name in inspect.signature(openai.OpenAI).parameters:
        return "standby sets it itself: keys, URLs and time-outs belong in models.yaml"
    return suggest(name, allowed) or f"the options are {', '.join(allowed)}"


def _make_client(
    kind: Any, client: Any, config: Config, options: ClientOptions
) -> tuple[Any, bool]:
    """Return the client that was given, or a new one, and whether it is new."""
    if isinstance(client, kind):
        if config is not None or options:
            others = ", ".join(["config"] * (config is not None) + sorted(options))
            raise TypeError(f"give a client, or what makes one, not both: {others}")
        return client, False
    if client is not None and not isinstance(client, str | os.PathLike | Mapping):
        other = type(client).__name__
        raise TypeError(f"client: expected {kind.__name__}, a path or a dictionary, not {other}")
    if None not in (client, config):
        raise TypeError("give the configuration once: as the first argument, or as config")
    return kind(config if client is None else client, **options), True
