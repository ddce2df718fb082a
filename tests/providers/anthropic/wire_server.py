"""The Messages API's answers, for a loopback server."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from tests.support.loopback import Answer, Answers, Received, respond

MODEL = "claude-haiku-5-5"
USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 4,
    "output_tokens": 28,
    "output_tokens_details": {"thinking_tokens": 25},
}
OVERLOADED = {
    "type": "error",
    "error": {"type": "overloaded_error", "message": "Overloaded"},
    "request_id": "req_011Cb6r",
}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def thought(words: str, signature: str = "c2lnbmVk") -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": signature}


def tool_use(known_as: str, name: str, given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": known_as, "name": name, "input": given}


def message(*content: Any, stop: str | None = "end_turn", **rest: Any) -> dict[str, Any]:
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
        **rest,
    }


def events(whole: dict[str, Any], *, size: int = 7) -> list[dict[str, Any]]:
    """Return the events of the stream that says what a message says, its words in pieces of that size."""
    begun = {
        **whole,
        "content": [],
        "stop_reason": None,
        "usage": {**whole["usage"], "output_tokens": 1},
    }
    told: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        told += [{**event, "index": index} for event in _block(block, size)]
    delta = {
        name: whole[name]
        for name in ("stop_reason", "stop_sequence", "stop_details")
        if name in whole
    }
    ended = {
        "type": "message_delta",
        "delta": delta,
        "usage": {**whole["usage"], "input_tokens": None},
    }
    return [*told, ended, {"type": "message_stop"}]


def _block(block: dict[str, Any], size: int) -> list[dict[str, Any]]:
    match block["type"]:
        case "text":
            begun, deltas = (
                text(""),
                [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"], size)],
            )
        case "thinking":
            begun = thought("", "")
            deltas = [
                {"type": "thinking_delta", "thinking": piece}
                for piece in _pieces(block["thinking"], size)
            ]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "tool_use":
            written = msgspec.json.encode(block["input"]).decode() if block["input"] else ""
            begun = {**block, "input": {}}
            deltas = [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in ["", *_pieces(written, size)]
            ]
        case _:
            begun, deltas = block, []
    return [
        {"type": "content_block_start", "content_block": begun},
        *({"type": "content_block_delta", "delta": delta} for delta in deltas),
        {"type": "content_block_stop"},
    ]


def _pieces(words: str, size: int) -> list[str]:
    return [words[at : at + size] for at in range(0, len(words), size)]


def framed(told: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (one["type"].encode(), msgspec.json.encode(one))
        for one in told
    )


def stream(
    told: Sequence[dict[str, Any]], *, framing: Literal["chunked", "eof"] = "chunked"
) -> Answer:
    pieces = tuple((0.0, framed([one])) for one in told)
    return Answer(pieces=pieces, headers={"Content-Type": "text/event-stream"}, framing=framing)


def answers(*content: Any, **rest: Any) -> Answers:
    """Answer whole or streamed, as the request says."""

    def answer(request: Received) -> Answer:
        whole = message(*content, **rest)
        return stream(events(whole)) if request.json.get("stream") else respond(200, whole)

    return answer


def error(
    status: int, kind: str, words: str, headers: dict[str, str] | None = None, **details: Any
) -> Answer:
    told: dict[str, Any] = {"type": kind, "message": words}
    if details:
        told["details"] = details
    return respond(
        status, {"type": "error", "error": told, "request_id": "req_in_the_body"}, headers
    )
