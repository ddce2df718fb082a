"""What Chat Completions answers with 200, read into a reply or into the failure that it really is. Pure; knows no SDK.

A 200 is believed in nothing: the SDK itself passes HTML, `null`, a list and an error object off as success.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

from standby.plugin import (
    AttemptFailed,
    End,
    Failure,
    Finish,
    Kind,
    Reply,
    Usage,
    count_in,
    list_in,
    malformed,
    object_in,
    text_in,
)
from standby_openai.failures import failure_of, is_error


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
        self._usage: Mapping[str, Any] = {}
        self._served = ""
        self._any_text = False

    @property
    def finished(self) -> bool:
        """Say whether the end marker has come."""
        return bool(self._finish)

    def text_of(self, answer: Any) -> str:
        """Take in one answer; return the text in it. Raises `AttemptFailed`."""
        if is_error(answer):
            raise AttemptFailed(failure_of(200, {}, answer))
        if not isinstance(answer, dict):
            raise malformed(f"expected a JSON object, got a {type(answer).__name__}")
        return self._read(object_in(answer))

    def _read(self, answer: Mapping[str, Any]) -> str:
        self._served = text_in(answer.get("model")) or self._served
        self._usage = object_in(answer.get("usage")) or self._usage
        choice = object_in(next(iter(list_in(answer.get("choices"))), None))
        self._finish = text_in(choice.get("finish_reason")) or self._finish
        words = object_in(choice.get("delta")) or object_in(choice.get("message"))
        self._refusal += text_in(words.get("refusal"))
        text = text_in(words.get("content"))
        self._any_text = self._any_text or bool(text)
        return text

    def end(self) -> End:
        """Say how the answer ended; raises `AttemptFailed` if it did not end well."""
        if self._refusal:
            _fail(Kind.BLOCKED, "refusal", self._refusal)
        if self._finish == "content_filter":
            _fail(Kind.BLOCKED, self._finish, "the answer was blocked by the content filter")
        if self._finish == "length":
            if not self._any_text:
                spent = _usage(self._usage).reasoning
                words = f"empty: max_tokens was spent, {spent} tokens on reasoning, before any text came"
                _fail(Kind.EMPTY, self._finish, words)
            return self._end(Finish.LENGTH)
        if self._finish == "stop":
            return self._end(Finish.STOP)
        if self._finish:
            raise malformed(f"the answer ended with finish_reason {self._finish!r}, which nothing asked for")
        raise malformed("the answer has no finish_reason, so it is not whole")

    def _end(self, finish: Finish) -> End:
        return End(finish=finish, usage=_usage(self._usage), served=self._served)


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        input=count_in(counts, "prompt_tokens"),
        output=count_in(counts, "completion_tokens"),
        reasoning=count_in(counts.get("completion_tokens_details"), "reasoning_tokens"),
        cached=count_in(counts.get("prompt_tokens_details"), "cached_tokens"),
    )


def _fail(kind: Kind, code: str, message: str) -> NoReturn:
    raise AttemptFailed(Failure(kind=kind, status=200, code=code, message=message))
