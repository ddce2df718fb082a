"""Faults over real sockets, by the lean client and by the SDK."""

import asyncio
import socket
import time
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from standby.plugin import AttemptFailed, Kind
from tests.providers.openai.requests import KEY, collect, get_failure, model_request
from tests.support.busy import SLACK
from tests.support.loopback import (
    OPENAI_404,
    OPENAI_429_QUOTA,
    OPENAI_500,
    OPENAI_503,
    Answer,
    Loopback,
    cut,
    drip,
    garbage,
    hang,
    html,
    openai_error,
    openai_reply,
    openai_stream,
    reset,
    respond,
)
from tests.support.transports import OpenAdapter

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["reply", "stream"])
SSE = {"Content-Type": "text/event-stream"}
BAD_KEY = openai_error(
    401, "Incorrect API key provided: ***.", kind="invalid_request_error", code="invalid_api_key"
)
SLOW = openai_error(
    429,
    "Rate limit reached for o3-mini. Please try again in 174ms.",
    kind="tokens",
    code="rate_limit_exceeded",
)
BAD_GATEWAY = openai_error(502, "Bad gateway.", kind="cf_bad_gateway", code=502)


def events(*frames: bytes, **rest: Any) -> Answer:
    return Answer(
        pieces=tuple((0.0, frame) for frame in frames), headers=SSE, framing="chunked", **rest
    )


def piece(text: str, finish: str = "") -> bytes:
    end = f'"{finish}"' if finish else "null"
    choice = f'{{"delta": {{"content": "{text}"}}, "finish_reason": {end}}}'
    return f'data: {{"choices": [{choice}]}}\n\n'.encode()


@BOTH
@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (OPENAI_500, Kind.SERVER_ERROR, "500 server_error. The server had an error"),
        (
            OPENAI_503,
            Kind.OVERLOADED,
            "503 server_is_overloaded. That model is currently overloaded",
        ),
        (
            OPENAI_404,
            Kind.MODEL_MISSING,
            "404 model_not_found. The model `o3-mini` has been deprecated",
        ),
        (OPENAI_429_QUOTA, Kind.QUOTA_EXHAUSTED, "429 insufficient_quota. You exceeded"),
        (SLOW, Kind.RATE_LIMITED, "429 rate_limit_exceeded. Rate limit reached"),
        (BAD_KEY, Kind.UNAUTHORIZED, "401 invalid_api_key. Incorrect API key"),
        (BAD_GATEWAY, Kind.SERVER_ERROR, "502 cf_bad_gateway. Bad gateway."),
        (html(502), Kind.SERVER_ERROR, "502 Bad Gateway. Bad Gateway"),
        (html(520, "<h1>Unknown error</h1>"), Kind.SERVER_ERROR, "520. Unknown error"),
        (respond(500, ""), Kind.SERVER_ERROR, "500 Internal Server Error"),
        (html(200), Kind.MALFORMED, "expected JSON"),
        (respond(200, ""), Kind.MALFORMED, ""),
        (respond(200, "null"), Kind.MALFORMED, ""),
        (respond(200, "[]"), Kind.MALFORMED, ""),
        (
            respond(200, OPENAI_500.body),
            Kind.SERVER_ERROR,
            "200 server_error. The server had an error",
        ),
        (respond(204, ""), Kind.MALFORMED, "204 No Content"),
        (respond(302, "", {"Location": "http://127.0.0.1:9/"}), Kind.MALFORMED, "302 Found"),
        (respond(200, "no gzip", {"Content-Encoding": "gzip"}), Kind.MALFORMED, "Content-Encoding"),
        (respond(500, "no gzip", {"Content-Encoding": "gzip"}), Kind.SERVER_ERROR, "500"),
        (reset(), Kind.CONNECTION, "connection error: Connection reset by peer"),
        (cut(Answer(raw=True), 0), Kind.CONNECTION, "connection error: "),
        (garbage(), Kind.CONNECTION, "connection error: "),
        (cut(OPENAI_500, 20), Kind.SERVER_ERROR, "500"),
    ],
    ids=str,
)
async def test_every_fault_is_one_failure_after_one_request(
    server: Loopback, answer: Answer, kind: Kind, text: str, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(answer)
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, model_request(), stream=stream)
    assert failure.kind is kind, failure
    assert text in failure.text
    assert len(server.requests) == 1


async def test_a_stated_delay_is_kept(server: Loopback, adapter: OpenAdapter) -> None:
    server.script(SLOW, respond(429, {}, {"retry-after-ms": "250"}))
    async with adapter(server.url) as openai:
        assert (await get_failure(openai, model_request())).retry_after == pytest.approx(0.174)
        assert (await get_failure(openai, model_request())).retry_after == 0.25


@BOTH
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_never_carries_the_key_along(
    server: Loopback, status: int, adapter: OpenAdapter, *, stream: bool
) -> None:
    with Loopback() as elsewhere:
        server.script(respond(status, "", {"Location": f"{elsewhere.url}/chat/completions"}))
        async with adapter(server.url) as openai:
            failure = await get_failure(openai, model_request(), stream=stream)
    assert (failure.kind, failure.status, elsewhere.requests) == (Kind.MALFORMED, status, [])


@BOTH
async def test_a_cut_reply_is_a_failure(
    server: Loopback, adapter: OpenAdapter, *, stream: bool
) -> None:
    answer = (
        openai_stream(["Lisbon, ", "says OpenAI."])
        if stream
        else openai_reply("Lisbon, says OpenAI.")
    )
    async with adapter(server.url) as openai:
        for how in ("close", "reset"):
            server.script(cut(answer, len(answer.body) // 3, how))
            failure = await get_failure(openai, model_request(), stream=stream)
            assert failure.kind is Kind.CONNECTION
            assert failure.text.startswith("connection error: ")


@pytest.mark.parametrize("framing", ["chunked", "eof"])
@pytest.mark.parametrize("done", [False, True])
async def test_a_stream_without_an_end_marker_is_malformed(
    server: Loopback, framing: Any, adapter: OpenAdapter, *, done: bool
) -> None:
    server.script(openai_stream(["Lisbon, ", "says"], finish=None, done=done, framing=framing))
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, model_request(), stream=True)
    assert failure.kind is Kind.MALFORMED
    assert failure.message == "malformed: the answer has no finish_reason, so it is incomplete"


async def test_a_stream_cut_inside_its_last_event_is_malformed(
    server: Loopback, adapter: OpenAdapter
) -> None:
    server.script(events(piece("Lisbon"), piece("", "stop")[:40]))
    async with adapter(server.url) as openai:
        assert (await get_failure(openai, model_request(), stream=True)).kind is Kind.MALFORMED


@pytest.mark.parametrize("framing", ["chunked", "eof"])
async def test_a_stream_without_done_is_complete(
    server: Loopback, framing: Any, adapter: OpenAdapter
) -> None:
    server.script(openai_stream(["Lisbon"], done=False, framing=framing))
    async with adapter(server.url) as openai:
        texts, end = await collect(openai, model_request())
    assert (texts, end.usage.output) == (["Lisbon"], 28)


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_stream_that_breaks_after_its_end_marker_is_complete(
    server: Loopback, how: Any, adapter: OpenAdapter
) -> None:
    answer = events(piece("Lisbon", "stop"))
    server.script(
        events(piece("Lisbon", "stop"), then=how)
        if how == "close"
        else cut(answer, len(answer.body), how)
    )
    async with adapter(server.url) as openai:
        assert (await collect(openai, model_request()))[0] == ["Lisbon"]


@pytest.mark.parametrize("after", [b"", b"data: [DONE]\n\n"])
async def test_a_complete_stream_waits_briefly_for_an_open_connection(
    server: Loopback, after: bytes, adapter: OpenAdapter
) -> None:
    server.script(events(piece("Lisbon", "stop"), after, then="hang"))
    async with adapter(server.url) as openai:
        began = time.monotonic()
        assert (await collect(openai, model_request()))[0] == ["Lisbon"]
        assert time.monotonic() - began < SLACK
        assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


@pytest.mark.parametrize(
    ("frame", "kind", "text"),
    [
        (
            (
                b'data: {"error": {"message": "Oh.", "type": "server_error", "param": null, '
                b'"code": null}}\n\ndata: [DONE]\n\n'
            ),
            Kind.SERVER_ERROR,
            "200 server_error. Oh.",
        ),
        (
            (
                b'event: error\ndata: {"type": "error", '
                b'"error": {"code": "insufficient_quota", "message": "Pay."}}\n\n'
            ),
            Kind.QUOTA_EXHAUSTED,
            "200 insufficient_quota. Pay.",
        ),
        (
            (
                b'data: {"type": "error", "code": "server_is_overloaded", '
                b'"message": "Busy.", "param": null}\n\n'
            ),
            Kind.OVERLOADED,
            "200 server_is_overloaded. Busy.",
        ),
        (
            b'{"error": {"code": 503, "message": "Busy."}}\n\n',
            Kind.OVERLOADED,
            "503 Service Unavailable. Busy.",
        ),
        (
            b'{\n  "error": {\n    "message": "Busy.",\n    "code": 503\n  }\n}\n',
            Kind.OVERLOADED,
            "Busy.",
        ),
        (b'[{"error": {"code": 503, "message": "Busy."}}]\n\n', Kind.OVERLOADED, "Busy."),
        (
            b'event: error\ndata: {"error": "upstream failed"}\n\n',
            Kind.MALFORMED,
            "upstream failed",
        ),
        (b"data: <html>\n\n", Kind.MALFORMED, "expected JSON"),
        (b"<html>Bad Gateway</html>\n\n", Kind.MALFORMED, "expected JSON"),
        (b"data: null\n\n", Kind.MALFORMED, "expected a JSON object"),
        (piece("", "content_filter"), Kind.BLOCKED, "content filter"),
        (b"data: " + b" " * (9 * 2**20) + b"\n\n", Kind.MALFORMED, "longer than"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_an_error_in_the_middle_of_a_stream_fails(
    server: Loopback, frame: bytes, kind: Kind, text: str, adapter: OpenAdapter
) -> None:
    server.script(events(piece("Lisbon, "), frame))
    texts: list[str] = []
    async with adapter(server.url) as openai:
        with pytest.raises(AttemptFailed, match=text) as caught:
            async for chunk in openai.stream(model_request()):
                texts.append(chunk.text)  # noqa: PERF401 - keeps what came before the break
    assert caught.value.failure.kind is kind
    assert texts == ["Lisbon, "]


async def test_a_stream_may_hold_comments_ids_and_empty_events(
    server: Loopback, adapter: OpenAdapter
) -> None:
    odd = (
        b": OPENROUTER PROCESSING\n\n",
        b"id: 7\nretry: 10\n\n",
        b"data:\n\n",
        piece("Lisbon").replace(b"data: ", b"data:"),
    )
    server.script(events(*odd, piece("", "stop"), b"data: [DONE]\n\n"))
    async with adapter(server.url) as openai:
        assert (await collect(openai, model_request()))[0] == ["Lisbon"]


async def test_a_stream_may_come_byte_by_byte(server: Loopback, adapter: OpenAdapter) -> None:
    server.script(drip(openai_stream(["Li\u2028s", "bön 🗺"]), every=0.0))
    async with adapter(server.url) as openai:
        assert (await collect(openai, model_request()))[0] == ["Li\u2028s", "bön 🗺"]


@BOTH
@pytest.mark.parametrize("head", [True, False], ids=["after the head", "before the head"])
async def test_cancelling_closes_the_socket(
    server: Loopback, adapter: OpenAdapter, *, stream: bool, head: bool
) -> None:
    server.script(events(piece("Lisbon"), then="hang") if head else hang())
    async with adapter(server.url) as openai:
        request = model_request()
        work = collect(openai, request) if stream else openai.complete(request)
        task = asyncio.create_task(work)  # type: ignore[arg-type] # either
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


@BOTH
async def test_cancelling_while_an_errors_body_comes_closes_the_socket(
    server: Loopback, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(Answer(status=500, pieces=((0.0, b"{"),), framing="chunked", then="hang"))
    async with adapter(server.url) as openai:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await get_failure(openai, model_request(), stream=stream)
        assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)


async def test_leaving_a_stream_early_closes_the_socket(
    server: Loopback, adapter: OpenAdapter
) -> None:
    server.script(events(piece("Lisbon"), then="hang"))
    async with adapter(server.url) as openai:
        for _ in range(5):
            async with aclosing(openai.stream(model_request())) as chunks:
                async for chunk in chunks:
                    assert chunk.text == "Lisbon"
                    break
        for request in server.requests:
            assert await asyncio.to_thread(request.disconnected.wait, 2)


@pytest.mark.parametrize(
    "body",
    [
        Answer(pieces=((0.0, b"{"),), framing="chunked", then="hang"),
        Answer(pieces=((0.0, b"x" * 2**18),) * 400, framing="chunked"),
        Answer(pieces=((0.0, b"x"),), headers={"Content-Encoding": "br"}, framing="chunked"),
        cut(respond(200, "x" * 1000), 500, "reset"),
    ],
    ids=["slow", "endless", "packed", "broken"],
)
async def test_status_and_headers_decide_whatever_an_errors_body_does(
    server: Loopback, body: Answer, adapter: OpenAdapter
) -> None:
    headers = {**body.headers, "Retry-After": "30"}
    server.script(msgspec.structs.replace(body, status=503, headers=headers))
    began = time.monotonic()
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, model_request())
    assert (failure.kind, failure.retry_after) == (Kind.OVERLOADED, 30.0)
    assert len(failure.message) <= 2**16
    assert time.monotonic() - began < SLACK


async def test_a_refused_connection_has_the_systems_message(adapter: OpenAdapter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with adapter(f"http://127.0.0.1:{port}") as openai:
        for stream in (False, True):
            failure = await get_failure(openai, model_request(), stream=stream)
            assert failure.kind is Kind.CONNECTION
            assert failure.text == "connection error: Connection refused"


@pytest.mark.parametrize("url", ["127.0.0.1", "ftp://127.0.0.1", "http://", "http://["])
@BOTH
async def test_an_endpoint_that_is_not_a_url_is_a_failure(
    url: str, adapter: OpenAdapter, *, stream: bool
) -> None:
    async with adapter(url) as openai:
        failure = await get_failure(openai, model_request(), stream=stream)
    assert failure.kind in (Kind.CONNECTION, Kind.UNAVAILABLE)


@BOTH
async def test_a_lone_surrogate_is_an_invalid_request(
    server: Loopback, adapter: OpenAdapter, *, stream: bool
) -> None:
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, model_request(("user", "\ud800")), stream=stream)
    assert (failure.kind, server.requests) == (Kind.INVALID_REQUEST, [])
    assert "not valid Unicode" in failure.message


@BOTH
@pytest.mark.parametrize(
    "answer",
    [BAD_KEY, OPENAI_500, reset(), garbage(), html(200)],
    ids=["401", "500", "rst", "junk", "html"],
)
async def test_no_failure_shows_the_key(
    server: Loopback, answer: Answer, adapter: OpenAdapter, *, stream: bool
) -> None:
    server.script(answer)
    async with adapter(server.url) as openai:
        failure = await get_failure(openai, model_request(), stream=stream)
        assert KEY not in repr((failure, openai, vars(openai)))
