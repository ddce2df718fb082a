"""The engine's output: chunks of an OpenAI-style stream, read by pure functions."""

from typing import Literal

import msgspec

from standby.plugin import AttemptFailed, End, Failure, Finish, Kind, Usage, kind_of_status


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: Literal["stop", "length"] | None = None


class _Cached(msgspec.Struct):
    cached_tokens: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached = msgspec.field(default_factory=_Cached)


class _Error(msgspec.Struct):
    message: str
    code: int = 500
    type: str | None = None


class _Chunk(msgspec.Struct):
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    error: _Error | None = None


class Reader:
    """Reads one stream: each chunk as it comes, and then the end."""

    def __init__(self, model: str) -> None:
        """Start with nothing read.

        Args:
            model: The name of the loaded model, which the end reports as the `response_model`.
        """
        self._model = model
        self._finish: str | None = None
        self._usage = _Usage()

    def read(self, raw: object) -> str:
        """Read one chunk.

        Args:
            raw: The engine's chunk.

        Returns:
            Its text; empty if it has none.

        Raises:
            AttemptFailed: It is an error, or has an unknown shape.
        """
        try:
            chunk = msgspec.convert(raw, _Chunk)
        except msgspec.ValidationError as error:
            raise _malformed_failure(
                f"the engine sent a chunk that cannot be read: {error}"
            ) from error
        if chunk.error is not None:
            raise AttemptFailed(_read_failure(chunk.error))
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices:
            self._finish = choice.finish_reason or self._finish
        return "".join(choice.delta.content or "" for choice in chunk.choices)

    def build_end(self) -> End:
        """Build the end of the answer.

        Returns:
            Why the answer ended, its usage in tokens, and the model.

        Raises:
            AttemptFailed: `malformed`, where the engine stated no finish reason.
        """
        if self._finish is None:
            raise _malformed_failure("the engine stopped without a finish reason")
        details = self._usage.prompt_tokens_details
        usage = Usage(
            input=self._usage.prompt_tokens,
            output=self._usage.completion_tokens,
            cached=details.cached_tokens,
        )
        return End(finish=Finish(self._finish), usage=usage, response_model=self._model)


def _read_failure(error: _Error) -> Failure:
    too_long = error.type == "exceed_context_size_error"
    kind = Kind.CONTEXT_TOO_LONG if too_long else kind_of_status(error.code)
    return Failure(kind=kind, status=error.code, code=error.type, message=error.message)


def _malformed_failure(message: str) -> AttemptFailed:
    return AttemptFailed(Failure(kind=Kind.MALFORMED, message=message))
