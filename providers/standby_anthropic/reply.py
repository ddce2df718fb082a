"""What the Messages API answers with 200, read into a reply or into the failure that it really is. Pure; knows no SDK.

A 200 is believed in nothing. A whole message is read as its stream would be, so that both give the
same reply.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

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
from standby_anthropic.failures import failure_of, is_error
from standby_anthropic.thoughts import private_of

_DONE = frozenset({"end_turn", "stop_sequence", "tool_use"})
_CUT = frozenset({"max_tokens", "model_context_window_exceeded"})


def reply_of(answer: Any) -> Reply:
    """Read a whole answer."""
    reader = Reader()
    reader.take_whole(answer)
    end = reader.end()
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
    """A content block as it comes: what it begins as, and what is added to it."""

    def __init__(self, begun: Mapping[str, Any]) -> None:
        self.kind = get_str(begun.get("type"))
        self.name = get_str(begun.get("name"))
        self.known_as = get_str(begun.get("id"))
        self.data = get_str(begun.get("data"))
        self.words = get_str(begun.get("text" if self.kind == "text" else "thinking"))
        self.signature = get_str(begun.get("signature"))
        self.input: Any = begun.get("input")
        self.stopped = False
        self._written: list[str] = []

    def add(self, delta: Mapping[str, Any]) -> str:
        """Take in a piece; return its words. A citation, and whatever is new, has none."""
        words = get_str(delta.get("text" if self.kind == "text" else "thinking"))
        self.words += words
        self.signature += get_str(delta.get("signature"))
        self._written.append(get_str(delta.get("partial_json")))
        return words

    @property
    def thought(self) -> dict[str, Any] | None:
        """Return the block as it must be given back, if it is a thought."""
        if self.kind == "thinking":
            return {"type": "thinking", "thinking": self.words, "signature": self.signature}
        return (
            {"type": "redacted_thinking", "data": self.data}
            if self.kind == "redacted_thinking"
            else None
        )

    def call(self, place: int) -> ToolCall | None:
        """Return the tool call, or `None` if it is not whole: no name, or an input that is no JSON object."""
        written = "".join(self._written).strip()
        try:
            given = decode_json(written) if written else self.input
        except AttemptFailed:
            return None
        if not self.name or not self.stopped or not isinstance(given, dict):
            return None
        return ToolCall(
            id=self.known_as or f"toolu_{place}", name=self.name, arguments=get_object(given)
        )


class Reader:
    """Reads one answer: a whole message, or the events of a stream as they come. Only its end marker ends it."""

    def __init__(self) -> None:
        """Nothing read yet."""
        self.finished = False
        self._blocks: dict[int, _Block] = {}
        self._usage: dict[str, Any] = {}
        self._served = ""
        self._id = ""
        self._stop = ""
        self._details: Mapping[str, Any] = {}

    @property
    def text(self) -> str:
        """Return the text so far."""
        return "".join(block.words for block in self._blocks.values() if block.kind == "text")

    @property
    def reasoning(self) -> str:
        """Return what the model told of its thoughts so far."""
        return "".join(block.words for block in self._blocks.values() if block.kind == "thinking")

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Return the calls that are whole, in order."""
        return tuple(
            call
            for call in map(_Block.call, self._calls, range(len(self._calls)))
            if call is not None
        )

    @property
    def _calls(self) -> list[_Block]:
        """Return the calls; the last block of an answer that was cut may look whole, and is not."""
        blocks = list(self._blocks.values())
        if self._stop in _CUT and blocks and blocks[-1].kind == "tool_use":
            del blocks[-1]
        return [block for block in blocks if block.kind == "tool_use"]

    def take_whole(self, answer: Any) -> None:
        """Take in a whole message; raises `AttemptFailed`."""
        message = _checked(answer)
        if message.get("type") != "message":
            raise malformed(f"expected a message, got the type {message.get('type')!r}")
        self._start(message)
        for index, block in enumerate(get_list(message.get("content"))):
            self._blocks[index] = _Block(get_object(block))
            self._blocks[index].stopped = True
        self._finish(message)
        self.finished = True

    def chunk(self, event: Any) -> Chunk | None:
        """Take in one event of a stream; return what it says, or its sign of life, if it has any. Raises `AttemptFailed`."""
        told = _checked(event)
        index = get_int(told, "index")
        match told.get("type"):
            case "message_start":
                self._start(get_object(told.get("message")))
            case "content_block_start":
                self._blocks[index] = _Block(get_object(told.get("content_block")))
                return _said(self._blocks[index], self._blocks[index].words)
            case "content_block_delta" if index in self._blocks:
                return _said(
                    self._blocks[index], self._blocks[index].add(get_object(told.get("delta")))
                )
            case "content_block_stop" if index in self._blocks:
                self._blocks[index].stopped = True
            case "ping" if self._thinks:  # thoughts that are not shown leave no other sign
                return Chunk(working=True)
            case "message_delta":
                self._usage |= _counts(told)
                self._finish(get_object(told.get("delta")))
            case "message_stop":
                self.finished = True
            case _:
                pass  # "we may add new event types": docs.anthropic.com, "Streaming messages"
        return None

    @property
    def _thinks(self) -> bool:
        return any(
            block.kind == "thinking" and not block.stopped for block in self._blocks.values()
        )

    def _start(self, message: Mapping[str, Any]) -> None:
        self._served = get_str(message.get("model"))
        self._id = get_str(message.get("id"))
        self._usage |= _counts(message)

    def _finish(self, told: Mapping[str, Any]) -> None:
        self._stop = get_str(told.get("stop_reason")) or self._stop
        self._details = get_object(told.get("stop_details")) or self._details

    def end(self) -> End:
        """Say how the answer ended; raises `AttemptFailed` if it did not end well."""
        if self._stop == "refusal":
            category = get_str(self._details.get("category"))
            words = (
                get_str(self._details.get("explanation"))
                or f"the model refused{category and f': {category}'}"
            )
            _fail(Kind.BLOCKED, "refusal", words)
        if not self.finished or not self._stop:
            raise malformed("the answer has no stop_reason and message_stop, so it is not whole")
        if self._stop in _CUT:
            return self._cut()
        calls = self._calls
        if self._stop not in _DONE or (self._stop == "tool_use" and not calls):
            raise malformed(
                f"the answer ended with stop_reason {self._stop!r}, which nothing asked for"
            )
        if len(self.tool_calls) < len(calls):
            raise malformed("a tool call has no name, or an input that is no JSON object")
        return self._end(Finish.TOOL_CALLS if calls else Finish.STOP)

    def rest(self) -> list[Chunk]:
        """Return the last chunks of a stream: its tool calls, and its end. Raises `AttemptFailed` if it did not end well."""
        end = self.end()
        return [*(Chunk(tool_call=call) for call in self.tool_calls), Chunk(end=end)]

    def _cut(self) -> End:
        if not self.text and not self.tool_calls:
            spent = self._counted.reasoning
            _fail(
                Kind.EMPTY,
                self._stop,
                f"empty: max_tokens was spent, {spent} tokens on thinking, before any text came",
            )
        return self._end(Finish.LENGTH)

    def _end(self, finish: Finish) -> End:
        parts = [
            block.thought or block.words if block.kind != "tool_use" else None
            for block in self._blocks.values()
        ]
        return End(
            finish=finish,
            usage=self._counted,
            response_model=self._served,
            id=self._id,
            provider_state=private_of(parts),
        )

    @property
    def _counted(self) -> Usage:
        cached = get_int(self._usage, "cache_read_input_tokens")
        return Usage(
            input=get_int(self._usage, "input_tokens")
            + cached
            + get_int(self._usage, "cache_creation_input_tokens"),
            output=get_int(self._usage, "output_tokens"),
            reasoning=get_int(self._usage.get("output_tokens_details"), "thinking_tokens"),
            cached=cached,
        )


def _checked(answer: Any) -> dict[str, Any]:
    if is_error(answer):
        raise AttemptFailed(failure_of(200, {}, answer))
    if not isinstance(answer, dict):
        raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
    return get_object(answer)


def _said(block: _Block, words: str) -> Chunk | None:
    if block.kind == "text":
        return Chunk(words) if words else None
    return Chunk(working=True, reasoning=words if block.kind == "thinking" else "")


def _counts(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts that are there; those of a stream's end are cumulative, and leave out what the start has said."""
    return {
        name: value for name, value in get_object(told.get("usage")).items() if value is not None
    }


def _fail(kind: Kind, code: str, message: str) -> NoReturn:
    raise AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
