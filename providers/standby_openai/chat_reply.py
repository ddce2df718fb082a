"""A 200 of Chat Completions, read into a reply or into the failure that it really is.

Nothing in a 200 is trusted: the SDK itself accepts HTML, `null`, a list and an error object as
success. The functions are pure and import no SDK.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
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
from standby_openai.failures import is_error, read_failure


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
    content = reader.read(answer) or Chunk()
    end = reader.build_end()
    return Reply(
        text=content.text,
        reasoning=content.reasoning,
        tool_calls=reader.tool_calls,
        finish=end.finish,
        usage=end.usage,
        response_model=end.response_model,
        id=end.id,
    )


class _Call:
    """A tool call as it arrives: its id and name first, its arguments in fragments of JSON."""

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []

    def add(self, fragment: Mapping[str, Any]) -> None:
        function = get_object(fragment.get("function"))
        self.id = self.id or get_str(fragment.get("id"))
        self.name = self.name or get_str(function.get("name"))
        self.arguments.append(get_str(function.get("arguments")))

    def starts_another(self, fragment: Mapping[str, Any]) -> bool:
        """Check whether a fragment starts another call.

        The id decides; where there is neither an id nor an index, a name does.
        """
        call_id = get_str(fragment.get("id"))
        if self.id and call_id:
            return call_id != self.id
        name = get_str(get_object(fragment.get("function")).get("name"))
        return "index" not in fragment and bool(name)

    def build(self, position: int, *, cut: bool) -> ToolCall | None:
        """Build the call.

        Args:
            position: The call's position among the calls, for an id where it has none.
            cut: Whether the token limit cut the answer: its missing arguments were still to come.
                Otherwise missing arguments are an empty object.

        Returns:
            The call; `None` without a name, or with arguments that are not a JSON object.
        """
        arguments_text = "".join(self.arguments).strip()
        try:
            arguments = decode_json(arguments_text if arguments_text or cut else "{}")
        except AttemptFailed:
            return None
        if not self.name or not isinstance(arguments, dict):
            return None
        return ToolCall(
            id=self.id or f"call_{position}", name=self.name, arguments=get_object(arguments)
        )


class Reader:
    """Reads the responses to one request: a single one, or the pieces of a stream as they come.

    Only a finish_reason ends an answer.
    """

    def __init__(self) -> None:
        """Start with nothing read."""
        self._finish = ""
        self._blocked = ""
        self._usage: Mapping[str, Any] = {}
        self._model = ""
        self._id = ""
        self._has_text = False
        self._calls: list[tuple[int, _Call]] = []  # by their index, which may arrive out of order
        self._open_calls: dict[int, _Call] = {}

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The complete calls, in order."""
        cut = self._finish == "length"
        ordered = enumerate(sorted(self._calls, key=itemgetter(0)))
        calls = (call.build(position, cut=cut) for position, (_, call) in ordered)
        return tuple(call for call in calls if call is not None)

    @property
    def finished(self) -> bool:
        """Whether the end marker has come."""
        return bool(self._finish)

    def read(self, answer: Any) -> Chunk | None:
        """Read one response or one piece of a stream.

        Args:
            answer: The decoded JSON.

        Returns:
            Its text and reasoning, or the sign that the model writes a call; `None` if it has none
            of them.

        Raises:
            AttemptFailed: It is an error, or is malformed.
        """
        if is_error(answer):
            raise AttemptFailed(read_failure(200, {}, answer))
        if not isinstance(answer, dict):
            raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
        return self._read(get_object(answer))

    def _read(self, answer: Mapping[str, Any]) -> Chunk | None:
        self._model = get_str(answer.get("model")) or self._model
        self._id = get_str(answer.get("id")) or self._id
        self._usage = get_object(answer.get("usage")) or self._usage
        choice = get_object(next(iter(get_list(answer.get("choices"))), None))
        self._finish = get_str(choice.get("finish_reason")) or self._finish
        message = get_object(choice.get("delta")) or get_object(choice.get("message"))
        self._blocked += get_str(message.get("refusal"))
        working = self._collect_calls(get_list(message.get("tool_calls")))
        text = get_str(message.get("content"))
        thought = get_str(message.get("reasoning_content")) or get_str(message.get("reasoning"))
        self._has_text = self._has_text or bool(text)
        if any((text, thought, working)):
            return Chunk(text, working=working, reasoning=thought)
        return None

    def _collect_calls(self, fragments: Sequence[Any]) -> bool:
        """Collect fragments of tool calls; return whether there are any.

        Some servers omit the index of a complete call, or give two calls the same one.
        """
        for fragment in map(get_object, fragments):
            index = get_int(fragment, "index")
            if index not in self._open_calls or self._open_calls[index].starts_another(fragment):
                self._open_calls[index] = _Call()
                self._calls.append((index, self._open_calls[index]))
            self._open_calls[index].add(fragment)
        return bool(fragments)

    def build_end(self) -> End:
        """Build the end of the answer.

        Returns:
            Why the answer ended, its usage, and what identifies it.

        Raises:
            AttemptFailed: The answer did not end well, or not at all.
        """
        if self._blocked:
            raise _failure(Kind.BLOCKED, "refusal", self._blocked)
        match self._finish:
            case "stop" | "tool_calls" if self._calls:  # "stop" too, where one tool was forced
                if len(self.tool_calls) < len(self._calls):
                    raise malformed(
                        "a tool call has no name, or its arguments are not a JSON object"
                    )
                return self._end(Finish.TOOL_CALLS)
            case "stop":
                return self._end(Finish.STOP)
            case "length":
                return self._cut_end()
            case "content_filter":
                message = "the answer was blocked by the content filter"
                raise _failure(Kind.BLOCKED, self._finish, message)
            case "":
                raise malformed("the answer has no finish_reason, so it is incomplete")
            case reason:
                raise malformed(f"the answer ended with the unexpected finish_reason {reason!r}")

    def _cut_end(self) -> End:
        if not self._has_text and not self.tool_calls:
            spent = f"{_parse_usage(self._usage).reasoning} tokens on reasoning"
            message = f"empty: max_tokens was spent, {spent}, before any text came"
            raise _failure(Kind.EMPTY, self._finish, message)
        return self._end(Finish.LENGTH)

    def final_chunks(self) -> list[Chunk]:
        """Build the last chunks of a stream.

        Returns:
            Its tool calls, and its end.

        Raises:
            AttemptFailed: The answer did not end well, or not at all.
        """
        end = self.build_end()
        return [*(Chunk(tool_call=call) for call in self.tool_calls), Chunk(end=end)]

    def _end(self, finish: Finish) -> End:
        return End(
            finish=finish, usage=_parse_usage(self._usage), response_model=self._model, id=self._id
        )


def _parse_usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=get_int(counts, "prompt_tokens"),
        output=get_int(counts, "completion_tokens"),
        reasoning=get_int(counts.get("completion_tokens_details"), "reasoning_tokens"),
        cached=get_int(counts.get("prompt_tokens_details"), "cached_tokens"),
    )


def _failure(kind: Kind, code: str, message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
