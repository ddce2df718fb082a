"""What Responses answers with 200, read into a reply or into the failure that it really is. Pure; knows no SDK.

A stream's last event brings the whole response once more, so that a stream and a whole answer are
read by the same code.
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
    decode_json,
    get_int,
    get_list,
    get_object,
    get_str,
    malformed,
)
from standby_openai.failures import failure_of, is_error

GAP = "\n\n"
"""Stands between two messages of one response, and between two parts of a summary."""

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def reply_of(answer: Any) -> Reply:
    """Read a whole answer; raises `AttemptFailed`."""
    if is_error(answer):
        raise AttemptFailed(failure_of(200, {}, answer))
    if not isinstance(answer, dict):
        raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
    told = get_object(answer)
    items = _items(told.get("output"))
    return _reply(told, items)


class _Told:
    """What has been told of a text in paragraphs, as a stream brings it."""

    def __init__(self) -> None:
        self._told = ""
        self._gap = ""

    def begins(self) -> None:
        """Note that another paragraph begins; one that stays empty is none."""
        self._gap = GAP if self._told else ""

    def goes_on(self, delta: str) -> str:
        gap, self._gap = self._gap, ""
        self._told += gap + delta
        return gap + delta

    def left_of(self, whole: str) -> str:
        """Return what of the whole text has not been told."""
        return whole[len(self._told) :] if whole.startswith(self._told) else ""


class Reader:
    """Reads the events of a stream; only the event that ends the response ends the answer."""

    def __init__(self) -> None:
        """Nothing read yet."""
        self._items: list[dict[str, Any]] = []
        self._response: dict[str, Any] = {}
        self._text = _Told()
        self._thought = _Told()

    @property
    def finished(self) -> bool:
        """Say whether the end marker has come."""
        return bool(self._response)

    def chunk(self, event: Any) -> Chunk | None:
        """Take in one event; return its words, or its sign of life, if it has any. Raises `AttemptFailed`."""
        if self._response:  # which has all that there is to say
            return None
        if is_error(event):
            raise AttemptFailed(failure_of(200, {}, event))
        if not isinstance(event, dict):
            raise malformed(f"expected a JSON object, got a {type(event).__name__}")
        return self._read(get_object(event))

    def _read(self, event: Mapping[str, Any]) -> Chunk | None:
        kind, delta = get_str(event.get("type")), get_str(event.get("delta"))
        if kind in _ENDS:
            self._response = get_object(event.get("response"))
            return None
        item = get_object(event.get("item"))
        if kind == "response.output_item.done":
            self._items.append(item)
        if kind == "response.output_text.delta" and delta:
            return Chunk(self._text.goes_on(delta))
        if kind == "response.reasoning_summary_text.delta" and delta:
            return Chunk(reasoning=self._thought.goes_on(delta))
        if kind == "response.reasoning_summary_part.added":
            self._thought.begins()
        if kind == "response.output_item.added" and item.get("type") == "message":
            self._text.begins()
        writes = item.get("type") == "function_call" or kind.startswith(
            "response.function_call_arguments."
        )
        return Chunk(working=True) if writes else None

    def rest(self) -> list[Chunk]:
        """Return the last chunks: what has not been said, tool calls, and the end. Raises `AttemptFailed` if it ended badly."""
        if not self._response:
            raise malformed("the stream has no response.completed, so the answer is not whole")
        reply = _reply(self._response, _items(self._response.get("output")) or self._items)
        text, thought = self._text.left_of(reply.text), self._thought.left_of(reply.reasoning)
        said = [Chunk(text, reasoning=thought)] if text or thought else []
        end = End(
            finish=reply.finish,
            usage=reply.usage,
            response_model=reply.response_model,
            id=reply.id,
            provider_state=reply.provider_state,
        )
        return [*said, *(Chunk(tool_call=call) for call in reply.tool_calls), Chunk(end=end)]


def _reply(response: Mapping[str, Any], items: Sequence[dict[str, Any]]) -> Reply:
    if response.get("error"):
        raise AttemptFailed(failure_of(200, {}, response))
    said = [_items(item.get("content")) for item in items if item.get("type") == "message"]
    content = [part for parts in said for part in parts]
    text = GAP.join(filter(None, map(_text, said)))
    cut = response.get("status") == "incomplete"
    calls = _calls(items, cut=cut)
    thoughts = [item for item in items if item.get("type") == "reasoning"]
    usage = _usage(get_object(response.get("usage")))
    return Reply(
        text=text,
        reasoning=GAP.join(_summaries(thoughts)),
        provider_state=_private(thoughts),
        tool_calls=calls,
        finish=_finish(
            response,
            _refusal(content),
            anything=bool(text or calls),
            called=bool(calls),
            usage=usage,
        ),
        usage=usage,
        response_model=get_str(response.get("model")),
        id=get_str(response.get("id")),
    )


def _finish(
    response: Mapping[str, Any], refusal: str, *, anything: bool, called: bool, usage: Usage
) -> Finish:
    """Say how the answer ended; raises `AttemptFailed` if it did not end well."""
    status, reason = (
        get_str(response.get("status")),
        get_str(get_object(response.get("incomplete_details")).get("reason")),
    )
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
        name, known_as = get_str(item.get("name")), get_str(item.get("call_id"))
        try:
            written = item.get("arguments", "")
            arguments = (
                decode_json(written or ("" if cut else "{}"))
                if isinstance(written, str)
                else written
            )
        except AttemptFailed:
            arguments = None
        if name and isinstance(arguments, dict):
            found.append(
                ToolCall(
                    id=known_as or f"call_{len(found)}", name=name, arguments=get_object(arguments)
                )
            )
        elif not cut:
            raise malformed("a tool call has no name, or arguments that are no JSON object")
    return tuple(found)


def _text(content: Iterable[Mapping[str, Any]]) -> str:
    return "".join(
        get_str(part.get("text")) for part in content if part.get("type") == "output_text"
    )


def _summaries(thoughts: Iterable[Mapping[str, Any]]) -> list[str]:
    parts = [part for item in thoughts for part in _items(item.get("summary"))]
    return [text for text in (get_str(part.get("text")) for part in parts) if text]


def _private(thoughts: Iterable[Mapping[str, Any]]) -> str:
    """Return the thoughts that can be given back: those that came encrypted, since nothing is stored."""
    kept = [
        {
            name: item[name]
            for name in ("type", "id", "summary", "encrypted_content")
            if name in item
        }
        for item in thoughts
        if item.get("encrypted_content")
    ]
    return msgspec.json.encode(kept).decode() if kept else ""


def _refusal(content: Iterable[Mapping[str, Any]]) -> str:
    return "".join(
        get_str(part.get("refusal")) for part in content if part.get("type") == "refusal"
    )


def _items(value: Any) -> list[dict[str, Any]]:
    return [get_object(item) for item in get_list(value)]


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=get_int(counts, "input_tokens"),
        output=get_int(counts, "output_tokens"),
        reasoning=get_int(counts.get("output_tokens_details"), "reasoning_tokens"),
        cached=get_int(counts.get("input_tokens_details"), "cached_tokens"),
    )


def _fail(kind: Kind, code: str, message: str) -> NoReturn:
    raise AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
