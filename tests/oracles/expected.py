"""What a recorded answer is read as."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from standby.plugin import Finish, Kind

Wire = Literal["gemini", "vertex", "chat", "responses", "anthropic"]


class Said(msgspec.Struct, frozen=True):
    """A reply: its text, or how that begins and its `size`; `tokens` of input, output, reasoning; `chunks` with words."""

    wire: Wire
    text: str
    tokens: tuple[int, int, int]
    response_model: str
    cached: int = 0
    size: int = 0
    chunks: int = 0
    finish: Finish | None = None
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    signed: tuple[str, ...] = ()
    thought: str = ""
    provider_state: str = ""


class Failed(msgspec.Struct, frozen=True):
    """A failure, with the text that had come before it, words of its message, and the seconds that the vendor asks for."""

    wire: Wire
    kind: Kind
    status: int
    code: str | None
    text: str = ""
    words: str = ""
    retry_after: float | None = None
