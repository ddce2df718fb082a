"""Agno's images, audio, videos and files, converted to parts of a message."""

import base64
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from standby.errors import RequestError
from standby.types import Media

_FIELDS = {
    "images": "image/png",
    "audio": "audio/wav",
    "videos": "video/mp4",
    "files": "application/pdf",
}
"""The fields of an Agno message that hold media, and the type where none is stated."""

_SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"\x89PNG": "image/png",
}
"""How images begin: Agno takes their bytes without a type."""


def convert_media(message: Any) -> Iterator[Media]:
    """Convert the media of a message.

    Args:
        message: An Agno message.

    Yields:
        Its images, audio, videos and files.

    Raises:
        RequestError: One of them has neither bytes nor a URL.
    """
    for field, default in _FIELDS.items():
        for item in getattr(message, field, None) or ():
            yield _convert(item, field, default)


def _convert(item: Any, field: str, default: str) -> Media:
    name = str(getattr(item, "filename", None) or "")
    has_content = item.content or _is_stored(item)
    if item.url and not has_content:
        return Media(media_type=_media_type(item, b"", default), url=item.url, name=name)
    content = _read_content(item, field)
    if isinstance(content, str):
        content = content.encode()
    if not isinstance(content, bytes) or not content:
        raise RequestError(
            f"{field}: one holds neither bytes nor a URL that can be read; "
            "give it a content, url or filepath"
        )
    return Media(
        media_type=_media_type(item, content, default),
        data=base64.b64encode(content).decode(),
        name=name,
    )


def _is_stored(item: Any) -> bool:
    """Say whether Agno keeps the bytes elsewhere, and fetches them itself."""
    return getattr(item, "media_reference", None) is not None


def _read_content(item: Any, field: str) -> Any:
    if field == "files" and item.content is not None:
        return item.content
    try:
        if hasattr(item, "get_content_bytes"):
            return item.get_content_bytes()
        return Path(item.filepath).read_bytes() if item.filepath else None  # a file of Agno 2.4
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise RequestError(f"{field}: one cannot be read: {problem}") from error


def _media_type(item: Any, content: bytes, default: str) -> str:
    """Return the stated type, or guess it by format, name, first bytes, and finally the field."""
    if item.mime_type:
        return str(item.mime_type)
    family = default.partition("/")[0]
    guess, _ = mimetypes.guess_type(_file_name(item).partition("?")[0])
    if guess and family in ("application", guess.partition("/")[0]):
        return guess.replace("audio/x-wav", "audio/wav")  # as Python up to 3.13 calls it
    if family != "image":
        return default
    signatures = (kind for start, kind in _SIGNATURES.items() if content.startswith(start))
    return next(signatures, default)


def _file_name(item: Any) -> str:
    if item.format:
        return f"x.{item.format}"
    names = (item.filepath, item.url, getattr(item, "filename", None))
    return str(next(filter(None, names), ""))
