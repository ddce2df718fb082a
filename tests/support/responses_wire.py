"""OpenAI's Responses API: items, responses that hold them, and the events that stream them."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from tests.support.loopback import Answer, Answers, Received, respond

USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 28,
    "output_tokens_details": {"reasoning_tokens": 25},
    "total_tokens": 40,
}
RESPONSE_MODEL = "gpt-5.6-sol-2026-06-01"
RESPONSE_ID = "resp_0b86a26c238e40a9016a3c123bf5a4819e85647c55ab434a69"
SSE = {"Content-Type": "text/event-stream; charset=utf-8"}

Item = dict[str, Any]


def message_item(*texts: str, item_id: str = "msg_1") -> Item:
    parts = [
        {"type": "output_text", "text": text, "annotations": [], "logprobs": []} for text in texts
    ]
    return {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": parts,
    }


def refusal_item(text: str) -> Item:
    return message_item() | {"content": [{"type": "refusal", "refusal": text}]}


def reasoning_item(*summary: str, item_id: str = "rs_1", encrypted: str | None = None) -> Item:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {
        "type": "reasoning",
        "id": item_id,
        "summary": parts,
        **({"encrypted_content": encrypted} if encrypted else {}),
    }


def call_item(name: str, arguments: str, call_id: str = "call_1") -> Item:
    head = {"id": f"fc_{call_id}", "type": "function_call", "status": "completed"}
    return head | {"call_id": call_id, "name": name, "arguments": arguments}


def response(*items: Any, status: str | None = "completed", **rest: Any) -> dict[str, Any]:
    return {
        "id": RESPONSE_ID,
        "object": "response",
        "created_at": 1_790_000_000,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": RESPONSE_MODEL,
        "output": list(items),
        "usage": USAGE,
        **rest,
    }


def incomplete(reason: str | None, *items: Item) -> dict[str, Any]:
    return response(
        *items, status="incomplete", incomplete_details={"reason": reason} if reason else None
    )


def events_of_response(complete: dict[str, Any], size: int = 8) -> list[dict[str, Any]]:
    """Return a response's events, with texts in pieces of `size` characters."""
    started = complete | {"status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": f"response.{name}", "response": started} for name in ("created", "in_progress")
    ]
    for at, item in enumerate(complete["output"]):
        location = {"item_id": item.get("id"), "output_index": at}
        events.append(
            {"type": "response.output_item.added", "output_index": at, "item": item | _empty(item)}
        )
        events += [event | location for event in _inside(item, size)]
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    ending = complete["status"] if complete["status"] in ("incomplete", "failed") else "completed"
    events.append({"type": f"response.{ending}", "response": complete})
    return [event | {"sequence_number": number} for number, event in enumerate(events)]


def _empty(item: Item) -> Item:
    return {
        name: value[:0]
        for name, value in item.items()
        if name in ("content", "summary", "arguments")
    }


def _inside(item: Item, size: int) -> list[dict[str, Any]]:
    if item["type"] == "function_call":
        pieces = _pieces("response.function_call_arguments", "delta", item["arguments"], size)
        return [
            *pieces,
            {"type": "response.function_call_arguments.done", "arguments": item["arguments"]},
        ]
    if item["type"] == "reasoning":
        return [
            event
            for at, part in enumerate(item["summary"])
            for event in _part("reasoning_summary", at, part, size)
        ]
    if item["type"] != "message":
        return []
    return [
        event
        for at, part in enumerate(item["content"])
        for event in _part("content", at, part, size)
    ]


def _part(name: str, at: int, part: Item, size: int) -> list[dict[str, Any]]:
    field = "refusal" if "refusal" in part else "text"
    index = {f"{name.removeprefix('reasoning_')}_index": at}
    stem = {"summary_text": "response.reasoning_summary_text", "refusal": "response.refusal"}.get(
        part["type"]
    )
    events = [
        {"type": f"response.{name}_part.added", "part": part | {field: ""}},
        *_pieces(stem or "response.output_text", "delta", part[field], size),
        {"type": f"{stem or 'response.output_text'}.done", field: part[field]},
        {"type": f"response.{name}_part.done", "part": part},
    ]
    return [event | index for event in events]


def _pieces(stem: str, ending: str, text: str, size: int) -> list[dict[str, Any]]:
    pieces = (text[start : start + size] for start in range(0, len(text), size))
    return [{"type": f"{stem}.{ending}", "delta": piece, "obfuscation": "x9Q"} for piece in pieces]


def frames(events: Sequence[Any]) -> list[bytes]:
    """Return events as they are sent on the wire."""
    named = (
        (event.get("type", "message"), event) if isinstance(event, dict) else ("message", event)
        for event in events
    )
    return [
        f"event: {name}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n"
        for name, event in named
    ]


def play_events(
    events: Sequence[Any], framing: Literal["chunked", "eof"] = "chunked", **rest: Any
) -> Answer:
    return Answer(
        pieces=tuple((0.0, frame) for frame in frames(events)), headers=SSE, framing=framing, **rest
    )


def openai_response(*items: Any, status: str | None = "completed", **rest: Any) -> Answer:
    return respond(200, response(*items, status=status, **rest), {"x-request-id": "req_answered"})


def openai_response_stream(
    *items: Any, framing: Literal["chunked", "eof"] = "chunked", **rest: Any
) -> Answer:
    return play_events(events_of_response(response(*items, **rest)), framing)


def openai_responses(*items: Any) -> Answers:
    """Answer with a complete response or a stream, as the request demands."""

    def answer(request: Received) -> Answer:
        return (openai_response_stream if request.json.get("stream") else openai_response)(*items)

    return answer
