"""Each wire's answers in their other form: a stream as a complete answer, and the reverse."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from standby.plugin import decode_json
from tests.oracles.expected import Wire
from tests.providers.anthropic.wire_server import events as anthropic_events

END_EVENTS = {"response.completed", "response.incomplete", "response.failed"}


def sse(payloads: Iterable[Any], *, end: str = "\n\n", done: bool = False) -> bytes:
    frames = [b"data: " + msgspec.json.encode(payload) + end.encode() for payload in payloads]
    return b"".join(frames) + (b"data: [DONE]\n\n" if done else b"")


def merge_events(wire: Wire, events: Sequence[Any]) -> Any:
    """Return the complete answer that a stream's events make up."""
    if wire == "responses":
        return next(event["response"] for event in events if event["type"] in END_EVENTS)
    merge = {"chat": _merge_chat, "anthropic": _merge_anthropic}.get(wire, _merge_gemini)
    return merge(events)


def split_answer(wire: Wire, answer: Any) -> bytes:
    """Return a stream that makes up a complete answer."""
    match wire:
        case "responses":
            return sse(_split_responses(answer))
        case "anthropic":
            return sse(anthropic_events(answer))
        case "chat":
            return sse(_split_chat(answer), done=True)
        case _:
            return sse(_split_gemini(answer), end="\r\n\r\n")


def _pieces(text: str, count: int = 3) -> Iterator[str]:
    """Split a text into about as many pieces."""
    step = max(1, -(-len(text) // count))
    return (text[at : at + step] for at in range(0, len(text), step))


def _merge_gemini(events: Sequence[Any]) -> Any:
    answer: dict[str, Any] = {}
    parts: list[Any] = []
    candidate: dict[str, Any] = {}
    for event in events:
        answer |= {name: value for name, value in event.items() if name != "candidates"}
        for each in event.get("candidates", ()):
            parts += each.get("content", {}).get("parts", ())
            candidate |= each
    if candidate:
        candidate["content"] = {"role": "model", "parts": parts}
        answer["candidates"] = [candidate]
    return answer


def _split_gemini(answer: Any) -> Iterator[Any]:
    head = {name: value for name, value in answer.items() if name in ("modelVersion", "responseId")}
    candidate: dict[str, Any] = next(iter(answer.get("candidates", ())), {})
    for part in candidate.get("content", {}).get("parts", ()):
        for piece in _split_part(part):
            content = {"role": "model", "parts": [piece]}
            yield head | {"candidates": [{"content": content, "index": 0}]}
    last = {"candidates": [candidate | {"content": {"role": "model"}}]} if candidate else {}
    yield answer | last


def _split_part(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Split a part's text; only the last piece keeps the part's other fields."""
    texts = list(_pieces(part.get("text", "")))
    thought = {"thought": True} if part.get("thought") else {}
    for text in texts[:-1]:
        yield {"text": text} | thought
    yield part | ({"text": texts[-1]} if texts else {})


def _merge_chat(events: Sequence[Any]) -> Any:
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    calls: dict[int, Any] = {}
    finish, usage = None, None
    for event in events:
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            finish = choice.get("finish_reason") or finish
            _add_delta(message, calls, choice["delta"])
    if calls:
        message["tool_calls"] = [call for _, call in sorted(calls.items())]
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": events[0]["id"], "model": events[0]["model"], "choices": [choice], "usage": usage}


def _add_delta(message: dict[str, Any], calls: dict[int, Any], delta: dict[str, Any]) -> None:
    for name in ("content", "refusal"):
        if delta.get(name):
            message[name] = (message[name] or "") + delta[name]
    for fragment in delta.get("tool_calls", ()):
        empty = {"type": "function", "function": {"name": "", "arguments": ""}}
        call = calls.setdefault(fragment["index"], empty)
        if "id" in fragment:
            call["id"] = fragment["id"]
        for name, value in fragment["function"].items():
            call["function"][name] += value


def _merge_anthropic(events: Sequence[Any]) -> Any:
    """Merge a message; one that an error broke is that error."""
    message: dict[str, Any] = {}
    inputs: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "error":
                return event
            case "message_start":
                message = event["message"] | {"content": []}
            case "content_block_start":
                message["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                _add_block_delta(message["content"], inputs, event)
            case "message_delta":
                message |= event["delta"] | {"usage": message["usage"] | event["usage"]}
    for index, json in inputs.items():
        message["content"][index] |= {"input": decode_json(json)} if json else {}
    return message


def _add_block_delta(blocks: list[Any], inputs: dict[int, str], event: dict[str, Any]) -> None:
    index = event["index"]
    delta = {name: value for name, value in event["delta"].items() if name != "type"}
    inputs[index] = inputs.get(index, "") + delta.pop("partial_json", "")
    for name, value in delta.items():
        blocks[index][name] += value


def _split_chat(answer: Any) -> Iterator[Any]:
    [choice] = answer["choices"]
    message = choice["message"]
    head = {"id": answer["id"], "object": "chat.completion.chunk", "model": answer["model"]}

    def chunk(finish: str | None = None, **delta: Any) -> Any:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk(role="assistant", content="")
    for name in ("content", "refusal"):
        for text in _pieces(message.get(name) or ""):
            yield chunk(**{name: text})
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        yield chunk(tool_calls=[call | {"index": index, "function": function | {"arguments": ""}}])
        for text in _pieces(function["arguments"]):
            yield chunk(tool_calls=[{"index": index, "function": {"arguments": text}}])
    yield chunk(choice["finish_reason"])
    yield head | {"choices": [], "usage": answer["usage"]}


def _split_responses(answer: Any) -> Iterator[Any]:
    started = answer | {"status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": started}
    for index, item in enumerate(answer["output"]):
        at = {"output_index": index}
        added = item | {"status": "in_progress"}
        yield {"type": "response.output_item.added", "item": added, **at}
        yield from _split_item(item, at)
        yield {"type": "response.output_item.done", "item": item, **at}
    yield {"type": f"response.{answer['status']}", "response": answer}


def _split_item(item: dict[str, Any], at: dict[str, int]) -> Iterator[Any]:
    for number, part in enumerate(item.get("summary") or ()):
        summary = {"summary_index": number}
        yield {"type": "response.reasoning_summary_part.added", **summary}
        for text in _pieces(part["text"]):
            yield {"type": "response.reasoning_summary_text.delta", "delta": text, **summary}
    for part in item.get("content") or ():
        for text in _pieces(part.get("text", "")):
            yield {"type": "response.output_text.delta", "delta": text, **at}
    for text in _pieces(item.get("arguments", "")):
        yield {"type": "response.function_call_arguments.delta", "delta": text, **at}
