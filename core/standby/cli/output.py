"""What several commands print: one JSON document, or an attempt as a line."""

import json
from typing import Any

import click
import msgspec

from standby.failures import Attempt, Kind
from standby.runtime.control_characters import escape_controls


def print_json(value: Any) -> None:
    """Print one JSON document on a line.

    What no encoding can hold, such as a strange file name, becomes "?".

    Args:
        value: Anything that msgspec encodes.
    """
    try:
        text = msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False).encode("utf-8", "replace")
    click.echo(escape_controls(text.decode()))


def format_attempt(attempt: Attempt) -> str:
    """Format an attempt as a line: `o3-mini  failed after 0.2s  overloaded: 503 …  -> next`.

    Args:
        attempt: One entry of a trail.

    Returns:
        The line, its parts two blanks apart, safe for a terminal.
    """
    parts = [_format_outcome(attempt)]
    if attempt.kind is not None:
        parts.append(_format_failure(attempt.kind, attempt.text))
    if attempt.dropped:
        parts.append(f"without {', '.join(attempt.dropped)}")
    if attempt.then is not None:
        trigger = f" (trigger {attempt.trigger})" if attempt.trigger else ""
        parts.append(f"-> {attempt.then}{trigger}")
    return escape_controls("  ".join(parts))


def _format_outcome(attempt: Attempt) -> str:
    if attempt.outcome == "skipped":
        return f"{attempt.model}  skipped"
    preposition = "in" if attempt.outcome == "answered" else "after"
    return f"{attempt.model}  {attempt.outcome} {preposition} {attempt.duration:.1f}s"


def _format_failure(kind: Kind, text: str) -> str:
    """Return the kind and the text; the kind once, where the text begins with it."""
    if not text:
        return str(kind)
    return text if text.lower().startswith(str(kind)) else f"{kind}: {text}"
