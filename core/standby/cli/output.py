"""What a command prints for a machine, and how each error is told: in lines for a person, or as one JSON document.

Commands raise; `report` is the one place that knows the texts, the JSON and the exit statuses of
errors.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click
import msgspec

from standby.errors import CallFailed, ConfigError, RequestError, StandbyError
from standby.failures import Kind
from standby.types import Attempt

FAILED, WRONG, INTERRUPTED = 1, 2, 130
"""Exit statuses: the call failed; the configuration or the command line is wrong; Ctrl-C."""


class Refused(Exception):
    """The command cannot do what it is asked for; the message says why, and what to do."""


def print_json(value: Any) -> None:
    """Print one JSON document on a line; what no encoding can hold, as a strange file's name, becomes "?"."""
    try:
        text = msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False).encode("utf-8", "replace")
    click.echo(text)


def asks_for_json(words: Sequence[str]) -> bool:
    """Say whether a command line asks for JSON, also one that is wrong elsewhere."""
    return "--json" in words[: words.index("--") if "--" in words else None]


def report(error: Exception, *, as_json: bool) -> int:
    """Print an error, and return the exit status; as JSON it is `{"error": {"type", "message", "problems", "trail"}}`."""
    with suppress(OSError):  # whoever read has left, or the disk is full: the status alone is told
        _print(error, as_json=as_json)
    return _status(error)


def _print(error: Exception, *, as_json: bool) -> None:
    if as_json:
        problems, trail = getattr(error, "problems", ()), getattr(error, "trail", ())
        shown = {
            "type": type(error).__name__,
            "message": _message(error),
            "problems": problems,
            "trail": trail,
        }
        print_json({"error": shown})
    elif isinstance(error, click.ClickException):
        error.show()
    elif not isinstance(error, click.Abort):
        for line in _lines(error):
            click.echo(line, err=True)


def is_foreseen(error: Exception) -> bool:
    """Say whether the error is one of the user's, the system's or a vendor's, and not a fault of this program."""
    return isinstance(error, StandbyError | Refused | OSError | click.ClickException | click.Abort)


def _status(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        return error.exit_code
    if isinstance(error, click.Abort):
        return INTERRUPTED
    return WRONG if isinstance(error, ConfigError | RequestError | Refused) else FAILED


def _lines(error: Exception) -> Iterator[str]:
    if isinstance(error, ConfigError):
        yield from map(str, error.problems)
        return
    if isinstance(error, CallFailed):
        yield from map(attempt_line, error.trail)
    yield f"standby: {_message(error)}"


def _message(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part is not None)
    if is_foreseen(error):
        return str(error) or "interrupted"
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return f"internal error: {words}; STANDBY_DEBUG=1 shows where"


# The trail


def attempt_line(attempt: Attempt) -> str:
    """Return an attempt as a line: `o3-mini  failed after 0.2s  overloaded: 503 …  -> next`."""
    parts = [f"{attempt.model}  {attempt.outcome}"]
    if attempt.outcome != "skipped":
        parts[0] += f" {'in' if attempt.outcome == 'answered' else 'after'} {attempt.duration:.1f}s"
    if attempt.kind is not None:
        parts.append(_failure(attempt.kind, attempt.text))
    if attempt.dropped:
        parts.append(f"without {', '.join(attempt.dropped)}")
    if attempt.then is not None:
        parts.append(
            f"-> {attempt.then}" + (f" (trigger {attempt.trigger})" if attempt.trigger else "")
        )
    return "  ".join(parts)


def _failure(kind: Kind, text: str) -> str:
    """Return a failure's kind and its words; the kind once, where the words begin with it (`timeout: no answer in 9s`)."""
    if not text:
        return str(kind)
    return text if text.lower().startswith(str(kind)) else f"{kind}: {text}"
