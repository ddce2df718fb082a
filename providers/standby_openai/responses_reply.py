"""A 200 of Responses, read into a reply or into the failure that it really is.

A stream's last event repeats the whole response, so the same code reads streams and complete
responses. The functions are pure and import no SDK.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
from standby_openai.failures import is_error, read_failure

GAP = "\n\n"
"""Separates two messages of one response, and two parts of a summary."""

_END_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_CALL_EVENTS = "response.function_call_arguments."


def read_reply(answer: Any) -> Reply:
    """Parse a complete response.

    Args:
        answer: The decoded JSON of the response's body.

    Returns:
        The reply.

    Raises:
        AttemptFailed: The response is an error, is malformed, or did not end well.
    """
    response = _check(answer)
    return _build_reply(response, _get_objects(response.get("output")))


class _Paragraphs:
    """A text in paragraphs, as a stream delivers it."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._gap = ""

    def begin(self) -> None:
        """Begin another paragraph; the gap is added only once it has text."""
        self._gap = GAP if self._pieces else ""

    def add(self, delta: str) -> str:
        gap, self._gap = self._gap, ""
        self._pieces.append(f"{gap}{delta}")
        return self._pieces[-1]

    def missing(self, full_text: str) -> str:
        """Return the part of the full text that the stream has not delivered."""
        text = "".join(self._pieces)
        return full_text[len(text) :] if full_text.startswith(text) else ""


class Reader:
    """Reads the events of a stream.

    Only the event that ends the response ends the answer.
    """

    def __init__(self) -> None:
        """Start with nothing read."""
        self._items: list[dict[str, Any]] = []
        self._response: dict[str, Any] = {}
        self._text = _Paragraphs()
        self._thought = _Paragraphs()

    @property
    def finished(self) -> bool:
        """Whether the end marker has come."""
        return bool(self._response)

    def read(self, event: Any) -> Chunk | None:
        """Read one event.

        Args:
            event: The decoded JSON.

        Returns:
            Its text or reasoning, or the sign that the model writes a call; `None` if it has none
            of them.

        Raises:
            AttemptFailed: It is an error, or is malformed.
        """
        if self._response:  # the end event held everything
            return None
        return self._read(_check(event))

    def _read(self, event: Mapping[str, Any]) -> Chunk | None:
        kind, delta = get_str(event.get("type")), get_str(event.get("delta"))
        item = get_object(event.get("item"))
        match kind:
            case "response.output_text.delta" if delta:
                return Chunk(self._text.add(delta))
            case "response.reasoning_summary_text.delta" if delta:
                return Chunk(reasoning=self._thought.add(delta))
            case "response.reasoning_summary_part.added":
                self._thought.begin()
            case "response.output_item.added" if item.get("type") == "message":
                self._text.begin()
            case "response.output_item.done":
                self._items.append(item)
            case _ if kind in _END_EVENTS:
                self._response = get_object(event.get("response"))
                return None
            case _:
                pass  # every other event is ignored
        working = item.get("type") == "function_call" or kind.startswith(_CALL_EVENTS)
        return Chunk(working=True) if working else None

    def final_chunks(self) -> list[Chunk]:
        """Build the last chunks of a stream.

        Returns:
            The text that the stream has not delivered yet, its tool calls, and its end.

        Raises:
            AttemptFailed: The answer did not end well, or not at all.
        """
        if not self._response:
            raise malformed("the stream has no response.completed, so the answer is incomplete")
        items = _get_objects(self._response.get("output")) or self._items
        reply = _build_reply(self._response, items)
        text, thought = self._text.missing(reply.text), self._thought.missing(reply.reasoning)
        remainder = [Chunk(text, reasoning=thought)] if text or thought else []
        end = End(
            finish=reply.finish,
            usage=reply.usage,
            response_model=reply.response_model,
            id=reply.id,
            provider_state=reply.provider_state,
        )
        return [*remainder, *(Chunk(tool_call=call) for call in reply.tool_calls), Chunk(end=end)]


def _check(answer: Any) -> dict[str, Any]:
    if is_error(answer):
        raise AttemptFailed(read_failure(200, {}, answer))
    if not isinstance(answer, dict):
        raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
    return get_object(answer)


def _build_reply(response: Mapping[str, Any], items: Sequence[dict[str, Any]]) -> Reply:
    if response.get("error"):
        raise AttemptFailed(read_failure(200, {}, response))
    messages = [
        _get_objects(item.get("content")) for item in items if item.get("type") == "message"
    ]
    text = GAP.join(filter(None, (_join(parts, "output_text", "text") for parts in messages)))
    calls = _parse_calls(items, cut=response.get("status") == "incomplete")
    thoughts = [item for item in items if item.get("type") == "reasoning"]
    usage = _parse_usage(get_object(response.get("usage")))
    _raise_if_refused(messages)
    finish = _parse_finish(response, usage, has_output=bool(text or calls))
    return Reply(
        text=text,
        reasoning=GAP.join(_find_summaries(thoughts)),
        provider_state=_encode_thoughts(thoughts),
        tool_calls=calls,
        finish=Finish.TOOL_CALLS if calls and finish is Finish.STOP else finish,
        usage=usage,
        response_model=get_str(response.get("model")),
        id=get_str(response.get("id")),
    )


def _raise_if_refused(messages: Iterable[Iterable[Mapping[str, Any]]]) -> None:
    code = "refusal"
    message = "".join(_join(parts, code, code) for parts in messages)
    if message:
        raise _failure(Kind.BLOCKED, code, message)


def _parse_finish(response: Mapping[str, Any], usage: Usage, *, has_output: bool) -> Finish:
    """Parse why the answer ended; raise `AttemptFailed` if it did not end well."""
    status = get_str(response.get("status"))
    reason = get_str(get_object(response.get("incomplete_details")).get("reason"))
    if reason == "content_filter":
        message = "the answer was blocked by the content filter"
        raise _failure(Kind.BLOCKED, reason, message)
    if status == "incomplete" and reason == "max_output_tokens":
        if not has_output:
            spent = f"{usage.reasoning} tokens on reasoning"
            message = f"empty: max_tokens was spent, {spent}, before any text came"
            raise _failure(Kind.EMPTY, reason, message)
        return Finish.LENGTH
    if status != "completed":
        raise malformed(f"the response has the status {status or 'none'!r}, so it is incomplete")
    return Finish.STOP


def _parse_calls(items: Iterable[Mapping[str, Any]], *, cut: bool) -> tuple[ToolCall, ...]:
    """Parse the tool calls.

    Where the token limit cut the answer, an incomplete call is omitted; otherwise it makes the
    answer malformed.
    """
    calls: list[ToolCall] = []
    for item in items:
        if item.get("type") != "function_call":
            continue
        name, call_id = get_str(item.get("name")), get_str(item.get("call_id"))
        arguments = _parse_arguments(item.get("arguments", ""), cut=cut)
        if name and isinstance(arguments, dict):
            call_id = call_id or f"call_{len(calls)}"
            calls.append(ToolCall(id=call_id, name=name, arguments=get_object(arguments)))
        elif not cut:
            raise malformed("a tool call has no name, or its arguments are not a JSON object")
    return tuple(calls)


def _parse_arguments(arguments: Any, *, cut: bool) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return decode_json(arguments or ("" if cut else "{}"))
    except AttemptFailed:
        return None


def _join(parts: Iterable[Mapping[str, Any]], kind: str, name: str) -> str:
    """Join the texts that the parts of one kind hold under a name."""
    return "".join(get_str(part.get(name)) for part in parts if part.get("type") == kind)


def _find_summaries(thoughts: Iterable[Mapping[str, Any]]) -> list[str]:
    parts = [part for item in thoughts for part in _get_objects(item.get("summary"))]
    return [text for text in (get_str(part.get("text")) for part in parts) if text]


def _encode_thoughts(thoughts: Iterable[Mapping[str, Any]]) -> str:
    """Encode the thoughts that can be returned: the encrypted ones, since nothing is stored."""
    fields = ("type", "id", "summary", "encrypted_content")
    kept = [
        {name: item[name] for name in fields if name in item}
        for item in thoughts
        if item.get("encrypted_content")
    ]
    return msgspec.json.encode(kept).decode() if kept else ""


def _get_objects(value: Any) -> list[dict[str, Any]]:
    return [get_object(item) for item in get_list(value)]


def _parse_usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=get_int(counts, "input_tokens"),
        output=get_int(counts, "output_tokens"),
        reasoning=get_int(counts.get("output_tokens_details"), "reasoning_tokens"),
        cached=get_int(counts.get("input_tokens_details"), "cached_tokens"),
    )


def _failure(kind: Kind, code: str, message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
