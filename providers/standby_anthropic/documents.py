"""Images and documents as content blocks.

The functions are pure and import no SDK. Shapes: anthropic 2.12, ImageBlockParam and
DocumentBlockParam.
"""

import binascii
from typing import Any

from standby.plugin import AttemptFailed, Failure, Kind, Media

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def build_media_block(media: Media) -> dict[str, Any]:
    """Build the block of an image or a document.

    Args:
        media: The part of the message.

    Returns:
        The content block.

    Raises:
        AttemptFailed: `unsupported`, for anything that the Messages API has no form for.
    """
    source = _build_source(media)
    if source is None:
        form = "as a URL" if media.url else "as data"
        message = f"not sent: the Messages API does not take {media.media_type} {form}"
        raise AttemptFailed(Failure(kind=Kind.UNSUPPORTED, message=message))
    if media.kind == "image":
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, **({"title": media.name} if media.name else {})}


def _build_source(media: Media) -> dict[str, Any] | None:
    if media.kind in ("image", "pdf") and media.url:
        return {"type": "url", "url": media.url}
    if media.kind == "pdf" or media.media_type in _IMAGES:
        return {"type": "base64", "media_type": media.media_type, "data": media.data}
    text = _decode_text(media.data) if media.media_type.startswith("text/") else ""
    return {"type": "text", "media_type": "text/plain", "data": text} if text else None


def _decode_text(data: str) -> str:
    """Decode a text file; one that is not UTF-8 has no form."""
    try:
        return binascii.a2b_base64(data).decode()
    except ValueError:
        return ""
