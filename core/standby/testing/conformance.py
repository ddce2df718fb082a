"""The suite that every adapter over HTTP must pass; the plugins that come with standby are held to it as well.

What a subclass looks like is in the package's docstring, and in plugins.md.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from standby.plugin import Kind, Message, Reply, Role, Text, kind_of_status
from standby.testing import driver
from standby.testing.assertions import require
from standby.testing.basic_rules import astray, close, require_cancelled, until
from standby.testing.loopback import Answer, Received, cut, late, respond
from standby.testing.streaming_rules import TEXTS, WHOLE, Streaming, require_stream, text_arrives
from standby.testing.tool_rules import Tools

AT_ONCE = 20
_MOMENTS = 12
"""Cancellations of one way to ask, and cuts of one body, spread over all that there could be."""

_BROKEN = {Kind.CONNECTION, Kind.MALFORMED, Kind.EMPTY}
_ASKED = re.compile(rb"question-(\d+)-")
_DEBUG = 10


class Logs(Protocol):
    """What is used of pytest's `caplog`."""

    text: str

    def set_level(self, level: int) -> None:
        """Take in everything from this level on."""


class Conformance(Tools, Streaming):
    """The suite: subclass it, say which plugin and model, and what the vendor's wire looks like.

    `reply` is required. `stream`, `tool_call` and `errors` are what there is of them: what is left
    out is skipped. `statuses` are HTTP statuses that, with the vendor's own error body, mean what
    they always mean.
    """

    errors: ClassVar[Mapping[Kind, Answer]] = {}
    statuses: ClassVar[Sequence[int]] = (401, 429, 500, 503)

    # What the vendor's wire says

    def reply(self, text: str) -> Answer:
        """Return the vendor's whole answer with that text, and with some usage."""
        raise NotImplementedError(
            f"{type(self).__name__} must say what a reply looks like: write reply(text) -> Answer"
        )

    def error(self, status: int, message: str) -> Answer:
        """Return the vendor's error with that message."""
        return respond(status, {"error": {"message": message}})

    async def reaches(self) -> None:
        """Require that what the kit answers is what the adapter takes for an answer."""
        async with self.asked(self._whole(WHOLE)) as (adapter, server):
            error = await driver.catch_failure(driver.complete(adapter, self.call()))
        if error is not None and server.requests:
            raise AssertionError(astray(server, error.failure.text))

    # Answers

    def test_a_reply_is_whole(self) -> None:
        """Its text is the vendor's, letter by letter, and its tokens are counted."""
        self.run(self._replies)

    async def _replies(self) -> None:
        for text in (WHOLE, 'Zürich, "東京"\n\tand 🦜 \\n'):
            async with self.asked(self._whole(text)) as (adapter, _):
                reply = await driver.complete(adapter, self.call())
            require(reply.text == text, f"the reply says {reply.text!r}, the vendor said {text!r}")
            _require_usage(reply)

    def test_a_stream_comes_in_pieces_and_ends(self) -> None:
        """It says what the whole reply says; its last chunk, and no other, has the end."""
        self.run(self._streams)

    async def _streams(self) -> None:
        for framing in ("chunked", "eof"):
            answer = msgspec.structs.replace(self.stream(TEXTS), framing=framing)
            async with self.asked(answer) as (adapter, _):
                require_stream(adapter)
                reply, chunks = await driver.collect(adapter, self.call())
            said = [chunk.text for chunk in chunks if chunk.text]
            require(
                reply.text == WHOLE, f"the stream says {reply.text!r}, the vendor said {WHOLE!r}"
            )
            require(
                len(said) > 1,
                f"{len(TEXTS)} pieces of the vendor come as {len(said)}: yield each as it comes",
            )
            _require_usage(reply)

    def test_a_stream_in_any_pieces_says_the_same(self) -> None:
        """The network cuts where it likes, within a letter too."""
        self.run(self._streams_byte_by_byte)

    async def _streams_byte_by_byte(self) -> None:
        body = self.stream(("Zür", "ich 🦜")).body
        pieces = tuple((0.0, body[at : at + 1]) for at in range(len(body)))
        answer = msgspec.structs.replace(self.stream(()), pieces=pieces, framing="chunked")
        async with self.asked(answer) as (adapter, _):
            require_stream(adapter)
            reply, _ = await driver.collect(adapter, self.call())
        require(
            reply.text == "Zürich 🦜",
            f"a stream that comes byte by byte says {reply.text!r}: let events_of or iter_ndjson read it",
        )

    def test_the_body_holds_the_conversation_in_order(self) -> None:
        """Every turn is sent, the user's and the assistant's in their order, and the system's words somewhere."""
        self.run(self._sends_the_conversation)

    async def _sends_the_conversation(self) -> None:
        turns: list[tuple[Role, str]] = [
            ("system", "w0-system"),
            ("user", "w1-first"),
            ("assistant", "w2-answer"),
            ("user", "w3-second"),
        ]
        messages = [
            Message(role, (Text(text),))
            for role, text in turns
            if role != "system" or self.card().system is not False
        ]
        async with self.asked(self._whole(WHOLE)) as (adapter, server):
            await driver.complete(adapter, self.call(*messages))
        body = server.main_requests[0].body.decode()
        for text in (
            part.text for message in messages for part in message.parts if isinstance(part, Text)
        ):
            require(
                body.count(text) == 1,
                f"the message {text!r} is {body.count(text)} times in the request's body",
            )
        places = [body.index(text) for role, text in turns if role != "system"]
        require(
            places == sorted(places), "the turns of the conversation are not sent in their order"
        )

    # Failures

    def test_each_error_is_of_its_kind(self) -> None:
        """The vendor's own errors, as `errors` shows them, and its plain statuses."""
        self.run_once_reached(self._classifies)

    async def _classifies(self) -> None:
        words = "It is not what it was."
        cases = [(kind, answer, "") for kind, answer in self.errors.items()]
        cases += [
            (kind_of_status(status), self.error(status, words), words) for status in self.statuses
        ]
        for kind, answer, message in cases:
            for error in await self.fails(answer, f"a failure that is {kind}"):
                told = error.failure
                require(
                    told.kind is kind,
                    f"{answer.status} {answer.body[:200]!r} is {told.kind}, not {kind}",
                )
                require(
                    message in told.message,
                    f"the vendor said {message!r}, the failure says {told.message!r}",
                )

    def test_a_stated_delay_is_read(self) -> None:
        """`Retry-After` says how long the vendor wants to be left alone."""
        self.run_once_reached(self._reads_delays)

    async def _reads_delays(self) -> None:
        answer = self.error(429, "Slow down.")
        answer = msgspec.structs.replace(answer, headers={**answer.headers, "Retry-After": "7"})
        for error in await self.fails(answer, "a 429"):
            delay = error.failure.retry_after
            require(delay == 7, f"Retry-After: 7 is read as {delay}: fill in retry_after(headers)")  # noqa: PLR2004 - as sent

    def test_a_reply_that_is_cut_is_none(self) -> None:
        """Half a body is no answer, wherever it breaks off."""
        self.run(lambda: self._believes_no_half(self._whole(WHOLE), streamed=False))

    def test_a_stream_that_is_cut_is_no_reply(self) -> None:
        """Only the vendor's own end marker ends a stream; that the connection is closed ends none."""
        self.run(lambda: self._believes_no_half(self.stream(TEXTS), streamed=True))
        self.run(
            lambda: self._believes_no_half(
                msgspec.structs.replace(self.stream(TEXTS), framing="eof"), streamed=True
            )
        )

    async def _believes_no_half(self, answer: Answer, *, streamed: bool) -> None:
        for at in _spread(len(answer.body) - 1):
            async with self.asked(cut(answer, at)) as (adapter, _):
                if streamed:
                    require_stream(adapter)
                replies: list[Reply] = []
                error = await driver.catch_failure(
                    _kept(replies, self._ask(adapter, streamed=streamed))
                )
            case = f"an answer that is cut after {at} of {len(answer.body)} bytes"
            if error is None:  # what is cut off may have been of no weight, behind the end marker
                require(
                    replies[0].text == WHOLE,
                    f"{case} is taken for whole, with the text {replies[0].text!r}",
                )
            else:
                require(
                    error.failure.kind in _BROKEN,
                    f"{case} is {error.failure.kind}, not connection or malformed",
                )

    # Leaving, sharing, closing

    def test_cancellation_at_any_await_goes_through_and_leaves_nothing(self) -> None:
        """The caller may leave at every moment of a call."""
        self.run(lambda: self._cancels(streamed=False))

    def test_cancellation_at_any_await_of_a_stream_goes_through_and_leaves_nothing(self) -> None:
        """The caller may leave at every moment of a stream."""
        self.run(lambda: self._cancels(streamed=True))

    async def _cancels(self, *, streamed: bool) -> None:
        answer = self.stream(TEXTS) if streamed else self._whole(WHOLE)
        slow = msgspec.structs.replace(
            answer, pieces=tuple((0.002, piece) for _, piece in answer.pieces)
        )
        waits = await self._cancelled(slow, 0, streamed=streamed)
        for at in _spread(waits):
            await self._cancelled(slow, at or 1, streamed=streamed)

    async def _cancelled(self, answer: Answer, at: int, *, streamed: bool) -> int:
        """Cancel one call, or none (0); return how often it waited."""
        async with self.asked(answer) as (adapter, server):
            if streamed:
                require_stream(adapter)
            others = asyncio.all_tasks()
            stepped = driver.CancelAtAwait(self._ask(adapter, streamed=streamed), at)
            task = asyncio.create_task(stepped.run())
            if not at:
                await task
            elif at <= (await _settled(task, stepped)):
                await require_cancelled(task, f"a call at its await number {at}")
            await close(adapter)
            await until(
                lambda: server.open_connections == 0,
                f"cancelled at its await number {at}, the call leaves its connection open",
            )
            await until(
                lambda: not _left(others, task),
                f"cancelled at its await number {at}, the call leaves a task behind",
            )
            return stepped.waited

    def test_a_stream_that_is_left_early_frees_its_connection(self) -> None:
        """Whoever stops reading after the first words leaves nothing behind."""
        self.run_once_reached(self._leaves_early)

    async def _leaves_early(self) -> None:
        answer = self.stream(TEXTS)
        (_, first), *rest = answer.pieces
        endless = msgspec.structs.replace(
            answer, pieces=((0.0, first), *rest[: len(rest) // 2]), then="hang"
        )
        async with self.asked(endless) as (adapter, server):
            require_stream(adapter)
            words = "half of a stream is sent, and no text comes: read the body as it comes"
            require(await text_arrives(adapter.stream(self.call()), self.text_within), words)
            await until(
                lambda: server.open_connections == 0,
                "a stream that is left early leaves its connection open: use 'async with'",
            )

    def test_calls_at_once_never_mix(self) -> None:
        """Twenty callers get twenty answers, each their own."""
        self.run(self._keeps_apart)

    async def _keeps_apart(self) -> None:
        async with self.asked() as (adapter, server):
            server.answer = self._echo
            calls = [
                self.call(Message("user", (Text(f"question-{number}-"),)))
                for number in range(AT_ONCE)
            ]
            replies = await asyncio.gather(*(driver.complete(adapter, call) for call in calls))
        for number, reply in enumerate(replies):
            require(
                reply.text == f"answer {number}",
                f"question {number} of {AT_ONCE} at once got {reply.text!r}",
            )

    def _echo(self, request: Received) -> Answer:
        found = _ASKED.search(request.body)
        number = int(found[1]) if found else -1
        return late((number * 7 % AT_ONCE) / 500, self._whole(f"answer {number}"))

    def test_closing_the_adapter_closes_its_connections(self) -> None:
        """`aclose()` leaves nothing open."""
        self.run(self._closes)

    async def _closes(self) -> None:
        async with self.asked(self._whole(WHOLE)) as (adapter, server):
            await driver.complete(adapter, self.call())
            await close(adapter)
            await until(
                lambda: server.open_connections == 0,
                "aclose() leaves connections open: close the client there",
            )

    def test_no_log_holds_the_key(self, caplog: Logs) -> None:
        """Whoever logs everything logs no key; under pytest only."""
        caplog.set_level(_DEBUG)
        self.run(self._replies)
        require(
            self.key not in caplog.text,
            "the key is in a log: switch off what logs it, or filter it",
        )

    # The two forms of an answer

    def _whole(self, text: str) -> Answer:
        """Return what an adapter reads where it is asked for a whole reply; one that only streams reads a stream."""
        return (
            self.reply(text) if hasattr(self.adapter_class(), "complete") else self.stream((text,))
        )

    async def _ask(self, adapter: Any, *, streamed: bool) -> Reply:
        if streamed:
            return (await driver.collect(adapter, self.call()))[0]
        return await driver.complete(adapter, self.call())


def _require_usage(reply: Reply) -> None:
    counted = reply.usage.input and reply.usage.output
    require(
        counted,
        f"the tokens of a reply are not counted ({reply.usage}): fill in Reply.usage and End.usage",
    )


def _spread(count: int) -> Iterator[int]:
    """Give some of the numbers up to a count, evenly, both ends among them."""
    return iter(sorted({round(count * step / _MOMENTS) for step in range(_MOMENTS + 1)}))


def _left(others: "set[asyncio.Task[Any]]", asked: "asyncio.Task[Any]") -> bool:
    """Say whether tasks are there that were not; a generator that nobody closed is closed in one, which soon ends."""
    return bool(asyncio.all_tasks() - others - {asked})


async def _kept(replies: list[Reply], asked: Any) -> Reply:
    replies.append(await asked)
    return replies[-1]


async def _settled(task: "asyncio.Task[Any]", stepped: driver.CancelAtAwait) -> int:
    """Wait for the task; return how often it has waited: a call that came to its end before is none that was cancelled."""
    await asyncio.wait([task], timeout=driver.AT_MOST)
    return stepped.waited
