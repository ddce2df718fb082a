"""What each code of a problem means: the sections of lints.md, a copy of which is part of the package."""

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).parents[1] / "lints.md"
"""The page that ships; a test keeps it equal to lints.md."""

_SECTION = re.compile(
    r"^### (?P<code>\S+)\n\n(?P<text>.*?)\s*(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL
)
_FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def read_explanations() -> Mapping[str, str]:
    """Return each code's section: paragraphs, and examples that are indented by four blanks."""
    sections = _SECTION.finditer(PAGE.read_text(encoding="utf-8"))
    return {section["code"]: _as_text(section["text"]) for section in sections}


def _as_text(markdown: str) -> str:
    """Return a section as a terminal shows it: examples indented, links by their names, a paragraph in one line."""
    parts = _FENCE.split(markdown)  # prose and examples by turns
    shown = (_indented(part) if at % 2 else _prose(part) for at, part in enumerate(parts))
    return "\n\n".join(part for part in shown if part)


def _indented(example: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in example.rstrip().splitlines())


def _prose(text: str) -> str:
    return "\n\n".join(
        " ".join(_LINK.sub(r"\1", each).split()) for each in text.split("\n\n")
    ).strip()
