"""What `IntelligentModelFallback.run` takes, converted to Agno's messages."""

# Agno is an extra: where it is not installed, its types are unknown.
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false
# pyright: reportUnknownArgumentType=false

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agno.models.message import Message
from pydantic import ValidationError

Prompt = str | Mapping[str, Any] | Iterable[Any]
"""A text, a message, or several: Agno's, or dictionaries with a role and a content."""

_MEDIA = ("images", "audio", "videos", "files")
_FIELDS = tuple(Message.model_fields)
"""Agno's message accepts any field, and ignores those that it does not know."""

_EXPECTED = (
    "expected a text, a message, or a list of them: "
    "Agno's, or dictionaries with a role and a content"
)


def build_messages(
    prompt: Prompt, *, default_instructions: str | None = None, **keywords: Any
) -> list[Message]:
    """Build the messages of a call.

    Args:
        prompt: A text, a message, or several.
        default_instructions: The system's message, where the keywords have no `instructions`.
        keywords: images, audio, videos and files for a prompt that is a text, and `instructions`.

    Returns:
        Agno's messages.

    Raises:
        TypeError: A keyword or a field is unknown, or the prompt is not a message.
    """
    _check_names("keyword", keywords, (*_MEDIA, "instructions"))
    instructions = keywords.pop("instructions", None) or default_instructions
    if keywords and not isinstance(prompt, str):
        raise TypeError(
            f"{', '.join(keywords)}: put them into the messages; "
            "as keywords they go with a prompt that is a text"
        )
    if isinstance(prompt, str):
        messages = [_build_message({"role": "user", "content": prompt, **keywords})]
    else:
        messages = [_convert_message(message) for message in _as_iterable(prompt)]
    if not instructions:
        return messages
    return [Message(role="system", content=instructions), *messages]


def _as_iterable(prompt: Any) -> Iterable[Any]:
    """Return the messages of a prompt that is not a text; a single one needs no list around it."""
    if isinstance(prompt, Mapping | Message):
        return [prompt]
    if isinstance(prompt, bytes | bytearray) or not isinstance(prompt, Iterable):
        raise TypeError(f"message: {_EXPECTED}, not {_describe_type(prompt)}")
    return prompt


def _convert_message(message: Any) -> Message:
    """Convert one message; a field that Agno would ignore is an error."""
    if isinstance(message, str):
        return Message(role="user", content=message)
    if isinstance(message, Message):
        _check_names("field", _fill(message.model_extra or {}), _FIELDS)
        return message
    if not isinstance(message, Mapping):
        raise TypeError(f"message: {_EXPECTED}; one of the list is {_describe_type(message)}")
    _check_names("field", _fill(message), _FIELDS)
    return _build_message(message)


def _build_message(fields: Mapping[str, Any]) -> Message:
    """Build Agno's message; its own error would quote the message's content."""
    try:
        return Message(**fields)
    except ValidationError as error:
        names = dict.fromkeys(str(each["loc"][0]) for each in error.errors() if each["loc"])
        raise TypeError(
            f"message: Agno's Message does not accept this as {', '.join(names)}"
        ) from None


def _fill(fields: Mapping[str, Any]) -> list[str]:
    return [name for name, value in fields.items() if value]


def _check_names(what: str, names: Iterable[str], allowed: Sequence[str]) -> None:
    for name in names:
        if name not in allowed:
            similar = difflib.get_close_matches(name, allowed, n=1)
            hint = f"did you mean {similar[0]!r}?" if similar else f"one of {', '.join(allowed)}"
            raise TypeError(f"unknown {what} {name!r}; {hint}")


def _describe_type(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
