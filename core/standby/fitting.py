"""What of a request fits one model: whether it can be asked at all, and what it is not sent."""

import msgspec

from standby.attempt import Entry, maker
from standby.types import Media, Message, Part, Request, ToolCall

_A = {"image": "an image", "audio": "sound", "video": "a video", "pdf": "a PDF", "file": "a file"}


def unfit(request: Request, entry: Entry) -> str:
    """Say why a model cannot be asked this at all, in words; "" if it can."""
    called = any(message.role == "tool" for message in request.messages)
    reads = entry.card.reads or ()
    kinds = (part.kind for message in request.messages for part in message.parts if isinstance(part, Media))
    unread = next((kind for kind in kinds if kind not in reads), None)
    if unread is not None:
        return f"{entry.name} cannot read {_A[unread]}"
    if (request.tools or called) and not entry.card.tools:
        return f"{entry.name} cannot call tools"
    if request.schema is not None and not entry.card.schema:
        return f"{entry.name} cannot be held to a schema"
    dropped = dropped_for(request, entry)
    if entry.strict and dropped:
        return f"{entry.name} must not be sent {', '.join(dropped)}, and strict forbids to leave it out"
    return ""


def dropped_for(request: Request, entry: Entry) -> tuple[str, ...]:
    """Return the names of the parameters that the model refuses."""
    return tuple(dict.fromkeys(name for name in entry.refused if getattr(request.sampling, name, None) is not None))


def fit(request: Request, entry: Entry) -> tuple[Request, tuple[str, ...]]:
    """Take out of a request what the model refuses and what only another can read; return it, and the parameters' names."""
    dropped = dropped_for(request, entry)
    if dropped:
        sampling = msgspec.structs.replace(request.sampling, **dict.fromkeys(dropped))
        request = msgspec.structs.replace(request, sampling=sampling)
    if any(message.role == "tool" for message in request.messages):
        messages = tuple(_without_foreign_state(message, entry) for message in request.messages)
        request = msgspec.structs.replace(request, messages=messages)
    return request, dropped


def _without_foreign_state(message: Message, entry: Entry) -> Message:
    if not any(_is_foreign(part, entry) for part in message.parts):
        return message
    parts = (
        msgspec.structs.replace(part, private="", made_by="") if _is_foreign(part, entry) else part for part in message.parts
    )
    return msgspec.structs.replace(message, parts=tuple(parts))


def _is_foreign(part: Part, entry: Entry) -> bool:
    return isinstance(part, ToolCall) and part.made_by not in ("", maker(entry))
