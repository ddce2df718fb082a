"""A script: what a scripted model's options say, read into steps."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from standby.plugin import AttemptFailed, Failure, Finish, Kind, ToolCall

Duration = Annotated[str, Meta(pattern=r"^\d+(\.\d+)?(ms|s|m|h)$")]

Pieces = str | Annotated[tuple[str, ...], Meta(min_length=1)]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Fail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a step fails."""

    kind: Kind
    message: str = "a scripted failure"
    status: int | None = None
    code: str | None = None
    retry_after: Duration | None = None

    @property
    def failure(self) -> Failure:
        """Return the failure as the dispatcher knows it."""
        wait = None if self.retry_after is None else seconds(self.retry_after)
        return Failure(
            kind=self.kind,
            message=self.message,
            status=self.status,
            code=self.code,
            retry_after=wait,
        )


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool that a step asks for."""

    name: str
    arguments: dict[str, Any] = {}
    id: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one call meets: a wait, some text, and then a hang, a failure or the end."""

    delay: Duration = "0s"
    reasoning: str = ""
    reply: Pieces = ()
    tool_calls: tuple[Asked, ...] = ()
    finish: Finish | None = None
    fail: Fail | None = None
    hang: bool = False

    @property
    def pieces(self) -> tuple[str, ...]:
        """Return the text in the pieces of a stream."""
        return (self.reply,) if isinstance(self.reply, str) else self.reply

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Return the tool calls, each with an id."""
        return tuple(
            ToolCall(id=asked.id or f"call_{number}", name=asked.name, arguments=asked.arguments)
            for number, asked in enumerate(self.tool_calls, start=1)
        )

    @property
    def ends(self) -> Finish:
        """Return why the reply ends: as the step says, else as its calls make it."""
        return self.finish or (Finish.TOOL_CALLS if self.tool_calls else Finish.STOP)


class _Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a scripted model: a fixed reply, or a script."""

    reply: Pieces | None = None
    script: tuple[Step, ...] = ()


def steps_of(model: str, options: Mapping[str, Any]) -> tuple[Step, ...]:
    """Read a model's options; raises `AttemptFailed` (`unavailable`) for options that are no script."""
    try:
        read = msgspec.convert(dict(options), _Options)
    except msgspec.ValidationError as error:
        raise _unplayable(model, f"cannot be played: {error}") from error
    if (read.reply is None) == (not read.script):
        raise _unplayable(model, "needs one of two options: {reply: TEXT} or {script: [STEP, …]}")
    return read.script or (Step(reply=read.reply or ""),)


def seconds(duration: str) -> float:
    """Return the seconds of a duration as models.yaml writes it: `<number><ms|s|m|h>`."""
    number = duration.strip().rstrip("msh")
    return float(number) * _SECONDS[duration.strip()[len(number) :]]


def _unplayable(model: str, words: str) -> AttemptFailed:
    words = f"the scripted model {model!r} {words}"
    return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=words, lasting=True))
