"""The faults of upstream servers for both wires, one function a fault.

The rows' ids are those of the project's fault catalogue.
"""

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from tests.support.loopback import (
    Answer,
    cut,
    drip,
    garbage,
    gemini_error,
    gemini_reply,
    gemini_stream,
    hang,
    html,
    openai_error,
    openai_reply,
    openai_stream,
    reset,
    respond,
)

TEXTS = ("Lisbon, ", "says the ", "server.")


class Wire(msgspec.Struct, frozen=True):
    """One vendor's wire, complete or streamed."""

    plugin: str
    path: str
    model: str
    streamed: bool

    def good(self, texts: tuple[str, ...] = TEXTS, **rest: Any) -> Answer:
        """A successful answer."""
        if self.streamed:
            stream = gemini_stream if self.plugin == "gemini" else openai_stream
            return stream(texts, **rest)
        reply = gemini_reply if self.plugin == "gemini" else openai_reply
        fields = {key: value for key, value in rest.items() if key in ("model", "finish")}
        return reply("".join(texts), **fields)

    def error(
        self, status: int, message: str = "It failed.", code: str = "", **headers: str
    ) -> Answer:
        if self.plugin == "gemini":
            return gemini_error(status, code or "INTERNAL", message, **headers)
        return openai_error(status, message, kind=code or "server_error", **headers)

    def json(self, body: Any) -> Answer:
        """A 200 with this body; in a stream it is the only event."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        if not self.streamed:
            return respond(200, raw)
        frame = b"data: " + raw.replace(b"\n", b" ") + b"\n\n"
        return Answer(
            pieces=((0.0, frame),), headers={"Content-Type": "text/event-stream"}, framing="chunked"
        )

    def finish(self, reason: str, text: str = "") -> Answer:
        if self.plugin == "gemini":
            parts = {"parts": [{"text": text}]} if text else {}
            return self.json({"candidates": [{"content": parts, "finishReason": reason}]})
        field = "delta" if self.streamed else "message"
        choice = {
            "index": 0,
            field: {"role": "assistant", "content": text},
            "finish_reason": reason,
        }
        return self.json({"choices": [choice], "usage": {"completion_tokens": 9}})


Fault = Callable[[Wire], Answer]
Row = tuple[str, str, Fault, str]
"""The id, the name, the fault, and the kinds of failure that it may cause."""


def _by_vendor(gemini: Fault, openai: Fault) -> Fault:
    return lambda wire: gemini(wire) if wire.plugin == "gemini" else openai(wire)


def _compressed_answer(data: bytes, encoding: str) -> Answer:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    return Answer(pieces=((0.0, data),), headers=headers)


def _replace_text(wire: Wire, old: bytes, new: bytes) -> Answer:
    """A successful answer with other bytes in its text."""
    good = wire.good(("Lis#bon",))
    pieces = tuple((wait, piece.replace(old, new)) for wait, piece in good.pieces)
    return msgspec.structs.replace(good, pieces=pieces)


def _append(wire: Wire, *more: bytes) -> Answer:
    good = wire.good()
    return msgspec.structs.replace(good, pieces=(*good.pieces, *((0.0, piece) for piece in more)))


def _long(wire: Wire) -> Answer:
    return wire.good(("x" * 2**20,) * 17)


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"0" * 2**20
    return b"".join([packer.compress(zeros) for _ in range(64)]) + packer.flush()


KINDS_BY_STATUS = {
    **dict.fromkeys((500, 502, 504, 520, 522, 524, 499, 408, 409, 507), "server_error"),
    **dict.fromkeys((503, 529), "overloaded"),
    **dict.fromkeys((501, 505), "unsupported"),
    **dict.fromkeys((418, 422), "invalid_request"),
    **dict.fromkeys((401, 403), "unauthorized"),
    404: "model_missing",
    402: "quota_exhausted",
}


def _statuses() -> list[Row]:
    def fault(status: int) -> Fault:
        return lambda wire: wire.error(status, code="UNKNOWN")

    return [
        ("U4" if status < 405 else "U1", f"status {status}", fault(status), kind)
        for status, kind in KINDS_BY_STATUS.items()
    ]


def _rate(**headers: str) -> Fault:
    return lambda wire: wire.error(429, "Slow down.", "RESOURCE_EXHAUSTED", **headers)


def _change(**fields: Any) -> Fault:
    """A successful answer of which some fields are different."""
    return lambda wire: msgspec.structs.replace(wire.good(), **fields)


def _json(body: Any) -> Fault:
    return lambda wire: wire.json(body)


def _finish(gemini: str, openai: str, text: str = "") -> Fault:
    return _by_vendor(
        lambda wire: wire.finish(gemini, text), lambda wire: wire.finish(openai, text)
    )


def _error(status: int, message: str, code: str) -> Fault:
    return lambda wire: wire.error(status, message, code)


def _data_after_end(wire: Wire) -> Answer:
    return _append(wire, b"data: [DONE]\n\n", b"data: x\n\n") if wire.streamed else wire.good()


def _with_text(data: bytes) -> Fault:
    return lambda wire: _replace_text(wire, b"#", data)


def _redirect(status: int, location: str) -> Fault:
    return lambda _: respond(status, "", {"Location": location})


def raw_answer(before: bytes = b"", version: bytes = b"1.1", trailers: bytes = b"") -> Fault:
    """A successful answer with something around it that HTTP allows, and few servers send."""

    def answer(wire: Wire) -> Answer:
        body = wire.good().body
        head = b"HTTP/%s 200 OK\r\nContent-Type: text/event-stream\r\n" % version
        framed = b"\r\n" + body
        if trailers:
            chunk = b"%x\r\n%s\r\n" % (len(body), body)
            framed = b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n" + trailers + b"\r\n"
        pieces = ((0.0, before), (0.01, head + framed))
        return Answer(raw=True, pieces=pieces, then="close")

    return answer


def _header_bomb(wire: Wire) -> Answer:
    good = wire.good()
    return msgspec.structs.replace(good, headers={**good.headers, "X-Bomb": "x" * 200_000})


FAULTS: list[Row] = [
    *_statuses(),
    ("U2", "429", _rate(), "rate_limited"),
    ("U2", "429 seconds", _rate(**{"Retry-After": "30"}), "rate_limited"),
    ("U2", "429 date", _rate(**{"Retry-After": "Tue, 24 Nov 2099 12:00:00 GMT"}), "rate_limited"),
    ("U2", "429 ms", _rate(**{"retry-after-ms": "30000"}), "rate_limited"),
    ("U2", "429 nonsense", _rate(**{"Retry-After": "nan"}), "rate_limited"),
    (
        "U3",
        "quota",
        _by_vendor(
            _error(429, "Quota exceeded, limit: 0, model: x", "RESOURCE_EXHAUSTED"),
            _error(429, "You exceeded your current quota", "insufficient_quota"),
        ),
        "quota_exhausted",
    ),
    (
        "U5",
        "context",
        _by_vendor(
            _error(400, "The input token count (2) exceeds the maximum", "INVALID_ARGUMENT"),
            _error(400, "This model's maximum context length is 1", "invalid_request_error"),
        ),
        "context_too_long",
    ),
    ("U5", "400", _error(400, "Bad argument.", "INVALID_ARGUMENT"), "invalid_request"),
    (
        "U5",
        "400 echoing 429",
        _error(400, "Bad prompt: explain rate limit 429", "X"),
        "invalid_request",
    ),
    ("U7", "hang", lambda _: hang(), "timeout"),
    (
        "U7",
        "hang after headers",
        _change(pieces=(), framing="chunked", then="hang"),
        "timeout",
    ),
    ("U8", "drip", lambda wire: drip(wire.good(("x" * 400,)), every=0.02), "timeout"),
    ("U9", "reset before headers", lambda _: reset(), "connection"),
    ("U9", "reset in the middle", lambda wire: cut(wire.good(), 30, "reset"), "connection"),
    ("U10", "FIN before headers", lambda _: Answer(raw=True, then="close"), "connection"),
    ("U10", "FIN in the middle", lambda wire: cut(wire.good(), 30), "connection"),
    (
        "U11",
        "cut, framed by the end",
        lambda wire: cut(_change(framing="eof")(wire), 60),
        "malformed",
    ),
    ("U12", "half of the JSON", _json(b'{"candidates": [{"con'), "malformed"),
    ("U12", "not JSON", _json(b"Hello!"), "malformed"),
    ("U12", "nested too deep", _json(b"[" * 100_000), "malformed"),
    ("U12", "null", _json(b"null"), "malformed"),
    ("U12", "a list", _json(b"[]"), "malformed"),
    ("U12", "not HTTP", lambda _: garbage(), "connection"),
    ("U13", "HTML in a 200", lambda _: html(200), "malformed"),
    ("U13", "HTML in a 502", lambda _: html(502), "server_error"),
    ("U13", "HTML in a 503", lambda _: html(503), "overloaded"),
    (
        "U14",
        "error in a 200",
        _by_vendor(
            _json({"error": {"code": 503, "status": "UNAVAILABLE", "message": "Busy."}}),
            _json({"error": {"message": "Busy.", "type": "x", "code": "server_is_overloaded"}}),
        ),
        "overloaded",
    ),
    ("U14", "bare error in a 200", _json({"error": "it failed"}), "malformed"),
    ("U15", "nothing in it", _json({}), "malformed"),
    ("U15", "empty text", _finish("STOP", "stop"), "empty"),
    ("U15", "blank text", _finish("STOP", "stop", " \n"), "empty"),
    ("U15", "only thoughts", _finish("MAX_TOKENS", "length"), "empty"),
    ("U15", "blocked", _finish("SAFETY", "content_filter"), "blocked"),
    ("U16", "an endless body", _long, "malformed or ok"),
    (
        "U17",
        "a wrong length",
        _change(headers={"Content-Length": "10737418240"}, framing="length", then="close"),
        "connection or ok",
    ),
    ("U18", "gzip bomb", lambda _: _compressed_answer(_bomb(), "gzip"), "malformed"),
    ("U18", "not gzip", lambda _: _compressed_answer(b"no gzip", "gzip"), "malformed"),
    (
        "U18",
        "twice gzip",
        lambda _: _compressed_answer(gzip.compress(gzip.compress(b"{}")), "gzip"),
        "malformed",
    ),
    ("U19", "invalid UTF-8", _with_text(b"\xff"), "malformed or ok"),
    ("U19", "NUL", _with_text(b"\\u0000"), "ok"),
    ("U19", "lone surrogate", _with_text(b"\\ud800"), "malformed or ok"),
    ("U20", "line separators", _with_text("\u2028\u0085".encode()), "ok"),
    ("U21", "data after the end", _data_after_end, "ok"),
    ("U23", "header bomb", _header_bomb, "connection"),
    ("U26", "100 before", raw_answer(before=b"HTTP/1.1 100 Continue\r\n\r\n"), "ok"),
    (
        "U26",
        "103 before",
        raw_answer(before=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        "ok",
    ),
    ("U26", "trailers", raw_answer(trailers=b"X-Checksum: 1\r\nX-Time: 2\r\n"), "ok"),
    ("U26", "HTTP/1.0", raw_answer(version=b"1.0"), "ok"),
    ("U24", "204", lambda _: respond(204, ""), "malformed"),
    ("U24", "206 of nothing", lambda _: respond(206, ""), "malformed"),
    ("U24", "redirect", _redirect(302, "http://127.0.0.1:9/"), "malformed"),
    ("U24", "redirect to metadata", _redirect(307, "http://169.254.169.254/"), "malformed"),
    ("U25", "unknown finish", lambda wire: wire.finish("A_REASON_OF_2027", "Lis"), "malformed"),
    (
        "U25",
        "unknown fields",
        lambda wire: _replace_text(wire, b'"index":0', b'"news":{"x":[1]},"index":0'),
        "ok",
    ),
]
