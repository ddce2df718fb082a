"""The exceptions, one branch for each reaction that a caller can have.

::

    StandbyError
    ├── ConfigError(problems)      mend the file, or the settings
    ├── RequestError(index)        mend the request: nothing was sent
    ├── CallFailed(trail)          no reply came
    │   ├── ChainExhausted         every model failed; its cause is the ExceptionGroup of why
    │   ├── Stopped(failure)       asking another model would be wrong: blocked, or an invalid
    request │   ├── DeadlineExceeded       the call's time was spent │   └── StreamBroken(partial)
    a stream broke after some of it had been handed out └── AttemptFailed(failure)     one attempt;
    raised by adapters, met by a caller only inside a CallFailed's cause

Each can be copied and pickled, with all its data and those of its causes that are drawn here.
"""

import copyreg
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

import msgspec

from standby.failures import Failure
from standby.types import Attempt


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, doubtful, or (`info`) worth knowing, with a configuration.

    `line` and `column` count from 1; 0 means that no place in a file belongs to it. `code` is
    stable, for machines; `hint` says what to do; `excerpt` is the offending line.
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
        place = self.file
        if self.line:
            place = f"{place}:{self.line}:{self.column}"
        words = f"{self.message}; {self.hint}" if self.hint else self.message
        return "  ".join(part for part in (place, self.severity, words) if part)


_ARGS: Any = vars(BaseException)["args"]
"""What Python itself goes by for the message and the repr."""


class StandbyError(Exception):
    """Whatever standby raises on purpose."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Copy and pickle by state: Python's own way calls `__init__` with the message, which takes other arguments here.

        Of the causes standby's own go along; a vendor's exception holds a connection and what was
        sent over it.
        """
        cause = _portable(self.__cause__)
        state = self.__dict__ if cause is None else {**self.__dict__, "__cause__": cause}
        return copyreg.__newobj__, (type(self), *_ARGS.__get__(self)), state  # type: ignore[attr-defined] # documented for pickle

    @property
    def args(self) -> tuple[Any, ...]:
        """Return what makes this error anew, as JSON has it: queues like Celery carry no more of an exception."""
        made: tuple[Any, ...] = msgspec.to_builtins(self._made_of())
        return made

    @args.setter
    def args(self, given: tuple[Any, ...]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Change the message, as some do who add to it."""
        _ARGS.__set__(self, given)

    def _made_of(self) -> tuple[Any, ...]:
        """Return the arguments of `__init__`."""
        made: tuple[Any, ...] = _ARGS.__get__(self)
        return made


T = TypeVar("T")


def _made(given: T, kind: type[T]) -> T:
    """Return what an error is made of, also where it comes as JSON has it."""
    return msgspec.convert(given, kind) if isinstance(given, Mapping) else given


def _portable(cause: BaseException | None) -> BaseException | None:
    """Return what of a cause is standby's own; a group keeps such members alone."""
    if isinstance(cause, BaseExceptionGroup):
        return cast("BaseExceptionGroup[BaseException]", cause).subgroup(StandbyError)
    return cause if isinstance(cause, StandbyError) else None


class ConfigError(StandbyError):
    """The configuration cannot be used; `problems` says all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems; the message is one line for each."""
        self.problems = tuple(_made(problem, Problem) for problem in problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def _made_of(self) -> tuple[Any, ...]:
        return (self.problems,)


class RequestError(StandbyError):
    """The caller's own request is wrong and was not sent; `index` is the message at fault, if it is one."""

    def __init__(self, message: str, index: int | None = None) -> None:
        """Keep the index of the message at fault, counted from 0."""
        super().__init__(message)
        self.index = index

    def _made_of(self) -> tuple[Any, ...]:
        return str(self), self.index


class AttemptFailed(StandbyError):
    """One attempt failed; adapters raise it with the `failure`, from the vendor's own exception."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure; its text is the message."""
        self.failure = _made(failure, Failure)
        super().__init__(self.failure.text)

    def _made_of(self) -> tuple[Any, ...]:
        return (self.failure,)


class CallFailed(StandbyError):
    """No reply came; `trail` says what was tried."""

    def __init__(self, message: str, trail: Sequence[Attempt] = ()) -> None:
        """Keep the trail."""
        super().__init__(message)
        self.trail = tuple(_made(attempt, Attempt) for attempt in trail)

    def _made_of(self) -> tuple[Any, ...]:
        return str(self), self.trail


class ChainExhausted(CallFailed):
    """Every model of the chain failed or was skipped.

    `__cause__` is the `ExceptionGroup` of the failures; `retry_after` is the soonest delay, in
    seconds, that a vendor stated.
    """

    def __init__(
        self, message: str, trail: Sequence[Attempt] = (), retry_after: float | None = None
    ) -> None:
        """Keep the trail, and the soonest stated delay."""
        super().__init__(message, trail)
        self.retry_after = retry_after

    def _made_of(self) -> tuple[Any, ...]:
        return str(self), self.trail, self.retry_after


class Stopped(CallFailed):
    """A failure that another model must not be asked about: blocked content, or a request that is wrong everywhere."""

    def __init__(self, failure: Failure, trail: Sequence[Attempt] = ()) -> None:
        """Keep the failure; its text is the message."""
        self.failure = _made(failure, Failure)
        super().__init__(self.failure.text, trail)

    def _made_of(self) -> tuple[Any, ...]:
        return self.failure, self.trail


class DeadlineExceeded(CallFailed):
    """The time of the whole call was spent before a reply came."""


class StreamBroken(CallFailed):
    """A stream broke after some of it had been handed out; `partial` is the text that was."""

    def __init__(self, failure: Failure, partial: str, trail: Sequence[Attempt] = ()) -> None:
        """Keep the failure and the text handed out so far."""
        self.failure = _made(failure, Failure)
        super().__init__(
            f"the stream broke after {len(partial)} characters: {self.failure.text}", trail
        )
        self.partial = partial

    def _made_of(self) -> tuple[Any, ...]:
        return self.failure, self.partial, self.trail
