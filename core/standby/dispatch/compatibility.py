"""What of a request fits one model: whether the model can serve it, and what it is not sent."""

import operator
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from msgspec.structs import replace

from standby.cards import EFFORTS, Effort
from standby.dispatch.target import Target
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
"""Characters that one token stands for at the most, without repetitions: prose has 4 to 5."""

_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)
"""A repeated character, like the spaces of an indented table: many of them are one token."""

_NAMES = {
    "image": "an image",
    "audio": "sound",
    "video": "a video",
    "pdf": "a PDF",
    "file": "a file",
}

_DEFAULT = Sampling()


def incompatibility(request: Request, target: Target) -> Failure | None:
    """Find why a model cannot serve a request.

    Args:
        request: the caller's request.
        target: the model.

    Returns:
        A failure of the kind `unsupported` or `context_too_long`; `None` if the model can.

    """
    problem = _unreadable_media(request.messages, target) or _missing_feature(request, target)
    if problem:
        return Failure(kind=Kind.UNSUPPORTED, message=f"{target.name} {problem}")
    window = target.card.context_window
    if window is None or sum(map(len, _texts(request.messages))) <= window * MOST_CHARACTERS:
        return None  # nearly always; counting closer is slow
    if (least := _least_tokens(request.messages)) > window:
        holds = f"the context window of {target.name} holds {window}"
        message = f"the conversation has {least} tokens at the least, and {holds}"
        return Failure(kind=Kind.CONTEXT_TOO_LONG, message=message)
    return None


def dropped_parameters(request: Request, target: Target) -> tuple[str, ...]:
    """Name the sampling parameters that a model is not sent.

    Args:
        request: the caller's request.
        target: the model.

    Returns:
        The names of those that the request sets and the model refuses, in the order of its card.

    """
    sampling = request.sampling
    if sampling == _DEFAULT:
        return ()
    refused = target.refused if target.card.efforts else (*target.refused, "reasoning_effort")
    given = (name for name in refused if getattr(sampling, name, None) is not None)
    return tuple(dict.fromkeys(given))


class Adapted(NamedTuple):
    """A request without what a model refuses and what only another one can read.

    Attributes:
        request: what the model is sent.
        dropped: the names of the parameters that it is not sent.

    """

    request: Request
    dropped: tuple[str, ...]


def adapt(request: Request, target: Target) -> Adapted:
    """Adapt a request to a model.

    Args:
        request: the caller's request.
        target: the model.

    Returns:
        The adapted request; the same object where nothing had to change.

    """
    dropped = dropped_parameters(request, target)
    sampling = _adapt_sampling(request.sampling, dropped, target)
    messages = _adapt_messages(request.messages, target)
    if sampling is request.sampling and messages is request.messages:
        return Adapted(request, dropped)
    return Adapted(replace(request, sampling=sampling, messages=messages), dropped)


def _unreadable_media(messages: Iterable[Message], target: Target) -> str:
    reads, reads_in_results = target.card.reads or (), target.card.reads_in_results or ()
    for message in messages:
        for part in message.parts:
            if isinstance(part, Media):
                if part.kind not in reads:
                    return f"cannot read {_NAMES[part.kind]}"
            elif isinstance(part, ToolResult):
                for media in part.media:
                    if media.kind not in reads_in_results:
                        return f"cannot read {_NAMES[media.kind]} in a tool's result"
    return ""


def _missing_feature(request: Request, target: Target) -> str:
    card = target.card
    if not card.tools and _has_tools(request):
        return "cannot call tools"
    if not card.schema and request.schema is not None:
        return "cannot be held to a schema"
    if card.prefill is False and _ends_with_assistant(request.messages):
        return "cannot continue the assistant's message: end with a message of the user"
    if target.strict or request.strict:
        dropped = dropped_parameters(request, target)
        names = ", ".join(dropped)
        return f"must not be sent {names}, and strict forbids leaving it out" if dropped else ""
    return ""


def _has_tools(request: Request) -> bool:
    return bool(request.tools) or any(message.role == "tool" for message in request.messages)


def _ends_with_assistant(messages: Iterable[Message]) -> bool:
    roles = [message.role for message in messages if message.role != "system"]
    return roles[-1:] == ["assistant"]


def _least_tokens(messages: Iterable[Message]) -> int:
    """Return what a conversation's text comes to at the least: a repeated character counts once."""
    return sum(len(_RUN.sub(r"\1", text)) for text in _texts(messages)) // MOST_CHARACTERS


def _texts(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, Text | ToolResult):
                yield part.text


def _adapt_sampling(sampling: Sampling, dropped: tuple[str, ...], target: Target) -> Sampling:
    if sampling == _DEFAULT:
        return sampling
    changed: dict[str, Any] = dict.fromkeys(dropped)
    if sampling.reasoning_effort is not None and "reasoning_effort" not in dropped:
        efforts = target.card.efforts or ()
        changed["reasoning_effort"] = _nearest(sampling.reasoning_effort, efforts)
    limit = target.card.output_limit
    if limit is not None and (sampling.max_tokens or 0) > limit:
        changed["max_tokens"] = limit
    return replace(sampling, **changed) if changed else sampling


def _nearest(effort: Effort, supported: tuple[Effort, ...]) -> Effort:
    """Return the supported effort that is nearest to the requested one; of two the lower one.

    "none" switches thinking off, so it is nobody's neighbour.
    """
    requested = EFFORTS.index(effort)
    thinking: tuple[Effort, ...] = tuple(each for each in supported if each != "none")
    candidates = supported if effort == "none" else thinking or supported
    return min(
        candidates, key=lambda each: (abs(EFFORTS.index(each) - requested), EFFORTS.index(each))
    )


def _adapt_messages(messages: tuple[Message, ...], target: Target) -> tuple[Message, ...]:
    adapted = [_adapt_message(message, target) for message in messages]
    if all(map(operator.is_, adapted, messages)):
        return messages
    return tuple(adapted)


def _adapt_message(message: Message, target: Target) -> Message:
    """Leave out what only another model can read; give system messages as the user's if need be."""
    if message.role == "system":
        return Message("user", message.parts) if target.card.system is False else message
    if message.role != "assistant" or not any(_is_foreign(part, target) for part in message.parts):
        return message
    kept = (_adapt_part(part, target) for part in message.parts)
    return Message(message.role, tuple(part for part in kept if part is not None))


def _adapt_part(part: Part, target: Target) -> Part | None:
    if not _is_foreign(part, target):
        return part
    if isinstance(part, ToolCall):
        return replace(part, provider_state="", produced_by="")
    return None


def _is_foreign(part: Part, target: Target) -> bool:
    """Return whether another model made a part; nobody else can read its state."""
    return isinstance(part, ToolCall | Reasoning) and part.produced_by not in ("", target.producer)
