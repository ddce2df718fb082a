"""Faults over real sockets, by the lean client and by the SDK."""

import asyncio
import socket
from contextlib import aclosing
from typing import Any

import pytest

from standby.plugin import AttemptFailed, Kind
from tests.providers.gemini.requests import KEY, collect, get_failure, model_request
from tests.support.loopback import (
    GEMINI_429,
    GEMINI_500,
    GEMINI_503,
    GEMINI_504,
    GEMINI_BAD_KEY,
    Answer,
    Loopback,
    cut,
    drip,
    garbage,
    gemini_error,
    gemini_reply,
    gemini_stream,
    hang,
    html,
    reset,
    respond,
)
from tests.support.transports import OpenAdapter

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
SSE = {"Content-Type": "text/event-stream"}


def events(*frames: bytes, **rest: Any) -> Answer:
    return Answer(
        pieces=tuple((0.0, frame) for frame in frames), headers=SSE, framing="chunked", **rest
    )


def piece(text: str, finish: str = "") -> bytes:
    end = f', "finishReason": "{finish}"' if finish else ""
    content = f'"content": {{"parts": [{{"text": "{text}"}}]}}{end}'
    return f'data: {{"candidates": [{{{content}}}]}}\r\n\r\n'.encode()


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (GEMINI_500, Kind.SERVER_ERROR, "500 INTERNAL. An internal error has occurred."),
        (GEMINI_503, Kind.OVERLOADED, "503 UNAVAILABLE. The model is overloaded."),
        (GEMINI_504, Kind.SERVER_ERROR, "504 DEADLINE_EXCEEDED. The service"),
        (GEMINI_429, Kind.RATE_LIMITED, "429 RESOURCE_EXHAUSTED. You exceeded"),
        (GEMINI_BAD_KEY, Kind.UNAUTHORIZED, "400 INVALID_ARGUMENT. API key not valid."),
        (
            gemini_error(404, "NOT_FOUND", "models/x is not found"),
            Kind.MODEL_MISSING,
            "404 NOT_FOUND. models/x",
        ),
        (html(502), Kind.SERVER_ERROR, "502 Bad Gateway. Bad Gateway"),
        (html(200), Kind.MALFORMED, "expected JSON"),
        (respond(200, ""), Kind.MALFORMED, ""),
        (respond(200, "null"), Kind.MALFORMED, ""),
        (respond(200, "[]"), Kind.MALFORMED, ""),
        (
            respond(200, {"error": {"code": 503, "status": "UNAVAILABLE", "message": "Busy."}}),
            Kind.OVERLOADED,
            "503 UNAVAILABLE. Busy.",
        ),
        (respond(204, ""), Kind.MALFORMED, "204"),
        (respond(302, "", {"Location": "http://127.0.0.1:9/"}), Kind.MALFORMED, "302 Found"),
        (respond(200, "no gzip", {"Content-Encoding": "gzip"}), Kind.MALFORMED, "Content-Encoding"),
        (reset(), Kind.CONNECTION, "connection error: Connection reset by peer"),
        (cut(Answer(raw=True), 0), Kind.CONNECTION, "connection error: "),
        (garbage(), Kind.CONNECTION, "connection error: "),
    ],
    ids=str,
)
async def test_every_fault_is_one_failure_after_one_request(
    server: Loopback, answer: Answer, kind: Kind, text: str, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(answer)
    async with adapter(server.url) as gemini:
        failure = await get_failure(gemini, model_request(), stream=stream)
    assert failure.kind is kind, failure
    assert text in failure.text
    assert len(server.requests) == 1


async def test_a_stated_delay_is_kept(server: Loopback, adapter: OpenAdapter) -> None:
    server.script(GEMINI_429)
    async with adapter(server.url) as gemini:
        assert (await get_failure(gemini, model_request())).retry_after == 34.4


@BOTH
async def test_a_cut_reply_is_a_failure(
    server: Loopback, adapter: OpenAdapter, *, stream: bool
) -> None:
    answer = (
        gemini_stream(["Lisbon, ", "says Gemini."])
        if stream
        else gemini_reply("Lisbon, says Gemini.")
    )
    async with adapter(server.url) as gemini:
        for how in ("close", "reset"):
            server.script(cut(answer, len(answer.body) // 2, how))
            failure = await get_failure(gemini, model_request(), stream=stream)
            assert failure.kind is Kind.CONNECTION
            assert failure.text.startswith("connection error: ")


@pytest.mark.parametrize("framing", ["chunked", "eof"])
async def test_a_stream_without_an_end_marker_is_malformed(
    server: Loopback, framing: Any, adapter: OpenAdapter
) -> None:
    server.script(gemini_stream(["Lisbon, ", "says"], finish=None, framing=framing))
    async with adapter(server.url) as gemini:
        failure = await get_failure(gemini, model_request(), stream=True)
    assert (failure.kind, failure.message) == (
        Kind.MALFORMED,
        "malformed: the answer has no finishReason, so it is incomplete",
    )


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_stream_that_breaks_after_its_end_marker_is_complete(
    server: Loopback, how: Any, adapter: OpenAdapter
) -> None:
    server.script(
        events(piece("Lisbon", "STOP"), then=how)
        if how == "close"
        else cut(events(piece("Lisbon", "STOP")), 200, how)
    )
    async with adapter(server.url) as gemini:
        assert (await collect(gemini, model_request()))[0] == ["Lisbon"]


@pytest.mark.parametrize(
    ("frame", "kind", "text"),
    [
        (
            (
                b'{\n  "error": {\n    "code": 499,\n    "message": "Cancelled.",\n'
                b'    "status": "CANCELLED"\n  }\n}\n'
            ),
            Kind.SERVER_ERROR,
            "499 CANCELLED",
        ),
        (
            b'data: {"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}\n\n',
            Kind.OVERLOADED,
            "503 UNAVAILABLE",
        ),
        (
            b'data: {"responseId": "x", "error": {"code": 500, "message": "Oh."}}\n\n',
            Kind.SERVER_ERROR,
            "Oh.",
        ),
        (
            b'event: error\ndata: {"error": {"message": "Oh.", "code": "503"}}\n\n',
            Kind.MALFORMED,
            "Oh.",
        ),
        (b'[{"error": {"code": 503, "message": "Busy."}}]\n\n', Kind.OVERLOADED, "Busy."),
        (b"data: <html>\n\n", Kind.MALFORMED, "expected JSON"),
        (b"<html>Bad Gateway</html>\n\n", Kind.MALFORMED, "expected JSON"),
        (b'data: {"promptFeedback": {"blockReason": "OTHER"}}\n\n', Kind.BLOCKED, "OTHER"),
        (piece("", "RECITATION"), Kind.BLOCKED, "RECITATION"),
        (b"data: " + b" " * (9 * 2**20) + b"\n\n", Kind.MALFORMED, "longer than"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_error_in_the_middle_of_a_stream_fails(
    server: Loopback, frame: bytes, kind: Kind, text: str, adapter: OpenAdapter
) -> None:
    server.script(events(piece("Lisbon, "), frame))
    texts: list[str] = []
    async with adapter(server.url) as gemini:
        with pytest.raises(AttemptFailed, match=text) as caught:
            async for chunk in gemini.stream(model_request()):
                texts.append(chunk.text)  # noqa: PERF401 - keeps what came before the break
    assert caught.value.failure.kind is kind
    assert texts == ["Lisbon, "]


async def test_a_stream_may_hold_comments_ids_and_another_vendors_end(
    server: Loopback, adapter: OpenAdapter
) -> None:
    odd = (
        b": keep-alive\n\n",
        b"id: 7\nretry: 10\n\n",
        b"data:\n\n",
        piece("Lisbon").replace(b"data: ", b"data:"),
    )
    server.script(events(*odd, piece("", "STOP"), b"data: [DONE]\n\n"))
    async with adapter(server.url) as gemini:
        assert (await collect(gemini, model_request()))[0] == ["Lisbon"]


async def test_a_stream_may_come_byte_by_byte(server: Loopback, adapter: OpenAdapter) -> None:
    server.script(drip(gemini_stream(["Li\u2028s", "bön 🗺"]), every=0.0))
    async with adapter(server.url) as gemini:
        assert (await collect(gemini, model_request()))[0] == ["Li\u2028s", "bön 🗺"]


@BOTH
async def test_cancelling_closes_the_socket(
    server: Loopback, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(hang())
    async with adapter(server.url) as gemini:
        request = model_request()
        work = collect(gemini, request) if stream else gemini.complete(request)
        task = asyncio.create_task(work)  # type: ignore[arg-type] # either
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


async def test_cancelling_in_the_middle_of_a_stream_closes_the_socket(
    server: Loopback, adapter: OpenAdapter
) -> None:
    server.script(events(piece("Lisbon"), then="hang"))
    async with adapter(server.url) as gemini:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await collect(gemini, model_request())
        assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


async def test_leaving_a_stream_early_closes_the_socket(
    server: Loopback, adapter: OpenAdapter
) -> None:
    server.script(events(piece("Lisbon"), then="hang"))
    async with adapter(server.url) as gemini:
        for _ in range(5):
            async with aclosing(gemini.stream(model_request())) as chunks:
                async for chunk in chunks:
                    assert chunk.text == "Lisbon"
                    break
        for request in server.requests:
            assert await asyncio.to_thread(request.disconnected.wait, 2)


async def test_a_refused_connection_has_the_systems_message(adapter: OpenAdapter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with adapter(f"http://127.0.0.1:{port}") as gemini:
        for stream in (False, True):
            failure = await get_failure(gemini, model_request(), stream=stream)
            assert failure.kind is Kind.CONNECTION
            assert failure.text == "connection error: Connection refused"


@pytest.mark.parametrize("model", ["", "a..b", "a?b", "a&b", "a\nb"])
@BOTH
async def test_an_invalid_model_name_is_reported_and_nothing_is_sent(
    server: Loopback, model: str, adapter: OpenAdapter, *, stream: bool
) -> None:
    async with adapter(server.url) as gemini:
        failure = await get_failure(gemini, model_request(model=model), stream=stream)
    assert (failure.kind, server.requests) == (Kind.UNAVAILABLE, [])
    assert f"model {model!r}" in failure.message


@pytest.mark.parametrize(
    "url", ["127.0.0.1", "ftp://127.0.0.1", "http://", "http://127.0.0.1:port"]
)
async def test_an_endpoint_that_is_not_a_url_is_a_failure(url: str, adapter: OpenAdapter) -> None:
    async with adapter(url) as gemini:
        assert (await get_failure(gemini, model_request())).kind in {
            Kind.CONNECTION,
            Kind.UNAVAILABLE,
        }


async def test_a_lone_surrogate_is_an_invalid_request(
    server: Loopback, adapter: OpenAdapter
) -> None:
    async with adapter(server.url) as gemini:
        failure = await get_failure(gemini, model_request(("user", "\ud800")))
    assert (failure.kind, server.requests) == (Kind.INVALID_REQUEST, [])


@BOTH
@pytest.mark.parametrize(
    "answer",
    [GEMINI_BAD_KEY, GEMINI_500, reset(), garbage(), html(200)],
    ids=["400", "500", "rst", "junk", "html"],
)
async def test_no_failure_shows_the_key(
    server: Loopback, answer: Answer, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(answer)
    async with adapter(server.url) as gemini:
        failure = await get_failure(gemini, model_request(), stream=stream)
        assert KEY not in repr((failure, gemini, vars(gemini)))
