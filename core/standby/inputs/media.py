"""Pictures, sound and documents as a caller passes them, read into parts; what cannot be read is never sent."""

import binascii
import mimetypes
from collections.abc import Mapping
from typing import Any, cast

from standby.errors import RequestError
from standby.types import Media

_FORMATS = {"mp3": "audio/mpeg", "wav": "audio/wav"}

_BEGINNINGS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF",),
}
"""How files of these types begin, whoever made them."""


def parse_media(part: Mapping[str, Any], place: str, index: int) -> Media | None:
    """Read an OpenAI-style part that is no text, `None` if it is none; raises `RequestError` with the message's index."""
    kind = str(part.get("type"))
    inner: Mapping[str, Any] = (
        cast("Mapping[str, Any]", part[kind]) if isinstance(part.get(kind), Mapping) else {}
    )
    if kind == "image_url":
        media = _of_url(inner.get("url"), "image/*")
    elif kind == "file":
        media = _of_url(inner.get("file_data"), "application/pdf", str(inner.get("filename") or ""))
    elif (
        kind == "input_audio"
        and inner.get("format") in _FORMATS
        and isinstance(inner.get("data"), str)
    ):
        media = Media(media_type=_FORMATS[inner["format"]], data=inner["data"])
    else:
        return None
    if media is None:
        raise RequestError(f"{place}: {kind!r} needs a URL: data:TYPE;base64,… or https://…", index)
    return check_media(media, place, index)


def check_media(media: Any, place: str, index: int) -> Media:
    """Return the part if it can be sent; raises `RequestError`, with the message's index, for one that nobody could read."""
    if not isinstance(media.media_type, str) or "/" not in media.media_type:
        raise RequestError(f"{place}: media_type must be a type like image/png", index)
    if bool(media.data) == bool(media.url) or not isinstance(media.data or media.url, str):
        raise RequestError(f"{place}: give either data, as base64, or a url", index)
    if media.url:
        if not media.url.startswith(("https://", "http://")):
            raise RequestError(f"{place}: the url must begin with https://", index)
        return media  # type: ignore[no-any-return] # checked: the caller may have passed anything
    if media.media_type.endswith("/*"):
        raise RequestError(
            f"{place}: data needs its exact type, like image/png, not {media.media_type}", index
        )
    try:
        begins = binascii.a2b_base64(media.data, strict_mode=True)[:16]
    except ValueError:
        raise RequestError(f"{place}: the data is no base64", index) from None
    known = _BEGINNINGS.get(media.media_type)
    if known is not None and not begins.startswith(known):
        raise RequestError(
            f"{place}: the data cannot be read as {media.media_type}: it begins otherwise", index
        )
    return media  # type: ignore[no-any-return] # see above


def _of_url(url: Any, default: str, name: str = "") -> Media | None:
    if not isinstance(url, str):
        return None
    if url.startswith("data:"):
        head, comma, data = url.removeprefix("data:").partition(",")
        media_type, _, coding = head.partition(";")
        return (
            Media(media_type=media_type, data=data, name=name)
            if comma and coding.endswith("base64")
            else None
        )
    guessed, _ = mimetypes.guess_type(url.partition("?")[0])
    return Media(media_type=guessed or default, url=url, name=name)
