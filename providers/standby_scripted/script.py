"""A script: the options of a scripted model, parsed into steps."""

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
        """The failure, as an adapter raises it."""
        wait = None if self.retry_after is None else parse_duration(self.retry_after)
        return Failure(
            kind=self.kind,
            message=self.message,
            status=self.status,
            code=self.code,
            retry_after=wait,
        )


class ScriptedCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call that a step makes."""

    name: str
    arguments: dict[str, Any] = {}
    id: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The course of one request: a wait, some text, and then a hang, a failure or the end."""

    delay: Duration = "0s"
    reasoning: str = ""
    reply: Pieces = ()
    tool_calls: tuple[ScriptedCall, ...] = ()
    finish: Finish | None = None
    fail: Fail | None = None
    hang: bool = False

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text, in the pieces of a stream."""
        return (self.reply,) if isinstance(self.reply, str) else self.reply

    @property
    def named_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, each with an id."""
        return tuple(
            ToolCall(id=call.id or f"call_{number}", name=call.name, arguments=call.arguments)
            for number, call in enumerate(self.tool_calls, start=1)
        )

    @property
    def finish_reason(self) -> Finish:
        """Why the reply ends: the step's own `finish`, or the one that follows from its calls."""
        return self.finish or (Finish.TOOL_CALLS if self.tool_calls else Finish.STOP)


class _Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a scripted model: a fixed reply, or a script."""

    reply: Pieces | None = None
    script: tuple[Step, ...] = ()


def parse_steps(model: str, options: Mapping[str, Any]) -> tuple[Step, ...]:
    """Parse a model's options.

    Args:
        model: The model's name.
        options: The options from the configuration.

    Returns:
        The steps of the script, at least one.

    Raises:
        AttemptFailed: `unavailable`, for options that are not a script.
    """
    try:
        parsed = msgspec.convert(dict(options), _Options)
    except msgspec.ValidationError as error:
        raise _unplayable(model, f"cannot be played: {error}") from error
    if (parsed.reply is None) == (not parsed.script):
        raise _unplayable(model, "needs one of two options: {reply: TEXT} or {script: [STEP, …]}")
    return parsed.script or (Step(reply=parsed.reply or ""),)


def parse_duration(duration: str) -> float:
    """Parse a duration as models.yaml writes it.

    Args:
        duration: `<number><ms|s|m|h>`.

    Returns:
        The duration in seconds.
    """
    number = duration.strip().rstrip("msh")
    return float(number) * _SECONDS[duration.strip()[len(number) :]]


def _unplayable(model: str, problem: str) -> AttemptFailed:
    message = f"the scripted model {model!r} {problem}"
    return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=message, lasting=True))
