"""Tables: plain columns in a pipe; on a terminal as wide as that is."""

import os
import pty
import sys

import click
import pytest

from standby.cli.tables import print_table

HEAD = ("name", "what is wrong with it")
ROWS = [
    ("a", "nothing"),
    ("a-longer-name", "[red] is no markup here, and the sentence goes on for longer than a line"),
]


def test_in_a_pipe_a_row_is_a_line_whatever_its_length(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEAD, ROWS)
    assert capsys.readouterr().out == (
        "name           what is wrong with it\n"
        "a              nothing\n"
        "a-longer-name  [red] is no markup here, and the sentence goes on for longer than a line\n"
    )


def test_a_table_without_rows_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(HEAD, [])
    assert capsys.readouterr().out == "name  what is wrong with it\n"


def test_without_standard_output_there_is_no_table_and_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    print_table(HEAD, ROWS)


def test_on_a_terminal_long_cells_wrap_and_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    outside, inside = pty.openpty()
    with (
        os.fdopen(inside, "w", encoding="utf-8") as terminal,
        os.fdopen(outside, "rb", buffering=0) as screen,
    ):
        monkeypatch.setattr(sys, "stdout", terminal)
        print_table(HEAD, ROWS)
        terminal.flush()
        lines = [click.unstyle(line).rstrip() for line in screen.read(65536).decode().splitlines()]
        monkeypatch.undo()
    assert len(lines) > 1 + len(ROWS)
    assert all(len(line) <= 40 for line in lines)
    message = " ".join(" ".join(lines).split())
    assert (
        "[red] is no markup here, and the sentence goes on for longer than a line"
        in message.replace("a-longer-name ", "")
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines", "two lines"),
        ("\x1b[2Jgone\x07", r"\u001b[2Jgone\u0007"),
        ("naïve — ok", "naïve — ok"),
    ],
)
def test_a_cell_is_one_line_that_moves_no_cursor(
    capsys: pytest.CaptureFixture[str], text: str, line: str
) -> None:
    print_table(("name",), [(text,)])
    assert capsys.readouterr().out == f"name\n{line}\n"


def in_columns(
    columns: int,
    head: tuple[str, ...],
    rows: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """Return what a terminal of so many columns shows of a table, without its colours."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    outside, inside = pty.openpty()
    with (
        os.fdopen(inside, "w", encoding="utf-8") as out,
        os.fdopen(outside, "rb", buffering=0) as screen,
    ):
        monkeypatch.setattr(sys, "stdout", out)
        print_table(head, rows)
        out.flush()
        lines = screen.read(65536).decode()
        monkeypatch.undo()
    return [click.unstyle(line).rstrip() for line in lines.splitlines()]


@pytest.mark.parametrize("columns", [5, 20, 28, 30, 40, 80, 200])
def test_a_name_is_never_cut_however_narrow_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    head = ("model", "plugin", "disclaimer")
    rows = [("a-name-of-twenty-six-letters", "openai", "from a small model"), ("b", "x", "")]
    lines = in_columns(columns, head, rows, monkeypatch)
    assert [line.split()[0] for line in lines if line and not line.startswith(" ")] == [
        "model",
        *(row[0] for row in rows),
    ]
    assert all(len(line) <= max(columns, 28) for line in lines)
    message = capsys.readouterr().err
    expected = ["plugin, disclaimer"] if columns < 36 else ["disclaimer"] if columns < 43 else []
    assert [message] == [
        f"hidden, because the terminal is narrow: {each}; --json shows all\n" for each in expected
    ] or not expected
    assert ("openai" in " ".join(lines)) is (columns >= 36)
