"""What the rules of the suite have in common: the adapter, a server for it, and how a rule runs."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property, partial
from typing import Any, ClassVar, Literal

import msgspec

from standby.plugin import (
    AttemptFailed,
    Card,
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
from standby.testing.answers import Answer
from standby.testing.assertions import require
from standby.testing.checks import close, require_main_request
from standby.testing.loopback import Loopback, Received

Rule = Callable[[], Coroutine[Any, Any, None]]
Method = Callable[[ModelRequest], Coroutine[Any, Any, Reply]]

QUESTION = "Which city do you mean?"


class Harness:
    """Makes the adapter of a plugin, calls it, and runs rules on it.

    Attributes:
        plugin: The plugin's name.
        model: The vendor's id of a model.
        key: A key that opens nothing and must appear nowhere.
        path: The path that a `base_url` has after the server's address.
        options: The model's options, as in `models.yaml`.
        account: The provider's options, as in `models.yaml`.
        transport: The provider's transport: "sdk" for the adapter that `sdk_adapter` names.
        limit: Seconds that one rule may take.
        paths: The requests that the adapter has sent, each once, such as "POST /answers".
    """

    plugin: ClassVar[str] = ""
    model: ClassVar[str] = ""
    key: ClassVar[str] = "canary-4b1f0c-opens-nothing"
    path: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Any]] = {}
    account: ClassVar[Mapping[str, Any]] = {}
    transport: ClassVar[Literal["lean", "sdk"]] = "lean"
    limit: ClassVar[float] = 60.0
    paths: tuple[str, ...] = ()

    def adapter_class(self) -> Callable[[Provider], Any]:
        """Return what makes the adapter, the class of the installed plugin by default.

        Returns:
            A class, or a function of a provider.
        """
        return self.registry.adapter(Provider(plugin=self.plugin, transport=self.transport))

    def card(self) -> Card:
        """Return the model's card, by default merged from the plugin's manifest.

        Returns:
            The card.
        """
        shared = self.registry.info(self.plugin).card
        own = self.registry.cards(self.plugin).get(self.model, Card())
        fields = {
            name: value for name, value in msgspec.structs.asdict(own).items() if value is not None
        }
        return msgspec.structs.replace(shared, **fields)

    def side_answer(self, request: Received) -> Answer | None:
        """Return the answer to a side request, such as one for a token.

        Args:
            request: Any request of the adapter.

        Returns:
            The answer, or `None` for the main request.
        """
        del request
        return None

    async def check_main_request(self) -> None:
        """Require that the adapter sends its main request, where an answer to it is known.

        Otherwise a failure of a side request would be taken for one of the main request.
        """

    @cached_property
    def registry(self) -> Registry:
        """The installed plugins."""
        return Registry()

    def request(self, *messages: Message, **fields: Any) -> ModelRequest:
        """Return a request to the model.

        Args:
            messages: The conversation, one question by default.
            fields: Further fields of `Request`.

        Returns:
            The request.
        """
        conversation = Request(messages or (Message("user", (Text(QUESTION),)),), **fields)
        return ModelRequest(
            request=conversation,
            model=self.model,
            card=self.card(),
            options=self.options,
            timeout=60.0,
        )

    def provider(self, base_url: str) -> Provider:
        """Return the account to use.

        Args:
            base_url: The server's address.

        Returns:
            The provider, whose `base_url` has `path` appended.
        """
        return Provider(
            plugin=self.plugin,
            base_url=base_url + self.path,
            api_key=Secret(self.key, "CANARY"),
            options=dict(self.account),
            transport=self.transport,
        )

    @asynccontextmanager
    async def open_adapter(self, *answers: Answer) -> AsyncGenerator[tuple[Any, Loopback], None]:
        """Make the adapter and a server that gives these answers; close both afterwards.

        Args:
            answers: The answers, in order; the last one repeats.

        Yields:
            The adapter and the server.
        """
        with Loopback() as server:
            server.side_answer = self.side_answer
            if answers:
                server.script(*answers)
            adapter = self.adapter_class()(self.provider(server.url))
            try:
                yield adapter, server
            finally:
                await close(adapter)
                sent = (f"{request.method} {request.path}" for request in server.requests)
                self.paths = tuple(dict.fromkeys((*self.paths, *sent)))

    def run(self, rule: Rule) -> None:
        """Run a rule, at most `limit` seconds.

        Args:
            rule: The rule's coroutine function.

        Raises:
            AssertionError: The rule does not hold, or does not end in time.
        """
        asyncio.run(self._run_within_limit(rule))

    async def _run_within_limit(self, rule: Rule) -> None:
        timeout = asyncio.timeout(self.limit)
        try:
            async with timeout:
                await rule()
        except TimeoutError as error:
            require(
                not timeout.expired(),
                f"no end in {self.limit:g}s: the adapter waits for what the server does not send",
            )
            raise AssertionError(f"TimeoutError: {error}") from error

    def run_after_main_request(self, rule: Rule) -> None:
        """Run a rule on failures of the main request, once it is certain that there is one.

        Args:
            rule: The rule's coroutine function.

        Raises:
            AssertionError: The rule does not hold, or the main request is never sent.
        """

        async def check_first() -> None:
            await self.check_main_request()
            await rule()

        self.run(check_first)

    def methods(self, adapter: Any) -> Iterator[tuple[str, Method]]:
        """Yield the adapter's methods that answer.

        Args:
            adapter: The adapter.

        Yields:
            A name for messages, and a function that returns the reply.
        """
        if hasattr(adapter, "complete"):
            yield "complete()", partial(driver.complete, adapter)
        if hasattr(adapter, "stream"):
            yield "stream()", partial(_collect_reply, adapter)

    async def collect_failures(
        self, answer: Answer, case: str, *, within: float = driver.CALL_LIMIT
    ) -> list[AttemptFailed]:
        """Return what each method fails with when the server gives an answer.

        Args:
            answer: The server's answer.
            case: What the answer is, for messages.
            within: Seconds that each call may take; one that takes longer fails with `timeout`.

        Returns:
            The failures.

        Raises:
            AssertionError: A method returned a reply.
        """
        failures: list[AttemptFailed] = []
        async with self.open_adapter(answer) as (adapter, server):
            for name, method in self.methods(adapter):
                error = await driver.catch_failure(method(self.request()), within=within)
                require_main_request(server)
                if error is None:
                    raise AssertionError(
                        f"{name} accepted {case} as an answer: "
                        "check the body of a 200, and raise malformed(…)"
                    )
                failures.append(error)
        return failures


async def _collect_reply(adapter: Any, request: ModelRequest) -> Reply:
    reply, _ = await driver.collect(adapter, request)
    return reply
