"""The rules that hold for every adapter over HTTP, whatever its vendor's JSON looks like: `standby plugins check` plays these.

A test is an ordinary method without a fixture, so that it runs under pytest and without it.
"""

import asyncio
import socket
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property, partial
from typing import Any, ClassVar

import msgspec

from standby.plugin import (
    AttemptFailed,
    Card,
    Kind,
    Message,
    ModelRequest,
    Provider,
    Reply,
    Request,
    Secret,
    Text,
)
from standby.registry.plugins import Registry
from standby.testing import driver
from standby.testing.assertions import require
from standby.testing.imports import find_manifest, require_late_import
from standby.testing.loopback import Answer, Loopback, Received, garbage, hang, html, reset, respond

SOON = 2.0
"""Seconds in which a connection must be gone once nobody wants it."""

QUESTION = "Which city do you mean?"

_NO_ANSWER: Mapping[str, Answer] = {
    "a page of HTML": html(200),
    "an empty body": respond(200, b""),
    "null": respond(200, b"null"),
    "a list": respond(200, b"[]"),
    "a text": respond(200, b'"Lisbon."'),
    "an empty object": respond(200, b"{}"),
    "half a JSON": respond(200, b'{"text": "Lis'),
    "bytes that are no text": respond(200, b"\xff\xfe\x00"),
}
_BELIEVED = {Kind.MALFORMED, Kind.EMPTY}

_LOST: Mapping[str, Answer] = {
    "resets the connection": reset(),
    "closes it without a word": Answer(raw=True, then="close"),
    "sends no HTTP": garbage(),
}


class BasicRules:
    """What any adapter must do; subclass `Conformance`, which adds the rules that need the vendor's own answers.

    `plugin` is its name, `model` an id, `key` a canary that must show up nowhere. `path` is what
    `base_url` has behind the server's address. `options` and `account` are as in `models.yaml`.
    `limit` is how long one test may take, in seconds.
    """

    plugin: ClassVar[str] = ""
    model: ClassVar[str] = ""
    key: ClassVar[str] = "canary-4b1f0c-opens-nothing"
    path: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Any]] = {}
    account: ClassVar[Mapping[str, Any]] = {}
    limit: ClassVar[float] = 60.0
    paths: tuple[str, ...] = ()

    # What an author may replace

    def adapter_class(self) -> Callable[[Provider], Any]:
        """Return the class of the adapter: the one that the installed plugin names."""
        return self._registry.adapter(self.plugin)

    def card(self) -> Card:
        """Return the model's card: the provider's, and the model's laid over it."""
        shared, own = (
            self._registry.info(self.plugin).card,
            self._registry.cards(self.plugin).get(self.model, Card()),
        )
        known = {
            name: value for name, value in msgspec.structs.asdict(own).items() if value is not None
        }
        return msgspec.structs.replace(shared, **known)

    def answer(self, request: Received) -> Answer | None:
        """Return what a request besides the main one gets, such as one for a token; `None`: this is the main one."""
        del request
        return None

    async def reaches(self) -> None:
        """Require that the main request is sent, where an answer to it is known; else its failures would be another's."""

    # What the rules use

    @cached_property
    def _registry(self) -> Registry:
        """The plugins that are installed, looked up once for each test."""
        return Registry()

    def call(self, *messages: Message, **fields: Any) -> ModelRequest:
        """Return a call of the model; `fields` are those of the request."""
        request = Request(messages or (Message("user", (Text(QUESTION),)),), **fields)
        return ModelRequest(
            request=request, model=self.model, card=self.card(), options=self.options, timeout=60.0
        )

    def provider(self, base_url: str) -> Provider:
        """Return the account at a server of ours."""
        secret = Secret(self.key, "CANARY")
        return Provider(
            plugin=self.plugin,
            base_url=base_url + self.path,
            api_key=secret,
            options=dict(self.account),
        )

    @asynccontextmanager
    async def asked(self, *answers: Answer) -> AsyncGenerator[tuple[Any, Loopback], None]:
        """Give the adapter, and the server that it asks; afterwards the adapter is closed."""
        with Loopback() as server:
            server.side_answer = self.answer
            if answers:
                server.script(*answers)
            adapter = self.adapter_class()(self.provider(server.url))
            try:
                yield adapter, server
            finally:
                await close(adapter)
                asked = (f"{request.method} {request.path}" for request in server.requests)
                self.paths = tuple(dict.fromkeys((*self.paths, *asked)))

    def run(self, rule: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Play a rule to its end; raises `AssertionError` where there is none in time."""
        asyncio.run(self._within(rule))

    async def _within(self, rule: Callable[[], Coroutine[Any, Any, None]]) -> None:
        within = asyncio.timeout(self.limit)
        try:
            async with within:
                await rule()
        except TimeoutError as error:
            require(
                not within.expired(),
                f"no end in {self.limit:g}s: the adapter waits for what the server does not send",
            )
            raise AssertionError(f"TimeoutError: {error}") from error

    def run_once_reached(self, rule: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Play a rule that tells of the main request's failures, once it is certain that there is one."""

        async def reached() -> None:
            await self.reaches()
            await rule()

        self.run(reached)

    def ways(
        self, adapter: Any
    ) -> Iterator[tuple[str, Callable[[ModelRequest], Coroutine[Any, Any, Reply]]]]:
        """Give each way to ask that the adapter has, and its name."""
        if hasattr(adapter, "complete"):
            yield "complete()", lambda call: driver.complete(adapter, call)
        if hasattr(adapter, "stream"):
            yield "stream()", lambda call: _only_reply(adapter, call)

    async def fails(self, answer: Answer, case: str) -> list[AttemptFailed]:
        """Return what each way to ask fails with; raises `AssertionError` where one takes the answer for a reply."""
        failed: list[AttemptFailed] = []
        async with self.asked(answer) as (adapter, server):
            for way, ask in self.ways(adapter):
                error = await driver.catch_failure(ask(self.call()))
                require_main(server)
                if error is None:
                    raise AssertionError(
                        f"{way} took {case} for an answer: check what a 200 holds, raise malformed(…)"
                    )
                failed.append(error)
        return failed

    # The rules

    def test_the_manifest_imports_no_sdk(self) -> None:
        """A chain that never needs the plugin pays nothing for it."""
        require_late_import(find_manifest(self.plugin), self._registry.info(self.plugin).adapter)

    def test_the_endpoint_in_the_settings_is_the_one_that_is_asked(self) -> None:
        """A proxy of the user's own gets every request."""
        self.run_once_reached(self._asks_the_endpoint)

    async def _asks_the_endpoint(self) -> None:
        async with self.asked(html(500)) as (adapter, server):
            for way, ask in self.ways(adapter):
                before = len(server.main_requests)
                await driver.catch_failure(ask(self.call()))
                require(
                    server.requests,
                    f"{way} has not asked provider.base_url: build the URL from it where it is set",
                )
                require_main(server)
                sent = len(server.main_requests) - before
                require(
                    sent,
                    f"{way} has not asked provider.base_url: build the URL from it where it is set",
                )
                require(
                    sent == 1,
                    f"{way} sent {sent} requests: switch the SDK's own retries off, standby decides who is asked",
                )

    def test_a_200_that_is_no_answer_is_a_failure(self) -> None:
        """A proxy's page, an empty body and JSON of another shape are no reply."""
        self.run_once_reached(self._believes_no_200)

    async def _believes_no_200(self) -> None:
        for case, answer in _NO_ANSWER.items():
            for error in await self.fails(answer, case):
                told = error.failure
                require(
                    told.kind in _BELIEVED,
                    f"{case} inside a 200 is {told.kind} ({told.text}): it should be malformed",
                )

    def test_an_error_of_a_proxy_is_told_by_its_status(self) -> None:
        """A page of HTML has a status, and nothing else to go by."""
        self.run_once_reached(self._tells_by_status)

    async def _tells_by_status(self) -> None:
        for status, kind in (
            (502, Kind.SERVER_ERROR),
            (503, Kind.OVERLOADED),
            (429, Kind.RATE_LIMITED),
        ):
            for error in await self.fails(html(status), f"a page of HTML with the status {status}"):
                told = error.failure
                require(
                    told.kind is kind,
                    f"{status} with HTML is {told.kind}, not {kind}: ask kind_of_status(status)",
                )
                require(
                    told.status == status,
                    f"a failure of {status} has the status {told.status}: fill in Failure.status",
                )

    def test_a_lost_connection_is_told_as_one(self) -> None:
        """A reset, a refusal and no HTTP at all are `connection`."""
        self.run_once_reached(self._tells_of_lost_connections)

    async def _tells_of_lost_connections(self) -> None:
        for case, answer in _LOST.items():
            for error in await self.fails(answer, f"a server that {case}"):
                _require_connection(error, f"a server that {case}")
        adapter = self.adapter_class()(self.provider(_nobody_listens()))
        for _, ask in self.ways(adapter):
            _require_connection(
                await driver.catch_failure(ask(self.call())), "a refused connection"
            )
        await close(adapter)

    def test_cancellation_goes_through_and_frees_the_connection(self) -> None:
        """Whoever leaves an unanswered call leaves nothing behind."""
        self.run_once_reached(self._frees_what_hangs)

    async def _frees_what_hangs(self) -> None:
        async with self.asked(hang()) as (adapter, server):
            for way, ask in self.ways(adapter):
                task, before = asyncio.create_task(ask(self.call())), len(server.main_requests)
                await until(partial(_more, server, before), f"{way} has sent no request")
                task.cancel()
                await require_cancelled(task, f"{way}, waiting for its answer,")
                gone = await asyncio.to_thread(server.main_requests[-1].disconnected.wait, SOON)
                require(
                    gone,
                    f"{way} was cancelled, and its connection is still open: free it in 'finally'",
                )

    def test_the_key_shows_nowhere(self) -> None:
        """Neither in a repr nor in a failure, nor in the URL that proxies write down."""
        self.run_once_reached(self._keeps_the_key)

    async def _keeps_the_key(self) -> None:
        for answer in (html(401), html(200), reset()):
            async with self.asked(answer) as (adapter, server):
                shown = [repr(adapter)]
                for _, ask in self.ways(adapter):
                    error = await driver.catch_failure(ask(self.call()))
                    shown += [
                        "".join(traceback.format_exception(error)),
                        repr(error and error.failure),
                    ]
                require(
                    not any(self.key in text for text in shown),
                    "the key shows in a repr or a failure: keep it out",
                )
                urls = [f"{request.path} {request.query}" for request in server.requests]
                require(
                    not any(self.key in url for url in urls),
                    "the key is in the URL, which proxies log: send a header",
                )


async def _only_reply(adapter: Any, call: ModelRequest) -> Reply:
    reply, _ = await driver.collect(adapter, call)
    return reply


async def close(adapter: Any) -> None:
    """Close the adapter, if it can be closed."""
    close: Callable[[], Awaitable[None]] | None = getattr(adapter, "aclose", None)
    if close is not None:
        await close()


def require_main(server: Loopback) -> None:
    """Require that the main request was sent, where any was."""
    require(server.main_requests or not server.requests, astray(server, "it went no further"))


def astray(server: Loopback, words: str) -> str:
    """Say what was asked, where that is not what the kit has an answer for."""
    asked = ", ".join(
        dict.fromkeys(f"{request.method} {request.path}" for request in server.requests)
    )
    hint = "let answer(request) answer what is asked before the main request"
    return f"the adapter asked {asked}, and not what the kit answers ({words}): {hint}"


def _more(server: Loopback, before: int) -> bool:
    return len(server.main_requests) > before


def _nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return f"http://127.0.0.1:{held.getsockname()[1]}"


def _require_connection(error: AttemptFailed | None, case: str) -> None:
    kind = error and error.failure.kind
    require(
        kind is Kind.CONNECTION,
        f"{case} is {kind}, not connection: raise lost(error) for what the transport raises",
    )


async def until(holds: Callable[[], bool], words: str, seconds: float = SOON) -> None:
    """Wait until something holds; raises `AssertionError` with the words if it does not soon."""
    try:
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - it happens on another thread
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(words) from None


async def require_cancelled(task: "asyncio.Task[Any]", who: str) -> None:
    """Require that a cancelled task ends as one, and soon."""
    done, _ = await asyncio.wait([task], timeout=SOON)
    require(done, f"{who} was cancelled and goes on: do not wait in 'finally' for the vendor")
    require(
        task.cancelled(),
        f"{who} has swallowed CancelledError: let it through, 'except Exception' does",
    )
