"""What a caller passes to `chat` and `stream`, read into a request; whatever is wrong is said before anything is sent."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, cast, get_args

import msgspec

from standby.cards import LONGEST_SPAN, Effort
from standby.errors import RequestError
from standby.inputs.media import check_media, parse_media
from standby.inputs.schemas import parse_schema
from standby.inputs.tools import (
    ToolChoices,
    Tools,
    is_json,
    paired,
    parse_tool_calls,
    parse_tool_choice,
    parse_tools,
)
from standby.types import (
    Media,
    Message,
    Part,
    Reasoning,
    Request,
    Role,
    Sampling,
    Text,
    ToolCall,
    ToolResult,
)

Messages = str | Iterable[Message | Mapping[str, Any]]
"""A string, messages, or OpenAI-style dictionaries."""

_ROLES: tuple[str, ...] = get_args(Role)
_HELD = "Text (a user's also of Media, an assistant's also of Reasoning and ToolCall, a tool's of ToolResult)"
_ALSO_HOLDS = {"assistant": ("tool_calls",), "tool": ("tool_call_id", "name")}
_BESIDE = frozenset({"tools", "tool_choice", "schema", "extra", "strict"})
_ALSO_CALLED = {"developer": "system"}


class SamplingOptions(TypedDict, total=False):
    """The sampling parameters as keywords; the fields of `Sampling`."""

    temperature: float | None
    top_p: float | None
    top_k: int | None
    max_tokens: int | None
    stop: str | Iterable[str] | None
    seed: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    parallel_tool_calls: bool | None
    reasoning_effort: Effort | None


class CallOptions(SamplingOptions, total=False):
    """What a call may say besides its messages; see `AsyncStandby.chat`."""

    tools: Tools
    tool_choice: ToolChoices
    schema: Any
    extra: Mapping[str, Mapping[str, Any]]
    strict: bool


def parse_request(
    messages: Messages, options: Mapping[str, Any], providers: Iterable[str] = ()
) -> Request:
    """Read a request; raises `RequestError`, with the index of the message at fault. `providers`: whom `extra` may name."""
    sampling = {name: value for name, value in options.items() if name not in _BESIDE}
    offered = parse_tools(options.get("tools", ()))
    return Request(
        _messages(messages),
        parse_sampling(sampling) if sampling else Sampling(),
        offered,
        parse_tool_choice(options.get("tool_choice", "auto"), offered),
        parse_schema(options.get("schema")),
        _extra(options.get("extra", {}), tuple(providers)),
        _strict(options.get("strict", False)),
    )


def _strict(strict: Any) -> bool:
    if not isinstance(strict, bool):
        raise RequestError(f"strict: expected True or False, not {_a(strict)}")
    return strict


def _extra(extra: Any, providers: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(extra, Mapping):
        raise RequestError(f"extra: expected a dictionary by provider, not {_a(extra)}")
    for name, fields in cast("Mapping[str, Any]", extra).items():
        if name not in providers:
            raise RequestError(f"extra: no provider is named {name!r}{_near(str(name), providers)}")
        if not isinstance(fields, Mapping) or not is_json(fields):
            raise RequestError(f"extra: what is for {name!r} must be a JSON object")
    return cast("Mapping[str, Mapping[str, Any]]", extra)


def parse_sampling(options: Mapping[str, Any]) -> Sampling:
    """Read the sampling parameters; raises `RequestError` that names the one at fault."""
    for name in options:
        if name not in Sampling.__struct_fields__:
            raise RequestError(
                f"unknown parameter {name!r}{_near(name, Sampling.__struct_fields__)}"
            )
    stop = options.get("stop")
    if isinstance(stop, Iterable):
        stops = (stop,) if isinstance(stop, str) else cast("Iterable[object]", stop)
        options = {**options, "stop": tuple(one for one in stops if one != "") or None}
    try:
        return msgspec.convert(dict(options), Sampling)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$.")
        words = words.replace("array", "list").replace("null", "None")
        raise RequestError(f"{place.rstrip('`')}: {words[:1].lower()}{words[1:]}") from None


def _messages(messages: Messages) -> tuple[Message, ...]:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    given: Any = messages
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise RequestError(f"messages: expected a string or a list of messages, not {_a(messages)}")
    spoken = (_message(message, index) for index, message in enumerate(messages))
    read = [message for message in spoken if message.parts or message.role != "system"]
    if not read:
        raise RequestError("messages: the list is empty; give at least one message of the user")
    told = (
        message
        for message in paired(read)
        if not all(isinstance(part, Reasoning) for part in message.parts)
    )
    sent = tuple(told)
    if all(message.role == "system" for message in sent):
        raise RequestError("messages: there is no message of the user")
    return sent


def _message(message: Any, index: int) -> Message:
    if isinstance(message, Message):
        role, parts = message.role, message.parts
        _refuse_unsound(role, parts, index)
        for position, part in enumerate(parts):
            for media in (
                (part,)
                if isinstance(part, Media)
                else part.media
                if isinstance(part, ToolResult)
                else ()
            ):
                check_media(media, f"message {index}, part {position}", index)
    elif isinstance(message, Mapping):
        fields = cast("Mapping[str, Any]", message)
        role = _role(fields.get("role"), index)
        parts = _parts(fields.get("content"), role, index)
        if role == "tool":
            parts = (_result(fields, parts, index),)
        elif role == "assistant":
            parts = (*parts, *parse_tool_calls(fields.get("tool_calls"), index))
        _refuse_unknown(fields, index)
    else:
        raise RequestError(
            f"message {index}: expected a Message or a dictionary, not {_a(message)}", index
        )
    said = (
        _is_said if role == "system" else bool
    )  # no vendor takes instructions of blanks, and they instruct nobody
    parts = tuple(_clean(part) for part in parts if not isinstance(part, Text) or said(part.text))
    if not parts and role == "user":
        raise RequestError(
            f"message {index}: the user message is empty; leave it out or give it a text", index
        )
    return Message(role, parts)


def _result(fields: Mapping[str, Any], parts: tuple[Part, ...], index: int) -> ToolResult:
    known_as = fields.get("tool_call_id")
    if not isinstance(known_as, str) or not known_as:
        raise RequestError(
            f"message {index}: a tool's message needs the 'tool_call_id' of the call that it answers",
            index,
        )
    media = tuple(part for part in parts if isinstance(part, Media))
    return ToolResult(
        id=known_as,
        text="".join(part.text for part in parts if isinstance(part, Text)),
        media=media,
    )


def _clean(part: Part) -> Part:
    if isinstance(part, ToolCall | Media | Reasoning):
        return part
    text = _encodable(part.text)
    return part if text is part.text else msgspec.structs.replace(part, text=text)


def _role(role: Any, index: int) -> Role:
    if not isinstance(role, str):
        raise RequestError(
            f"message {index}: 'role' is missing or no text; one of {', '.join(_ROLES)}", index
        )
    known = _ALSO_CALLED.get(role, role)
    if known not in _ROLES:
        shown = (
            f" {role!r}" if role.isidentifier() else ""
        )  # what is no word may be the prompt, in the wrong place
        raise RequestError(
            f"message {index}: unknown role{shown}; one of {', '.join(_ROLES)}", index
        )
    return cast("Role", known)


def _parts(content: Any, role: Role, index: int) -> tuple[Part, ...]:
    if content is None or isinstance(content, str):
        return (Text(content or ""),)
    if not isinstance(content, list | tuple):
        raise RequestError(
            f"message {index}: 'content' must be a string or a list of parts, not {_a(content)}",
            index,
        )
    return tuple(
        _part(part, role, index, position)
        for position, part in enumerate(cast("Iterable[object]", content))
    )


def _part(part: Any, role: Role, index: int, position: int) -> Part:
    place = f"message {index}, part {position}"
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", part) if isinstance(part, Mapping) else {}
    media = (
        check_media(part, place, index)
        if isinstance(part, Media)
        else parse_media(fields, place, index)
    )
    if media is not None:
        if role not in ("user", "tool"):
            raise RequestError(
                f"{place}: only a user's message and a tool's carry media, not one of the {role}",
                index,
            )
        return media
    text = (
        part.text
        if isinstance(part, Text)
        else fields.get("text")
        if fields.get("type") == "text"
        else None
    )
    if not isinstance(text, str):
        raise RequestError(
            f'{place}: expected {{"type": "text", "text": "…"}}, or an image_url, input_audio or file',
            index,
        )
    return Text(text)


def _refuse_unsound(role: Any, parts: Any, index: int) -> None:
    pieces = cast("Iterable[object]", parts) if isinstance(parts, tuple | list) else (None,)
    if role not in _ROLES or not all(_is_sound(piece, role) for piece in pieces):
        raise RequestError(
            f"message {index}: a Message holds a role ({', '.join(_ROLES)}) and a tuple of {_HELD}",
            index,
        )


def _is_sound(piece: object, role: str) -> bool:
    if isinstance(piece, ToolCall):
        whole = isinstance(cast("object", piece.arguments), Mapping)
        return role == "assistant" and bool(piece.id and piece.name) and whole
    if isinstance(piece, Media):
        return role == "user"
    if isinstance(piece, Reasoning):
        return role == "assistant"
    kind = ToolResult if role == "tool" else Text
    return isinstance(piece, kind) and isinstance(cast("object", piece.text), str)


def _refuse_unknown(message: Mapping[str, Any], index: int) -> None:
    known = ("role", "content", *_ALSO_HOLDS.get(str(message["role"]), ()))
    for key, value in message.items():
        if key not in known and value:
            raise RequestError(
                f"message {index}: {key!r} is not carried so far; only {' and '.join(map(repr, known))} are",
                index,
            )


def _is_said(text: str) -> bool:
    """Say whether a text holds anything that can be seen; blanks, and characters of no width, cannot."""
    return any(character.isprintable() and not character.isspace() for character in text)


def _encodable(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 can hold, by U+FFFD; pairs become the character that they stand for."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _near(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; one of {', '.join(names)}"


def _a(value: object) -> str:
    name = type(value).__name__
    return "nothing" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def check_deadline(deadline: Any) -> None:
    """Raise `RequestError` for a deadline that is no span of time in seconds."""
    if deadline is None:
        return
    if isinstance(deadline, bool) or not isinstance(deadline, int | float):
        raise RequestError(
            f"deadline: expected seconds, as a number, not a {type(deadline).__name__}"
        )
    if not 0 < deadline <= LONGEST_SPAN:  # nan too
        is_short = isinstance(deadline, float) or abs(deadline) < LONGEST_SPAN**2
        words = f"expected seconds, more than 0 and at most {LONGEST_SPAN:.0f}, a day"
        raise RequestError(f"deadline: {words}, not {deadline if is_short else 'that many'}")
