"""The expected outcome of a recorded answer."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from standby.plugin import Finish, Kind

Wire = Literal["gemini", "vertex", "chat", "responses", "anthropic"]


class ExpectedReply(msgspec.Struct, frozen=True):
    """A reply.

    `text` is its text, or the start of a text of `size` characters. `tokens` are those of input,
    output and reasoning. `chunks` is the number of chunks with text.
    """

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


class ExpectedFailure(msgspec.Struct, frozen=True):
    """A failure.

    `text` is the text that came before it, `message` a part of its message, and `retry_after` the
    vendor's stated delay in seconds.
    """

    wire: Wire
    kind: Kind
    status: int
    code: str | None
    text: str = ""
    message: str = ""
    retry_after: float | None = None
