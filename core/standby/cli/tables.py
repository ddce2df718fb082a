"""Tables: wrapped by rich on a terminal, plain columns elsewhere. No name is ever cut."""

import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import click

from standby.cli.colours import uses_colour
from standby.config.finding import suggest
from standby.runtime.control_characters import escape_line

GAP = 2
"""Blanks between columns."""

LONGEST_WORD = 32
"""Letters of a word of running text that is not broken; a name may be longer."""

Row = TypeVar("Row")
Cells = Sequence[Sequence[str]]


def filter_rows(
    rows: Sequence[Row], text: str, searched: Callable[[Row], Sequence[str]]
) -> list[Row]:
    """Return the rows that contain a text; where none does, print the nearest name.

    Args:
        rows: The rows.
        text: What to look for, in upper or lower case; "" keeps all rows.
        searched: Returns the texts of a row that are searched, its name first.

    Returns:
        The rows that contain the text, in order.
    """
    kept = [
        row for row in rows if any(text.casefold() in each.casefold() for each in searched(row))
    ]
    if text and not kept:
        names = [searched(row)[0] for row in rows]
        hint = suggest(text, [*names, *(part for name in names for part in name.split("-"))])
        click.echo(f"nothing here is named like {text!r}" + (f"; {hint}" if hint else ""), err=True)
    return kept


def print_table(
    head: Sequence[str],
    rows: Cells,
    *,
    names: Collection[int] = (0,),
    matter: Collection[int] = (0,),
) -> None:
    """Print the rows below their head; on a terminal cells wrap, in a pipe a row stays one line.

    On a narrow terminal the last columns are hidden, and a line on standard error says which.

    Args:
        head: The columns' heads.
        rows: The cells of each row, as many as there are heads.
        names: The columns of names, which never wrap.
        matter: The columns that are hidden last.
    """
    rows = [[escape_line(" ".join(cell.split())) for cell in row] for row in rows]
    if sys.stdout is not None and sys.stdout.isatty():  # None: the parent process closed it
        _print_wrapped(head, rows, names, matter)
        return
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo((" " * GAP).join(cells).rstrip())


def _print_wrapped(
    head: Sequence[str], rows: Cells, names: Collection[int], matter: Collection[int]
) -> None:
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    width, height = shutil.get_terminal_size()
    least = [_least_width((head, *rows), at, is_name=at in names) for at in range(len(head))]
    kept = _fit_columns(least, width, matter)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for at in kept:
        table.add_column(head[at], min_width=least[at], no_wrap=at in names, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[at]) for at in kept))
    console = Console(
        width=max(width, least[0]),
        height=height,
        color_system=None if uses_colour() is False else "auto",
    )
    console.print(table)
    if hidden := ", ".join(each for at, each in enumerate(head) if each and at not in kept):
        message = f"hidden, because the terminal is narrow: {hidden}; --json shows all"
        click.secho(message, dim=True, err=True)


def _least_width(rows: Cells, at: int, *, is_name: bool) -> int:
    """Return the width below which a column would break a name, or a word."""
    from rich.cells import cell_len  # noqa: PLC0415 - only on a terminal

    if is_name:
        return max(cell_len(row[at]) for row in rows)
    longest = max((cell_len(word) for row in rows for word in row[at].split()), default=0)
    return min(longest, LONGEST_WORD)


def _fit_columns(least: Sequence[int], width: int, matter: Collection[int]) -> list[int]:
    """Return the columns that fit, the first in any case."""
    kept = list(range(len(least)))
    for at in sorted(kept[1:], key=lambda at: (at in matter, -at)):
        if sum(least[each] for each in kept) + GAP * (len(kept) - 1) <= width:
            break
        kept.remove(at)
    return kept
