"""Keeps a plugin's faults its own: where a plugin comes from, and the one way into its code."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import date
from inspect import isasyncgen, isasyncgenfunction, isawaitable, iscoroutinefunction
from typing import Any, TypeVar, cast

import msgspec

from standby.errors import AttemptFailed, ConfigError, Problem
from standby.failures import Failure, Kind
from standby.runtime.versions import version_mismatch

T = TypeVar("T")


class Origin(msgspec.Struct, frozen=True):
    """Where a plugin comes from: its name, its distribution, and the distribution's version."""

    plugin: str
    distribution: str
    version: str = ""

    def __str__(self) -> str:
        """Name all three."""
        source = " ".join(part for part in (self.distribution, self.version) if part)
        return f"plugin {self.plugin!r} ({source})"

    def config_error(self, message: str, hint: str = "") -> ConfigError:
        """Return the error for a plugin whose manifest is broken.

        Args:
            message: What is wrong with it.
            hint: What to do; the default is to update or uninstall its distribution.

        Returns:
            The error, with one problem, `broken-plugin`.
        """
        hint = hint or f"update or uninstall {self.distribution}"
        return ConfigError(
            [Problem(code="broken-plugin", message=f"{self} is broken: {message}", hint=hint)]
        )

    def unavailable(self, message: str) -> AttemptFailed:
        """Return the error for a plugin whose adapter cannot be made.

        Args:
            message: What is in the way.

        Returns:
            The error, with a lasting failure, `unavailable`.
        """
        message = f"{self} cannot be used: {message}"
        return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=message, lasting=True))

    def check_versions(self, requirements: Iterable[str]) -> None:
        """Check the installed versions of the libraries that the plugin imports.

        Args:
            requirements: What pip installs them by, like "openai>=3.0".

        Raises:
            AttemptFailed: A library is installed in a version outside of its requirement
                (`unavailable`).
        """
        for requirement in requirements:
            if version := version_mismatch(requirement):
                problem = f"it needs {requirement}, and version {version} is installed"
                raise self.unavailable(f"{problem}: pip install '{requirement}'")

    def contract_violation(self, message: str) -> Failure:
        """Return the failure of a plugin that broke its promise during an attempt.

        Args:
            message: What it did: the rest of a sentence whose subject is the plugin.

        Returns:
            The failure, `contract`.
        """
        remedy = f"update {self.distribution}, or report this to its authors"
        return Failure(kind=Kind.CONTRACT, message=f"{self} {message}; {remedy}")


@contextmanager
def guard(
    fail: Callable[[str], Exception], *through: type[BaseException]
) -> Generator[None, None, None]:
    """Run a plugin's code, and turn whatever it raises into one exception of ours.

    An exit is turned too. Ctrl-C always passes. Do not await anything inside: a `CancelledError`
    here is the plugin's own.

    Args:
        fail: Makes the exception to raise from the description of the plugin's.
        through: Exceptions that pass unchanged.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, *through)):
            raise
        raise fail(describe_error(error)) from error


def is_async(function: object) -> bool:
    """Return whether a function, or an object's `__call__`, is an `async def`.

    Args:
        function: What a plugin wants to have called.

    Returns:
        True for a coroutine function or an asynchronous generator function.
    """
    called = type(function).__call__ if callable(function) else None
    return any(iscoroutinefunction(each) or isasyncgenfunction(each) for each in (function, called))


def close_awaitable(value: object) -> str:
    """Close a value that would have to be awaited, and say what is wrong with it.

    It is closed because Python warns of a coroutine that is never awaited.

    Args:
        value: What a plugin's function returned.

    Returns:
        The problem, as the rest of a sentence; "" if the value is not awaitable.
    """
    if not (isawaitable(value) or isasyncgen(value)):
        return ""
    for name in ("close", "cancel"):  # of a coroutine; of a task or a future
        with suppress(Exception):  # foreign code
            getattr(value, name)()
    kind = type(value).__name__
    article = "an" if kind[0] in "aA" else "a"
    return f"returned {article} {kind}, which is never awaited: write 'def', not 'async def'"


def require_value(value: T) -> T:
    """Return what a plugin's function returned, unless it is awaitable.

    Args:
        value: What the function returned.

    Returns:
        The same value.

    Raises:
        TypeError: The value would have to be awaited. It is closed.
    """
    if problem := close_awaitable(value):
        raise TypeError(f"it {problem}")
    return value


def describe_error(error: BaseException) -> str:
    """Describe an exception on one line, even one that fails to give its message.

    Args:
        error: Any exception.

    Returns:
        `Type: message`, or the type alone if the message is empty.
    """
    kind, message = type(error).__name__, error_message(error)
    if message is None:
        return f"{kind}, whose message cannot be shown"
    return f"{kind}: {message}" if message else kind


def error_message(error: BaseException) -> str | None:
    """Return an exception's message on one line.

    Args:
        error: Any exception.

    Returns:
        The message; `None` if the exception raises instead of giving one.
    """
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - foreign code, whatever it raises
        return None


def type_error(value: object, kind: type[msgspec.Struct]) -> str:
    """Find the first field of a struct, or of a struct in it, that has the wrong type.

    A struct accepts any value when it is made, so a plugin's must be checked.

    Args:
        value: What a plugin returned.
        kind: The struct that it should be.

    Returns:
        The problem, with the field's path; "" if there is none.
    """
    if not isinstance(value, kind):
        return f"expected a {kind.__name__}, got a {type(value).__name__}"
    fields = msgspec.structs.asdict(value)
    try:
        converted = msgspec.convert(fields, kind, builtin_types=(date,))
    except msgspec.ValidationError as error:
        return str(error)[:1].lower() + str(error)[1:].replace("`$.", "`")
    problems = (
        _nested_type_error(name, field, getattr(converted, name)) for name, field in fields.items()
    )
    return next(filter(None, problems), "")


def _nested_type_error(name: str, field: Any, converted: Any) -> str:
    """Look into structs, which `msgspec.convert` accepts unchecked or makes of a dictionary."""
    is_tuple = isinstance(converted, tuple)
    values = cast("tuple[Any, ...]", field if is_tuple else (field,))
    structs = cast("tuple[Any, ...]", converted if is_tuple else (converted,))
    for value, struct in zip(values, structs, strict=True):
        if not isinstance(struct, msgspec.Struct):
            continue
        if problem := type_error(value, type(struct)):
            before, at, path = problem.partition("- at `")
            return f"{before}{at}{name}.{path}" if at else f"{problem} - at `{name}`"
    return ""
