"""What Responses answers with 200, read into a reply or into the failure that it really is. Pure; knows no SDK.

A stream's last event brings the whole response once more, so that a stream and a whole answer are read by the same code.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from standby.plugin import (
    AttemptFailed,
    Chunk,
    End,
    Failure,
    Finish,
    Kind,
    Reply,
    ToolCall,
    Usage,
    count_in,
    decoded,
    list_in,
    malformed,
    object_in,
    text_in,
)
from standby_openai.failures import failure_of, is_error

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def reply_of(answer: Any) -> Reply:
    """Read a whole answer; raises `AttemptFailed`."""
    if is_error(answer):
        raise AttemptFailed(failure_of(200, {}, answer))
    if not isinstance(answer, dict):
        raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
    told = object_in(answer)
    items = _items(told.get("output"))
    return _reply(told, items)


class Reader:
    """Reads the events of a stream; only the event that ends the response ends the answer."""

    def __init__(self) -> None:
        """Nothing read yet."""
        self._items: list[dict[str, Any]] = []
        self._response: dict[str, Any] = {}
        self._said = False
        self._thought = False

    @property
    def finished(self) -> bool:
        """Say whether the end marker has come."""
        return bool(self._response)

    def chunk(self, event: Any) -> Chunk | None:
        """Take in one event; return its words, or its sign of life, if it has any. Raises `AttemptFailed`."""
        if is_error(event):
            raise AttemptFailed(failure_of(200, {}, event))
        if not isinstance(event, dict):
            raise malformed(f"expected a JSON object, got a {type(event).__name__}")
        return self._read(object_in(event))

    def _read(self, event: Mapping[str, Any]) -> Chunk | None:
        kind, delta = text_in(event.get("type")), text_in(event.get("delta"))
        if kind in _ENDS:
            self._response = object_in(event.get("response"))
            return None
        if kind == "response.output_item.done":
            self._items.append(object_in(event.get("item")))
        if kind == "response.output_text.delta" and delta:
            self._said = True
            return Chunk(delta)
        if kind == "response.reasoning_summary_text.delta" and delta:
            self._thought = True
            return Chunk(reasoning=delta)
        if kind == "response.reasoning_summary_part.added" and self._thought:
            return Chunk(reasoning="\n\n")
        return Chunk(working=True) if kind.startswith(("response.output_item.", "response.function_call_arguments.")) else None

    def rest(self) -> list[Chunk]:
        """Return the last chunks: what has not been said, tool calls, and the end. Raises `AttemptFailed` if it ended badly."""
        if not self._response:
            raise malformed("the stream has no response.completed, so the answer is not whole")
        reply = _reply(self._response, _items(self._response.get("output")) or self._items)
        said = [] if self._said or not reply.text else [Chunk(reply.text)]
        end = End(finish=reply.finish, usage=reply.usage, served=reply.served, id=reply.id, private=reply.private)
        return [*said, *(Chunk(tool_call=call) for call in reply.tool_calls), Chunk(end=end)]


def _reply(response: Mapping[str, Any], items: Sequence[dict[str, Any]]) -> Reply:
    if response.get("error"):
        raise AttemptFailed(failure_of(200, {}, response))
    content = [part for item in items if item.get("type") == "message" for part in _items(item.get("content"))]
    text = "".join(text_in(part.get("text")) for part in content if part.get("type") == "output_text")
    cut = response.get("status") == "incomplete"
    calls = _calls(items, cut=cut)
    thoughts = [item for item in items if item.get("type") == "reasoning"]
    usage = _usage(object_in(response.get("usage")))
    return Reply(
        text=text,
        reasoning="\n\n".join(_told(thoughts)),
        private=_private(thoughts),
        tool_calls=calls,
        finish=_finish(response, _refusal(content), anything=bool(text or calls), called=bool(calls), usage=usage),
        usage=usage,
        served=text_in(response.get("model")),
        id=text_in(response.get("id")),
    )


def _finish(response: Mapping[str, Any], refusal: str, *, anything: bool, called: bool, usage: Usage) -> Finish:
    """Say how the answer ended; raises `AttemptFailed` if it did not end well."""
    status, reason = text_in(response.get("status")), text_in(object_in(response.get("incomplete_details")).get("reason"))
    if refusal:
        _fail(Kind.BLOCKED, "refusal", refusal)
    if reason == "content_filter":
        _fail(Kind.BLOCKED, reason, "the answer was blocked by the content filter")
    if status == "incomplete" and reason == "max_output_tokens":
        if not anything:
            words = f"empty: max_tokens was spent, {usage.reasoning} tokens on reasoning, before any text came"
            _fail(Kind.EMPTY, reason, words)
        return Finish.LENGTH
    if status != "completed":
        raise malformed(f"the response has the status {status or 'none'!r}, so it is not whole")
    return Finish.TOOL_CALLS if called else Finish.STOP


def _calls(items: Iterable[Mapping[str, Any]], *, cut: bool) -> tuple[ToolCall, ...]:
    """Return the tool calls; one that a limit has cut is left out, any other that is no call makes the answer malformed."""
    found: list[ToolCall] = []
    for item in items:
        if item.get("type") != "function_call":
            continue
        name, known_as = text_in(item.get("name")), text_in(item.get("call_id"))
        try:
            arguments = decoded(text_in(item.get("arguments")) or ("" if cut else "{}"))
        except AttemptFailed:
            arguments = None
        if name and isinstance(arguments, dict):
            found.append(ToolCall(id=known_as or f"call_{len(found)}", name=name, arguments=object_in(arguments)))
        elif not cut:
            raise malformed("a tool call has no name, or arguments that are no JSON object")
    return tuple(found)


def _told(thoughts: Iterable[Mapping[str, Any]]) -> list[str]:
    parts = [part for item in thoughts for part in _items(item.get("summary"))]
    return [text for text in (text_in(part.get("text")) for part in parts) if text]


def _private(thoughts: Iterable[Mapping[str, Any]]) -> str:
    """Return the thoughts that can be given back: those that came encrypted, since nothing is stored."""
    kept = [
        {name: item[name] for name in ("type", "id", "summary", "encrypted_content") if name in item}
        for item in thoughts
        if item.get("encrypted_content")
    ]
    return msgspec.json.encode(kept).decode() if kept else ""


def _refusal(content: Iterable[Mapping[str, Any]]) -> str:
    return "".join(text_in(part.get("refusal")) for part in content if part.get("type") == "refusal")


def _items(value: Any) -> list[dict[str, Any]]:
    return [object_in(item) for item in list_in(value)]


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=count_in(counts, "input_tokens"),
        output=count_in(counts, "output_tokens"),
        reasoning=count_in(counts.get("output_tokens_details"), "reasoning_tokens"),
        cached=count_in(counts.get("input_tokens_details"), "cached_tokens"),
    )


def _fail(kind: Kind, code: str, message: str) -> NoReturn:
    raise AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
