"""Bodies that a server packs against the request: unpacked piece by piece, bounded."""

import zlib
from collections.abc import Iterator
from typing import Any

from standby.http.bodies import malformed

PIECE = 2**16
"""Bytes that are unpacked at once, so that no small body becomes a large one in memory."""

_GZIP = zlib.MAX_WBITS | 16
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class Decompressor:
    """Unpacks one body."""

    def __init__(self, coding: str) -> None:
        """Start at the body's beginning.

        Args:
            coding: The value of its `Content-Encoding`.

        Raises:
            AttemptFailed: `malformed`: Python's own library does not know the coding.
        """
        self._coding = coding.strip().lower()
        if self._coding not in _CODINGS:
            raise malformed(f"the body is packed with {self._coding[:40]!r}, against the request")
        self._stream: Any = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Unpack the next piece.

        Args:
            piece: Bytes as they were sent.

        Yields:
            The unpacked bytes, at most `PIECE` at once.

        Raises:
            AttemptFailed: `malformed`: the bytes are not what the coding says.
        """
        stream = self._stream or self._open(piece)
        is_full = False
        while piece or is_full:  # a full piece may have more behind it, though all is read
            if stream.eof:  # gzip has members, and servers may send several
                stream = self._open(piece)
            try:
                unpacked = stream.decompress(piece, PIECE)
            except zlib.error:
                raise malformed("the body is not what its Content-Encoding says") from None
            piece = stream.unconsumed_tail or stream.unused_data
            is_full = len(unpacked) == PIECE and not stream.eof
            if unpacked:
                yield unpacked

    def finish(self) -> None:
        """Check that the body is complete.

        Raises:
            AttemptFailed: `malformed`: it is cut off.
        """
        if self._stream is None or not self._stream.eof:
            raise malformed("the packed body is cut off")

    def _open(self, piece: bytes) -> Any:
        """Start a member; deflate is zlib's format (RFC 1950) or the bare one (RFC 1951)."""
        window = _GZIP
        if self._coding == "deflate":
            is_zlib = piece[0] & 0x8F == zlib.DEFLATED
            window = zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
        self._stream = zlib.decompressobj(window)
        return self._stream
