"""The messages of a call as a caller passes them, parsed and checked before anything is sent."""

from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

import msgspec

from standby.errors import RequestError
from standby.inputs.media import check_media, parse_media
from standby.inputs.tools import is_complete, pair_results, parse_tool_calls
from standby.types import Media, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult

Messages = str | Iterable[Message | Mapping[str, Any]]
"""A string, messages, or OpenAI-style dictionaries."""

_ROLES: tuple[str, ...] = get_args(Role)
_ROLE_ALIASES = {"developer": "system"}
_PARTS = (
    "Text (a user's also of Media, an assistant's also of Reasoning and ToolCall, "
    "a tool's of ToolResult)"
)
_OWN_FIELDS = {"assistant": ("tool_calls",), "tool": ("tool_call_id", "name")}
"""Fields that a dictionary of this role has besides the role and the content."""


def parse_messages(messages: Messages) -> tuple[Message, ...]:
    """Parse the messages of a call.

    Args:
        messages: A string, messages, or OpenAI-style dictionaries.

    Returns:
        The messages that are sent, each tool result after its call. System messages without
        visible text, and messages without content, are removed.

    Raises:
        RequestError: A message is wrong; the error has its index and does not quote it.
    """
    if isinstance(messages, str):
        return (_user_message(messages),)
    _check_iterable(messages)
    parsed = (_parse_message(message, index) for index, message in enumerate(messages))
    kept = [message for message in parsed if message.parts or message.role != "system"]
    if not kept:
        raise RequestError("messages: the list is empty; give at least one message of the user")
    sent = tuple(filter(_has_content, pair_results(kept)))
    if all(message.role == "system" for message in sent):
        raise RequestError("messages: there is no message of the user")
    return sent


def _user_message(text: str) -> Message:
    if not text:
        raise _empty_user_message(0)
    return Message("user", (_replace_surrogates(Text(text)),))


def _empty_user_message(index: int) -> RequestError:
    message = f"message {index}: the user message is empty; leave it out or give it a text"
    return RequestError(message, index)


def _check_iterable(messages: Any) -> None:
    if not all((isinstance(messages, Iterable), not isinstance(messages, Mapping))):
        kind = describe_type(messages)
        raise RequestError(f"messages: expected a string or a list of messages, not {kind}")


def describe_type(value: object) -> str:
    """Describe what was given instead of the expected value.

    Args:
        value: The value.

    Returns:
        Its type with an article, or "None".
    """
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _has_content(message: Message) -> bool:
    """Say whether a message has more than reasoning."""
    return any(not isinstance(part, Reasoning) for part in message.parts)


def _parse_message(message: Any, index: int) -> Message:
    if isinstance(message, Message):
        role, parts = message.role, message.parts
        _check_message(role, parts, index)
    elif isinstance(message, Mapping):
        role, parts = _parse_fields(cast("Mapping[str, Any]", message), index)
    else:
        raise RequestError(
            f"message {index}: expected a Message or a dictionary, not {describe_type(message)}",
            index,
        )
    # no vendor takes a system message of blanks, and it instructs no model
    is_kept = _is_visible if role == "system" else bool
    parts = tuple(
        _replace_surrogates(part)
        for part in parts
        if not isinstance(part, Text) or is_kept(part.text)
    )
    if not parts and role == "user":
        raise _empty_user_message(index)
    return Message(role, parts)


# Messages that are a `Message`


def _check_message(role: Any, parts: Any, index: int) -> None:
    pieces = cast("Iterable[object]", parts) if isinstance(parts, tuple | list) else (None,)
    if role not in _ROLES or not all(_fits_role(piece, role) for piece in pieces):
        raise RequestError(
            f"message {index}: a Message holds a role ({', '.join(_ROLES)}) "
            f"and a tuple of {_PARTS}",
            index,
        )
    for position, piece in enumerate(pieces):
        for media in _find_media(piece):
            check_media(media, f"message {index}, part {position}", index)


def _find_media(part: object) -> tuple[Media, ...]:
    if isinstance(part, Media):
        return (part,)
    return part.media if isinstance(part, ToolResult) else ()


def _fits_role(part: object, role: str) -> bool:
    if isinstance(part, ToolCall):
        return role == "assistant" and is_complete(part)
    if isinstance(part, Media):
        return role == "user"
    if isinstance(part, Reasoning):
        return role == "assistant"
    kind = ToolResult if role == "tool" else Text
    return isinstance(part, kind) and isinstance(cast("object", part.text), str)


# Messages that are a dictionary


def _parse_fields(fields: Mapping[str, Any], index: int) -> tuple[Role, tuple[Part, ...]]:
    role = _parse_role(fields.get("role"), index)
    parts = _parse_content(fields.get("content"), role, index)
    if role == "tool":
        parts = (_parse_result(fields, parts, index),)
    elif role == "assistant":
        parts = (*parts, *parse_tool_calls(fields.get("tool_calls"), index))
    _check_fields(fields, index)
    return role, parts


def _parse_role(role: Any, index: int) -> Role:
    names = ", ".join(_ROLES)
    if not isinstance(role, str):
        raise RequestError(
            f"message {index}: 'role' is missing or not a text; one of {names}", index
        )
    canonical = _ROLE_ALIASES.get(role, role)
    if canonical not in _ROLES:
        # anything but an identifier may be the prompt, in the wrong place
        quoted = f" {role!r}" if role.isidentifier() else ""
        raise RequestError(f"message {index}: unknown role{quoted}; one of {names}", index)
    return cast("Role", canonical)


def _parse_content(content: Any, role: Role, index: int) -> tuple[Part, ...]:
    if content is None or isinstance(content, str):
        return (Text(content or ""),)
    if not isinstance(content, list | tuple):
        raise RequestError(
            f"message {index}: 'content' must be a string or a list of parts, "
            f"not {describe_type(content)}",
            index,
        )
    return tuple(
        _parse_part(part, role, index, position)
        for position, part in enumerate(cast("Iterable[object]", content))
    )


def _parse_part(part: Any, role: Role, index: int, position: int) -> Part:
    location = f"message {index}, part {position}"
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", part) if isinstance(part, Mapping) else {}
    if isinstance(part, Media):
        media: Media | None = check_media(part, location, index)
    else:
        media = parse_media(fields, location, index)
    if media is not None:
        if role not in ("user", "tool"):
            raise RequestError(
                f"{location}: only a user's message and a tool's carry media, "
                f"not one of the {role}",
                index,
            )
        return media
    text = part.text if isinstance(part, Text) else _find_text(fields)
    if not isinstance(text, str):
        raise RequestError(
            f'{location}: expected {{"type": "text", "text": "…"}}, '
            "or an image_url, input_audio or file",
            index,
        )
    return Text(text)


def _find_text(fields: Mapping[str, Any]) -> Any:
    return fields.get("text") if fields.get("type") == "text" else None


def _parse_result(fields: Mapping[str, Any], parts: tuple[Part, ...], index: int) -> ToolResult:
    call_id = fields.get("tool_call_id")
    if not isinstance(call_id, str) or not call_id:
        raise RequestError(
            f"message {index}: a tool's message needs the 'tool_call_id' "
            "of the call that it answers",
            index,
        )
    return ToolResult(
        id=call_id,
        text="".join(part.text for part in parts if isinstance(part, Text)),
        media=tuple(part for part in parts if isinstance(part, Media)),
    )


def _check_fields(message: Mapping[str, Any], index: int) -> None:
    allowed = ("role", "content", *_OWN_FIELDS.get(str(message["role"]), ()))
    for key, value in message.items():
        if key not in allowed and value:
            names = " and ".join(map(repr, allowed))
            raise RequestError(
                f"message {index}: {key!r} is not supported; only {names} are", index
            )


# Texts


def _is_visible(text: str) -> bool:
    """Say whether a text has a visible character: neither a blank nor one of no width."""
    return any(character.isprintable() and not character.isspace() for character in text)


def _replace_surrogates(part: Part) -> Part:
    """Replace lone surrogates, which UTF-8 cannot hold, by U+FFFD; a pair becomes its character."""
    if isinstance(part, ToolCall | Media | Reasoning):
        return part
    try:
        part.text.encode()
    except UnicodeEncodeError:
        text = part.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return msgspec.structs.replace(part, text=text)
    return part
