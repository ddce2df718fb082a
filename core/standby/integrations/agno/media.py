"""Agno's pictures, sounds, films and files as parts of a message."""

import base64
import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from standby.errors import RequestError
from standby.types import Media

_KINDS = {
    "images": "image/png",
    "audio": "audio/wav",
    "videos": "video/mp4",
    "files": "application/pdf",
}
"""The fields of an Agno message that hold media, and what is in them where nothing says so."""

_BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"\x89PNG": "image/png",
}
"""How pictures begin: Agno takes their bytes without a type."""


def media_of(message: Any) -> Iterator[Media]:
    """Read what a message holds besides text; raises `RequestError` for what no bytes and no URL lead to."""
    for field, default in _KINDS.items():
        for item in getattr(message, field, None) or ():
            yield _media(item, field, default)


def _media(item: Any, field: str, default: str) -> Media:
    name = str(getattr(item, "filename", None) or "")
    stored = (
        getattr(item, "media_reference", None) is not None
    )  # Agno keeps the bytes elsewhere and fetches them itself
    if item.url and not item.content and not stored:
        return Media(media_type=_type_of(item, b"", default), url=item.url, name=name)
    content = _content(item, field)
    if isinstance(content, str):
        content = content.encode()
    if not isinstance(content, bytes) or not content:
        raise RequestError(
            f"{field}: one holds neither bytes nor a URL that can be read; give it a content, url or filepath"
        )
    return Media(
        media_type=_type_of(item, content, default),
        data=base64.b64encode(content).decode(),
        name=name,
    )


def _content(item: Any, field: str) -> Any:
    """Return what a medium holds, or what lies where it says."""
    if field == "files" and item.content is not None:
        return item.content
    try:
        if hasattr(item, "get_content_bytes"):
            return item.get_content_bytes()
        return Path(item.filepath).read_bytes() if item.filepath else None  # a file of Agno 2.4
    except OSError as error:
        raise RequestError(
            f"{field}: one cannot be read: {error.strerror or type(error).__name__}"
        ) from error


def _type_of(item: Any, content: bytes, default: str) -> str:
    """Say what it is: as it says itself, as its format or its name ends, as it begins, or as most are."""
    if item.mime_type:
        return str(item.mime_type)
    family = default.partition("/")[0]
    path = (
        f"x.{item.format}"
        if item.format
        else str(item.filepath or item.url or getattr(item, "filename", None) or "")
    )
    guessed, _ = mimetypes.guess_type(path.partition("?")[0])
    if guessed and (family == "application" or guessed.startswith(f"{family}/")):
        return guessed.replace("audio/x-wav", "audio/wav")  # as Python up to 3.13 calls it
    begins = next(
        (kind for beginning, kind in _BEGINNINGS.items() if content.startswith(beginning)), None
    )
    return begins if begins and family == "image" else default
