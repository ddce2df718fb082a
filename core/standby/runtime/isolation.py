"""What keeps a plugin's faults its own: whose they are, the words for them, and the one way into a plugin's code."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import date
from inspect import isasyncgen, isasyncgenfunction, isawaitable, iscoroutinefunction
from typing import Any, TypeVar, cast

import msgspec

from standby.errors import AttemptFailed, ConfigError, Problem
from standby.failures import Failure, Kind
from standby.runtime.installed import version_mismatch

T = TypeVar("T")


class Origin(msgspec.Struct, frozen=True):
    """Where a plugin comes from: its name, its distribution, and that one's version."""

    plugin: str
    distribution: str
    version: str = ""

    def __str__(self) -> str:
        """Name all three."""
        return f"plugin {self.plugin!r} ({' '.join(part for part in (self.distribution, self.version) if part)})"

    def broken(self, words: str, hint: str = "") -> ConfigError:
        """Say what is wrong with it before it is asked anything."""
        hint = hint or f"update or uninstall {self.distribution}"
        return ConfigError(
            [Problem(code="broken-plugin", message=f"{self} is broken: {words}", hint=hint)]
        )

    def unusable(self, words: str) -> AttemptFailed:
        """Say why its adapter cannot be had."""
        words = f"{self} cannot be used: {words}"
        return AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=words, lasting=True))

    def check_versions(self, requirements: Iterable[str]) -> None:
        """Raise `AttemptFailed` (`unavailable`) for a library that is installed in a version outside of a requirement."""
        for requirement in requirements:
            if version := version_mismatch(requirement):
                words = f"it needs {requirement}, and version {version} is installed"
                raise self.unusable(f"{words}: pip install '{requirement}'")

    def contract_violation(self, words: str) -> Failure:
        """Say how it broke its promise when it was asked."""
        words = f"{self} {words}; update {self.distribution}, or tell its authors"
        return Failure(kind=Kind.CONTRACT, message=words)


@contextmanager
def guard(
    fail: Callable[[str], Exception], *through: type[BaseException]
) -> Generator[None, None, None]:
    """Run a plugin's own code: whatever it raises, an exit too, is raised as what `fail` makes of its words.

    Ctrl-C goes through, and what else is named. Nothing is to be awaited inside: a `CancelledError`
    here is the plugin's own.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, *through)):
            raise
        raise fail(describe_error(error)) from error


def is_async(function: object) -> bool:
    """Say whether a function, or an object's `__call__`, is an `async def`."""
    called = type(function).__call__ if callable(function) else None
    return any(iscoroutinefunction(each) or isasyncgenfunction(each) for each in (function, called))


def reject_awaitable(value: object) -> str:
    """Say what is wrong with a value that somebody would have to await, "" if nothing, and end it: Python would warn."""
    if not (isawaitable(value) or isasyncgen(value)):
        return ""
    for name in ("close", "cancel"):  # a coroutine's; a task's, a future's
        with suppress(Exception):  # a stranger's
            getattr(value, name)()
    kind = type(value).__name__
    return f"returned {'an' if kind[0] in 'aA' else 'a'} {kind}, which is never awaited: write 'def', not 'async def'"


def require_value(value: T) -> T:
    """Return what a plugin's function returned; raises `TypeError` if somebody would have to await it."""
    if words := reject_awaitable(value):
        raise TypeError(f"it {words}")
    return value


def describe_error(error: BaseException) -> str:
    """Return an exception on one line, `Type: words`, whatever it is: a stranger's may have no words, or raise at them."""
    kind, words = type(error).__name__, error_message(error)
    if words is None:
        return f"{kind}, whose message cannot be shown"
    return f"{kind}: {words}" if words else kind


def error_message(error: BaseException) -> str | None:
    """Return an exception's own words on one line, `None` if it raises at them."""
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - a stranger's, whatever it is
        return None


def type_error(value: object, kind: type[msgspec.Struct]) -> str:
    """Say which field of a struct, or of one in it, has not its type, "" if none: a struct takes whatever it is made with."""
    if not isinstance(value, kind):
        return f"expected a {kind.__name__}, got a {type(value).__name__}"
    fields = msgspec.structs.asdict(value)
    try:
        right = msgspec.convert(fields, kind, builtin_types=(date,))
    except msgspec.ValidationError as error:
        return str(error)[:1].lower() + str(error)[1:].replace("`$.", "`")
    return next(
        filter(
            None,
            (_flaw_inside(name, field, getattr(right, name)) for name, field in fields.items()),
        ),
        "",
    )


def _flaw_inside(name: str, field: Any, right: Any) -> str:
    """Look into structs, which `msgspec.convert` takes as they are, or makes of a dictionary."""
    several = isinstance(right, tuple)
    for one, made in zip(
        *cast("tuple[Any, Any]", (field, right) if several else ((field,), (right,))), strict=True
    ):
        if isinstance(made, msgspec.Struct) and (flaw := type_error(one, type(made))):
            return (
                flaw.replace("- at `", f"- at `{name}.")
                if "- at `" in flaw
                else f"{flaw} - at `{name}`"
            )
    return ""
