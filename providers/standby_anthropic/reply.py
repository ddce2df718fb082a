"""A 200 of the Messages API, read into a reply or into the failure that it really is.

Nothing in a 200 is trusted. A complete message is read as its stream would be, so that both give
the same reply. The functions are pure and import no SDK.
"""

from collections.abc import Mapping
from typing import Any

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
from standby_anthropic.failures import is_error, read_failure
from standby_anthropic.thoughts import encode_state

_COMPLETE = frozenset({"end_turn", "stop_sequence", "tool_use"})
_CUT = frozenset({"max_tokens", "model_context_window_exceeded"})


def read_reply(answer: Any) -> Reply:
    """Parse a complete response.

    Args:
        answer: The decoded JSON of the response's body.

    Returns:
        The reply.

    Raises:
        AttemptFailed: The response is an error, is malformed, or did not end well.
    """
    reader = Reader()
    reader.read_message(answer)
    end = reader.build_end()
    return Reply(
        text=reader.text,
        reasoning=reader.reasoning,
        provider_state=end.provider_state,
        tool_calls=reader.tool_calls,
        finish=end.finish,
        usage=end.usage,
        response_model=end.response_model,
        id=end.id,
    )


class _Block:
    """A content block as it arrives: how it begins, and what is added to it."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self.kind = get_str(start.get("type"))
        self.name = get_str(start.get("name"))
        self.id = get_str(start.get("id"))
        self.data = get_str(start.get("data"))
        self._texts = [self._get_text(start)]
        self._signatures = [get_str(start.get("signature"))]
        self.input: Any = start.get("input")
        self.stopped = False
        self._input_fragments: list[str] = []

    def add(self, delta: Mapping[str, Any]) -> str:
        """Add a delta; return its text. Citations and unknown deltas have none."""
        text = self._get_text(delta)
        self._texts.append(text)
        self._signatures.append(get_str(delta.get("signature")))
        self._input_fragments.append(get_str(delta.get("partial_json")))
        return text

    def _get_text(self, content: Mapping[str, Any]) -> str:
        return get_str(content.get("text" if self.kind == "text" else "thinking"))

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    @property
    def thought(self) -> dict[str, Any] | None:
        """The block as it must be returned to the model, if it is a thought."""
        if self.kind == "thinking":
            signature = "".join(self._signatures)
            return {"type": "thinking", "thinking": self.text, "signature": signature}
        if self.kind == "redacted_thinking":
            return {"type": "redacted_thinking", "data": self.data}
        return None

    @property
    def state(self) -> dict[str, Any] | str | None:
        """The block as the reply's `provider_state` keeps it."""
        return None if self.kind == "tool_use" else self.thought or self.text

    def build_call(self, position: int) -> ToolCall | None:
        """Build the tool call.

        Returns:
            The call; `None` without a name, or with an input that is not a complete JSON object.
        """
        written = "".join(self._input_fragments).strip()
        try:
            arguments = decode_json(written) if written else self.input
        except AttemptFailed:
            return None
        if not isinstance(arguments, dict) or not self._is_complete:
            return None
        return ToolCall(
            id=self.id or f"toolu_{position}", name=self.name, arguments=get_object(arguments)
        )

    @property
    def _is_complete(self) -> bool:
        return bool(self.name) and self.stopped


class Reader:
    """Reads one answer: a complete message, or the events of a stream as they come.

    Only its end marker ends it.
    """

    def __init__(self) -> None:
        """Start with nothing read."""
        self.finished = False
        self._blocks: dict[int, _Block] = {}
        self._counts: dict[str, Any] = {}
        self._model = ""
        self._id = ""
        self._stop_reason = ""
        self._stop_details: Mapping[str, Any] = {}

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(block.text for block in self._blocks.values() if block.kind == "text")

    @property
    def reasoning(self) -> str:
        """The thoughts so far that the model shows."""
        return "".join(block.text for block in self._blocks.values() if block.kind == "thinking")

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The complete calls, in order."""
        calls = (block.build_call(at) for at, block in enumerate(self._call_blocks))
        return tuple(call for call in calls if call is not None)

    @property
    def _call_blocks(self) -> list[_Block]:
        """The calls' blocks; the last block of a cut answer may look complete, and is not."""
        blocks = list(self._blocks.values())
        complete = blocks[:-1] if self._stop_reason in _CUT else blocks
        return [block for block in complete if block.kind == "tool_use"]

    def read_message(self, answer: Any) -> None:
        """Read a complete message.

        Args:
            answer: The decoded JSON.

        Raises:
            AttemptFailed: It is an error, or is malformed.
        """
        message = _check(answer)
        if message.get("type") != "message":
            raise malformed(f"expected a message, got the type {get_str(message.get('type'))!r}")
        self._start(message)
        for index, content in enumerate(get_list(message.get("content"))):
            block = self._blocks[index] = _Block(get_object(content))
            block.stopped = True
        self._stop(message)
        self.finished = True

    def read(self, event: Any) -> Chunk | None:
        """Read one event of a stream.

        Args:
            event: The decoded JSON.

        Returns:
            Its text or reasoning, or the sign that the model works; `None` if it has none of them.

        Raises:
            AttemptFailed: It is an error, or is malformed.
        """
        content = _check(event)
        index = get_int(content, "index")
        match content.get("type"):
            case "message_start":
                self._start(get_object(content.get("message")))
            case "content_block_start":
                block = self._blocks[index] = _Block(get_object(content.get("content_block")))
                return _build_chunk(block, block.text)
            case "content_block_delta" if index in self._blocks:
                block = self._blocks[index]
                return _build_chunk(block, block.add(get_object(content.get("delta"))))
            case "content_block_stop" if index in self._blocks:
                self._blocks[index].stopped = True
            case "ping" if self._is_thinking:  # hidden thoughts give no other sign
                return Chunk(working=True)
            case "message_delta":
                self._counts |= _get_counts(content)
                self._stop(get_object(content.get("delta")))
            case "message_stop":
                self.finished = True
            case _:
                pass  # "we may add new event types": docs.anthropic.com, "Streaming messages"
        return None

    @property
    def _is_thinking(self) -> bool:
        return any(
            block.kind == "thinking" and not block.stopped for block in self._blocks.values()
        )

    def _start(self, message: Mapping[str, Any]) -> None:
        self._model = get_str(message.get("model"))
        self._id = get_str(message.get("id"))
        self._counts |= _get_counts(message)

    def _stop(self, message: Mapping[str, Any]) -> None:
        self._stop_reason = get_str(message.get("stop_reason")) or self._stop_reason
        self._stop_details = get_object(message.get("stop_details")) or self._stop_details

    def build_end(self) -> End:
        """Build the end of the answer.

        Returns:
            Why the answer ended, its usage, and what identifies it.

        Raises:
            AttemptFailed: The answer did not end well, or not at all.
        """
        reason = self._stop_reason
        if reason == "refusal":
            raise self._blocked()
        if not self.finished or not reason:
            raise malformed("the answer has no stop_reason and message_stop, so it is incomplete")
        if reason in _CUT:
            return self._cut_end()
        calls = self._call_blocks
        is_expected = bool(calls) if reason == "tool_use" else reason in _COMPLETE
        if not is_expected:
            raise malformed(f"the answer ended with the unexpected stop_reason {reason!r}")
        if len(self.tool_calls) < len(calls):
            raise malformed("a tool call has no name, or its input is not a JSON object")
        return self._end(Finish.TOOL_CALLS if calls else Finish.STOP)

    def final_chunks(self) -> list[Chunk]:
        """Build the last chunks of a stream.

        Returns:
            Its tool calls, and its end.

        Raises:
            AttemptFailed: The answer did not end well, or not at all.
        """
        end = self.build_end()
        return [*(Chunk(tool_call=call) for call in self.tool_calls), Chunk(end=end)]

    def _blocked(self) -> AttemptFailed:
        category = get_str(self._stop_details.get("category"))
        explanation = get_str(self._stop_details.get("explanation"))
        message = explanation or f"the model refused{category and f': {category}'}"
        return _failure(Kind.BLOCKED, "refusal", message)

    def _cut_end(self) -> End:
        if not self.text and not self.tool_calls:
            spent = f"{self._usage.reasoning} tokens on thinking"
            message = f"empty: max_tokens was spent, {spent}, before any text came"
            raise _failure(Kind.EMPTY, self._stop_reason, message)
        return self._end(Finish.LENGTH)

    def _end(self, finish: Finish) -> End:
        return End(
            finish=finish,
            usage=self._usage,
            response_model=self._model,
            id=self._id,
            provider_state=encode_state([block.state for block in self._blocks.values()]),
        )

    @property
    def _usage(self) -> Usage:
        cached = get_int(self._counts, "cache_read_input_tokens")
        created = get_int(self._counts, "cache_creation_input_tokens")
        return Usage(
            input=get_int(self._counts, "input_tokens") + cached + created,
            output=get_int(self._counts, "output_tokens"),
            reasoning=get_int(self._counts.get("output_tokens_details"), "thinking_tokens"),
            cached=cached,
        )


def _check(answer: Any) -> dict[str, Any]:
    if is_error(answer):
        raise AttemptFailed(read_failure(200, {}, answer))
    if not isinstance(answer, dict):
        raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
    return get_object(answer)


def _build_chunk(block: _Block, text: str) -> Chunk | None:
    if block.kind == "text":
        return Chunk(text) if text else None
    return Chunk(working=True, reasoning=text if block.kind == "thinking" else "")


def _get_counts(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts that are present.

    Those at a stream's end are cumulative, and omit the ones that its start stated.
    """
    usage = get_object(message.get("usage"))
    return {name: value for name, value in usage.items() if value is not None}


def _failure(kind: Kind, code: str, message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
