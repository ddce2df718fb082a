"""The suite finds what it is there for: each adapter here breaks one rule, and that rule says so."""

import asyncio
import gc
import json
import logging
import re
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any, ClassVar
from unittest import SkipTest

import httpx2
import pytest

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
from standby.testing.basic_rules import SOON

USAGE = Usage(input=7, output=2)


class Right:
    """Passes; the others change one thing each."""

    def __init__(self, provider: Provider) -> None:
        assert provider.api_key is not None
        self.url = f"{provider.base_url}/answers"
        self.key = provider.api_key.reveal()
        self.http = httpx2.AsyncClient(timeout=None)

    def __repr__(self) -> str:
        return "Right()"

    async def complete(self, call: ModelRequest) -> Reply:
        async with self.sent(call) as response:
            answer = self.read(await read_body(response.aiter_bytes()))
        return Reply(text=get_str(answer["text"]), usage=self.usage(answer))

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        async with self.sent(call) as response:
            async for piece in self.pieces(response):
                end = End(usage=self.usage(piece)) if piece.get("done") else None
                yield Chunk(get_str(piece.get("text")), end)

    async def pieces(self, response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
        async for event in iter_events(response.aiter_bytes()):
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

    def body(self, call: ModelRequest) -> Any:
        return {
            "turns": [
                [turn.role, *(part.text for part in turn.parts)] for turn in call.request.messages
            ]
        }

    def failure(self, status: int, headers: Mapping[str, str], body: Any) -> Failure:
        words = get_str(get_object(get_object(body).get("error")).get("message")) or str(body)
        return Failure(
            kind=kind_of_status(status),
            status=status,
            message=words,
            retry_after=retry_after(headers),
        )

    @asynccontextmanager
    async def sent(self, call: ModelRequest) -> AsyncIterator[httpx2.Response]:
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            async with self.http.stream(
                "POST", self.url, content=encode_json(self.body(call)), headers=headers
            ) as response:
                if response.status_code != 200:
                    body = decode_error(await read_body(response.aiter_bytes()))
                    raise AttemptFailed(self.failure(response.status_code, response.headers, body))
                yield response
        except httpx2.TransportError as error:
            raise connection_failure(error) from error


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


WHILE_IT_COMES = "test_a_stream_is_read_while_it_comes"
BY_ITS_FRAMING = "test_a_stream_is_read_by_its_framing"

RULES = [
    name
    for name in dir(Suite)
    if name.startswith("test_") and name != "test_the_manifest_imports_no_sdk"
]


class BelievesAny200(Right):
    def read(self, body: bytes) -> Any:
        with suppress(AttemptFailed):
            return {"text": body.decode("latin-1"), **get_object(decode_json(body))}
        return {"text": body.decode("latin-1")}


class RaisesKeyError(Right):
    def read(self, body: bytes) -> Any:
        return {"text": json.loads(body)["text"]}


class EndsWithTheConnection(Right):
    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        with suppress(AttemptFailed):
            async for chunk in super().stream(call):
                yield chunk
        yield Chunk("", End(usage=USAGE))


class StreamsInOnePiece(Right):
    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        chunks = [chunk async for chunk in super().stream(call)]
        yield Chunk("".join(chunk.text for chunk in chunks))
        yield chunks[-1]


class CountsNothing(Right):
    def usage(self, answer: Mapping[str, Any]) -> Usage:
        del answer
        return Usage()


class SendsTheLastTurnOnly(Right):
    def body(self, call: ModelRequest) -> Any:
        return super().body(call)["turns"][-1]


class TurnsTheConversationRound(Right):
    def body(self, call: ModelRequest) -> Any:
        return super().body(call)["turns"][::-1]


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
    async def complete(self, call: ModelRequest) -> Reply:
        try:
            return await super().complete(call)
        except asyncio.CancelledError:
            return Reply(text="I was not done.", usage=USAGE)


class LeavesATaskBehind(Right):
    left: ClassVar[set[Any]] = set()

    async def complete(self, call: ModelRequest) -> Reply:
        async def ask() -> Reply:
            return await super(LeavesATaskBehind, self).complete(call)

        task = asyncio.create_task(ask())
        self.left.add(task)
        return await asyncio.shield(task)


class NeverCloses(Right):
    kept: ClassVar[list[Any]] = []

    async def aclose(self) -> None:
        self.kept.append(self.http)


class MixesCallsUp(Right):
    async def complete(self, call: ModelRequest) -> Reply:
        self.call = call
        await asyncio.sleep(0.001)
        return await super().complete(self.call)


class ShowsTheKey(Right):
    def __repr__(self) -> str:
        return f"ShowsTheKey({self.key})"


class SendsTheKeyInTheUrl(Right):
    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self.url += f"?key={self.key}"


class TellsTheKeyInAFailure(Right):
    def failure(self, status: int, headers: Mapping[str, str], body: Any) -> Failure:
        return Failure(
            kind=super().failure(status, headers, body).kind,
            status=status,
            message=f"{self.key} was refused",
        )


class LogsTheKey(Right):
    async def complete(self, call: ModelRequest) -> Reply:
        logging.getLogger("right").debug("asking with %s", self.key)
        return await super().complete(call)


class AsksElsewhere(Right):
    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self.url = "http://127.0.0.1:1/answers"


class TriesAgainItself(Right):
    async def complete(self, call: ModelRequest) -> Reply:
        with suppress(AttemptFailed):
            return await super().complete(call)
        return await super().complete(call)


class CallsAResetATimeout(Right):
    async def complete(self, call: ModelRequest) -> Reply:
        try:
            return await super().complete(call)
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
    async def pieces(self, response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
        body = await read_body(response.aiter_bytes())
        async for event in iter_events(once(body)):
            yield get_object(decode_json(event.data))


class ReadsOneSpelling(Right):
    async def pieces(self, response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                yield get_object(decode_json(line.removeprefix("data: ")))


async def once(body: bytes) -> AsyncIterable[bytes]:
    yield body


class RightInLines(Right):
    """Passes, where the vendor streams NDJSON; the next ones change one thing each."""

    async def pieces(self, response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
        async for piece in iter_ndjson(response.aiter_bytes()):
            yield piece


class TakesLinesForEvents(Right):
    """What `iter_events` makes of NDJSON: one event at the end, with all lines in its `stray`."""

    async def pieces(self, response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
        async for event in iter_events(response.aiter_bytes()):
            for line in (event.stray or event.data).splitlines():
                yield get_object(decode_json(line))


class SplitsLinesByHand(Right):
    async def pieces(self, response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
        async for line in response.aiter_lines():  # it splits at U+2028 too
            yield get_object(decode_json(line))


class TakesEachPieceForALine(Right):
    async def pieces(self, response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
        async for piece in response.aiter_bytes():
            yield get_object(decode_json(piece))


BREAKS: dict[type[Right], tuple[str, str]] = {
    BelievesAny200: (
        "test_a_200_that_is_no_answer_is_a_failure",
        "took a page of HTML for an answer",
    ),
    RaisesKeyError: (
        "test_a_200_that_is_no_answer_is_a_failure",
        "the adapter raised JSONDecodeError",
    ),
    EndsWithTheConnection: ("test_a_stream_that_is_cut_is_no_reply", "is taken for whole"),
    StreamsInOnePiece: (
        "test_a_stream_comes_in_pieces_and_ends",
        "come as 1: yield each as it comes",
    ),
    CountsNothing: ("test_a_reply_is_whole", "the tokens of a reply are not counted"),
    SendsTheLastTurnOnly: (
        "test_the_body_holds_the_conversation_in_order",
        "is 0 times in the request's body",
    ),
    TurnsTheConversationRound: (
        "test_the_body_holds_the_conversation_in_order",
        "are not sent in their order",
    ),
    CallsEverythingAServerError: (
        "test_each_error_is_of_its_kind",
        "is server_error, not model_missing",
    ),
    ForgetsTheDelay: ("test_a_stated_delay_is_read", "is read as None"),
    SwallowsCancellation: (
        "test_cancellation_goes_through_and_frees_the_connection",
        "has swallowed CancelledError",
    ),
    LeavesATaskBehind: (
        "test_cancellation_goes_through_and_frees_the_connection",
        "its connection is still open",
    ),
    NeverCloses: (
        "test_closing_the_adapter_closes_its_connections",
        "aclose() leaves connections open",
    ),
    MixesCallsUp: ("test_calls_at_once_never_mix", "at once got"),
    ShowsTheKey: ("test_the_key_shows_nowhere", "the key shows in a repr or a failure"),
    SendsTheKeyInTheUrl: ("test_the_key_shows_nowhere", "the key is in the URL"),
    TellsTheKeyInAFailure: ("test_the_key_shows_nowhere", "the key shows in a repr or a failure"),
    AsksElsewhere: (
        "test_the_endpoint_in_the_settings_is_the_one_that_is_asked",
        "has not asked provider.base_url",
    ),
    TriesAgainItself: (
        "test_the_endpoint_in_the_settings_is_the_one_that_is_asked",
        "sent 2 requests",
    ),
    CallsAResetATimeout: ("test_a_lost_connection_is_told_as_one", "is timeout, not connection"),
    ReadsBytesAsLatin1: ("test_a_reply_is_whole", "the vendor said"),
    ReadsAllFirst: (
        WHILE_IT_COMES,
        "3 of 4 events are sent, and no text comes: read the body as it comes",
    ),
    ReadsOneSpelling: (BY_ITS_FRAMING, "let events_of or iter_ndjson read it"),
    RightInLines: (BY_ITS_FRAMING, "a stream in one piece says 'malformed: line 1 of the stream"),
}

IN_LINES: dict[type[Right], tuple[str, str]] = {
    Right: (BY_ITS_FRAMING, "let events_of or iter_ndjson read it"),
    TakesLinesForEvents: (
        WHILE_IT_COMES,
        "3 of 4 lines are sent, and no text comes: read the body as it comes",
    ),
    SplitsLinesByHand: (BY_ITS_FRAMING, "let events_of or iter_ndjson read it"),
    TakesEachPieceForALine: (BY_ITS_FRAMING, "a stream in one piece says 'malformed: "),
    ReadsAllFirst: (WHILE_IT_COMES, "3 of 4 lines are sent, and no text comes"),
}


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
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


class AsksForATokenFirst(Right):
    async def complete(self, call: ModelRequest) -> Reply:
        await self.token()
        return await super().complete(call)

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        await self.token()
        async for chunk in super().stream(call):
            yield chunk

    async def token(self) -> None:
        try:
            async with self.http.stream("POST", self.url.replace("answers", "token")) as response:
                body = await read_body(response.aiter_bytes())
        except httpx2.TransportError as error:
            raise connection_failure(error) from error
        if response.status_code != 200:
            raise AttemptFailed(
                self.failure(response.status_code, response.headers, decode_error(body))
            )
        if not get_str(get_object(decode_json(body)).get("token")):
            raise malformed("no token")


class WithItsToken(Suite):
    adapter = AsksForATokenFirst

    def answer(self, request: Received) -> Answer | None:
        return respond(200, {"token": "t"}) if request.path == "/token" else None


LEFT_OUT = {
    "test_a_schema_is_sent",
    "test_a_tool_is_offered_and_its_call_comes_whole",
    "test_a_tools_call_in_a_stream_comes_whole",
    "test_a_tools_result_goes_back_behind_its_call",
}
"""What `Right` does not say of itself; each other rule must be tried, and not only not fail."""


def passes_or_is_left_out(suite: Suite, rule: str) -> None:
    with (
        pytest.raises(SkipTest, match="the card does not say")
        if rule in LEFT_OUT
        else nullcontext()
    ):
        getattr(suite, rule)()


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "test_no_log_holds_the_key"])
def test_an_adapter_that_asks_for_a_token_first_passes_where_the_suite_answers_it(
    rule: str,
) -> None:
    passes_or_is_left_out(WithItsToken(), rule)


ASTRAY = [
    "test_the_endpoint_in_the_settings_is_the_one_that_is_asked",
    "test_a_200_that_is_no_answer_is_a_failure",
    "test_an_error_of_a_proxy_is_told_by_its_status",
    "test_a_lost_connection_is_told_as_one",
    "test_cancellation_goes_through_and_frees_the_connection",
    "test_the_key_shows_nowhere",
    "test_each_error_is_of_its_kind",
    "test_a_stated_delay_is_read",
]


@pytest.mark.parametrize("rule", ASTRAY)
def test_a_rule_never_passes_where_the_main_request_is_not_reached(rule: str) -> None:
    with pytest.raises(
        AssertionError,
        match=r"the adapter asked POST /token, and not what the kit answers \(.*no token\)",
    ):
        getattr(suite(AsksForATokenFirst), rule)()


class NeverAnswers(Right):
    async def complete(self, call: ModelRequest) -> Reply:
        del call
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


def test_a_test_that_does_not_end_fails_in_time() -> None:
    hasty = type("Hasty", (Suite,), {"adapter": NeverAnswers, "limit": 0.05})()
    with pytest.raises(
        AssertionError,
        match=r"no end in 0\.05s: the adapter waits for what the server does not send",
    ):
        hasty.test_a_reply_is_whole()


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "test_no_log_holds_the_key"])
def test_an_adapter_that_is_right_passes(rule: str) -> None:
    passes_or_is_left_out(suite(Right, text_within=SOON), rule)


@pytest.mark.parametrize("adapter", BREAKS)
def test_an_adapter_that_breaks_a_rule_is_told_which_and_what_to_do(adapter: type[Right]) -> None:
    rule, words = BREAKS[adapter]
    with pytest.raises(AssertionError) as caught:
        getattr(suite(adapter), rule)()
    assert words in str(caught.value)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "test_no_log_holds_the_key"])
def test_an_adapter_that_reads_lines_passes(rule: str) -> None:
    with suppress(SkipTest):
        getattr(suite(RightInLines, SuiteInLines, text_within=SOON), rule)()


@pytest.mark.parametrize("adapter", IN_LINES)
def test_an_adapter_that_reads_lines_wrongly_is_told(adapter: type[Right]) -> None:
    rule, words = IN_LINES[adapter]
    with pytest.raises(AssertionError) as caught:
        getattr(suite(adapter, SuiteInLines), rule)()
    assert words in str(caught.value)


@pytest.mark.parametrize("of", [Suite, SuiteInLines])
def test_an_adapter_that_waits_for_the_end_cannot_be_left_early(of: type[Suite]) -> None:
    with pytest.raises(
        AssertionError,
        match="half of a stream is sent, and no text comes: read the body as it comes",
    ):
        suite(ReadsAllFirst, of).test_a_stream_that_is_left_early_frees_its_connection()


DONE = {"text": "", "done": True, "usage": {"in": 7, "out": 2}}


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "application/x-ndjson"])
@pytest.mark.parametrize("of", [Suite, SuiteInLines])
def test_a_stream_that_the_author_writes_as_one_piece_lets_no_adapter_wait_for_its_end(
    of: type[Suite], kind: str
) -> None:
    frames = of().stream(("Lis", "bon, says ", "the loopback."))
    written = respond(200, frames.body, {"Content-Type": kind})
    waits = suite(ReadsAllFirst, of, stream=lambda _self, _texts: written)
    wrong = (of is Suite) is (kind == "application/x-ndjson") and kind != "application/json"
    expected = (
        "stream(texts) says that it is" if wrong else "no text comes: read the body as it comes"
    )
    with pytest.raises(AssertionError, match=re.escape(expected)):
        waits.test_a_stream_is_read_while_it_comes()


@pytest.mark.parametrize(
    ("stream", "words"),
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
def test_a_stream_that_is_not_what_it_says_is_the_authors_slip(stream: Answer, words: str) -> None:
    for rule in (WHILE_IT_COMES, BY_ITS_FRAMING):
        with pytest.raises(AssertionError, match=re.escape(words)):
            getattr(suite(Right, stream=lambda _self, _texts: stream), rule)()


def test_a_framing_of_the_vendors_own_is_skipped() -> None:
    with pytest.raises(SkipTest, match="neither server-sent events nor NDJSON"):
        suite(
            Right, stream=lambda _self, _texts: respond(200, b"\x00\x00\x01")
        ).test_a_stream_is_read_by_its_framing()


def test_a_key_in_a_log_is_found(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError, match="the key is in a log"):
        suite(LogsTheKey).test_no_log_holds_the_key(caplog)


def test_what_the_author_has_not_written_is_skipped_with_the_reason() -> None:
    with pytest.raises(SkipTest, match=r"stream\(texts\) is not written"):
        type(
            "Bare", (Suite,), {"stream": Conformance.stream}
        )().test_a_stream_comes_in_pieces_and_ends()
    with pytest.raises(SkipTest, match="the card does not say tools=True"):
        suite(Right).test_a_tool_is_offered_and_its_call_comes_whole()


def test_a_suite_without_a_reply_says_what_to_write() -> None:
    with pytest.raises(NotImplementedError, match=r"write reply\(text\) -> Answer"):
        type("Bare", (Suite,), {"reply": Conformance.reply})().test_a_reply_is_whole()


def test_every_rule_has_a_sentence() -> None:
    assert [name for name in RULES if not getattr(Suite, name).__doc__] == []
    assert {name for name in vars(BasicRules) if name.startswith("test_")} <= {
        *RULES,
        "test_the_manifest_imports_no_sdk",
    }
