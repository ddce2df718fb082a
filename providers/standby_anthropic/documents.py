"""Pictures and documents as blocks of content. Pure; knows no SDK.

Shapes: anthropic 2.12, ImageBlockParam and DocumentBlockParam.
"""

import binascii
from typing import Any

from standby.plugin import AttemptFailed, Failure, Kind, Media

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def block_of(media: Media) -> dict[str, Any]:
    """Give a part that is no text; raises `AttemptFailed` (`unsupported`) where the Messages API has no form for it."""
    source = _source(media)
    if source is None:
        words = f"not sent: the Messages API takes no {media.media_type} {'by its URL' if media.url else 'as data'}"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=words))
    if media.kind == "image":
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, **({"title": media.name} if media.name else {})}


def _source(media: Media) -> dict[str, Any] | None:
    if media.kind in ("image", "pdf") and media.url:
        return {"type": "url", "url": media.url}
    if media.kind == "pdf" or media.media_type in _IMAGES:
        return {"type": "base64", "media_type": media.media_type, "data": media.data}
    text = _plain(media.data) if media.media_type.startswith("text/") else ""
    return {"type": "text", "media_type": "text/plain", "data": text} if text else None


def _plain(data: str) -> str:
    """Read a text file; one that is no UTF-8 has no form."""
    try:
        return binascii.a2b_base64(data).decode()
    except ValueError:
        return ""
