"""A model's thoughts, kept so that they go back unmodified and in their place: "in their original order" (the SDK's words).

`provider_state` is a JSON list with an item for each block: a thought as it came, the length of a text, or
null for a call.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from standby.plugin import Part, Reasoning, Text, ToolCall, get_list


def private_of(blocks: Sequence[dict[str, Any] | str | None]) -> str:
    """Return what is kept of an answer's blocks (thoughts, texts, `None` for calls); nothing where there is no thought."""
    if not any(isinstance(block, dict) for block in blocks):
        return ""
    return msgspec.json.encode(
        [len(block) if isinstance(block, str) else block for block in blocks]
    ).decode()


def placed(parts: Iterable[Part]) -> list[Part | dict[str, Any]]:
    """Put an assistant's thoughts where they stood among its texts and calls; where that is not known, before them."""
    said = [part for part in parts if isinstance(part, Text | ToolCall)]
    kept = [
        block
        for part in parts
        if isinstance(part, Reasoning)
        for block in _read(part.provider_state)
    ]
    text = "".join(part.text for part in said if isinstance(part, Text))
    calls = [part for part in said if isinstance(part, ToolCall)]
    fits = sum(block for block in kept if isinstance(block, int)) == len(text) and kept.count(
        None
    ) == len(calls)
    thoughts: list[Part | dict[str, Any]] = [block for block in kept if isinstance(block, dict)]
    return list(_laid(kept, text, calls)) if thoughts and fits else [*thoughts, *said]


def _laid(
    kept: Sequence[Any], text: str, calls: Sequence[ToolCall]
) -> Iterator[Part | dict[str, Any]]:
    at, left = 0, iter(calls)
    for block in kept:
        if isinstance(block, int):
            yield Text(text[at : at + block])
            at += block
        else:
            yield next(left) if block is None else block


def _read(private: str) -> list[Any]:
    """Read what was kept; what is none of ours is no thought."""
    try:
        return get_list(msgspec.json.decode(private or "[]"))
    except (msgspec.DecodeError, RecursionError):
        return []
