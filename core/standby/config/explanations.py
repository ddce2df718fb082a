"""Explains each code of a problem, with the section of lints.md that ships in the package."""

import re
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).parents[1] / "lints.md"
"""The copy in the package; a test keeps it equal to lints.md."""

_SECTION = re.compile(
    r"^### (?P<code>\S+)\n\n(?P<text>.*?)\s*(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL
)
_FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def read_explanations() -> Mapping[str, str]:
    """Read the explanations.

    Returns:
        Plain text by the problem's code: paragraphs, and examples that are indented by four spaces.

    """
    sections = _SECTION.finditer(PAGE.read_text(encoding="utf-8"))
    return {section["code"]: _format_text(section["text"]) for section in sections}


def _format_text(markdown: str) -> str:
    """Format Markdown for a terminal: a line a paragraph, a link's text without its target."""
    parts = _FENCE.split(markdown)  # prose and examples alternate
    texts = (_indent(part) if at % 2 else _format_prose(part) for at, part in enumerate(parts))
    return "\n\n".join(text for text in texts if text)


def _indent(example: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in example.rstrip().splitlines())


def _format_prose(markdown: str) -> str:
    paragraphs = _LINK.sub(r"\1", markdown).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).strip()
