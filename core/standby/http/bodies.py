"""The bodies of HTTP answers: bounded, decoded, and with no shape believed unchecked."""

import re
from collections.abc import AsyncIterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.runtime.debugging import is_debugging

LARGEST = 32 * 2**20
"""Bytes of one body; the largest output of any model is below 1 MiB of text."""

ERROR_TIMEOUT = 1.0
"""Seconds to read the body of an error response: its status and headers decide anyway."""

LARGEST_ERROR = 2**16
"""Bytes read of the body of an error response."""

_LONGEST_EXCERPT = 200
"""Characters of an answer that a message quotes, where the log is at DEBUG."""

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


async def read_error(body: AsyncIterable[bytes], status: int, *broken: type[Exception]) -> Any:
    """Read what comes of an error's body in a short time; it may be slow, broken, or huge.

    Args:
        body: Its pieces.
        status: The answer's HTTP status.
        broken: What the HTTP library raises where a body breaks off or cannot be unpacked.

    Returns:
        What `decode_error` makes of the first 64 KiB that came within a second.
    """
    import asyncio  # noqa: PLC0415 - manifests import this module, and must load fast

    read = bytearray()
    with suppress(TimeoutError, AttemptFailed, *broken):
        async with asyncio.timeout(ERROR_TIMEOUT):
            async for piece in body:
                read += piece
                if len(read) >= LARGEST_ERROR:
                    break
    return decode_error(bytes(read[:LARGEST_ERROR]), status)


def decode_json(data: bytes | str) -> Any:
    """Decode JSON.

    Args:
        data: The JSON, as bytes in UTF-8 or as text.

    Returns:
        The value.

    Raises:
        AttemptFailed: `malformed`, with the length and the shape of what is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        is_empty = not data.strip()
        problem = "the body is empty" if is_empty else f"expected JSON, got {describe_body(data)}"
        raise malformed(problem) from None


def decode_error(data: bytes, status: int = 400) -> Any:
    """Decode an error's body: JSON, or the text that a proxy sent instead.

    Args:
        data: The body.
        status: The status that it came with; below 300 the body may be an answer.

    Returns:
        The JSON's value, or the text on one line; of an answer only its length and shape.
    """
    try:
        body = decode_json(data)
    except AttemptFailed:
        body = " ".join(data.decode("utf-8", "replace").split())
    may_be_answer = status < HTTPStatus.MULTIPLE_CHOICES and body != ""
    if may_be_answer and not get_object(body).get("error"):
        return f"expected status 200; the body is {describe_body(data)}"
    return body


def describe_body(data: bytes | str) -> str:
    """Describe what may be an answer by its length and shape; quote it at DEBUG only.

    Args:
        data: The body, or a part of it.

    Returns:
        For example "1,234 bytes of cut JSON".
    """
    body = data.encode("utf-8", "replace") if isinstance(data, str) else data
    description = f"{len(body):,} byte{'' if len(body) == 1 else 's'} of {_shape(body)}"
    if not is_debugging():
        return description
    return f"{description}: {body[:_LONGEST_EXCERPT].decode('utf-8', 'replace').strip()!r}"


def _shape(body: bytes) -> str:
    """Say what a body looks like that is not what was expected."""
    start = body[:_LONGEST_EXCERPT].lstrip()
    if start.startswith(b"<"):
        return "HTML or XML"
    if start.startswith((b"data:", b"event:")):
        return "server-sent events"
    if not start.startswith((b"{", b"[")):
        return "another kind"
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return "cut JSON" if "truncated" in str(error) else "broken JSON"
    return "JSON"


def strip_markup(body: Any, status: int = 400) -> str:
    """Return an error's body as text on one line.

    Args:
        body: What `decode_error` has returned.
        status: The status that it came with; below 400 JSON may have an answer beside the error.

    Returns:
        A page without its markup; any other JSON as JSON, but for an answer's; "" for `None` and an
        empty object.
    """
    if body is None or body == {}:
        return ""
    if status < HTTPStatus.BAD_REQUEST and not isinstance(body, str):
        return "an error without a message"
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
