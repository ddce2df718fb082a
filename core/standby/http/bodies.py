"""The bodies of HTTP answers: bounded, decoded, and with no shape believed unchecked."""

import re
from collections.abc import AsyncIterable, Mapping
from typing import Any, cast

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind

LARGEST = 32 * 2**20
"""Bytes of one body; the largest output of any model is below 1 MiB of text."""

_LONGEST_EXCERPT = 200
"""Characters of a body that is not JSON, in the message that reports it."""

# linear: no part of a page is searched twice
_MARKUP = re.compile(r"(?is)<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>")


async def read_body(body: AsyncIterable[bytes], *, limit: int = LARGEST) -> bytes:
    """Read a whole body.

    Args:
        body: Its pieces.
        limit: The most bytes that it may have.

    Returns:
        The body.

    Raises:
        AttemptFailed: `malformed`, for a longer body; the rest is not read.
    """
    read = bytearray()
    async for piece in body:
        read += piece
        if len(read) > limit:
            raise malformed(f"the answer is longer than {limit} bytes")
    return bytes(read)


def decode_json(data: bytes | str) -> Any:
    """Decode JSON.

    Args:
        data: The JSON, as bytes in UTF-8 or as text.

    Returns:
        The value.

    Raises:
        AttemptFailed: `malformed`, with the first 200 characters of what is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        excerpt = text[:_LONGEST_EXCERPT].strip()
        problem = f"expected JSON, got {excerpt!r}" if excerpt else "the body is empty"
        raise malformed(problem) from None


def decode_error(data: bytes) -> Any:
    """Decode an error's body: JSON, or the text that a proxy sent instead.

    Args:
        data: The body.

    Returns:
        The JSON's value, or the text on one line.
    """
    try:
        return decode_json(data)
    except AttemptFailed:
        return " ".join(data.decode("utf-8", "replace").split())


def strip_markup(body: Any) -> str:
    """Return an error's body as text on one line.

    Args:
        body: What `decode_error` has returned.

    Returns:
        A page without its markup; any other JSON as JSON; "" for `None` and an empty object.
    """
    if body is None or body == {}:
        return ""
    text = _MARKUP.sub(" ", body) if isinstance(body, str) else msgspec.json.encode(body).decode()
    return " ".join(text.split())


def malformed(message: str) -> AttemptFailed:
    """Return the failure of an answer with status 200 that cannot be used.

    Args:
        message: What is wrong with it.

    Returns:
        The error to raise.
    """
    return AttemptFailed(Failure(kind=Kind.MALFORMED, status=200, message=f"malformed: {message}"))


def deep_merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge one object over another, and the objects inside them likewise.

    Args:
        under: The object whose values count where `over` has none.
        over: The object whose values win.

    Returns:
        A new object; the arguments do not change.
    """
    result = dict(under)
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = deep_merge(result[name], cast("Mapping[str, Any]", value)) if both else value
    return result


def get_object(value: Any) -> dict[str, Any]:
    """Return a value if it is an object.

    Args:
        value: Any value of decoded JSON.

    Returns:
        The value, or an empty object.
    """
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def get_list(value: Any) -> list[Any]:
    """Return a value if it is a list.

    Args:
        value: Any value of decoded JSON.

    Returns:
        The value, or an empty list.
    """
    if not isinstance(value, list):
        return []
    return cast("list[Any]", value)  # type: ignore[redundant-cast] # pyright needs it


def get_str(value: Any) -> str:
    """Return a value if it is a text.

    Args:
        value: Any value of decoded JSON.

    Returns:
        The value, or an empty text.
    """
    return value if isinstance(value, str) else ""


def get_int(value: Any, name: str) -> int:
    """Return a whole number of an object.

    Args:
        value: Any value of decoded JSON.
        name: The number's name in it.

    Returns:
        The number, or 0 where the value is not an object or has no whole number of that name.
    """
    number = get_object(value).get(name)
    return number if isinstance(number, int) and not isinstance(number, bool) else 0
