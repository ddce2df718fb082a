"""Each adapter here breaks one rule of the suite, and that rule fails and says so."""

import asyncio
import codecs
import gc
import json
import logging
import re
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any, ClassVar
from unittest import SkipTest

import aiohttp
import pytest

from standby.http.client import HttpClient
from standby.plugin import (
    AttemptFailed,
    Card,
    Chunk,
    End,
    Failure,
    Kind,
    ModelRequest,
    Provider,
    Reply,
    Usage,
    connection_failure,
    decode_error,
    decode_json,
    encode_json,
    get_int,
    get_object,
    get_str,
    iter_events,
    iter_ndjson,
    kind_of_status,
    malformed,
    read_body,
    retry_after,
)
from standby.testing import Answer, BasicRules, Conformance, Received, events, ndjson, respond
from standby.testing.checks import CLEANUP_LIMIT

USAGE = Usage(input=7, output=2)


class Right:
    """Passes; the other adapters change one thing each."""

    def __init__(self, provider: Provider) -> None:
        assert provider.api_key is not None
        self.url = f"{provider.base_url}/answers"
        self.key = provider.api_key.reveal()
        self.http = HttpClient(self.failure)

    def __repr__(self) -> str:
        return "Right()"

    async def complete(self, request: ModelRequest) -> Reply:
        async with self.send(request) as pieces:
            answer = self.read(await read_body(pieces))
        return Reply(text=get_str(answer["text"]), usage=self.usage(answer))

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        async with self.send(request) as pieces:
            async for answer in self.answers(pieces):
                end = End(usage=self.usage(answer)) if answer.get("done") else None
                yield Chunk(get_str(answer.get("text")), end)

    async def answers(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
        async for event in iter_events(pieces):
            yield get_object(decode_json(event.stray or event.data))

    async def aclose(self) -> None:
        await self.http.aclose()

    def read(self, body: bytes) -> Any:
        answer = get_object(decode_json(body))
        if answer.get("done") is not True:
            raise malformed("the answer is not done")
        return answer

    def usage(self, answer: Mapping[str, Any]) -> Usage:
        return Usage(
            input=get_int(answer.get("usage"), "in"), output=get_int(answer.get("usage"), "out")
        )

    def body(self, request: ModelRequest) -> Any:
        return {
            "turns": [
                [turn.role, *(part.text for part in turn.parts)]
                for turn in request.request.messages
            ]
        }

    def failure(self, status: int, headers: Mapping[str, str], body: Any) -> Failure:
        message = get_str(get_object(get_object(body).get("error")).get("message")) or str(body)
        return Failure(
            kind=kind_of_status(status),
            status=status,
            message=message,
            retry_after=retry_after(headers),
        )

    def send(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.http.stream(self.url, headers, encode_json(self.body(request)))


class Suite(Conformance):
    plugin = "right"
    model = "right-1"
    errors: ClassVar[Mapping[Kind, Answer]] = {
        Kind.MODEL_MISSING: respond(404, {"error": {"message": "No such model."}})
    }
    adapter: ClassVar[Callable[[Provider], Any]] = Right

    def adapter_class(self) -> Callable[[Provider], Any]:
        return type(self).adapter

    def card(self) -> Card:
        return Card()

    def reply(self, text: str) -> Answer:
        return respond(200, {"text": text, "done": True, "usage": {"in": 7, "out": 2}})

    def stream(self, texts: Sequence[str]) -> Answer:
        return events(
            [
                *({"text": text} for text in texts),
                {"text": "", "done": True, "usage": {"in": 7, "out": 2}},
            ]
        )


class SuiteInLines(Suite):
    def stream(self, texts: Sequence[str]) -> Answer:
        return ndjson(
            [
                *({"text": text} for text in texts),
                {"text": "", "done": True, "usage": {"in": 7, "out": 2}},
            ]
        )


EARLY_TEXT = "test_text_is_yielded_while_the_stream_arrives"
FRAMING = "test_every_form_of_the_framing_is_read"
ANY_ERROR_BODY = "test_an_error_is_classified_by_its_status_whatever_its_body"

RULES = [
    name
    for name in dir(Suite)
    if name.startswith("test_") and name != "test_the_manifest_imports_no_sdk"
]


class AcceptsAny200(Right):
    def read(self, body: bytes) -> Any:
        with suppress(AttemptFailed):
            return {"text": body.decode("latin-1"), **get_object(decode_json(body))}
        return {"text": body.decode("latin-1")}


class RaisesKeyError(Right):
    def read(self, body: bytes) -> Any:
        return {"text": json.loads(body)["text"]}


class EndsWithTheConnection(Right):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        with suppress(AttemptFailed):
            async for chunk in super().stream(request):
                yield chunk
        yield Chunk("", End(usage=USAGE))


class StreamsInOnePiece(Right):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        chunks = [chunk async for chunk in super().stream(request)]
        yield Chunk("".join(chunk.text for chunk in chunks))
        yield chunks[-1]


class CountsNothing(Right):
    def usage(self, answer: Mapping[str, Any]) -> Usage:
        del answer
        return Usage()


class SendsTheLastTurnOnly(Right):
    def body(self, request: ModelRequest) -> Any:
        return super().body(request)["turns"][-1]


class ReversesTheConversation(Right):
    def body(self, request: ModelRequest) -> Any:
        return super().body(request)["turns"][::-1]


class CallsEverythingAServerError(Right):
    def failure(self, status: int, headers: Mapping[str, str], body: Any) -> Failure:
        del headers
        return Failure(kind=Kind.SERVER_ERROR, status=status, message=str(body))


class ForgetsTheDelay(Right):
    def failure(self, status: int, headers: Mapping[str, str], body: Any) -> Failure:
        return (
            super().failure(status, {}, body) if headers else super().failure(status, headers, body)
        )


class SwallowsCancellation(Right):
    async def complete(self, request: ModelRequest) -> Reply:
        try:
            return await super().complete(request)
        except asyncio.CancelledError:
            return Reply(text="I was not done.", usage=USAGE)


class LeavesATaskBehind(Right):
    left: ClassVar[set[Any]] = set()

    async def complete(self, request: ModelRequest) -> Reply:
        async def ask() -> Reply:
            return await super(LeavesATaskBehind, self).complete(request)

        task = asyncio.create_task(ask())
        self.left.add(task)
        return await asyncio.shield(task)


class NeverCloses(Right):
    kept: ClassVar[list[Any]] = []

    async def aclose(self) -> None:
        self.kept.append(self.http)


class MixesUpCalls(Right):
    async def complete(self, request: ModelRequest) -> Reply:
        self.request = request
        await asyncio.sleep(0.001)
        return await super().complete(self.request)


class ShowsTheKey(Right):
    def __repr__(self) -> str:
        return f"ShowsTheKey({self.key})"


class SendsTheKeyInTheUrl(Right):
    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self.url += f"?key={self.key}"


class PutsTheKeyInAFailure(Right):
    def failure(self, status: int, headers: Mapping[str, str], body: Any) -> Failure:
        return Failure(
            kind=super().failure(status, headers, body).kind,
            status=status,
            message=f"{self.key} was refused",
        )


class LogsTheKey(Right):
    async def complete(self, request: ModelRequest) -> Reply:
        logging.getLogger("right").debug("asking with %s", self.key)
        return await super().complete(request)


class UsesAnotherUrl(Right):
    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self.url = "http://127.0.0.1:1/answers"


class RetriesByItself(Right):
    async def complete(self, request: ModelRequest) -> Reply:
        with suppress(AttemptFailed):
            return await super().complete(request)
        return await super().complete(request)


class HasAClientOfItsOwn(Right):
    """Sends without `HttpClient`; what that does is left to the adapter."""

    follows_redirects = False
    session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def send(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[bytes]]:
        if self.session is None:
            self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        try:
            async with self.session.post(
                self.url,
                data=encode_json(self.body(request)),
                headers={"Authorization": f"Bearer {self.key}"},
                allow_redirects=self.follows_redirects,
            ) as response:
                if response.status != 200:
                    body = decode_error(await self.read_error(response.content.iter_any()))
                    raise AttemptFailed(self.failure(response.status, response.headers, body))
                yield response.content.iter_any()
        except aiohttp.ClientError as error:
            raise connection_failure(error) from error

    async def read_error(self, pieces: AsyncIterator[bytes]) -> bytes:
        body = b""
        with suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(1):
                body = await read_body(pieces)
        return body

    async def aclose(self) -> None:
        if self.session is not None:
            await self.session.close()


class FollowsRedirects(HasAClientOfItsOwn):
    follows_redirects = True


class ReadsErrorsToTheirEnd(HasAClientOfItsOwn):
    async def read_error(self, pieces: AsyncIterator[bytes]) -> bytes:
        with suppress(aiohttp.ClientError):
            return await read_body(pieces)
        return b""


class TakesABrokenErrorForALostConnection(HasAClientOfItsOwn):
    async def read_error(self, pieces: AsyncIterator[bytes]) -> bytes:
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                return await read_body(pieces)
        return b""


class UsesDeadConnections(Right):
    used = False

    async def complete(self, request: ModelRequest) -> Reply:
        if self.used:
            raise connection_failure(ConnectionResetError())
        self.used = True
        return await super().complete(request)


class CallsAResetATimeout(Right):
    async def complete(self, request: ModelRequest) -> Reply:
        try:
            return await super().complete(request)
        except AttemptFailed as error:
            if error.failure.kind is Kind.CONNECTION:
                raise TimeoutError from error
            raise


class ReadsBytesAsLatin1(Right):
    def read(self, body: bytes) -> Any:
        return super().read(
            json.dumps(json.loads(body), ensure_ascii=True).replace("\\u", "").encode()
        )


class ReadsAllFirst(Right):
    async def answers(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
        body = await read_body(pieces)
        async for event in iter_events(once(body)):
            yield get_object(decode_json(event.data))


class ReadsOneFormOnly(Right):
    async def answers(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
        async for line in split_lines(pieces):
            if line.startswith("data: "):
                yield get_object(decode_json(line.removeprefix("data: ")))


async def once(body: bytes) -> AsyncIterable[bytes]:
    yield body


async def split_lines(pieces: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """Split as `str.splitlines` does, and as the line readers of HTTP libraries do."""
    decoder, rest = codecs.getincrementaldecoder("utf-8")(), ""
    async for piece in pieces:
        *lines, rest = (rest + decoder.decode(piece)).splitlines(keepends=True) or [""]
        for line in lines:
            yield line.rstrip()
    if rest:
        yield rest.rstrip()


class RightInLines(Right):
    """Passes where the vendor streams NDJSON; the next ones change one thing each."""

    async def answers(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
        async for piece in iter_ndjson(pieces):
            yield piece


class ReadsLinesAsEvents(Right):
    """Reads NDJSON with `iter_events`: one event at the end, with all lines in its `stray`."""

    async def answers(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
        async for event in iter_events(pieces):
            for line in (event.stray or event.data).splitlines():
                yield get_object(decode_json(line))


class SplitsLinesByHand(Right):
    async def answers(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
        async for line in split_lines(pieces):  # it splits at U+2028 too
            yield get_object(decode_json(line))


class ReadsEachPieceAsALine(Right):
    async def answers(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[dict[str, Any]]:
        async for piece in pieces:
            yield get_object(decode_json(piece))


BROKEN: dict[type[Right], tuple[str, str]] = {
    AcceptsAny200: (
        "test_a_200_without_an_answer_is_a_failure",
        "accepted a page of HTML as an answer",
    ),
    RaisesKeyError: (
        "test_a_200_without_an_answer_is_a_failure",
        "the adapter raised JSONDecodeError",
    ),
    EndsWithTheConnection: ("test_a_truncated_stream_is_a_failure", "is accepted as complete"),
    StreamsInOnePiece: (
        "test_a_stream_arrives_in_pieces_and_ends",
        "arrive as 1: yield each as it arrives",
    ),
    CountsNothing: ("test_a_reply_is_complete", "the tokens of a reply are not counted"),
    SendsTheLastTurnOnly: (
        "test_the_conversation_is_sent_in_order",
        "is 0 times in the request's body",
    ),
    ReversesTheConversation: (
        "test_the_conversation_is_sent_in_order",
        "are not sent in their order",
    ),
    CallsEverythingAServerError: (
        "test_each_error_has_its_kind",
        "is server_error, not model_missing",
    ),
    ForgetsTheDelay: ("test_retry_after_is_read", "is read as None"),
    SwallowsCancellation: (
        "test_cancellation_frees_the_connection",
        "has swallowed CancelledError",
    ),
    LeavesATaskBehind: (
        "test_cancellation_frees_the_connection",
        "its connection is still open",
    ),
    NeverCloses: (
        "test_closing_the_adapter_closes_its_connections",
        "aclose() leaves connections open",
    ),
    MixesUpCalls: ("test_concurrent_calls_never_mix", "concurrent ones got"),
    ShowsTheKey: ("test_the_key_is_never_exposed", "the key appears in a repr or a failure"),
    SendsTheKeyInTheUrl: ("test_the_key_is_never_exposed", "the key is in the URL"),
    PutsTheKeyInAFailure: (
        "test_the_key_is_never_exposed",
        "the key appears in a repr or a failure",
    ),
    UsesAnotherUrl: (
        "test_requests_go_to_the_configured_endpoint",
        "sent no request to provider.base_url",
    ),
    RetriesByItself: (
        "test_requests_go_to_the_configured_endpoint",
        "sent 2 requests",
    ),
    FollowsRedirects: (
        "test_a_redirect_is_not_followed",
        "complete() followed a redirect, which takes the key along: switch that off",
    ),
    ReadsErrorsToTheirEnd: (
        ANY_ERROR_BODY,
        "is timeout, not overloaded: send with HttpClient, or read an error's body for a second",
    ),
    TakesABrokenErrorForALostConnection: (ANY_ERROR_BODY, ", not overloaded: send with"),
    UsesDeadConnections: (
        "test_a_connection_closed_while_idle_is_not_used_again",
        "complete(), after the server has closed the idle connection, is connection: look at",
    ),
    CallsAResetATimeout: (
        "test_a_lost_connection_is_a_connection_failure",
        "is timeout, not connection",
    ),
    ReadsBytesAsLatin1: ("test_a_reply_is_complete", "but the vendor sent"),
    ReadsAllFirst: (
        EARLY_TEXT,
        "3 of 4 events are sent, and no text arrives: read the body as it arrives",
    ),
    ReadsOneFormOnly: (FRAMING, "read it with iter_events or iter_ndjson"),
    RightInLines: (FRAMING, "a stream in one piece gives 'malformed: line 1 of the stream"),
}

BROKEN_LINES: dict[type[Right], tuple[str, str]] = {
    Right: (FRAMING, "read it with iter_events or iter_ndjson"),
    ReadsLinesAsEvents: (
        EARLY_TEXT,
        "3 of 4 lines are sent, and no text arrives: read the body as it arrives",
    ),
    SplitsLinesByHand: (FRAMING, "read it with iter_events or iter_ndjson"),
    ReadsEachPieceAsALine: (FRAMING, "a stream in one piece gives 'malformed: "),
    ReadsAllFirst: (EARLY_TEXT, "3 of 4 lines are sent, and no text arrives"),
}


@pytest.fixture(autouse=True)
def collect_garbage() -> Iterator[None]:
    yield
    LeavesATaskBehind.left.clear()
    NeverCloses.kept.clear()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ResourceWarning
        )  # what these adapters leave open is the point of them
        gc.collect()


def suite(adapter: type[Right], of: type[Suite] = Suite, **rest: Any) -> Suite:
    return type("Suite", (of,), {"adapter": adapter, "text_within": 0.2, **rest})()


class RequestsATokenFirst(Right):
    async def complete(self, request: ModelRequest) -> Reply:
        await self.token()
        return await super().complete(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        await self.token()
        async for chunk in super().stream(request):
            yield chunk

    async def token(self) -> None:
        body = await self.http.post(self.url.replace("answers", "token"), {}, b"")
        if not get_str(get_object(decode_json(body)).get("token")):
            raise malformed("no token")


class SuiteWithAToken(Suite):
    adapter = RequestsATokenFirst

    def side_answer(self, request: Received) -> Answer | None:
        return respond(200, {"token": "t"}) if request.path == "/token" else None


SKIPPED = {
    "test_a_schema_is_sent",
    "test_a_tool_is_sent_and_its_call_is_complete",
    "test_a_tool_call_in_a_stream_is_complete",
    "test_a_tool_result_follows_its_call",
}
"""The rules that `Right` skips; all others must run, and not only not fail."""


def check_passed_or_skipped(suite: Suite, rule: str) -> None:
    with (
        pytest.raises(SkipTest, match="the card does not say") if rule in SKIPPED else nullcontext()
    ):
        getattr(suite, rule)()


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "test_no_log_contains_the_key"])
def test_an_adapter_that_requests_a_token_passes_with_a_side_answer(
    rule: str,
) -> None:
    check_passed_or_skipped(SuiteWithAToken(), rule)


ON_FAILURES = [
    ANY_ERROR_BODY,
    "test_a_redirect_is_not_followed",
    "test_a_connection_closed_while_idle_is_not_used_again",
    "test_requests_go_to_the_configured_endpoint",
    "test_a_200_without_an_answer_is_a_failure",
    "test_a_proxy_error_is_classified_by_its_status",
    "test_a_lost_connection_is_a_connection_failure",
    "test_cancellation_frees_the_connection",
    "test_the_key_is_never_exposed",
    "test_each_error_has_its_kind",
    "test_retry_after_is_read",
]


@pytest.mark.parametrize("rule", ON_FAILURES)
def test_a_rule_on_failures_needs_the_main_request(rule: str) -> None:
    with pytest.raises(
        AssertionError,
        match=r"the adapter requested POST /token, which the suite has no answer for \(.*no token",
    ):
        getattr(suite(RequestsATokenFirst), rule)()


class NeverAnswers(Right):
    async def complete(self, request: ModelRequest) -> Reply:
        del request
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


def test_a_rule_that_does_not_end_fails_in_time() -> None:
    hasty = type("Hasty", (Suite,), {"adapter": NeverAnswers, "limit": 0.05})()
    with pytest.raises(
        AssertionError,
        match=r"no end in 0\.05s: the adapter waits for what the server does not send",
    ):
        hasty.test_a_reply_is_complete()


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "test_no_log_contains_the_key"])
def test_a_correct_adapter_passes(rule: str) -> None:
    check_passed_or_skipped(suite(Right, text_within=CLEANUP_LIMIT), rule)


@pytest.mark.parametrize("adapter", BROKEN)
def test_a_broken_adapter_fails_its_rule_with_what_to_do(adapter: type[Right]) -> None:
    rule, message = BROKEN[adapter]
    with pytest.raises(AssertionError) as caught:
        getattr(suite(adapter), rule)()
    assert message in str(caught.value)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "test_no_log_contains_the_key"])
def test_an_adapter_that_reads_lines_passes(rule: str) -> None:
    with suppress(SkipTest):
        getattr(suite(RightInLines, SuiteInLines, text_within=CLEANUP_LIMIT), rule)()


@pytest.mark.parametrize("adapter", BROKEN_LINES)
def test_an_adapter_that_reads_lines_wrongly_fails_its_rule(adapter: type[Right]) -> None:
    rule, message = BROKEN_LINES[adapter]
    with pytest.raises(AssertionError) as caught:
        getattr(suite(adapter, SuiteInLines), rule)()
    assert message in str(caught.value)


@pytest.mark.parametrize("of", [Suite, SuiteInLines])
def test_an_adapter_that_waits_for_the_end_fails_on_an_abandoned_stream(of: type[Suite]) -> None:
    with pytest.raises(
        AssertionError,
        match="half of a stream is sent, and no text arrives: read the body as it arrives",
    ):
        suite(ReadsAllFirst, of).test_an_abandoned_stream_frees_its_connection()


DONE = {"text": "", "done": True, "usage": {"in": 7, "out": 2}}


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "application/x-ndjson"])
@pytest.mark.parametrize("of", [Suite, SuiteInLines])
def test_a_stream_written_in_one_piece_is_still_sent_in_frames(of: type[Suite], kind: str) -> None:
    frames = of().stream(("Lis", "bon, says ", "the loopback."))
    written = respond(200, frames.body, {"Content-Type": kind})
    waits = suite(ReadsAllFirst, of, stream=lambda _self, _texts: written)
    wrong = (of is Suite) is (kind == "application/x-ndjson") and kind != "application/json"
    expected = (
        "the Content-Type of stream(texts) is"
        if wrong
        else "no text arrives: read the body as it arrives"
    )
    with pytest.raises(AssertionError, match=re.escape(expected)):
        waits.test_text_is_yielded_while_the_stream_arrives()


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (
            events([b'{"text": "Lis"}\n', b'{"done": true}\n']),
            r"""this line is not a field of one: b'{"text": "Lis"}': use events""",
        ),
        (
            events([{"text": "Lis"}, DONE], "\n"),
            "no blank line ends the last: use events([…]) with values, or ndjson([…])",
        ),
        (events([]), "no blank line ends the last"),
        (
            ndjson([b"data: {}\n\n"]),
            r"this line is not a JSON object: b'data: {}\n': use ndjson([…])",
        ),
        (ndjson([["Lis"]]), "this line is not a JSON object"),
    ],
)
def test_a_stream_that_contradicts_its_content_type_is_the_authors_error(
    stream: Answer, message: str
) -> None:
    for rule in (EARLY_TEXT, FRAMING):
        with pytest.raises(AssertionError, match=re.escape(message)):
            getattr(suite(Right, stream=lambda _self, _texts: stream), rule)()


def test_a_framing_of_its_own_is_skipped() -> None:
    with pytest.raises(SkipTest, match="neither server-sent events nor NDJSON"):
        suite(
            Right, stream=lambda _self, _texts: respond(200, b"\x00\x00\x01")
        ).test_every_form_of_the_framing_is_read()


def test_a_key_in_a_log_fails(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError, match="the key is in a log"):
        suite(LogsTheKey).test_no_log_contains_the_key(caplog)


def test_methods_that_are_not_written_are_skipped_with_the_reason() -> None:
    with pytest.raises(SkipTest, match=r"stream\(texts\) is not written"):
        type(
            "Bare", (Suite,), {"stream": Conformance.stream}
        )().test_a_stream_arrives_in_pieces_and_ends()
    with pytest.raises(SkipTest, match="the card does not say tools=True"):
        suite(Right).test_a_tool_is_sent_and_its_call_is_complete()


def test_a_suite_without_a_reply_says_what_to_write() -> None:
    with pytest.raises(NotImplementedError, match=r"write reply\(text\) -> Answer"):
        type("Bare", (Suite,), {"reply": Conformance.reply})().test_a_reply_is_complete()


def test_every_rule_has_a_sentence() -> None:
    assert [name for name in RULES if not getattr(Suite, name).__doc__] == []
    assert {name for name in vars(BasicRules) if name.startswith("test_")} <= {
        *RULES,
        "test_the_manifest_imports_no_sdk",
    }
