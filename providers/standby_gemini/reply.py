"""What generateContent answers with 200, read into a reply or into the failure that it really is. Pure; knows no SDK.

A 200 is believed in nothing: the SDK itself passes an error object, a list, `null` and an empty
body off as success.
"""

from collections.abc import Iterable, Mapping
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
    get_int,
    get_list,
    get_object,
    get_str,
    malformed,
)
from standby_gemini.failures import error_in, failure_of

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


def reply_of(answer: Any) -> Reply:
    """Read a whole answer."""
    reader = Reader()
    said = reader.chunk(answer) or Chunk()
    end = reader.end()
    return Reply(
        text=said.text,
        reasoning=said.reasoning,
        provider_state=end.provider_state,
        tool_calls=reader.tool_calls,
        finish=end.finish,
        usage=end.usage,
        response_model=end.response_model,
        id=end.id,
    )


class Reader:
    """Reads the answers of one call: the only one, or the pieces of a stream as they come.

    Usage is cumulative, so that the last one counts. Only a finishReason ends an answer.
    """

    def __init__(self) -> None:
        """Nothing read yet."""
        self._finish = ""
        self._finish_message = ""
        self._usage: Mapping[str, Any] = {}
        self._served = ""
        self._any_text = False
        self._response_id = ""
        self._signature = ""
        self._calls: list[ToolCall] = []

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Return the tool calls so far; each came whole."""
        return tuple(self._calls)

    @property
    def finished(self) -> bool:
        """Say whether the end marker has come."""
        return bool(self._finish)

    def chunk(self, answer: Any) -> Chunk | None:
        """Take in one answer; return its words, if it has any. Raises `AttemptFailed`."""
        if error_in(answer) or get_object(answer).get("error"):
            raise AttemptFailed(failure_of(200, {}, answer))
        if not isinstance(answer, dict):
            raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
        return self._read(get_object(answer))

    def _read(self, answer: Mapping[str, Any]) -> Chunk | None:
        self._served = get_str(answer.get("modelVersion")) or self._served
        self._response_id = get_str(answer.get("responseId")) or self._response_id
        self._usage = get_object(answer.get("usageMetadata")) or self._usage
        _raise_if_blocked(answer.get("promptFeedback"))
        candidate = get_object(next(iter(get_list(answer.get("candidates"))), None))
        self._finish = get_str(candidate.get("finishReason")) or self._finish
        self._finish_message = get_str(candidate.get("finishMessage")) or self._finish_message
        parts = [
            get_object(part) for part in get_list(get_object(candidate.get("content")).get("parts"))
        ]
        self._take_calls(parts)
        text, thought = "".join(_texts(parts, thought=False)), "".join(_texts(parts, thought=True))
        self._any_text = self._any_text or bool(text)
        return Chunk(text, reasoning=thought) if text or thought else None

    def _take_calls(self, parts: Iterable[Mapping[str, Any]]) -> None:
        """Take in tool calls, and the signature of what is none; a call without an id gets one, of its answer and its place."""
        for part in parts:
            if "functionCall" not in part:
                self._signature = get_str(part.get("thoughtSignature")) or self._signature
                continue
            call = get_object(part["functionCall"])
            name, arguments = get_str(call.get("name")), call.get("args")
            if not name or not isinstance(arguments, dict | None):
                raise malformed("a functionCall has no name, or args that are no object")
            known_as = (
                get_str(call.get("id")) or f"call_{self._response_id[:24]}_{len(self._calls)}"
            )
            signature = get_str(part.get("thoughtSignature"))
            self._calls.append(
                ToolCall(
                    id=known_as,
                    name=name,
                    arguments=get_object(arguments),
                    provider_state=signature,
                )
            )

    def end(self) -> End:
        """Say how the answer ended; raises `AttemptFailed` if it did not end well."""
        if self._finish == "PUP_LIMITED_DISABLED":
            _fail(
                Kind.UNAUTHORIZED,
                self._finish,
                "the account is limited or disabled: prohibited use",
            )
        if self._finish in _BLOCKED:
            _fail(
                Kind.BLOCKED,
                self._finish,
                self._finish_message or f"the answer was blocked: {self._finish}",
            )
        if self._finish == "MAX_TOKENS":
            if not self._any_text and not self._calls:
                spent = get_int(self._usage, "thoughtsTokenCount")
                _fail(
                    Kind.EMPTY,
                    self._finish,
                    f"empty: max_tokens was spent, {spent} tokens on thinking, before any text came",
                )
            return self._end(Finish.LENGTH)
        if self._finish == "STOP":
            return self._end(Finish.TOOL_CALLS if self._calls else Finish.STOP)
        if self._finish:
            _fail(
                Kind.MALFORMED,
                self._finish,
                self._finish_message or f"the answer ended with {self._finish}",
            )
        raise malformed("the answer has no finishReason, so it is not whole")

    def rest(self) -> list[Chunk]:
        """Return the last chunks of a stream: its tool calls, and its end. Raises `AttemptFailed` if it did not end well."""
        end = self.end()
        return [*(Chunk(tool_call=call) for call in self._calls), Chunk(end=end)]

    def _end(self, finish: Finish) -> End:
        return End(
            finish=finish,
            usage=_usage(self._usage),
            response_model=self._served,
            id=self._response_id,
            provider_state=self._signature,
        )


def _texts(parts: Iterable[Mapping[str, Any]], *, thought: bool) -> Iterable[str]:
    return (get_str(part.get("text")) for part in parts if (part.get("thought") is True) is thought)


def _raise_if_blocked(feedback: Any) -> None:
    """Look at the prompt's own verdict; it may carry only the reason's message."""
    told = get_object(feedback)
    reason, message = get_str(told.get("blockReason")), get_str(told.get("blockReasonMessage"))
    if reason or message:
        _fail(Kind.BLOCKED, reason, message or f"the prompt was blocked: {reason}")


def _usage(counts: Mapping[str, Any]) -> Usage:
    thoughts = get_int(counts, "thoughtsTokenCount")
    return Usage(
        input=get_int(counts, "promptTokenCount") + get_int(counts, "toolUsePromptTokenCount"),
        output=get_int(counts, "candidatesTokenCount") + thoughts,
        reasoning=thoughts,
        cached=get_int(counts, "cachedContentTokenCount"),
    )


def _fail(kind: Kind, code: str, message: str) -> NoReturn:
    raise AttemptFailed(Failure(kind=kind, status=200, code=code or None, message=message))
