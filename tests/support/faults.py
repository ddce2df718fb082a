"""The faults of upstream servers, one function a fault, for both wires; row ids are those of the project's fault catalogue."""

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
    """One vendor's way to say things, whole or streamed."""

    plugin: str
    path: str
    model: str
    streamed: bool

    def good(self, texts: tuple[str, ...] = TEXTS, **rest: Any) -> Answer:
        if self.plugin == "gemini":
            return (
                gemini_stream(texts, **rest)
                if self.streamed
                else gemini_reply("".join(texts), **_unary(rest))
            )
        return (
            openai_stream(texts, **rest)
            if self.streamed
            else openai_reply("".join(texts), **_unary(rest))
        )

    def error(
        self, status: int, message: str = "It failed.", code: str = "", **headers: str
    ) -> Answer:
        if self.plugin == "gemini":
            return gemini_error(status, code or "INTERNAL", message, **headers)
        return openai_error(status, message, kind=code or "server_error", **headers)

    def json(self, body: Any) -> Answer:
        """A 200 that holds this, as one event where it is a stream."""
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
        what = "delta" if self.streamed else "message"
        choice = {"index": 0, what: {"role": "assistant", "content": text}, "finish_reason": reason}
        return self.json({"choices": [choice], "usage": {"completion_tokens": 9}})


Fault = Callable[[Wire], Answer]


def _unary(rest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rest.items() if key in ("model", "finish")}


def _of(gemini: Fault, openai: Fault) -> Fault:
    return lambda wire: gemini(wire) if wire.plugin == "gemini" else openai(wire)


def _encoded(data: bytes, encoding: str) -> Answer:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    return Answer(pieces=((0.0, data),), headers=headers)


def _replaced(wire: Wire, old: bytes, new: bytes) -> Answer:
    """A good answer with other bytes in its text."""
    good = wire.good(("Lis#bon",))
    pieces = tuple((wait, piece.replace(old, new)) for wait, piece in good.pieces)
    return msgspec.structs.replace(good, pieces=pieces)


def _and(wire: Wire, *more: bytes) -> Answer:
    good = wire.good()
    return msgspec.structs.replace(good, pieces=(*good.pieces, *((0.0, piece) for piece in more)))


def _long(wire: Wire) -> Answer:
    return wire.good(("x" * 2**20,) * 17)


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"0" * 2**20
    return b"".join([packer.compress(zeros) for _ in range(64)]) + packer.flush()


def _statuses() -> list[tuple[str, str, Fault, str]]:
    kinds = {
        500: "server_error",
        502: "server_error",
        504: "server_error",
        520: "server_error",
        522: "server_error",
    }
    kinds |= {
        524: "server_error",
        499: "server_error",
        408: "server_error",
        409: "server_error",
        503: "overloaded",
    }
    kinds |= {
        529: "overloaded",
        501: "unsupported",
        505: "unsupported",
        507: "server_error",
        418: "invalid_request",
    }
    kinds |= {
        401: "unauthorized",
        403: "unauthorized",
        404: "model_missing",
        402: "quota_exhausted",
        422: "invalid_request",
    }

    def fault(status: int) -> Fault:
        return lambda wire: wire.error(status, code="UNKNOWN")

    return [
        ("U4" if status < 405 else "U1", f"status {status}", fault(status), kind)
        for status, kind in kinds.items()
    ]


def _rate(**headers: str) -> Fault:
    return lambda wire: wire.error(429, "Slow down.", "RESOURCE_EXHAUSTED", **headers)


FAULTS: list[tuple[str, str, Fault, str]] = [
    *_statuses(),
    ("U2", "429", _rate(), "rate_limited"),
    ("U2", "429 seconds", _rate(**{"Retry-After": "30"}), "rate_limited"),
    ("U2", "429 date", _rate(**{"Retry-After": "Tue, 24 Nov 2099 12:00:00 GMT"}), "rate_limited"),
    ("U2", "429 ms", _rate(**{"retry-after-ms": "30000"}), "rate_limited"),
    ("U2", "429 nonsense", _rate(**{"Retry-After": "nan"}), "rate_limited"),
    ("U3", "quota", _of(lambda wire: wire.error(429, "Quota exceeded, limit: 0, model: x", "RESOURCE_EXHAUSTED"),
                        lambda wire: wire.error(429, "You exceeded your current quota", "insufficient_quota")),
     "quota_exhausted"),
    ("U5", "context", _of(lambda wire: wire.error(400, "The input token count (2) exceeds the maximum", "INVALID_ARGUMENT"),
                          lambda wire: wire.error(400, "This model's maximum context length is 1", "invalid_request_error")),
     "context_too_long"),
    ("U5", "400", lambda wire: wire.error(400, "Bad argument.", "INVALID_ARGUMENT"), "invalid_request"),
    ("U5", "400 echoing 429", lambda wire: wire.error(400, "Bad prompt: explain rate limit 429", "X"), "invalid_request"),
    ("U7", "hang", lambda _: hang(), "timeout"),
    ("U7", "hang after headers", lambda wire: msgspec.structs.replace(wire.good(), pieces=(), framing="chunked", then="hang"),
     "timeout"),
    ("U8", "drip", lambda wire: drip(wire.good(("x" * 400,)), every=0.02), "timeout"),
    ("U9", "reset before headers", lambda _: reset(), "connection"),
    ("U9", "reset in the middle", lambda wire: cut(wire.good(), 30, "reset"), "connection"),
    ("U10", "FIN before headers", lambda _: Answer(raw=True, then="close"), "connection"),
    ("U10", "FIN in the middle", lambda wire: cut(wire.good(), 30), "connection"),
    ("U11", "cut, framed by the end", lambda wire: cut(msgspec.structs.replace(wire.good(), framing="eof"), 60), "malformed"),
    ("U12", "half of the JSON", lambda wire: wire.json(b'{"candidates": [{"con'), "malformed"),
    ("U12", "no JSON", lambda wire: wire.json(b"Hello!"), "malformed"),
    ("U12", "nested too deep", lambda wire: wire.json(b"[" * 100_000), "malformed"),
    ("U12", "null", lambda wire: wire.json(b"null"), "malformed"),
    ("U12", "a list", lambda wire: wire.json(b"[]"), "malformed"),
    ("U12", "no HTTP", lambda _: garbage(), "connection"),
    ("U13", "HTML in a 200", lambda _: html(200), "malformed"),
    ("U13", "HTML in a 502", lambda _: html(502), "server_error"),
    ("U13", "HTML in a 503", lambda _: html(503), "overloaded"),
    ("U14", "error in a 200", _of(
        lambda wire: wire.json({"error": {"code": 503, "status": "UNAVAILABLE", "message": "Busy."}}),
        lambda wire: wire.json({"error": {"message": "Busy.", "type": "server_error", "code": "server_is_overloaded"}}),
     ), "overloaded"),
    ("U14", "bare error in a 200", lambda wire: wire.json({"error": "it failed"}), "malformed"),
    ("U15", "nothing in it", lambda wire: wire.json({}), "malformed"),
    ("U15", "empty text", _of(lambda wire: wire.finish("STOP"), lambda wire: wire.finish("stop")), "empty"),
    ("U15", "blank text", _of(lambda wire: wire.finish("STOP", " \n"), lambda wire: wire.finish("stop", " \n")), "empty"),
    ("U15", "thought itself out", _of(lambda wire: wire.finish("MAX_TOKENS"), lambda wire: wire.finish("length")), "empty"),
    ("U15", "blocked", _of(lambda wire: wire.finish("SAFETY"), lambda wire: wire.finish("content_filter")), "blocked"),
    ("U16", "a body without end", _long, "malformed or ok"),
    ("U17", "a length that lies", lambda wire: msgspec.structs.replace(
        wire.good(), headers={"Content-Length": "10737418240"}, framing="length", then="close"), "connection or ok"),
    ("U18", "gzip bomb", lambda _: _encoded(_bomb(), "gzip"), "malformed"),
    ("U18", "no gzip", lambda _: _encoded(b"no gzip", "gzip"), "malformed"),
    ("U18", "twice gzip", lambda _: _encoded(gzip.compress(gzip.compress(b"{}")), "gzip"), "malformed"),
    ("U19", "invalid UTF-8", lambda wire: _replaced(wire, b"#", b"\xff"), "malformed or ok"),
    ("U19", "NUL", lambda wire: _replaced(wire, b"#", b"\\u0000"), "ok"),
    ("U19", "lone surrogate", lambda wire: _replaced(wire, b"#", b"\\ud800"), "malformed or ok"),
    ("U20", "line separators", lambda wire: _replaced(wire, b"#", "\u2028\u0085".encode()), "ok"),
    ("U21", "data after the end",
     lambda wire: _and(wire, *([b"data: [DONE]\n\n", b"data: x\n\n"] if wire.streamed else [])), "ok"),
    ("U23", "header bomb", lambda wire: msgspec.structs.replace(
        wire.good(), headers={**wire.good().headers, "X-Bomb": "x" * 200_000}), "connection"),
    ("U24", "204", lambda _: respond(204, ""), "malformed"),
    ("U24", "206 of nothing", lambda _: respond(206, ""), "malformed"),
    ("U24", "redirect", lambda _: respond(302, "", {"Location": "http://127.0.0.1:9/"}), "malformed"),
    ("U24", "redirect to metadata", lambda _: respond(307, "", {"Location": "http://169.254.169.254/"}), "malformed"),
    ("U25", "unknown finish", lambda wire: wire.finish("A_REASON_OF_2027", "Lis"), "malformed"),
    ("U25", "unknown fields", lambda wire: _replaced(wire, b'"index":0', b'"news":{"x":[1]},"index":0'), "ok"),
]  # fmt: skip
