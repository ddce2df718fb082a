"""Images, audio and documents as a caller passes them; what no model could read is never sent."""

import binascii
import mimetypes
from collections.abc import Mapping
from typing import Any, cast

from standby.errors import RequestError
from standby.types import Media

_AUDIO_FORMATS = {"mp3": "audio/mpeg", "wav": "audio/wav"}

_SIGNATURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF",),
}
"""How every file of these types begins."""


def parse_media(part: Mapping[str, Any], location: str, index: int) -> Media | None:
    """Parse an OpenAI-style part.

    Args:
        part: The part.
        location: Where it is, for the error's message.
        index: The index of its message.

    Returns:
        The media, or `None` for a part of another type.

    Raises:
        RequestError: The media cannot be read; it has the message's index.
    """
    kind = str(part.get("type"))
    inner: Mapping[str, Any] = (
        cast("Mapping[str, Any]", part[kind]) if isinstance(part.get(kind), Mapping) else {}
    )
    if kind == "image_url":
        media = _parse_url(inner.get("url"), "image/*")
    elif kind == "file":
        name = str(inner.get("filename") or "")
        media = _parse_url(inner.get("file_data"), "application/pdf", name)
    elif kind == "input_audio":
        media = _parse_audio(inner)
        if media is None:
            return None
    else:
        return None
    if media is None:
        raise RequestError(
            f"{location}: {kind!r} needs a URL: data:TYPE;base64,… or https://…", index
        )
    return check_media(media, location, index)


def _parse_audio(audio: Mapping[str, Any]) -> Media | None:
    media_type, data = _AUDIO_FORMATS.get(str(audio.get("format"))), audio.get("data")
    if media_type is None or not isinstance(data, str):
        return None
    return Media(media_type=media_type, data=data)


def _parse_url(url: Any, default: str, name: str = "") -> Media | None:
    if not isinstance(url, str):
        return None
    if url.startswith("data:"):
        head, comma, data = url.removeprefix("data:").partition(",")
        media_type, _, coding = head.partition(";")
        is_base64 = comma and coding.endswith("base64")
        return Media(media_type=media_type, data=data, name=name) if is_base64 else None
    guess, _ = mimetypes.guess_type(url.partition("?")[0])
    return Media(media_type=guess or default, url=url, name=name)


def check_media(media: Any, location: str, index: int) -> Media:
    """Check that media can be sent.

    Args:
        media: The media; its fields may have any type.
        location: Where it is, for the error's message.
        index: The index of its message.

    Returns:
        The same media.

    Raises:
        RequestError: No model could read it; the error has the message's index.
    """
    if not isinstance(media.media_type, str) or "/" not in media.media_type:
        raise RequestError(f"{location}: media_type must be a type like image/png", index)
    has_one = bool(media.data) != bool(media.url)
    if not has_one or not isinstance(media.data or media.url, str):
        raise RequestError(f"{location}: give either data, as base64, or a url", index)
    if not media.url:
        _check_data(media, location, index)
    elif not media.url.startswith(("https://", "http://")):
        raise RequestError(f"{location}: the url must begin with https://", index)
    return media  # type: ignore[no-any-return] # checked above: it may have been anything


def _check_data(media: Any, location: str, index: int) -> None:
    if media.media_type.endswith("/*"):
        raise RequestError(
            f"{location}: data needs its exact type, like image/png, not {media.media_type}", index
        )
    try:
        start = binascii.a2b_base64(media.data, strict_mode=True)[:16]
    except ValueError:
        raise RequestError(f"{location}: the data is not base64", index) from None
    if not start.startswith(_SIGNATURES.get(media.media_type, b"")):
        raise RequestError(
            f"{location}: the data cannot be read as {media.media_type}: it begins differently",
            index,
        )
