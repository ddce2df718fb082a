"""What Chat Completions answers with 200, read into a reply or into the failure that it really is. Pure; knows no SDK.

A 200 is believed in nothing: the SDK itself passes HTML, `null`, a list and an error object off as
success.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
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
from standby_openai.failures import failure_of, is_error


def reply_of(answer: Any) -> Reply:
    """Read a whole answer."""
    reader = Reader()
    said = reader.chunk(answer) or Chunk()
    end = reader.end()
    return Reply(
        text=said.text,
        reasoning=said.reasoning,
        tool_calls=reader.tool_calls,
        finish=end.finish,
        usage=end.usage,
        response_model=end.response_model,
        id=end.id,
    )


class _Call:
    """A tool call as it comes: its id and name first, its arguments in fragments of JSON."""

    def __init__(self) -> None:
        self.known_as = ""
        self.name = ""
        self.arguments: list[str] = []

    def add(self, piece: Mapping[str, Any]) -> None:
        function = get_object(piece.get("function"))
        self.known_as = self.known_as or get_str(piece.get("id"))
        self.name = self.name or get_str(function.get("name"))
        self.arguments.append(get_str(function.get("arguments")))

    def is_another(self, piece: Mapping[str, Any]) -> bool:
        """Say whether a piece begins another call: by its id, or, where there is no index either, by its name."""
        known_as, name = (
            get_str(piece.get("id")),
            get_str(get_object(piece.get("function")).get("name")),
        )
        return (
            known_as not in ("", self.known_as)
            if self.known_as and known_as
            else "index" not in piece and bool(name)
        )

    def whole(self, place: int, *, cut: bool) -> ToolCall | None:
        """Return the call, or `None` if it is not whole: no name, or arguments that are no JSON object.

        No arguments at all are an empty object, but in an answer that was `cut` they had yet to
        come.
        """
        written = "".join(self.arguments).strip()
        try:
            arguments = decode_json(written if written or cut else "{}")
        except AttemptFailed:
            return None
        if not self.name or not isinstance(arguments, dict):
            return None
        return ToolCall(
            id=self.known_as or f"call_{place}", name=self.name, arguments=get_object(arguments)
        )


class Reader:
    """Reads the answers of one call: the only one, or the pieces of a stream as they come. Only a finish_reason ends it."""

    def __init__(self) -> None:
        """Nothing read yet."""
        self._finish = ""
        self._refusal = ""
        self._usage: Mapping[str, Any] = {}
        self._served = ""
        self._id = ""
        self._any_text = False
        self._calls: list[tuple[int, _Call]] = []  # by their index, which need not come in order
        self._at: dict[int, _Call] = {}

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Return the calls that are whole, in order."""
        cut = self._finish == "length"
        found = (
            call.whole(place, cut=cut)
            for place, (_, call) in enumerate(sorted(self._calls, key=itemgetter(0)))
        )
        return tuple(call for call in found if call is not None)

    @property
    def finished(self) -> bool:
        """Say whether the end marker has come."""
        return bool(self._finish)

    def chunk(self, answer: Any) -> Chunk | None:
        """Take in one answer; return its words, or its sign of life, if it has any. Raises `AttemptFailed`."""
        if is_error(answer):
            raise AttemptFailed(failure_of(200, {}, answer))
        if not isinstance(answer, dict):
            raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
        return self._read(get_object(answer))

    def _read(self, answer: Mapping[str, Any]) -> Chunk | None:
        self._served = get_str(answer.get("model")) or self._served
        self._id = get_str(answer.get("id")) or self._id
        self._usage = get_object(answer.get("usage")) or self._usage
        choice = get_object(next(iter(get_list(answer.get("choices"))), None))
        self._finish = get_str(choice.get("finish_reason")) or self._finish
        words = get_object(choice.get("delta")) or get_object(choice.get("message"))
        self._refusal += get_str(words.get("refusal"))
        working = self._take_calls(get_list(words.get("tool_calls")))
        text, thought = (
            get_str(words.get("content")),
            get_str(words.get("reasoning_content")) or get_str(words.get("reasoning")),
        )
        self._any_text = self._any_text or bool(text)
        return (
            Chunk(text, working=working, reasoning=thought) if text or thought or working else None
        )

    def _take_calls(self, pieces: Sequence[Any]) -> bool:
        """Take in fragments of tool calls; some servers leave out the index of a whole one, or give two calls the same."""
        for piece in map(get_object, pieces):
            index = get_int(piece, "index")
            if index not in self._at or self._at[index].is_another(piece):
                self._at[index] = _Call()
                self._calls.append((index, self._at[index]))
            self._at[index].add(piece)
        return bool(pieces)

    def end(self) -> End:
        """Say how the answer ended; raises `AttemptFailed` if it did not end well."""
        if self._refusal:
            _fail(Kind.BLOCKED, "refusal", self._refusal)
        if self._finish == "content_filter":
            _fail(Kind.BLOCKED, self._finish, "the answer was blocked by the content filter")
        if self._finish == "length":
            if not self._any_text and not self.tool_calls:
                spent = _usage(self._usage).reasoning
                words = f"empty: max_tokens was spent, {spent} tokens on reasoning, before any text came"
                _fail(Kind.EMPTY, self._finish, words)
            return self._end(Finish.LENGTH)
        if self._calls and self._finish in (
            "stop",
            "tool_calls",
        ):  # OpenAI says "stop" too, where one tool was demanded
            if len(self.tool_calls) < len(self._calls):
                raise malformed("a tool call has no name, or arguments that are no JSON object")
            return self._end(Finish.TOOL_CALLS)
        if self._finish == "stop":
            return self._end(Finish.STOP)
        if self._finish:
            raise malformed(
                f"the answer ended with finish_reason {self._finish!r}, which nothing asked for"
            )
        raise malformed("the answer has no finish_reason, so it is not whole")

    def rest(self) -> list[Chunk]:
        """Return the last chunks of a stream: its tool calls, and its end. Raises `AttemptFailed` if it did not end well."""
        end = self.end()
        return [*(Chunk(tool_call=call) for call in self.tool_calls), Chunk(end=end)]

    def _end(self, finish: Finish) -> End:
        return End(
            finish=finish, usage=_usage(self._usage), response_model=self._served, id=self._id
        )


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=get_int(counts, "prompt_tokens"),
        output=get_int(counts, "completion_tokens"),
        reasoning=get_int(counts.get("completion_tokens_details"), "reasoning_tokens"),
        cached=get_int(counts.get("prompt_tokens_details"), "cached_tokens"),
    )


def _fail(kind: Kind, code: str, message: str) -> NoReturn:
    raise AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
