"""A 200 of generateContent, read into a reply or into the failure that it really is.

Nothing in a 200 is trusted: the SDK itself accepts an error object, a list, `null` and an empty
body as success. The functions are pure and import no SDK.
"""

from collections.abc import Iterable, Mapping
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
    get_int,
    get_list,
    get_object,
    get_str,
    malformed,
)
from standby_gemini.failures import find_error, read_failure

_BLOCKED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "LANGUAGE",
        "MODEL_ARMOR",
        "ESCALATION",
    }
    | {"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"}
)


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
        provider_state=end.provider_state,
        tool_calls=reader.tool_calls,
        finish=end.finish,
        usage=end.usage,
        response_model=end.response_model,
        id=end.id,
    )


class Reader:
    """Reads the responses to one request: a single one, or the pieces of a stream as they come.

    Usage is cumulative, so the last one counts. Only a finishReason ends an answer.
    """

    def __init__(self) -> None:
        """Start with nothing read."""
        self._finish = ""
        self._finish_message = ""
        self._usage: Mapping[str, Any] = {}
        self._model = ""
        self._has_text = False
        self._response_id = ""
        self._signature = ""
        self._calls: list[ToolCall] = []

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls so far; each arrives complete."""
        return tuple(self._calls)

    @property
    def finished(self) -> bool:
        """Whether the end marker has come."""
        return bool(self._finish)

    def read(self, answer: Any) -> Chunk | None:
        """Read one response or one piece of a stream.

        Args:
            answer: The decoded JSON.

        Returns:
            Its text and reasoning; `None` if it has neither.

        Raises:
            AttemptFailed: It is an error, is malformed, or says that the prompt was blocked.
        """
        if find_error(answer) or get_object(answer).get("error"):
            raise AttemptFailed(read_failure(200, {}, answer))
        if not isinstance(answer, dict):
            raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
        return self._read(get_object(answer))

    def _read(self, answer: Mapping[str, Any]) -> Chunk | None:
        self._model = get_str(answer.get("modelVersion")) or self._model
        self._response_id = get_str(answer.get("responseId")) or self._response_id
        self._usage = get_object(answer.get("usageMetadata")) or self._usage
        _raise_if_blocked(answer.get("promptFeedback"))
        candidate = get_object(next(iter(get_list(answer.get("candidates"))), None))
        self._finish = get_str(candidate.get("finishReason")) or self._finish
        self._finish_message = get_str(candidate.get("finishMessage")) or self._finish_message
        content = get_object(candidate.get("content"))
        parts = [get_object(part) for part in get_list(content.get("parts"))]
        self._collect_calls(parts)
        text, thought = _join_texts(parts, thought=False), _join_texts(parts, thought=True)
        self._has_text = self._has_text or bool(text)
        return Chunk(text, reasoning=thought) if text or thought else None

    def _collect_calls(self, parts: Iterable[Mapping[str, Any]]) -> None:
        """Collect the tool calls, and the signature of the other parts."""
        for part in parts:
            signature = get_str(part.get("thoughtSignature"))
            if "functionCall" in part:
                self._calls.append(self._parse_call(get_object(part["functionCall"]), signature))
            else:
                self._signature = signature or self._signature

    def _parse_call(self, call: Mapping[str, Any], signature: str) -> ToolCall:
        """Parse a call; one without an id gets one, made of the response's id and its position."""
        name, arguments = get_str(call.get("name")), call.get("args")
        if not name or not isinstance(arguments, dict | None):
            raise malformed("a functionCall has no name, or its args are not an object")
        call_id = get_str(call.get("id")) or f"call_{self._response_id[:24]}_{len(self._calls)}"
        return ToolCall(
            id=call_id, name=name, arguments=get_object(arguments), provider_state=signature
        )

    def build_end(self) -> End:
        """Build the end of the answer.

        Returns:
            Why the answer ended, its usage, and what identifies it.

        Raises:
            AttemptFailed: The answer did not end well, or not at all.
        """
        match self._finish:
            case "STOP":
                return self._end(Finish.TOOL_CALLS if self._calls else Finish.STOP)
            case "MAX_TOKENS":
                return self._cut_end()
            case "":
                raise malformed("the answer has no finishReason, so it is incomplete")
            case "PUP_LIMITED_DISABLED":
                message = "the account is limited or disabled: prohibited use"
                raise _failure(Kind.UNAUTHORIZED, self._finish, message)
            case reason if reason in _BLOCKED:
                message = self._finish_message or f"the answer was blocked: {reason}"
                raise _failure(Kind.BLOCKED, reason, message)
            case "MALFORMED_FUNCTION_CALL" as reason:  # its message quotes what the model wrote
                raise _failure(Kind.MALFORMED, reason, f"the answer ended with {reason}")
            case reason:
                message = self._finish_message or f"the answer ended with {reason}"
                raise _failure(Kind.MALFORMED, reason, message)

    def _cut_end(self) -> End:
        if not self._has_text and not self._calls:
            spent = f"{get_int(self._usage, 'thoughtsTokenCount')} tokens on thinking"
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
        return [*(Chunk(tool_call=call) for call in self._calls), Chunk(end=end)]

    def _end(self, finish: Finish) -> End:
        return End(
            finish=finish,
            usage=_parse_usage(self._usage),
            response_model=self._model,
            id=self._response_id,
            provider_state=self._signature,
        )


def _join_texts(parts: Iterable[Mapping[str, Any]], *, thought: bool) -> str:
    return "".join(
        get_str(part.get("text")) for part in parts if (part.get("thought") is True) is thought
    )


def _raise_if_blocked(prompt_feedback: Any) -> None:
    """Raise for a blocked prompt; its feedback may hold only the reason's message."""
    feedback = get_object(prompt_feedback)
    reason = get_str(feedback.get("blockReason"))
    message = get_str(feedback.get("blockReasonMessage"))
    if reason or message:
        raise _failure(Kind.BLOCKED, reason, message or f"the prompt was blocked: {reason}")


def _parse_usage(counts: Mapping[str, Any]) -> Usage:
    thoughts = get_int(counts, "thoughtsTokenCount")
    return Usage(
        input=get_int(counts, "promptTokenCount") + get_int(counts, "toolUsePromptTokenCount"),
        output=get_int(counts, "candidatesTokenCount") + thoughts,
        reasoning=thoughts,
        cached=get_int(counts, "cachedContentTokenCount"),
    )


def _failure(kind: Kind, code: str, message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=kind, status=200, code=code or None, message=message))
