"""Tables: for a person on a terminal by rich, elsewhere as plain columns. No name is ever cut."""

import shutil
import sys
from collections.abc import Collection, Sequence

import click

from standby.cli.colours import colour

GAP = 2
"""Blanks between columns."""

LONGEST_WORD = 32
"""Letters of a word of running text that is not broken; a name may be longer."""

Rows = Sequence[Sequence[str]]


def print_table(
    head: Sequence[str],
    rows: Rows,
    *,
    names: Collection[int] = (0,),
    matter: Collection[int] = (0,),
) -> None:
    """Print the rows below their head; on a terminal cells wrap, in a pipe a row stays one line.

    `names` are the columns of names. On a narrow terminal the last columns are left out, those that
    `matter` at the very end, and it is said which.
    """
    rows = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout is not None and sys.stdout.isatty():  # None: it was closed by who started us
        _print_wrapped(head, rows, names, matter)
        return
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        click.echo(
            (" " * GAP)
            .join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            .rstrip()
        )


def _print_wrapped(
    head: Sequence[str], rows: Rows, names: Collection[int], matter: Collection[int]
) -> None:
    from rich.console import Console  # noqa: PLC0415 - only where a person looks
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    width, height = shutil.get_terminal_size()
    least = [_least((head, *rows), at, whole=at in names) for at in range(len(head))]
    kept = _fitting(least, width, matter)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for at in kept:
        table.add_column(head[at], min_width=least[at], no_wrap=at in names, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[at]) for at in kept))
    width = max(width, least[0])
    console = Console(
        width=width, height=height, color_system=None if colour() is False else "auto"
    )
    console.print(table)
    if left_out := ", ".join(each for at, each in enumerate(head) if each and at not in kept):
        click.secho(
            f"left out, as the terminal is narrow: {left_out}; --json has all", dim=True, err=True
        )


def _least(rows: Rows, at: int, *, whole: bool) -> int:
    """Return the width below which a column would break a name, or a word."""
    from rich.cells import cell_len  # noqa: PLC0415 - only where a person looks

    if whole:
        return max(cell_len(row[at]) for row in rows)
    return min(
        max((cell_len(word) for row in rows for word in row[at].split()), default=0), LONGEST_WORD
    )


def _fitting(least: Sequence[int], width: int, matter: Collection[int]) -> list[int]:
    """Return the columns that fit, the first in any case."""
    kept = list(range(len(least)))
    for at in sorted(kept[1:], key=lambda at: (at in matter, -at)):
        if sum(least[each] for each in kept) + GAP * (len(kept) - 1) <= width:
            break
        kept.remove(at)
    return kept


def one_line(text: str) -> str:
    """Return a text that others wrote as one line, with "?" for what would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
