"""What comes of each thing that a server can send, and of each time at which a caller can leave."""

import asyncio
import gc
import gzip
import time
import warnings
import weakref
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from standby.failures import Failure, Kind
from standby.http import client as client_module
from standby.http.bodies import LARGEST
from standby.http.client import HttpClient, iter_chunks
from standby.plugin import AttemptFailed, Chunk
from standby_openai.failures import read_failure
from tests.support.http_calls import HEADERS, KEY, check_no_secret, failed, post
from tests.support.raw_server import (
    CHUNKED,
    LAST_CHUNK,
    Peer,
    RawServer,
    chunked,
    ok,
    serve,
    serve_bytes,
)

BODY = b'{"a":1}'
PACKED = gzip.compress(BODY, mtime=0)
HEAD = b"HTTP/1.1 200 OK\r\n"

NOT_HTTP = "connection error: the answer is not valid HTTP"
NO_ANSWER = "connection error: the server closed the connection without an answer"
CUT = "connection error: the connection broke before the end of the answer"
RESET = "connection error: Connection reset by peer"


# What a response does

ACCEPTED: dict[str, list[bytes]] = {
    "a length": [ok(BODY)],
    "chunks": [CHUNKED + chunked(BODY[:3], BODY[3:]) + LAST_CHUNK],
    "every byte a segment": [bytes([byte]) for byte in ok(BODY)],
    "100 before": [b"HTTP/1.1 100 Continue\r\n\r\n" + ok(BODY)],
    "100 in a segment of its own": [b"HTTP/1.1 100 Continue\r\n\r\n", ok(BODY)],
    "102 and 103": [
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        ok(BODY),
    ],
    "103, two hundred times": [b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" * 200 + ok(BODY)],
    "bytes after the length, later": [ok(BODY), b"xyz"],
    "extensions of chunks": [CHUNKED + b"7;a=b\r\n" + BODY + b"\r\n" + LAST_CHUNK],
    "trailers": [CHUNKED + chunked(BODY) + b"0\r\nX-T: 1\r\nX-U: 2\r\n\r\n"],
    "unknown transfer coding, up to the end": [HEAD + b"Transfer-Encoding: foo\r\n\r\n" + BODY],
    "HTTP/1.0 with a length": [b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n" + BODY],
    "HTTP/1.0 up to the end": [b"HTTP/1.0 200 OK\r\n\r\n" + BODY],
    "HTTP/1.1 up to the end": [HEAD + b"\r\n" + BODY],
    "no reason": [b"HTTP/1.1 200\r\nContent-Length: 7\r\n\r\n" + BODY],
    "Latin-1 in the reason and a header": [ok(BODY, "X: é", status="200 é")],
    "a field of 16,000 bytes": [ok(BODY, "X: " + "a" * 16_000)],
    "127 headers": [ok(BODY, *["X: a"] * 126)],
    "an empty body": [ok(b"")],
}


@pytest.mark.parametrize("then", ["close", "reset", "keep"])
@pytest.mark.parametrize("name", ACCEPTED)
async def test_an_answer_is_read(http: HttpClient, name: str, then: str) -> None:
    if "up to the end" in name and then == "keep":
        then = "close"
    async with serve_bytes(*ACCEPTED[name], then=then, wait=0.05) as server:
        assert await post(http, server.url) == (b"" if name == "an empty body" else BODY)


NOT_ACCEPTED: dict[str, tuple[list[bytes], str]] = {
    "a length that is too large": ([HEAD + b"Content-Length: 99\r\n\r\n" + BODY], CUT),
    "a length that is too small": ([ok(BODY) + b"xyz"], NOT_HTTP),
    "two lengths": ([HEAD + b"Content-Length: 7\r\nContent-Length: 8\r\n\r\n" + BODY], NOT_HTTP),
    "a list of lengths": ([HEAD + b"Content-Length: 7, 7\r\n\r\n" + BODY], NOT_HTTP),
    "a negative length": ([HEAD + b"Content-Length: -1\r\n\r\n" + BODY], NOT_HTTP),
    "a length in words": ([HEAD + b"Content-Length: seven\r\n\r\n" + BODY], NOT_HTTP),
    "a length and chunks": (
        [ok(b"", "Transfer-Encoding: chunked") + chunked(BODY) + LAST_CHUNK],
        NOT_HTTP,
    ),
    "a 204 with a body": ([b"HTTP/1.1 204 No Content\r\n\r\nhello"], NOT_HTTP),
    "a chunk cut": ([CHUNKED + b"63\r\n" + BODY], CUT),
    "no last chunk": ([CHUNKED + chunked(BODY)], CUT),
    "no line end after the last chunk": ([CHUNKED + chunked(BODY) + b"0\r\n"], CUT),
    "a size of a chunk that is none": ([CHUNKED + b"zz\r\n" + BODY], NOT_HTTP),
    "the same, later": ([CHUNKED + chunked(BODY), b"zz\r\n" + BODY], CUT),
    "a chunk longer than its size, later": ([CHUNKED + b"7\r\n" + BODY, b"XX0\r\n\r\n"], CUT),
    "an endless size": ([CHUNKED + b"f" * 18 + b"\r\n" + BODY], NOT_HTTP),
    "a negative size": ([CHUNKED + b"-7\r\n" + BODY], NOT_HTTP),
    "nothing": ([], NO_ANSWER),
    "half a status line": ([b"HTTP/1.1 2"], NO_ANSWER),
    "half of the headers": ([HEAD + b"Content-Le"], NO_ANSWER),
    "words": ([b"hello\r\n\r\n"], NOT_HTTP),
    "a page without a status": ([b"<html></html>"], NOT_HTTP),
    "HTTP/2": ([b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"], NOT_HTTP),
    "ICY": ([b"ICY 200 OK\r\n\r\n"], NOT_HTTP),
    "status 20": ([ok(BODY, status="20 OK")], NOT_HTTP),
    "status 2000": ([ok(BODY, status="2000 OK")], NOT_HTTP),
    "HTTP/1.7": ([ok(BODY).replace(b"1.1", b"1.7")], NOT_HTTP),
    "a bare CR in a header": ([ok(BODY, "X: a\rb")], NOT_HTTP),
    "a header without a colon": ([ok(BODY, "Xab")], NOT_HTTP),
    "a header with a blank in its name": ([ok(BODY, "X y: a")], NOT_HTTP),
    "a field of 17,000 bytes": ([ok(BODY, "X: " + "a" * 17_000)], NOT_HTTP),
    "a NUL in a header": ([ok(BODY, "X: a\0b")], NOT_HTTP),
    "140 headers": ([ok(BODY, *["X: a"] * 140)], NOT_HTTP),
    "200 trailers": ([CHUNKED + chunked(BODY) + b"0\r\n" + b"X: 1\r\n" * 200 + b"\r\n"], NOT_HTTP),
}


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("name", NOT_ACCEPTED)
async def test_an_answer_that_is_none_fails_at_once(http: HttpClient, name: str, then: str) -> None:
    pieces, text = NOT_ACCEPTED[name]
    async with serve_bytes(*pieces, then=then, wait=0.05 * (then == "reset")) as server:
        start = time.monotonic()
        kind, message = failed(await post(http, server.url))
        assert time.monotonic() - start < 1.0
    assert kind == "connection"
    assert message in ((text, RESET) if then == "reset" and text == NO_ANSWER else (text,))


DAMAGE = [b"zz\r\n", b"7\r\nXXXXXXXXXX\r\n", b"\r\n\r\n", b"-1\r\n", b"\0\r\n"]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("segments", [1, 2, 5])
async def test_a_body_that_is_damaged_is_never_waited_for(
    http: HttpClient, damage: bytes, segments: int
) -> None:
    pieces = [CHUNKED, *[chunked(BODY)] * segments, damage]
    async with serve_bytes(*pieces, then="hang") as server:
        start = time.monotonic()
        kind, text = failed(await post(http, server.url))
        assert (kind, text in (CUT, NOT_HTTP)) == ("connection", True)
        assert time.monotonic() - start < 1.0
        assert await server.peers[0].gone()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        ("101 Switching Protocols", b"", ("malformed", "101 Switching Protocols")),
        ("204 No Content", b"", ("malformed", "204 No Content")),
        (
            "206 Partial Content",
            BODY,
            ("malformed", "206 Partial Content. expected status 200; the body is 7 bytes of JSON"),
        ),
        ("299 Odd", BODY, ("malformed", "299. expected status 200; the body is 7 bytes of JSON")),
        ("599", BODY, ("server_error", '599. {"a":1}')),
        ("999", BODY, ("server_error", '999. {"a":1}')),
        (
            "400 Bad Request",
            b'{"error":{"message":"No."}}',
            ("invalid_request", "400 Bad Request. No."),
        ),
    ],
)
async def test_any_status_but_200_is_a_failure_of_that_status(
    http: HttpClient, status: str, body: bytes, expected: tuple[str, str]
) -> None:
    headers = ["Upgrade: x", "Connection: upgrade"] if status.startswith("101") else []
    async with serve_bytes(ok(body, *headers, status=status)) as server:
        result = await post(http, server.url)
    assert failed(result) == expected
    assert isinstance(result, Failure)
    assert result.status == int(status[:3])


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_a_redirect_is_not_followed_and_its_failure_says_where_to(
    http: HttpClient, status: str
) -> None:
    async with serve_bytes(ok(b"{}"), then="keep") as other:
        there = f"http://user:password@127.0.0.1:{other.port}/there?key=password#a"
        async with serve_bytes(ok(b"", f"Location: {there}", status=status)) as server:
            kind, text = failed(await post(http, server.url))
        assert other.peers == []
    assert kind == "malformed"
    assert f"redirects to http://127.0.0.1:{other.port}/there; redirects are not followed" in text
    assert "correct the base_url" in text


@pytest.mark.parametrize(
    ("location", "shown"),
    [("/v2/x?a=b", "redirects to /v2/x;"), ("http://[", "redirects;"), ("", "redirects;")],
)
async def test_a_redirect_to_nowhere_is_one_as_well(
    http: HttpClient, location: str, shown: str
) -> None:
    async with serve_bytes(ok(b"", f"Location: {location}", status="307 T")) as server:
        assert shown in failed(await post(http, server.url))[1]


async def test_headers_beyond_ascii_can_be_encoded(http: HttpClient) -> None:
    seen: list[dict[str, str]] = []

    def read(status: int, headers: object, body: object) -> Failure:
        seen.append(dict(headers))  # type: ignore[call-overload]
        return read_failure(status, seen[-1], body)

    http._read_failure = read
    answer = ok(b"{}", "X-Request-Id: r\xe9q", "Retry-After: 7", status="429 X")
    async with serve_bytes(answer) as server:
        result = await post(http, server.url)
    assert isinstance(result, Failure)
    assert (result.kind, result.retry_after) == (Kind.RATE_LIMITED, 7.0)
    assert seen[0]["x-request-id"].encode() == "r\ufffdq".encode()


# Bounds


@pytest.mark.parametrize("form", ["length", "chunks", "end", "gzip"])
@pytest.mark.parametrize("extra", [0, 1])
async def test_a_whole_body_has_at_most_32_mib(http: HttpClient, form: str, extra: int) -> None:
    body = b"x" * (LARGEST + extra)
    answer = {
        "length": lambda: ok(body),
        "chunks": lambda: CHUNKED + chunked(body) + LAST_CHUNK,
        "end": lambda: HEAD + b"\r\n" + body,
        "gzip": lambda: ok(gzip.compress(body), "Content-Encoding: gzip"),
    }[form]()
    async with serve_bytes(answer) as server:
        result = await post(http, server.url)
    if not extra:
        assert result == body
        return
    text = f"200 OK. malformed: the answer is longer than {LARGEST} bytes"
    assert failed(result) == ("malformed", text)


async def test_a_whole_stream_has_at_most_32_mib_and_is_not_kept(http: HttpClient) -> None:
    """The server would send 1 GiB; it is left long before."""
    sent = 0

    async def play(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        peer.writer.write(CHUNKED)
        piece = chunked(b"data: " + b"x" * 2**20 + b"\n\n")
        for _ in range(1024):
            peer.writer.write(piece)
            await peer.writer.drain()
            sent += 1

    received = 0
    async with serve(play) as server:
        with pytest.raises(AttemptFailed, match="longer than 33554432 bytes"):
            async with http.stream(server.url, HEADERS, b"{}") as pieces:
                async for piece in pieces:
                    received += len(piece)
        assert await server.peers[0].gone()
    assert received <= LARGEST
    assert sent < 64


def bomb(window: int, size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    zeros = bytes(2**20)
    return b"".join([packer.compress(zeros) for _ in range(size)]) + packer.flush()


@pytest.mark.parametrize(("coding", "window"), [("gzip", 31), ("deflate", 15), ("deflate", -15)])
async def test_a_bomb_is_unpacked_in_small_pieces_and_only_up_to_the_bound(
    http: HttpClient, coding: str, window: int
) -> None:
    packed, largest, total = bomb(window, 64), 0, 0
    assert len(packed) < 2**19
    async with serve_bytes(ok(packed, f"Content-Encoding: {coding}")) as server:
        with pytest.raises(AttemptFailed, match="longer than 33554432 bytes") as caught:
            async with http.stream(server.url, HEADERS, b"{}") as pieces:
                async for piece in pieces:
                    largest, total = max(largest, len(piece)), total + len(piece)
    check_no_secret(caught.value)
    assert largest <= 2**16
    assert total <= LARGEST


@pytest.mark.parametrize(
    ("coding", "body", "text"),
    [
        ("gzip", PACKED[:-9], "the packed body is cut off"),
        ("gzip", PACKED[:4], "the packed body is cut off"),
        ("gzip", b"", "the packed body is cut off"),
        ("deflate", zlib.compress(BODY)[:-2], "the packed body is cut off"),
        ("gzip", BODY, "the body is not what its Content-Encoding says"),
        ("gzip", PACKED[:-8] + bytes(8), "the body is not what its Content-Encoding"),
        ("br", BODY, "the body is packed with 'br', against the request"),
        ("zstd", b"(\xb5/\xfd", "the body is packed with 'zstd', against the request"),
        ("gzip, gzip", BODY, "the body is packed with 'gzip, gzip', against the request"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_malformed(
    http: HttpClient, coding: str, body: bytes, text: str
) -> None:
    async with serve_bytes(ok(body, f"Content-Encoding: {coding}")) as server:
        kind, message = failed(await post(http, server.url))
    assert kind == "malformed"
    assert text in message


@pytest.mark.parametrize("coding", ["identity", "Identity", "", "gzip", "GZIP", "x-gzip"])
async def test_a_body_packed_against_the_request_is_unpacked(http: HttpClient, coding: str) -> None:
    body = gzip.compress(BODY) if "gz" in coding.lower() else BODY
    async with serve_bytes(ok(body, f"Content-Encoding: {coding}")) as server:
        assert await post(http, server.url) == BODY
        assert b"accept-encoding: identity" in server.heads[0].lower()


# Errors whose body is slow, broken or huge


def error_answer(status: str, *headers: str, length: int = 100) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@pytest.mark.parametrize("begun", [b"", b'{"error":{"mess', b"<html>"])
async def test_an_error_whose_body_never_comes_is_known_by_its_status_within_a_second(
    http: HttpClient, begun: bytes
) -> None:
    answer = error_answer("503 Service Unavailable", "Retry-After: 30") + begun
    async with serve_bytes(answer, then="hang") as server:
        start = time.monotonic()
        result = await post(http, server.url)
        assert time.monotonic() - start < 1.2
        assert await server.peers[0].gone()
    assert isinstance(result, Failure)
    assert (result.kind, result.status, result.retry_after) == (Kind.OVERLOADED, 503, 30.0)


async def test_an_error_whose_body_trickles_is_read_for_a_second(http: HttpClient) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(error_answer("429 Too Many Requests", "Retry-After: 9"))
        while True:
            await peer.send(b" ")
            await asyncio.sleep(0.05)

    async with serve(play) as server:
        start = time.monotonic()
        result = await post(http, server.url)
        assert time.monotonic() - start < 1.2
    assert isinstance(result, Failure)
    assert (result.kind, result.retry_after) == (Kind.RATE_LIMITED, 9.0)


@pytest.mark.parametrize("then", ["reset", "close"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("429 Too Many Requests", Kind.RATE_LIMITED),
        ("401 Unauthorized", Kind.UNAUTHORIZED),
        ("500 Internal Server Error", Kind.SERVER_ERROR),
    ],
)
async def test_an_error_whose_body_breaks_off_is_known_by_its_status(
    http: HttpClient, status: str, kind: Kind, then: str
) -> None:
    answer = error_answer(status, "Retry-After: 9")
    async with serve_bytes(answer, b'{"err', then=then, wait=0.05) as server:
        result = await post(http, server.url)
    assert isinstance(result, Failure)
    assert (result.kind, result.retry_after) == (kind, 9.0)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "nonsense"])
async def test_an_error_whose_body_is_not_what_it_says_is_known_by_its_status(
    http: HttpClient, coding: str
) -> None:
    async with serve_bytes(
        ok(b"not packed", f"Content-Encoding: {coding}", status="401 Unauthorized")
    ) as server:
        assert failed(await post(http, server.url)) == ("unauthorized", "401 Unauthorized")


async def test_an_error_that_is_a_bomb_is_known_by_its_status(http: HttpClient) -> None:
    answer = ok(bomb(31, 64), "Content-Encoding: gzip", status="503 X")
    async with serve_bytes(answer) as server:
        assert failed(await post(http, server.url))[0] == "overloaded"


@pytest.mark.parametrize("page", [b"<html>" + b"<p>It failed.</p>" * 2**16, b"<a " * 5 * 2**20])
async def test_of_a_huge_error_64_kib_are_read(http: HttpClient, page: bytes) -> None:
    sizes: list[int] = []

    def read(status: int, _: object, body: object) -> Failure:
        sizes.append(len(str(body)))
        return read_failure(status, {}, body)

    http._read_failure = read
    async with serve_bytes(ok(page, status="502 Bad Gateway")) as server:
        start = time.process_time()
        result = await post(http, server.url)
        assert time.process_time() - start < 1.0
        assert await server.peers[0].gone()
    assert failed(result)[0] == "server_error"
    assert sizes[0] <= 2**16


async def test_an_error_that_comes_during_the_upload_is_read(http: HttpClient) -> None:
    async def play(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.reader.read(1000)
        await peer.send(ok(b"{}", "Retry-After: 3", status="429 X"))
        await asyncio.sleep(0.2)

    async with serve(play) as server:
        result = await post(http, server.url, bytes(10 * 2**20))
    assert isinstance(result, Failure)
    assert (result.kind, result.retry_after) == (Kind.RATE_LIMITED, 3.0)


# What is sent


@pytest.mark.parametrize("size", [0, 2**20 - 1, 2**20, 2**20 + 1, 5 * 2**20])
async def test_the_request_is_sent_as_it_was_given(http: HttpClient, size: int) -> None:
    body = bytes(size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with serve_bytes(ok(BODY)) as server:
            assert await post(http, server.url, body) == BODY
            head = server.heads[0].decode()
            assert server.bodies[0] == body
    lines = head.rstrip().split("\r\n")
    names = sorted(line.partition(":")[0].lower() for line in lines[1:])
    assert lines[0] == "POST /v1/x HTTP/1.1"
    assert names == [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    ]
    assert f"Authorization: Bearer {KEY}" in lines
    assert "User-Agent: standby/" in head


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\rb", "a\x7f\n", "a\0b"])
async def test_a_header_that_cannot_be_sent_is_not(http: HttpClient, value: str) -> None:
    async with serve_bytes(ok(BODY)) as server:
        with pytest.raises(AttemptFailed, match="not sent: the URL or a header is not valid") as it:
            await http.post(server.url, {**HEADERS, "X": value}, b"{}")
        assert server.heads == []
    check_no_secret(it.value)
    assert (it.value.failure.kind, it.value.failure.lasting) == (Kind.UNAVAILABLE, True)


@pytest.mark.parametrize(
    "url",
    ["http://", "ftp://h/x", "http://h:99999/x", "h/x", "http://[::1/x", "http://a..b/x", ""],
)
async def test_a_url_that_is_none_is_unavailable_with_words(http: HttpClient, url: str) -> None:
    with pytest.raises(AttemptFailed, match=r"not sent: .* see the base_url|base_url is not") as it:
        await http.post(url, HEADERS, b"{}")
    check_no_secret(it.value)
    assert (it.value.failure.kind, it.value.failure.lasting) == (Kind.UNAVAILABLE, True)


async def test_cookies_are_not_kept(http: HttpClient) -> None:
    async with serve_bytes(ok(BODY, "Set-Cookie: a=b; Path=/"), then="keep") as server:
        url = server.url.replace("127.0.0.1", "localhost")
        assert [await post(http, url) for _ in range(2)] == [BODY, BODY]
        assert b"cookie" not in server.heads[1].lower()


async def test_the_netrc_of_the_user_is_not_read(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    path = f"{tmp_path}/netrc"
    with open(path, "w") as file:  # noqa: ASYNC230, PTH123
        file.write("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", path)
    async with serve_bytes(ok(BODY)) as server:
        assert await http.post(server.url, {}, b"") == BODY
        assert b"authorization" not in server.heads[0].lower()


# Whoever leaves


def sockets_to(port: int) -> list[str]:
    """Return the sockets of this process that are connected to a port, as a client's are."""
    table = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in table if line.split()[2].endswith(f":{port:04X}")]
    targets = {f"socket:[{row[9]}]" for row in rows}
    names = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            names.append(str(entry.readlink()))
    return [name for name in names if name in targets]


@asynccontextmanager
async def stages() -> AsyncIterator[dict[str, RawServer]]:
    """Servers that each stop at another stage of a call."""

    async def silent(peer: Peer) -> None:
        await peer.request()
        await peer.gone(60)

    async def deaf(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(60)

    async def stalled(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunked(BODY))
        await peer.gone(60)

    async def rushing(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        while True:
            await peer.send(chunked(bytes(2**16)))
            await asyncio.sleep(0.002)

    async with serve(silent) as a, serve(deaf) as b, serve(stalled) as c, serve(rushing) as d:
        yield {"waiting": a, "uploading": b, "stalled": c, "rushing": d}


@pytest.mark.parametrize("how", ["cancel", "timeout"])
@pytest.mark.parametrize("stage", ["waiting", "uploading", "stalled", "rushing"])
async def test_a_caller_who_leaves_closes_the_socket_and_frees_the_permit(
    http: HttpClient, stage: str, how: str
) -> None:
    body = bytes(20 * 2**20) if stage == "uploading" else b"{}"

    async def call(url: str) -> None:
        async with asyncio.timeout(0.4 if how == "timeout" else None):
            async with http.stream(url, HEADERS, body) as pieces:
                async for _ in pieces:
                    await asyncio.sleep(0)

    async with stages() as servers:
        task = asyncio.create_task(call(servers[stage].url))
        await asyncio.sleep(0.1)
        assert http._permits._value == 999
        if how == "cancel":
            task.cancel()
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await task
        assert http._permits._value == 1000
        await asyncio.sleep(0.01)
        assert sockets_to(servers[stage].port) == []


async def test_a_caller_who_leaves_while_connecting_frees_the_permit(http: HttpClient) -> None:
    task = asyncio.create_task(post(http, "http://192.0.2.1:9"))  # TEST-NET-1 answers nothing
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    assert http._permits._value == 1000


@pytest.mark.parametrize("when", ["before the body", "in the body"])
async def test_a_stream_left_early_is_closed_and_not_drained(http: HttpClient, when: str) -> None:
    async with stages() as servers:
        async with http.stream(servers["rushing"].url, HEADERS, b"{}") as pieces:
            if when == "in the body":
                await anext(pieces)
        assert await servers["rushing"].peers[0].gone(0.5)


async def test_a_stream_that_is_dropped_is_closed(http: HttpClient) -> None:
    async def chunks(url: str) -> AsyncIterator[bytes]:
        async with http.stream(url, HEADERS, b"{}") as pieces:
            async for piece in pieces:
                yield piece

    async with stages() as servers:
        stream = chunks(servers["stalled"].url)
        assert await anext(stream) == BODY
        del stream
        gc.collect()
        assert await servers["stalled"].peers[0].gone(0.5)


async def test_a_consumer_that_raises_closes_the_socket(http: HttpClient) -> None:
    async with stages() as servers:
        with pytest.raises(ZeroDivisionError):
            async with http.stream(servers["stalled"].url, HEADERS, b"{}") as pieces:
                async for _ in pieces:
                    raise ZeroDivisionError
        assert await servers["stalled"].peers[0].gone(0.5)


async def test_a_body_read_to_its_end_keeps_the_connection(http: HttpClient) -> None:
    async with serve_bytes(CHUNKED + chunked(BODY) + LAST_CHUNK, then="keep") as server:
        for _ in range(3):
            assert await post(http, server.url) == BODY
        assert len(server.peers) == 1


async def test_a_slow_reader_loses_nothing(http: HttpClient) -> None:
    async with serve_bytes(*[CHUNKED, *[chunked(bytes(2**18))] * 8, LAST_CHUNK]) as server:
        size = 0
        async with http.stream(server.url, HEADERS, b"{}") as pieces:
            async for piece in pieces:
                size += len(piece)
                await asyncio.sleep(0.02)
    assert size == 8 * 2**18


async def test_a_hundred_calls_at_once_leave_nothing(http: HttpClient) -> None:
    async with stages() as servers:
        urls = [server.url for server in servers.values()] * 25
        tasks = [asyncio.create_task(post(http, url)) for url in urls]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert http._permits._value == 1000


async def test_nothing_refers_to_an_answer_that_was_read(http: HttpClient) -> None:
    found: list[weakref.ref[object]] = []
    make = http._iter_body

    def record(response: aiohttp.ClientResponse, proxy: object) -> object:
        found.append(weakref.ref(response))
        return make(response, proxy)  # type: ignore[arg-type]

    http._iter_body = record  # type: ignore[assignment, method-assign]
    async with serve_bytes(ok(BODY), then="keep") as server:
        assert await post(http, server.url) == BODY
        gc.collect()
        assert [ref() for ref in found] == [None]
    del http._iter_body


# Closing

CLOSED = "not sent: the client was closed meanwhile"


@pytest.mark.parametrize("stage", ["waiting", "uploading", "stalled", "rushing"])
async def test_closing_under_a_call_is_no_fault_of_the_model(stage: str) -> None:
    http = HttpClient(read_failure)
    body = bytes(20 * 2**20) if stage == "uploading" else b"{}"
    async with stages() as servers:
        task = asyncio.create_task(post(http, servers[stage].url, body))
        await asyncio.sleep(0.2)
        await asyncio.wait_for(http.aclose(), 0.5)
        result = await asyncio.wait_for(task, 0.5)
        assert sockets_to(servers[stage].port) == []
    assert failed(result) == ("unavailable", CLOSED)
    assert isinstance(result, Failure)
    assert not result.lasting


async def test_after_closing_nothing_is_sent() -> None:
    http = HttpClient(read_failure)
    async with serve_bytes(ok(BODY), then="keep") as server:
        assert await post(http, server.url) == BODY
        await http.aclose()
        await http.aclose()
        assert failed(await post(http, server.url)) == ("unavailable", CLOSED)
        assert len(server.heads) == 1
        assert await server.peers[0].gone()


async def test_closing_a_client_that_was_never_used_is_fine() -> None:
    await HttpClient(read_failure).aclose()


# Shortages of our own


async def test_without_a_free_connection_a_call_waits_and_then_says_what_is_short(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "POOL_TIMEOUT", 0.1)
    async with stages() as servers:
        url = servers["waiting"].url
        tasks = [asyncio.create_task(post(http, url)) for _ in range(1000 - http._permits._value)]
        for _ in range(1000):
            await http._permits.acquire()
        result = await post(http, url)
        for _ in range(1000):
            http._permits.release()
        assert servers["waiting"].peers == []
        assert tasks == []
    assert failed(result) == ("unavailable", "not sent: all 1000 connections are in use")
    assert isinstance(result, Failure)
    assert not result.lasting


async def test_a_connection_that_becomes_free_is_used(http: HttpClient) -> None:
    for _ in range(1000):
        await http._permits.acquire()
    async with serve_bytes(ok(BODY)) as server:
        task = asyncio.create_task(post(http, server.url))
        await asyncio.sleep(0.05)
        for _ in range(1000):
            http._permits.release()
        assert await task == BODY


# With the reader of streams


class Collect:
    """Reads values as texts, and ends at `null`."""

    finished = False

    def read(self, value: object) -> Chunk | None:
        self.finished = value is None
        return Chunk(text=str(value)) if value else None

    def final_chunks(self) -> list[Chunk]:
        return []


@pytest.mark.parametrize("after", [b"", b"data: [DONE]\n\n", b"data: tor"])
@pytest.mark.parametrize("then", ["hang", "close", "reset"])
async def test_after_its_end_marker_a_stream_is_complete(
    http: HttpClient, after: bytes, then: str
) -> None:
    pieces = [b'data: "a"\n\n', b"data: null\n\n", *([after] if after else [])]
    async with serve_bytes(CHUNKED + chunked(*pieces), then=then, wait=0.05) as server:
        start = time.monotonic()
        async with (
            http.stream(server.url, HEADERS, b"{}") as body,
            aclosing(iter_chunks(body, Collect())) as chunks,
        ):
            assert [chunk.text async for chunk in chunks] == ["a"]
        assert time.monotonic() - start < 1.5
        assert await server.peers[0].gone()
