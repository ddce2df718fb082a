"""What Chat Completions answers with 200, read into a reply or into the failure that it really is. Pure; knows no SDK.

A 200 is believed in nothing: the SDK itself passes HTML, `null`, a list and an error object off as success.
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
    Usage,
    count_in,
    malformed,
    object_in,
    text_in,
)
from standby_openai.failures import failure_of

DONE = "[DONE]"


def reply_of(answer: Any) -> Reply:
    """Read a whole answer."""
    reader = Reader()
    text = reader.text_of(answer)
    end = reader.end()
    return Reply(text=text, finish=end.finish, usage=end.usage, served=end.served)


class Reader:
    """Reads the answers of one call: the only one, or the pieces of a stream as they come.

    Only a finish_reason ends an answer.
    """

    def __init__(self) -> None:
        """Nothing read yet."""
        self._finish = ""
        self._refusal = ""
        self._usage: Mapping[str, Any] | None = None
        self._served = ""
        self._any_text = False

    @property
    def complete(self) -> bool:
        """Say whether all has come that will: some servers never send the `[DONE]` that should follow."""
        return bool(self._finish) and self._usage is not None

    def text_of(self, answer: Any) -> str:
        """Take in one answer; return the text in it. Raises `AttemptFailed`."""
        if not isinstance(answer, dict):
            raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
        if isinstance(answer.get("error"), dict | str) or answer.get("type") == "error":
            raise AttemptFailed(failure_of(200, {}, answer))
        self._served = text_in(answer.get("model")) or self._served
        self._usage = object_in(answer.get("usage")) or self._usage
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices:
            return ""
        choice = object_in(choices[0])
        self._finish = text_in(choice.get("finish_reason")) or self._finish
        words = object_in(choice.get("delta")) or object_in(choice.get("message"))
        self._refusal += text_in(words.get("refusal"))
        text = text_in(words.get("content"))
        self._any_text = self._any_text or bool(text)
        return text

    def chunk(self, answer: Any) -> Chunk | None:
        """Take in one event of a stream; return its text as a chunk, if it has any."""
        text = self.text_of(answer)
        return Chunk(text) if text else None

    def end(self) -> End:
        """Say how the answer ended; raises `AttemptFailed` if it did not end well."""
        if self._refusal:
            _fail(Kind.BLOCKED, "refusal", self._refusal)
        if self._finish == "content_filter":
            _fail(Kind.BLOCKED, self._finish, "the answer was blocked by the content filter")
        if self._finish == "length":
            if not self._any_text:
                _fail(Kind.EMPTY, self._finish, "empty: reasoning used up max_tokens before any text came")
            return self._end(Finish.LENGTH)
        if self._finish == "stop":
            return self._end(Finish.STOP)
        if self._finish:
            raise malformed(f"the answer ended with finish_reason {self._finish!r}, which nothing asked for")
        raise malformed("the answer has no finish_reason, so it is not whole")

    def _end(self, finish: Finish) -> End:
        return End(finish=finish, usage=_usage(self._usage or {}), served=self._served)


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=count_in(counts, "prompt_tokens"),
        output=count_in(counts, "completion_tokens"),
        reasoning=count_in(counts.get("completion_tokens_details"), "reasoning_tokens"),
        cached=count_in(counts.get("prompt_tokens_details"), "cached_tokens"),
    )


def _fail(kind: Kind, code: str, message: str) -> NoReturn:
    raise AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
