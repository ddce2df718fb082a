"""The fenced blocks and the tables of the documents, with the headings above them."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]

_FILE = re.compile(r"`([\w./]+\.\w+)`")


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A fenced block; `file` is the file name that the paragraph before it begins with, if any."""

    language: str
    text: str
    heading: str
    file: str


def blocks(document: str, heading: str = "", language: str = "") -> list[Block]:
    """Return a document's fenced blocks, optionally of one heading and in one language."""
    return [
        block
        for block in _blocks(document)
        if heading in ("", block.heading) and language in ("", block.language)
    ]


def only(document: str, heading: str, language: str) -> str:
    """Return the text of the only block under a heading in a language."""
    [block] = blocks(document, heading, language)
    return block.text


def table(document: str, *, head: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this head, without the head."""
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
            match = _FILE.match(before)
            yield Block(
                language=token.info,
                text=token.content,
                heading=heading,
                file=match[1] if match else "",
            )
            before = ""


def _tokens(document: str) -> Iterator[tuple[str, Token]]:
    """Yield each token with the kind of the block that contains it."""
    parent = ""
    for token in _parse(document):
        if token.type in ("heading_open", "paragraph_open"):
            parent = token.type.removesuffix("_open")
        elif token.type in ("inline", "fence"):
            yield (parent if token.type == "inline" else "", token)
            parent = ""


def _tables(document: str) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    cell = False
    for token in _parse(document):
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


def _parse(document: str) -> list[Token]:
    return (
        MarkdownIt("commonmark")
        .enable("table")
        .parse((ROOT / document).read_text(encoding="utf-8"))
    )
