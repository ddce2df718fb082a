"""The exceptions, one branch for each reaction that a caller can have.

::

    StandbyError
    ├── ConfigError(problems)      correct the file, or the settings
    ├── RequestError(index)        correct the request: nothing was sent
    ├── CallFailed(trail)          no reply came
    │   ├── ChainExhausted         every model failed; its cause is the ExceptionGroup of why
    │   ├── Stopped(failure)       do not ask another model: blocked, or an invalid request
    │   ├── DeadlineExceeded       the call's time was spent
    │   └── StreamBroken(partial)  a stream broke after some of its text was released
    └── AttemptFailed(failure)     one attempt failed; adapters raise it, and a caller meets it only
                                   inside the cause of a CallFailed

Each can be copied and pickled, with its data and with those of its causes that are drawn here.
"""

import copyreg
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

import msgspec

from standby.failures import Attempt, Failure


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, questionable, or (`info`) worth knowing about a configuration.

    Attributes:
        code: A stable name, for programs.
        message: What is wrong.
        severity: How much it matters; only errors keep a configuration from being used.
        file: The file, as the user named it.
        line: The line, from 1; 0 if it belongs to no line.
        column: The column, from 1; 0 if it belongs to no line.
        hint: What to do.
        excerpt: The line itself.
    """

    code: str
    message: str
    severity: Literal["error", "warning", "info"] = "error"
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        """Return `file:line:column  severity  message; hint`."""
        location = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        message = f"{self.message}; {self.hint}" if self.hint else self.message
        return "  ".join(part for part in (location, self.severity, message) if part)


_ARGS: Any = vars(BaseException)["args"]
"""The attribute that Python itself uses for the message and the repr."""


class StandbyError(Exception):
    """Every error that standby raises on purpose."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Copy and pickle by state: Python would call `__init__` with the message alone.

        Only standby's own causes are included: a vendor's exception holds a connection and what was
        sent over it.
        """
        cause = _own_cause(self.__cause__)
        state = self.__dict__ if cause is None else {**self.__dict__, "__cause__": cause}
        # documented for pickle
        arguments = (type(self), *_ARGS.__get__(self))
        return copyreg.__newobj__, arguments, state  # type: ignore[attr-defined]

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments that make this error again, as JSON values, for queues like Celery."""
        arguments: tuple[Any, ...] = msgspec.to_builtins(self._arguments())
        return arguments

    @args.setter
    def args(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, value: tuple[Any, ...]
    ) -> None:
        """Change the message: some frameworks add to it."""
        _ARGS.__set__(self, value)

    def _arguments(self) -> tuple[Any, ...]:
        """Return the arguments of `__init__`."""
        arguments: tuple[Any, ...] = _ARGS.__get__(self)
        return arguments


T = TypeVar("T")


def _restore(value: T, kind: type[T]) -> T:
    """Return an error's argument, which may be a JSON value of an earlier error."""
    return msgspec.convert(value, kind) if isinstance(value, Mapping) else value


def _own_cause(cause: BaseException | None) -> BaseException | None:
    """Return a cause that is standby's own; of a group, the members that are."""
    if isinstance(cause, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", cause).subgroup(StandbyError)
    return cause if isinstance(cause, StandbyError) else None


class ConfigError(StandbyError):
    """The configuration cannot be used; `problems` has all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems; the message has one line for each.

        Args:
            problems: What is wrong, errors and warnings.
        """
        self.problems = tuple(_restore(problem, Problem) for problem in problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def _arguments(self) -> tuple[Any, ...]:
        return (self.problems,)


class RequestError(StandbyError):
    """The request is wrong and was not sent; `index` is the index of the wrong message, if any."""

    def __init__(self, message: str, index: int | None = None) -> None:
        """Keep the index.

        Args:
            message: What is wrong.
            index: The index of the wrong message, from 0.
        """
        super().__init__(message)
        self.index = index

    def _arguments(self) -> tuple[Any, ...]:
        return str(self), self.index


class AttemptFailed(StandbyError):
    """One attempt failed; adapters raise it with the `failure`, from the vendor's exception."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure; its text is the message.

        Args:
            failure: What went wrong.
        """
        self.failure = _restore(failure, Failure)
        super().__init__(self.failure.text)

    def _arguments(self) -> tuple[Any, ...]:
        return (self.failure,)


class CallFailed(StandbyError):
    """No reply came; `trail` has the attempts and skips."""

    def __init__(self, message: str, trail: Sequence[Attempt] = ()) -> None:
        """Keep the trail.

        Args:
            message: Why no reply came.
            trail: The attempts and skips.
        """
        super().__init__(message)
        self.trail = tuple(_restore(attempt, Attempt) for attempt in trail)

    def _arguments(self) -> tuple[Any, ...]:
        return str(self), self.trail


class ChainExhausted(CallFailed):
    """Every model of the chain failed or was skipped.

    `__cause__` is the `ExceptionGroup` of the failures; `retry_after` is the shortest delay that a
    vendor stated, in seconds.
    """

    def __init__(
        self, message: str, trail: Sequence[Attempt] = (), retry_after: float | None = None
    ) -> None:
        """Keep the trail and the delay.

        Args:
            message: Why no reply came.
            trail: The attempts and skips.
            retry_after: The shortest delay that a vendor stated, in seconds.
        """
        super().__init__(message, trail)
        self.retry_after = retry_after

    def _arguments(self) -> tuple[Any, ...]:
        return str(self), self.trail, self.retry_after


class Stopped(CallFailed):
    """No other model may be called: the content is blocked, or the request is wrong everywhere."""

    def __init__(self, failure: Failure, trail: Sequence[Attempt] = ()) -> None:
        """Keep the failure; its text is the message.

        Args:
            failure: What went wrong.
            trail: The attempts and skips.
        """
        self.failure = _restore(failure, Failure)
        super().__init__(self.failure.text, trail)

    def _arguments(self) -> tuple[Any, ...]:
        return self.failure, self.trail


class DeadlineExceeded(CallFailed):
    """The time of the whole call was spent before a reply came."""


class StreamBroken(CallFailed):
    """A stream broke after some of its text was released: `partial`."""

    def __init__(self, failure: Failure, partial: str, trail: Sequence[Attempt] = ()) -> None:
        """Keep the failure and the text.

        Args:
            failure: What went wrong.
            partial: The text that was released.
            trail: The attempts and skips.
        """
        self.failure = _restore(failure, Failure)
        super().__init__(
            f"the stream broke after {len(partial)} characters: {self.failure.text}", trail
        )
        self.partial = partial

    def _arguments(self) -> tuple[Any, ...]:
        return self.failure, self.partial, self.trail
