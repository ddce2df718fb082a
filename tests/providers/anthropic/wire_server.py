"""Answers of the Messages API, for a loopback server."""

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


def text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def thinking_block(text: str, signature: str = "c2lnbmVk") -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature}


def tool_use(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


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


def events(complete: dict[str, Any], *, size: int = 7) -> list[dict[str, Any]]:
    """Return the events that stream a message, its texts in pieces of `size` characters."""
    start = {
        **complete,
        "content": [],
        "stop_reason": None,
        "usage": {**complete["usage"], "output_tokens": 1},
    }
    items: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(complete["content"]):
        items += [{**event, "index": index} for event in _block(block, size)]
    delta = {
        name: complete[name]
        for name in ("stop_reason", "stop_sequence", "stop_details")
        if name in complete
    }
    ended = {
        "type": "message_delta",
        "delta": delta,
        "usage": {**complete["usage"], "input_tokens": None},
    }
    return [*items, ended, {"type": "message_stop"}]


def _block(block: dict[str, Any], size: int) -> list[dict[str, Any]]:
    match block["type"]:
        case "text":
            start, deltas = (
                text_block(""),
                [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"], size)],
            )
        case "thinking":
            start = thinking_block("", "")
            deltas = [
                {"type": "thinking_delta", "thinking": piece}
                for piece in _pieces(block["thinking"], size)
            ]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        case "tool_use":
            written = msgspec.json.encode(block["input"]).decode() if block["input"] else ""
            start = {**block, "input": {}}
            deltas = [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in ["", *_pieces(written, size)]
            ]
        case _:
            start, deltas = block, []
    return [
        {"type": "content_block_start", "content_block": start},
        *({"type": "content_block_delta", "delta": delta} for delta in deltas),
        {"type": "content_block_stop"},
    ]


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def frames(items: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (one["type"].encode(), msgspec.json.encode(one))
        for one in items
    )


def stream(
    items: Sequence[dict[str, Any]], *, framing: Literal["chunked", "eof"] = "chunked"
) -> Answer:
    pieces = tuple((0.0, frames([one])) for one in items)
    return Answer(pieces=pieces, headers={"Content-Type": "text/event-stream"}, framing=framing)


def answers(*content: Any, **rest: Any) -> Answers:
    """Answer with a complete message or a stream, as the request demands."""

    def answer(request: Received) -> Answer:
        complete = message(*content, **rest)
        return stream(events(complete)) if request.json.get("stream") else respond(200, complete)

    return answer


def error(
    status: int, kind: str, text: str, headers: dict[str, str] | None = None, **details: Any
) -> Answer:
    items: dict[str, Any] = {"type": kind, "message": text}
    if details:
        items["details"] = details
    return respond(
        status, {"type": "error", "error": items, "request_id": "req_in_the_body"}, headers
    )
