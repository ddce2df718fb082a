"""Text of others is shown without what a terminal obeys."""

import json
import sys
import unicodedata

import pytest

from standby.runtime.control_characters import escape_controls, escape_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\u001b[2J"),
        ("\x9b31m", r"\u009b31m"),
        ("a\x08b\x7f\x07", r"a\u0008b\u007f\u0007"),
        ("50%\rdone", r"50%\u000ddone"),
        ("a\r\nb\tc\n", "a\r\nb\tc\n"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066a\u2069\u200f\u061c", r"\u2066a\u2069\u200f\u061c"),
        ("a\u2028b\u0085c", r"a\u2028b\u0085c"),
        ("\ud800", r"\ud800"),
        (
            "Größe \N{FAMILY} \N{ZERO WIDTH JOINER}שלום",
            "Größe \N{FAMILY} \N{ZERO WIDTH JOINER}שלום",
        ),
    ],
)
def test_what_a_terminal_obeys_is_escaped_and_nothing_else(text: str, shown: str) -> None:
    assert escape_controls(text) == shown


def test_of_all_letters_none_is_left_that_a_terminal_obeys() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    left = {
        letter
        for letter in escape_controls(every)
        if unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs")
        or unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI")
    }
    assert left == {"\t", "\n"}


def test_escaped_json_is_the_same_json() -> None:
    value = {"a": "\x1b\x9b\u202e\n\t\x7f"}
    text = json.dumps(value, ensure_ascii=False)
    assert json.loads(escape_controls(text)) == value


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\r\n\tb", "a b"), ("a  b", "a  b"), ("a\u2028\x85b\x1b", r"a b\u001b"), ("", "")],
)
def test_a_line_has_no_line_ends(text: str, line: str) -> None:
    assert escape_line(text) == line
