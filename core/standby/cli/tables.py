"""Tables: for a person on a terminal by rich, elsewhere as plain columns. No name is ever cut."""

import shutil
import sys
from collections.abc import Collection, Sequence

import click

from standby.cli.colours import colour

GAP = 2
"""Blanks between columns."""

LONGEST_WORD = 20
"""Letters of a word of running text that is not broken; a name may be longer."""

Rows = Sequence[Sequence[str]]


def print_table(head: Sequence[str], rows: Rows, *, names: Collection[int] = (0,)) -> None:
    """Print the rows below their head; on a terminal cells wrap, in a pipe a row stays one line.

    `names` are the columns of names. On a narrow terminal the last columns are left out, and it is said which.
    """
    rows = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout is not None and sys.stdout.isatty():  # None: it was closed by who started us
        _print_wrapped(head, rows, names)
        return
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        click.echo((" " * GAP).join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_wrapped(head: Sequence[str], rows: Rows, names: Collection[int]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only where a person looks
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    width, height = shutil.get_terminal_size()
    least = [_least((head, *rows), at, whole=at in names) for at in range(len(head))]
    kept = _fitting(least, width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for at in range(kept):
        table.add_column(head[at], min_width=least[at], no_wrap=at in names, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row[:kept]))
    width = max(width, least[0])
    console = Console(width=width, height=height, color_system=None if colour() is False else "auto")
    console.print(table)
    if left_out := ", ".join(filter(None, head[kept:])):
        click.secho(f"left out, as the terminal is narrow: {left_out}; --json has all", dim=True, err=True)


def _least(rows: Rows, at: int, *, whole: bool) -> int:
    """Return the width below which a column would break a name, or a word."""
    from rich.cells import cell_len  # noqa: PLC0415 - only where a person looks

    if whole:
        return max(cell_len(row[at]) for row in rows)
    return min(max((cell_len(word) for row in rows for word in row[at].split()), default=0), LONGEST_WORD)


def _fitting(least: Sequence[int], width: int) -> int:
    """Return how many columns fit, the first in any case."""
    kept = len(least)
    while kept > 1 and sum(least[:kept]) + GAP * (kept - 1) > width:
        kept -= 1
    return kept


def one_line(text: str) -> str:
    """Return a text that others wrote as one line, with "?" for what would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
