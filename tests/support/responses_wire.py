"""What OpenAI's Responses API answers: items, responses of them, and the events that a stream brings them in."""

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
SERVED = "gpt-5.6-sol-2026-06-01"
RESPONSE_ID = "resp_0b86a26c238e40a9016a3c123bf5a4819e85647c55ab434a69"
SSE = {"Content-Type": "text/event-stream; charset=utf-8"}

Item = dict[str, Any]


def said(*texts: str, known_as: str = "msg_1") -> Item:
    parts = [
        {"type": "output_text", "text": text, "annotations": [], "logprobs": []} for text in texts
    ]
    return {
        "id": known_as,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": parts,
    }


def refused(words: str) -> Item:
    return said() | {"content": [{"type": "refusal", "refusal": words}]}


def thought(*summary: str, known_as: str = "rs_1", encrypted: str | None = None) -> Item:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {
        "type": "reasoning",
        "id": known_as,
        "summary": parts,
        **({"encrypted_content": encrypted} if encrypted else {}),
    }


def called(name: str, arguments: str, known_as: str = "call_1") -> Item:
    about = {"id": f"fc_{known_as}", "type": "function_call", "status": "completed"}
    return about | {"call_id": known_as, "name": name, "arguments": arguments}


def response(*items: Any, status: str | None = "completed", **rest: Any) -> dict[str, Any]:
    told = {
        "id": RESPONSE_ID,
        "object": "response",
        "created_at": 1_790_000_000,
        "status": status,
        "background": False,
    }
    return (
        told
        | {
            "error": None,
            "incomplete_details": None,
            "model": SERVED,
            "output": list(items),
            "usage": USAGE,
        }
        | rest
    )


def incomplete(reason: str | None, *items: Item) -> dict[str, Any]:
    return response(
        *items, status="incomplete", incomplete_details={"reason": reason} if reason else None
    )


def events_of_response(whole: dict[str, Any], size: int = 8) -> list[dict[str, Any]]:
    """Return a response as its events: what is said in pieces of `size` characters."""
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": f"response.{name}", "response": begun} for name in ("created", "in_progress")
    ]
    for at, item in enumerate(whole["output"]):
        about = {"item_id": item.get("id"), "output_index": at}
        events.append(
            {"type": "response.output_item.added", "output_index": at, "item": item | _empty(item)}
        )
        events += [event | about for event in _inside(item, size)]
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    ending = whole["status"] if whole["status"] in ("incomplete", "failed") else "completed"
    events.append({"type": f"response.{ending}", "response": whole})
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
    words, index = (
        ("refusal" if "refusal" in part else "text"),
        {f"{name.removeprefix('reasoning_')}_index": at},
    )
    stem = {"summary_text": "response.reasoning_summary_text", "refusal": "response.refusal"}.get(
        part["type"]
    )
    events = [
        {"type": f"response.{name}_part.added", "part": part | {words: ""}},
        *_pieces(stem or "response.output_text", "delta", part[words], size),
        {"type": f"{stem or 'response.output_text'}.done", words: part[words]},
        {"type": f"response.{name}_part.done", "part": part},
    ]
    return [event | index for event in events]


def _pieces(stem: str, ending: str, words: str, size: int) -> list[dict[str, Any]]:
    pieces = (words[start : start + size] for start in range(0, len(words), size))
    return [{"type": f"{stem}.{ending}", "delta": piece, "obfuscation": "x9Q"} for piece in pieces]


def frames(events: Sequence[Any]) -> list[bytes]:
    """Return events as they stand on the wire."""
    named = (
        (event.get("type", "message"), event) if isinstance(event, dict) else ("message", event)
        for event in events
    )
    return [
        f"event: {name}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n"
        for name, event in named
    ]


def played(
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
    return played(events_of_response(response(*items, **rest)), framing)


def openai_responses(*items: Any) -> Answers:
    """Answer whole or streamed, as the request says."""

    def answer(request: Received) -> Answer:
        return (openai_response_stream if request.json.get("stream") else openai_response)(*items)

    return answer
