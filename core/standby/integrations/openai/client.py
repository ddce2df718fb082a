"""OpenAI's own SDK on a chain: its requests are answered in this process, without a server.

::

    import standby

    with standby.openai_client() as client:
        client.chat.completions.create(model="default", messages=[{"role": "user", "content":
        "Hello."}])

`model` names the chain. A framework that makes the SDK's client itself is given the transport:
`openai.OpenAI(http_client=httpx2.Client(transport=StandbyTransport()), base_url=BASE_URL,
api_key="unused", max_retries=0)`, or `httpx.Client`: what is answered is of the library that asks.
"""

import importlib
import inspect
import os
import random
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

import msgspec
import openai

from standby.client import AsyncStandby, Standby
from standby.config import Config as _Config
from standby.config.finding import suggest
from standby.dispatch.compatibility import dropped_parameters
from standby.errors import CallFailed, DeadlineExceeded, StandbyError
from standby.inputs.parse import parse_sampling
from standby.integrations.openai.http import body_of, library_of
from standby.integrations.openai.reply import (
    Frames,
    completion_of,
    headers_of,
    model_of,
    models_of,
    quoted,
    wrong_of,
)
from standby.integrations.openai.request import Asked, Refused, asked_of
from standby.observe.bus import Sink
from standby.runtime.sharing import Shared
from standby.settings import Settings
from standby.streams import AsyncStream, Stream
from standby.types import Attempt, Chunk, Reply, Request, Sampling

BASE_URL = "http://standby.invalid/v1"
"""Nobody is there (RFC 2606): a request that misses the transport fails, and goes to no vendor."""

KEY = "unused"
"""The SDK wants a key; each model's own is standby's matter."""

_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream"}
_AT_LAST = {"x-should-retry": "false"}
"""What the SDK obeys: standby has tried again already, so a client made with retries makes none."""


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
with suppress(Exception):  # it is not installed, or broken: openai then does without it
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

else:  # neither library need be here, and neither asks what a transport is made of
    _Transport = _AsyncTransport = object


class _OpenAI(Shared, openai.OpenAI):
    """The SDK's client; frameworks copy what they are given, and this one is shared."""


class _AsyncOpenAI(Shared, openai.AsyncOpenAI):
    """The SDK's client; frameworks copy what they are given, and this one is shared."""


def openai_client(
    client: Standby | Config = None, *, config: Config = None, **options: Unpack[ClientOptions]
) -> openai.OpenAI:
    """Return an `openai.OpenAI` whose requests walk a chain, the one that `model` names.

    Args:
        client: A `Standby`, which stays open, or what makes one, as `config`. Left out, a client is
            made of what `Standby` takes, and closed with the SDK's.
        config: The path of a models.yaml, or a dictionary of its form.
        options: The other arguments of `Standby`.

    Raises:
        ConfigError: The file cannot be used.
        TypeError: There is both a client and what would make another, or something else.

    """
    _check("openai_client", options)
    transport = StandbyTransport(client, config=config, **options)
    http_client = library_of(openai.DefaultHttpxClient).Client(transport=transport)
    return _OpenAI(
        http_client=http_client, base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=None
    )


def async_openai_client(
    client: AsyncStandby | Config = None, *, config: Config = None, **options: Unpack[ClientOptions]
) -> openai.AsyncOpenAI:
    """Return an `openai.AsyncOpenAI`; see `openai_client`. Its client is an `AsyncStandby`."""
    _check("async_openai_client", options)
    transport = AsyncStandbyTransport(client, config=config, **options)
    http_client = library_of(openai.DefaultAsyncHttpxClient).AsyncClient(transport=transport)
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
        """Take a client, which stays open, or make one, which is closed with this."""
        _check("StandbyTransport", options)
        self._client, self._ours = _client_of(Standby, client, config, options)

    def __enter__(self) -> Self:
        """Return the transport."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client, if it was made here."""
        self.close()

    def handle_request(self, request: Any) -> Any:
        """Answer; raises `ReadTimeout` where the SDK's own time-out was the shorter one."""
        ask = _Ask(request, self._client.settings)
        try:
            return ask.simple() or self._asked(ask, ask.read(request.read()))
        except StandbyError as error:
            return ask.failed(error)

    def _asked(self, ask: "_Ask", asked: Asked) -> Any:
        said: dict[str, Any] = {"chain": asked.chain, "deadline": ask.deadline, **asked.options}
        if not asked.stream:
            return ask.whole(self._client.chat(asked.messages, **said))
        stream = self._client.stream(asked.messages, **said)
        try:
            first = next(stream)
        except BaseException:
            stream.close()
            raise
        return ask.streamed(stream, first)

    def close(self) -> None:
        """Close the client, if it was made here."""
        if self._ours:
            self._client.close()


class AsyncStandbyTransport(Shared, _AsyncTransport):
    """Answers the requests of an `httpx.AsyncClient`, or an `httpx2.AsyncClient`, by `AsyncStandby`."""

    def __init__(
        self,
        client: AsyncStandby | Config = None,
        *,
        config: Config = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        """Take a client, which stays open, or make one, which is closed with this."""
        _check("AsyncStandbyTransport", options)
        self._client, self._ours = _client_of(AsyncStandby, client, config, options)

    async def __aenter__(self) -> Self:
        """Return the transport."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the client, if it was made here."""
        await self.aclose()

    async def handle_async_request(self, request: Any) -> Any:
        """Answer; raises `ReadTimeout` where the SDK's own time-out was the shorter one."""
        ask = _Ask(request, self._client.settings)
        try:
            return ask.simple() or await self._asked(ask, ask.read(await request.aread()))
        except StandbyError as error:
            return ask.failed(error)

    async def _asked(self, ask: "_Ask", asked: Asked) -> Any:
        said: dict[str, Any] = {"chain": asked.chain, "deadline": ask.deadline, **asked.options}
        if not asked.stream:
            return ask.whole(await self._client.chat(asked.messages, **said))
        stream = self._client.stream(asked.messages, **said)
        try:
            first = await anext(stream)
        except BaseException:  # whoever waited has left: so does the walk
            await stream.close()
            raise
        return ask.streamed(stream, first)

    async def aclose(self) -> None:
        """Close the client, if it was made here."""
        if self._ours:
            await self._client.close()


class _Ask:
    """One request and how it is answered, whoever waits for it."""

    def __init__(self, request: Any, settings: Settings) -> None:
        self._http = library_of(request.__class__)
        self._request = request
        self._settings = settings
        self._chain = ""
        self._dropped: tuple[str, ...] = ()
        self._sampling = Sampling()
        self._created = int(time.time())
        self._id = (
            f"chatcmpl-{uuid.uuid4().hex}"  # where the vendor gives none, or gives it too late
        )
        self._with_usage = False
        self._impatient = False
        self.deadline: float | None = None

    def simple(self) -> Any:
        """Answer what needs no model; raises `Refused` for what nobody here answers."""
        method, path = self._request.method, self._request.url.path
        if method == "POST" and path.endswith("/chat/completions"):
            return None
        if method == "GET" and path.endswith("/models"):
            return self._response(200, _JSON, models_of(self._settings.chains))
        _, found, name = path.partition("/models/")
        if method == "GET" and found:
            return self._response(200, _JSON, msgspec.json.encode(model_of(self._known(name))))
        raise Refused(
            f"standby answers chat completions and models, not {method} {path}",
            status=404,
            code="unknown_url",
        )

    def read(self, body: bytes) -> Asked:
        """Read what is asked for, and within which time: the SDK's time-out shortens the chain's deadline, never more."""
        asked = asked_of(body)
        self._dropped = asked.dropped
        self._sampling = parse_sampling(
            {
                name: value
                for name, value in asked.options.items()
                if name in Sampling.__struct_fields__
            }
        )
        self._chain, self._with_usage = self._known(asked.chain), asked.with_usage
        patience = self._request.extensions.get("timeout", {}).get("read")
        if patience is not None and patience <= 0:
            raise self._http.ReadTimeout(
                "a time-out of 0 seconds or less is over at once", request=self._request
            )
        own = (
            self._settings.chains[self._chain].deadline
            if asked.deadline is None
            else asked.deadline
        )
        self._impatient = patience is not None and isinstance(own, int | float) and patience < own
        self.deadline = patience if self._impatient else asked.deadline
        return asked

    def whole(self, reply: Reply) -> Any:
        """Answer with a whole reply."""
        known_as = reply.id or self._id
        facts = self._facts(reply.trail, reply.model, reply.provider, reply.disclaimer)
        return self._response(
            200,
            {**_JSON, **facts, "x-request-id": quoted(known_as)},
            completion_of(reply, known_as, self._created),
        )

    def streamed(self, stream: Stream | AsyncStream, first: Chunk) -> Any:
        """Answer with a stream whose first words are here."""
        speaker = _speaker(stream)
        if stream.target is not None:  # its attempt is on the trail only when it has ended
            self._dropped += dropped_parameters(Request((), self._sampling), stream.target)
        facts = self._facts(stream.trail, *speaker)
        frames = Frames(self._id, self._created, speaker[0], with_usage=self._with_usage)
        return self._response(
            200,
            {**_EVENTS, **facts, "x-request-id": self._id},
            body_of(self._http, stream, first, frames),
        )

    def failed(self, error: StandbyError) -> Any:
        """Answer with an error."""
        if isinstance(error, DeadlineExceeded) and self._impatient:
            raise self._http.ReadTimeout(str(error), request=self._request) from error
        wrong = wrong_of(error)
        trail = error.trail if isinstance(error, CallFailed) else ()
        known = [attempt.id for attempt in trail if attempt.id]
        facts = {**self._facts(trail), **({"x-request-id": quoted(known[-1])} if known else {})}
        return self._response(
            wrong.status, {**_JSON, **_AT_LAST, **facts, **wrong.headers}, wrong.body
        )

    def _facts(
        self, trail: Iterable[Attempt], model: str = "", provider: str = "", disclaimer: str = ""
    ) -> dict[str, str]:
        return headers_of(self._chain, trail, model, provider, disclaimer, self._dropped)

    def _known(self, chain: str) -> str:
        if chain in self._settings.chains:
            return chain
        words = (
            f"no chain is named {chain!r}; 'model' names one of {', '.join(self._settings.chains)}"
        )
        raise Refused(words, status=404, param="model", code="model_not_found")

    def _response(self, status: int, headers: Mapping[str, str], body: Any) -> Any:
        if isinstance(body, bytes):
            return self._http.Response(status, headers=headers, request=self._request, content=body)
        return self._http.Response(status, headers=headers, request=self._request, stream=body)


def _speaker(stream: Stream | AsyncStream) -> tuple[str, str, str]:
    """Return who answers, the provider, and what a reader must know; of a stream held back, by its trail."""
    if stream.target is not None:
        return stream.target.name, stream.target.provider, stream.target.card.disclaimer or ""
    answered = [attempt for attempt in stream.trail if attempt.outcome == "answered"]
    return (answered[-1].model, answered[-1].provider, "") if answered else ("", "", "")


def _check(who: str, options: Iterable[str]) -> None:
    """Raise `TypeError` for an option that `Standby` does not have either."""
    known = ("client", "config", *ClientOptions.__annotations__)
    for name in options:
        if name not in known:
            theirs = name in inspect.signature(openai.OpenAI).parameters
            own = (
                "standby sets it itself: keys, URLs and time-outs stand in models.yaml"
                if theirs
                else ""
            )
            remedy = own or suggest(name, known) or f"there is {', '.join(known)}"
            raise TypeError(f"{who}: {name!r} is not taken; {remedy}")


def _client_of(kind: Any, client: Any, config: Config, options: ClientOptions) -> tuple[Any, bool]:
    """Return the client that was given or is made, and whether it was made here."""
    if isinstance(client, kind):
        if config is not None or options:
            beside = ", ".join(["config"] * (config is not None) + sorted(options))
            raise TypeError(f"give a client, or what makes one, not both: {beside}")
        return client, False
    if client is not None and not isinstance(client, str | os.PathLike | Mapping):
        other = type(client).__name__
        raise TypeError(f"client: expected {kind.__name__}, a path or a dictionary, not {other}")
    if None not in (client, config):
        raise TypeError("give the configuration once: as the first argument, or as config")
    return kind(config if client is None else client, **options), True
