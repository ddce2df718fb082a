"""A model's thoughts, kept so that they can be returned to it unmodified and in order.

The SDK demands them "in their original order". `provider_state` is a JSON list with an item for
each block: a thought unchanged, the length of a text, or null for a call.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from standby.plugin import Part, Reasoning, Text, ToolCall, get_list


def encode_state(blocks: Sequence[dict[str, Any] | str | None]) -> str:
    """Encode the thoughts of an answer and their positions.

    Args:
        blocks: The answer's blocks: thoughts, texts, and `None` for calls.

    Returns:
        The `provider_state`; empty where the answer has no thought.
    """
    if not any(isinstance(block, dict) for block in blocks):
        return ""
    items = [len(block) if isinstance(block, str) else block for block in blocks]
    return msgspec.json.encode(items).decode()


def insert_thoughts(parts: Iterable[Part]) -> list[Part | dict[str, Any]]:
    """Insert an assistant's thoughts where they stood among its texts and calls.

    Args:
        parts: The parts of the assistant's message.

    Returns:
        The parts with the thoughts among them; thoughts of unknown position come first.
    """
    parts = list(parts)
    texts_and_calls = [part for part in parts if isinstance(part, Text | ToolCall)]
    kept = _decode_states(part for part in parts if isinstance(part, Reasoning))
    thoughts: list[Part | dict[str, Any]] = [block for block in kept if isinstance(block, dict)]
    positioned = _position(kept, texts_and_calls) if thoughts else None
    return [*thoughts, *texts_and_calls] if positioned is None else positioned


def _position(
    kept: Sequence[Any], texts_and_calls: Sequence[Text | ToolCall]
) -> list[Part | dict[str, Any]] | None:
    """Return texts, calls and thoughts in order; `None` where the kept blocks do not fit them."""
    text = "".join(part.text for part in texts_and_calls if isinstance(part, Text))
    calls = [part for part in texts_and_calls if isinstance(part, ToolCall)]
    length = sum(block for block in kept if isinstance(block, int))
    fits = length == len(text) and kept.count(None) == len(calls)
    return list(_merge(kept, text, calls)) if fits else None


def _merge(
    kept: Sequence[Any], text: str, calls: Sequence[ToolCall]
) -> Iterator[Part | dict[str, Any]]:
    start, remaining_calls = 0, iter(calls)
    for block in kept:
        if isinstance(block, int):
            yield Text(text[start : start + block])
            start += block
        else:
            yield next(remaining_calls) if block is None else block


def _decode_states(thoughts: Iterable[Reasoning]) -> list[Any]:
    """Decode the kept blocks; anything else in a state is ignored."""
    return [block for each in thoughts for block in _decode_state(each.provider_state)]


def _decode_state(provider_state: str) -> list[Any]:
    try:
        return get_list(msgspec.json.decode(provider_state or "[]"))
    except (msgspec.DecodeError, RecursionError):
        return []
