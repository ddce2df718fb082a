"""The suite that every adapter over HTTP must pass, those that come with standby included.

The package's docstring and plugins.md show a subclass.
"""

import asyncio
import re
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from standby.plugin import Kind, Message, Reply, Role, Text, kind_of_status
from standby.testing import driver
from standby.testing.answers import Answer, cut, late, respond, stall
from standby.testing.assertions import require
from standby.testing.basic_rules import ERROR_LIMIT
from standby.testing.checks import (
    close,
    describe_wrong_requests,
    require_cancelled,
    require_stream,
    text_arrives,
    wait_until,
)
from standby.testing.loopback import Received
from standby.testing.streaming_rules import FULL_TEXT, TEXTS, StreamingRules
from standby.testing.tool_rules import ToolRules

CONCURRENT_CALLS = 20
_SAMPLES = 12
"""How many cancellations of a call, and cuts of a body, are tried, evenly spread."""

_RETRY_AFTER = 7
"""Seconds."""

_CUT_KINDS = {Kind.CONNECTION, Kind.MALFORMED, Kind.EMPTY}
_QUESTION = re.compile(rb"question-(\d+)-")
_DEBUG = 10


class Logs(Protocol):
    """The part of pytest's `caplog` that is used here."""

    text: str

    def set_level(self, level: int) -> None:
        """Capture everything from this level on.

        Args:
            level: The level, as `logging` counts them.
        """


class Conformance(ToolRules, StreamingRules):
    """The suite: subclass it, and describe the plugin, the model and the vendor's answers.

    `reply` is required. Rules that need a method which the subclass does not have are skipped.

    Attributes:
        errors: The vendor's own errors, by the kind that each is.
        statuses: HTTP statuses that have their usual kind with the vendor's error body too.
    """

    errors: ClassVar[Mapping[Kind, Answer]] = {}
    statuses: ClassVar[Sequence[int]] = (401, 429, 500, 503)

    def reply(self, text: str) -> Answer:
        """Return the vendor's answer, with usage.

        Args:
            text: The answer's text.

        Returns:
            The answer.

        Raises:
            NotImplementedError: The author has not written it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must say what a reply looks like: write reply(text) -> Answer"
        )

    def error(self, status: int, message: str) -> Answer:
        """Return the vendor's error.

        Args:
            status: The HTTP status.
            message: The error's message.

        Returns:
            The answer, `{"error": {"message": …}}` by default.
        """
        return respond(status, {"error": {"message": message}})

    async def check_main_request(self) -> None:
        """Require that the adapter reads the vendor's answer as an answer."""
        async with self.open_adapter(self._answer(FULL_TEXT)) as (adapter, server):
            error = await driver.catch_failure(driver.complete(adapter, self.request()))
        if error is not None and server.requests:
            raise AssertionError(describe_wrong_requests(server, error.failure.text))

    def test_a_reply_is_complete(self) -> None:
        """Its text is the vendor's, character by character, and its tokens are counted."""
        self.run(self._check_replies)

    async def _check_replies(self) -> None:
        for text in (FULL_TEXT, 'Zürich, "東京"\n\tand 🦜 \\n'):
            async with self.open_adapter(self._answer(text)) as (adapter, _):
                reply = await driver.complete(adapter, self.request())
            require(
                reply.text == text, f"the reply is {reply.text!r}, but the vendor sent {text!r}"
            )
            _require_usage(reply)

    def test_a_stream_arrives_in_pieces_and_ends(self) -> None:
        """It gives the same text as a whole reply; its last chunk, and no other, has the end."""
        self.run(self._check_streams)

    async def _check_streams(self) -> None:
        for framing in ("chunked", "eof"):
            answer = msgspec.structs.replace(self.stream(TEXTS), framing=framing)
            async with self.open_adapter(answer) as (adapter, _):
                require_stream(adapter)
                reply, chunks = await driver.collect(adapter, self.request())
            require(
                reply.text == FULL_TEXT,
                f"the stream gives {reply.text!r}, but the vendor sent {FULL_TEXT!r}",
            )
            pieces = [chunk.text for chunk in chunks if chunk.text]
            require(
                len(pieces) > 1,
                f"{len(TEXTS)} pieces of the vendor arrive as {len(pieces)}: "
                "yield each as it arrives",
            )
            _require_usage(reply)

    def test_a_stream_split_anywhere_gives_the_same_text(self) -> None:
        """The network splits a stream anywhere, inside a character too."""
        self.run(self._check_single_bytes)

    async def _check_single_bytes(self) -> None:
        body = self.stream(("Zür", "ich 🦜")).body
        pieces = tuple((0.0, body[at : at + 1]) for at in range(len(body)))
        answer = msgspec.structs.replace(self.stream(()), pieces=pieces, framing="chunked")
        async with self.open_adapter(answer) as (adapter, _):
            require_stream(adapter)
            reply, _ = await driver.collect(adapter, self.request())
        require(
            reply.text == "Zürich 🦜",
            f"a stream that arrives byte by byte gives {reply.text!r}: "
            "read it with iter_events or iter_ndjson",
        )

    def test_the_conversation_is_sent_in_order(self) -> None:
        """Every turn is sent once, the user's and the assistant's in order."""
        self.run(self._check_conversation)

    async def _check_conversation(self) -> None:
        texts: list[tuple[Role, str]] = [
            ("system", "w0-system"),
            ("user", "w1-first"),
            ("assistant", "w2-answer"),
            ("user", "w3-second"),
        ]
        if self.card().system is False:
            del texts[0]
        messages = [Message(role, (Text(text),)) for role, text in texts]
        async with self.open_adapter(self._answer(FULL_TEXT)) as (adapter, server):
            await driver.complete(adapter, self.request(*messages))
        body = server.main_requests[0].body.decode()
        for _, text in texts:
            require(
                body.count(text) == 1,
                f"the message {text!r} is {body.count(text)} times in the request's body",
            )
        positions = [body.index(text) for role, text in texts if role != "system"]
        require(
            positions == sorted(positions),
            "the turns of the conversation are not sent in their order",
        )

    def test_each_error_has_its_kind(self) -> None:
        """The errors in `errors` have the kinds given there, and those of `statuses` the usual."""
        self.run_after_main_request(self._check_errors)

    async def _check_errors(self) -> None:
        text = "It is not what it was."
        cases = [(kind, answer, "") for kind, answer in self.errors.items()]
        cases += [
            (kind_of_status(status), self.error(status, text), text) for status in self.statuses
        ]
        for kind, answer, message in cases:
            for error in await self.collect_failures(answer, f"a failure of kind {kind}"):
                failure = error.failure
                require(
                    failure.kind is kind,
                    f"{answer.status} {answer.body[:200]!r} is {failure.kind}, not {kind}",
                )
                require(
                    message in failure.message,
                    f"the vendor sent {message!r}, but the failure says {failure.message!r}",
                )

    def test_retry_after_is_read(self) -> None:
        """The header says how long the vendor wants no requests."""
        self.run_after_main_request(self._check_retry_after)

    async def _check_retry_after(self) -> None:
        answer = self.error(429, "Slow down.")
        headers = {**answer.headers, "Retry-After": str(_RETRY_AFTER)}
        answer = msgspec.structs.replace(answer, headers=headers)
        for case, sent in (("a 429", answer), ("a 429 whose body never ends", stall(answer, 9))):
            for error in await self.collect_failures(sent, case, within=ERROR_LIMIT):
                delay = error.failure.retry_after
                require(
                    delay == _RETRY_AFTER,
                    f"Retry-After: {_RETRY_AFTER} of {case} is read as {delay}: "
                    "fill in retry_after(headers)",
                )

    def test_a_truncated_reply_is_a_failure(self) -> None:
        """Half a body is not an answer, wherever it breaks off."""
        self.run(lambda: self._check_truncation(self._answer(FULL_TEXT), streamed=False))

    def test_a_truncated_stream_is_a_failure(self) -> None:
        """Only the vendor's own end marker ends a stream; the end of the connection does not."""
        answer = self.stream(TEXTS)
        until_eof = msgspec.structs.replace(answer, framing="eof")
        self.run(lambda: self._check_truncation(answer, streamed=True))
        self.run(lambda: self._check_truncation(until_eof, streamed=True))

    async def _check_truncation(self, answer: Answer, *, streamed: bool) -> None:
        for size in _spread(len(answer.body) - 1):
            async with self.open_adapter(cut(answer, size)) as (adapter, _):
                if streamed:
                    require_stream(adapter)
                replies: list[Reply] = []
                call = _keep_reply(replies, self._call(adapter, streamed=streamed))
                error = await driver.catch_failure(call)
            case = f"an answer that is cut after {size} of {len(answer.body)} bytes"
            if error is None:  # only bytes after the end marker may be missing
                text = replies[0].text
                require(
                    text == FULL_TEXT, f"{case} is accepted as complete, with the text {text!r}"
                )
            else:
                kind = error.failure.kind
                require(kind in _CUT_KINDS, f"{case} is {kind}, not connection or malformed")

    def test_cancellation_at_any_await_leaves_nothing_behind(self) -> None:
        """A call can be cancelled at every moment."""
        self.run(lambda: self._check_cancellations(streamed=False))

    def test_cancellation_at_any_await_of_a_stream_leaves_nothing_behind(self) -> None:
        """A stream can be cancelled at every moment."""
        self.run(lambda: self._check_cancellations(streamed=True))

    async def _check_cancellations(self, *, streamed: bool) -> None:
        answer = self.stream(TEXTS) if streamed else self._answer(FULL_TEXT)
        slow = msgspec.structs.replace(
            answer, pieces=tuple((0.002, piece) for _, piece in answer.pieces)
        )
        suspensions = await self._cancel_at(slow, 0, streamed=streamed)
        for at in _spread(suspensions):
            await self._cancel_at(slow, at or 1, streamed=streamed)

    async def _cancel_at(self, answer: Answer, at: int, *, streamed: bool) -> int:
        """Cancel a call at a suspension, or never (0); return how often it suspended."""
        async with self.open_adapter(answer) as (adapter, server):
            if streamed:
                require_stream(adapter)
            others = asyncio.all_tasks()
            call = driver.CancelAtAwait(self._call(adapter, streamed=streamed), at)
            task = asyncio.create_task(call.run())
            if not at:
                await task
            elif at <= await _wait_for_end(task, call):
                await require_cancelled(task, f"a call at its await number {at}")
            await close(adapter)
            start = f"cancelled at its await number {at}, the call leaves"
            await wait_until(lambda: server.open_connections == 0, f"{start} its connection open")
            await wait_until(lambda: not _has_new_tasks(others, task), f"{start} a task behind")
            return call.suspensions

    def test_an_abandoned_stream_frees_its_connection(self) -> None:
        """A caller that stops reading after the first text leaves nothing open."""
        self.run_after_main_request(self._check_abandoned_stream)

    async def _check_abandoned_stream(self) -> None:
        answer = self.stream(TEXTS)
        (_, first), *rest = answer.pieces
        endless = msgspec.structs.replace(
            answer, pieces=((0.0, first), *rest[: len(rest) // 2]), then="hang"
        )
        async with self.open_adapter(endless) as (adapter, server):
            require_stream(adapter)
            message = "half of a stream is sent, and no text arrives: read the body as it arrives"
            arrives = await text_arrives(adapter.stream(self.request()), self.text_within)
            require(arrives, message)
            await wait_until(
                lambda: server.open_connections == 0,
                "an abandoned stream leaves its connection open: use 'async with'",
            )

    def test_concurrent_calls_never_mix(self) -> None:
        """Twenty concurrent calls get twenty answers, each its own."""
        self.run(self._check_concurrency)

    async def _check_concurrency(self) -> None:
        async with self.open_adapter() as (adapter, server):
            server.answer = self._echo
            requests = [
                self.request(Message("user", (Text(f"question-{number}-"),)))
                for number in range(CONCURRENT_CALLS)
            ]
            replies = await asyncio.gather(*(driver.complete(adapter, each) for each in requests))
        for number, reply in enumerate(replies):
            require(
                reply.text == f"answer {number}",
                f"question {number} of {CONCURRENT_CALLS} concurrent ones got {reply.text!r}",
            )

    def _echo(self, request: Received) -> Answer:
        match = _QUESTION.search(request.body)
        number = int(match[1]) if match else -1
        delay = (number * 7 % CONCURRENT_CALLS) / 500
        return late(delay, self._answer(f"answer {number}"))

    def test_closing_the_adapter_closes_its_connections(self) -> None:
        """`aclose()` leaves nothing open."""
        self.run(self._check_close)

    async def _check_close(self) -> None:
        async with self.open_adapter(self._answer(FULL_TEXT)) as (adapter, server):
            await driver.complete(adapter, self.request())
            await close(adapter)
            await wait_until(
                lambda: server.open_connections == 0,
                "aclose() leaves connections open: close the client there",
            )

    def test_no_log_contains_the_key(self, caplog: Logs) -> None:
        """The key is in no log record of any level; under pytest only.

        Args:
            caplog: pytest's fixture.
        """
        caplog.set_level(_DEBUG)
        self.run(self._check_replies)
        require(
            self.key not in caplog.text,
            "the key is in a log: switch off what logs it, or filter it",
        )

    def _answer(self, text: str) -> Answer:
        """Return what an adapter without `complete` reads as well: a stream."""
        has_complete = hasattr(self.adapter_class(), "complete")
        return self.reply(text) if has_complete else self.stream((text,))

    async def _call(self, adapter: Any, *, streamed: bool) -> Reply:
        if streamed:
            return (await driver.collect(adapter, self.request()))[0]
        return await driver.complete(adapter, self.request())


def _require_usage(reply: Reply) -> None:
    require(
        reply.usage.input and reply.usage.output,
        f"the tokens of a reply are not counted ({reply.usage}): fill in Reply.usage and End.usage",
    )


def _spread(count: int) -> Iterator[int]:
    """Yield some of the numbers from 0 to `count`, evenly, both ends included."""
    return iter(sorted({round(count * step / _SAMPLES) for step in range(_SAMPLES + 1)}))


def _has_new_tasks(others: "set[asyncio.Task[Any]]", call: "asyncio.Task[Any]") -> bool:
    """Say whether the call has left tasks; the one that finalizes a generator soon ends."""
    return bool(asyncio.all_tasks() - others - {call})


async def _keep_reply(replies: list[Reply], call: Awaitable[Reply]) -> Reply:
    replies.append(await call)
    return replies[-1]


async def _wait_for_end(task: "asyncio.Task[Any]", call: driver.CancelAtAwait) -> int:
    """Return how often the call suspended; it may end before the suspension to cancel at."""
    await asyncio.wait([task], timeout=driver.CALL_LIMIT)
    return call.suspensions
