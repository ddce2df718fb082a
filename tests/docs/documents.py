"""The documents at the top: their fenced blocks and their tables, each with the heading that it stands under."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]

_FILE = re.compile(r"`([\w./]+\.\w+)`")


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A fenced block. `file` is the name with which the paragraph before it begins, if that is a file's."""

    language: str
    text: str
    heading: str
    file: str


def blocks(document: str, heading: str = "", language: str = "") -> list[Block]:
    """Return the fenced blocks of a document; those under one heading, or in one language."""
    return [
        block
        for block in _blocks(document)
        if heading in ("", block.heading) and language in ("", block.language)
    ]


def only(document: str, heading: str, language: str) -> str:
    """Return the text of the one block under a heading that is in that language."""
    [block] = blocks(document, heading, language)
    return block.text


def table(document: str, *, head: str) -> list[list[str]]:
    """Return the cells of the table whose first column is headed so, without the head."""
    rows = next(rows for rows in _tables(document) if rows[0][0] == head)
    return rows[1:]


def _blocks(document: str) -> Iterator[Block]:
    heading = before = ""
    for kind, token in _tokens(document):
        if kind == "heading":
            heading = token.content
        elif kind == "paragraph":
            before = token.content
        elif token.type == "fence":
            named = _FILE.match(before)
            yield Block(
                language=token.info,
                text=token.content,
                heading=heading,
                file=named[1] if named else "",
            )
            before = ""


def _tokens(document: str) -> Iterator[tuple[str, Token]]:
    """Give each token with the kind of the block that holds it."""
    holder = ""
    for token in _parsed(document):
        if token.type in ("heading_open", "paragraph_open"):
            holder = token.type.removesuffix("_open")
        elif token.type in ("inline", "fence"):
            yield (holder if token.type == "inline" else "", token)
            holder = ""


def _tables(document: str) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    cell = False
    for token in _parsed(document):
        match token.type:
            case "table_open":
                rows = []
            case "tr_open":
                rows.append([])
            case "th_open" | "td_open":
                cell = True
            case "inline" if cell:
                rows[-1].append(token.content)
                cell = False
            case "table_close":
                yield rows


def _parsed(document: str) -> list[Token]:
    return (
        MarkdownIt("commonmark")
        .enable("table")
        .parse((ROOT / document).read_text(encoding="utf-8"))
    )
