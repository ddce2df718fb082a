"""What came back over HTTP, taken with care: bounded, decoded, and with no shape believed unchecked."""

import re
from collections.abc import AsyncIterable, Mapping
from typing import Any, cast

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind

LARGEST = 16 * 2**20
"""Bytes of one whole body; the largest output of any model is below 1 MiB of text."""

_MARKUP = re.compile(
    r"(?is)<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>"
)  # linear: nothing is looked through twice


async def read_body(body: AsyncIterable[bytes], *, limit: int = LARGEST) -> bytes:
    """Read a whole body; raises `AttemptFailed` (`malformed`) beyond `limit` bytes."""
    read = bytearray()
    async for piece in body:
        read += piece
        if len(read) > limit:
            raise malformed(f"the answer is longer than {limit} bytes")
    return bytes(read)


def decode_json(data: bytes | str) -> Any:
    """Decode JSON; raises `AttemptFailed` (`malformed`) with the first words of what it is instead."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        text = (data if isinstance(data, str) else data.decode("utf-8", "replace"))[:200].strip()
        raise malformed(f"expected JSON, got {text!r}" if text else "the body is empty") from None


def decode_error(data: bytes) -> Any:
    """Decode an error's body: JSON, or the text that a proxy wrote instead."""
    try:
        return decode_json(data)
    except AttemptFailed:
        return " ".join(data.decode("utf-8", "replace").split())


def strip_markup(body: Any) -> str:
    """Return an error's body as words on one line: a page without its markup, or whatever JSON it is."""
    if body is None or body == {}:
        return ""
    text = _MARKUP.sub(" ", body) if isinstance(body, str) else msgspec.json.encode(body).decode()
    return " ".join(text.split())


def malformed(words: str) -> AttemptFailed:
    """Return the failure of a 200 that is none."""
    return AttemptFailed(Failure(kind=Kind.MALFORMED, status=200, message=f"malformed: {words}"))


def deep_merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one object over another, objects inside them likewise; whatever else both have is taken from the upper one."""
    laid = dict(under)
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(laid.get(name), Mapping)
        laid[name] = deep_merge(laid[name], cast("Mapping[str, Any]", value)) if both else value
    return laid


def get_object(value: Any) -> dict[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def get_list(value: Any) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []  # type: ignore[redundant-cast] # pyright needs it


def get_str(value: Any) -> str:
    """Return the value if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def get_int(value: Any, name: str) -> int:
    """Return an object's whole number under that name, else 0."""
    number = get_object(value).get(name)
    return number if isinstance(number, int) and not isinstance(number, bool) else 0
