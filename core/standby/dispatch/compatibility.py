"""What of a request fits one model: whether it can be asked at all, and what it is not sent."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from standby.cards import EFFORTS, Effort
from standby.dispatch.target import Target, producer
from standby.failures import Failure, Kind
from standby.types import (
    Media,
    Message,
    Part,
    Reasoning,
    Request,
    Sampling,
    Text,
    ToolCall,
    ToolResult,
)

MOST_CHARACTERS = 8
"""Characters of one token, on the whole and at the most, where none is said again and again: prose has 4 to 5."""

_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)
"""A character said again and again, like the spaces of an indented table: many are one token."""

_A = {"image": "an image", "audio": "sound", "video": "a video", "pdf": "a PDF", "file": "a file"}


def incompatibility(request: Request, target: Target) -> Failure | None:
    """Say why a model cannot be asked this at all; `None` if it can."""
    words = _unread(request.messages, target) or _unable(request, target)
    if words:
        return Failure(kind=Kind.UNSUPPORTED, message=f"{target.name} {words}")
    window = target.card.context_window
    if window is None or sum(map(len, _texts(request.messages))) <= window * MOST_CHARACTERS:
        return None  # nearly always; to look closer takes a moment
    if (least := _least_tokens(request.messages)) > window:
        words = f"the conversation has {least} tokens at the least, and the context window of {target.name} holds {window}"
        return Failure(kind=Kind.CONTEXT_TOO_LONG, message=words)
    return None


def dropped_parameters(request: Request, target: Target) -> tuple[str, ...]:
    """Return the names of the parameters that the model refuses."""
    refused = target.refused if target.card.efforts else (*target.refused, "reasoning_effort")
    return tuple(
        dict.fromkeys(name for name in refused if getattr(request.sampling, name, None) is not None)
    )


def adapt(request: Request, target: Target) -> tuple[Request, tuple[str, ...]]:
    """Take out of a request what the model refuses and what only another can read; return it, and the parameters' names."""
    dropped = dropped_parameters(request, target)
    sampling = _sampling(request.sampling, dropped, target)
    messages = request.messages
    if any(_changes(message, target) for message in messages):
        messages = tuple(_fitted(message, target) for message in messages)
    if sampling is request.sampling and messages is request.messages:
        return request, dropped
    return msgspec.structs.replace(request, sampling=sampling, messages=messages), dropped


def _unread(messages: Iterable[Message], target: Target) -> str:
    for message in messages:
        for part in message.parts:
            if isinstance(part, Media) and part.kind not in (target.card.reads or ()):
                return f"cannot read {_A[part.kind]}"
            for media in part.media if isinstance(part, ToolResult) else ():
                if media.kind not in (target.card.reads_in_results or ()):
                    return f"cannot read {_A[media.kind]} in a tool's result"
    return ""


def _unable(request: Request, target: Target) -> str:
    card = target.card
    if not card.tools and (
        request.tools or any(message.role == "tool" for message in request.messages)
    ):
        return "cannot call tools"
    if not card.schema and request.schema is not None:
        return "cannot be held to a schema"
    spoken = [message.role for message in request.messages if message.role != "system"]
    if card.prefill is False and spoken[-1:] == ["assistant"]:
        return "cannot go on with words that are the assistant's: end with a message of the user"
    if (target.strict or request.strict) and (dropped := dropped_parameters(request, target)):
        return f"must not be sent {', '.join(dropped)}, and strict forbids to leave it out"
    return ""


def _least_tokens(messages: Iterable[Message]) -> int:
    """Return what a conversation's text comes to at the very least: a run of one character counts as one."""
    return sum(len(_RUN.sub(r"\1", text)) for text in _texts(messages)) // MOST_CHARACTERS


def _texts(messages: Iterable[Message]) -> Iterator[str]:
    return (
        part.text
        for message in messages
        for part in message.parts
        if isinstance(part, Text | ToolResult)
    )


def _sampling(sampling: Sampling, dropped: tuple[str, ...], target: Target) -> Sampling:
    changed: dict[str, Any] = dict.fromkeys(dropped)
    if sampling.reasoning_effort is not None and "reasoning_effort" not in dropped:
        changed["reasoning_effort"] = _nearest(sampling.reasoning_effort, target.card.efforts or ())
    limit = target.card.output_limit
    if limit is not None and sampling.max_tokens is not None and sampling.max_tokens > limit:
        changed["max_tokens"] = limit
    return msgspec.structs.replace(sampling, **changed) if changed else sampling


def _nearest(effort: Effort, taken: tuple[Effort, ...]) -> Effort:
    """Return the effort that a model takes and that is nearest to the one asked for; of two the lower one.

    "none" switches thinking off, which is no neighbour of any other.
    """
    asked = EFFORTS.index(effort)
    thinking: tuple[Effort, ...] = tuple(one for one in taken if one != "none")
    near = taken if effort == "none" else thinking or taken
    return min(near, key=lambda one: (abs(EFFORTS.index(one) - asked), EFFORTS.index(one)))


def _changes(message: Message, target: Target) -> bool:
    if message.role == "system":
        return target.card.system is False
    return message.role == "assistant" and any(_is_foreign(part, target) for part in message.parts)


def _fitted(message: Message, target: Target) -> Message:
    """Leave out what only another model can read; where there are no system messages, give them as the user's."""
    if not _changes(message, target):
        return message
    if message.role == "system":
        return Message("user", message.parts)
    kept = (
        part
        for part in message.parts
        if not (isinstance(part, Reasoning) and _is_foreign(part, target))
    )
    parts = (
        msgspec.structs.replace(part, provider_state="", produced_by="")
        if isinstance(part, ToolCall) and _is_foreign(part, target)
        else part
        for part in kept
    )
    return Message(message.role, tuple(parts))


def _is_foreign(part: Part, target: Target) -> bool:
    return isinstance(part, ToolCall | Reasoning) and part.produced_by not in ("", producer(target))
