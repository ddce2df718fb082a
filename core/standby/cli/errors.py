"""The one error type of the commands, the exit statuses, and how any error is printed.

Commands raise; `report` alone knows the texts, the JSON and the exit statuses of errors.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Any

import click

from standby.cli.output import format_attempt, print_json
from standby.errors import CallFailed, ConfigError, RequestError, StandbyError
from standby.runtime.control_characters import escape_controls

FAILED, WRONG, INTERRUPTED = 1, 2, 130
"""Exit statuses: the call failed; the configuration or the command line is wrong; Ctrl-C."""


class CommandError(click.ClickException):
    """A command refuses what it was given; the message says why, and what to do about it.

    A wrong value of one option is a `click.BadParameter` instead: click names the option.
    """

    exit_code = WRONG

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message as the command line prints every error.

        Args:
            file: Where to print; standard error by default.
        """
        click.echo(f"standby: {self.message}", file=file, err=True)


def requests_json(arguments: Sequence[str]) -> bool:
    """Say whether a command line requests JSON, even one that is wrong elsewhere.

    Args:
        arguments: The command line without the program's name; all after "--" is text.

    Returns:
        Whether `--json` is among the options.
    """
    return "--json" in arguments[: arguments.index("--") if "--" in arguments else None]


def report(error: Exception, *, as_json: bool) -> int:
    """Print an error, for a person on standard error or as JSON on standard output.

    Args:
        error: What a command raised.
        as_json: Print `{"error": {"type", "message", "problems", "trail"}}`.

    Returns:
        The exit status.
    """
    with suppress(OSError):  # the reader has gone, or the disk is full: the status still reports it
        if as_json:
            _print_json(error)
        else:
            _print(error)
    return _exit_status(error)


def is_expected(error: Exception) -> bool:
    """Say whether an error is the user's, the system's or a vendor's, not a bug of this program.

    Args:
        error: What a command raised.

    Returns:
        Whether a traceback would be of no use.
    """
    return isinstance(error, StandbyError | OSError | click.ClickException | click.Abort)


def _print_json(error: Exception) -> None:
    document = {
        "type": type(error).__name__,
        "message": _format_message(error),
        "problems": getattr(error, "problems", ()),
        "trail": getattr(error, "trail", ()),
    }
    print_json({"error": document})


def _print(error: Exception) -> None:
    if isinstance(error, click.ClickException):
        error.show()
    elif not isinstance(error, click.Abort):
        for line in _format_lines(error):
            click.echo(escape_controls(line), err=True)


def _exit_status(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        return error.exit_code
    if isinstance(error, click.Abort):
        return INTERRUPTED
    return WRONG if isinstance(error, ConfigError | RequestError) else FAILED


def _format_lines(error: Exception) -> Iterator[str]:
    if isinstance(error, ConfigError):
        yield from map(str, error.problems)
        return
    if isinstance(error, CallFailed):
        yield from map(format_attempt, error.trail)
    yield f"standby: {_format_message(error)}"


def _format_message(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part is not None)
    if is_expected(error):
        return str(error) or "interrupted"
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"internal error: {text}; STANDBY_DEBUG=1 shows where"
