import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standby.http.decompression import PIECE, Decompressor
from standby.plugin import AttemptFailed

WINDOWS = [("gzip", 31), ("x-gzip", 31), ("deflate", 15), ("deflate", -15)]


def pack(data: bytes, window: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return packer.compress(data) + packer.flush()


def unpack(coding: str, packed: bytes, step: int) -> bytes:
    stream = Decompressor(coding)
    pieces = [
        piece for at in range(0, len(packed), step) for piece in stream.feed(packed[at : at + step])
    ]
    stream.finish()
    assert all(0 < len(piece) <= PIECE for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize(("coding", "window"), WINDOWS)
@given(data=st.binary(max_size=300), repeated=st.integers(1, 800), step=st.integers(1, 500))
def test_whatever_was_packed_comes_back(
    coding: str, window: int, data: bytes, repeated: int, step: int
) -> None:
    assert unpack(coding, pack(data * repeated, window), step) == data * repeated


@pytest.mark.parametrize(("coding", "window"), WINDOWS)
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_body_about_as_long_as_whole_pieces_is_complete(
    coding: str, window: int, pieces: int
) -> None:
    """Without a checksum behind it, all is read before all is unpacked."""
    for size in range(pieces * PIECE - 270, pieces * PIECE + 270):
        packed = pack(bytes(size), window)
        assert len(unpack(coding, packed, len(packed))) == size


@pytest.mark.parametrize("step", [1, 10, 1000])
def test_gzip_may_have_several_members(step: int) -> None:
    packed = gzip.compress(b"Lis") + gzip.compress(b"") + gzip.compress(b"bon")
    assert unpack("gzip", packed, step) == b"Lisbon"


@pytest.mark.parametrize(("coding", "window"), WINDOWS)
def test_a_body_cut_at_any_byte_is_malformed(coding: str, window: int) -> None:
    packed = pack(b"Lisbon is the capital of Portugal." * 3, window)
    for end in range(len(packed)):
        with pytest.raises(AttemptFailed, match="malformed: the packed body is cut off"):
            unpack(coding, packed[:end], 1000)


@pytest.mark.parametrize(("coding", "window"), [row for row in WINDOWS if row[1] > 0])
def test_a_body_with_a_wrong_checksum_is_malformed(coding: str, window: int) -> None:
    packed = bytearray(pack(b"Lisbon", window))
    packed[-1 if window == 15 else -8] ^= 1
    with pytest.raises(AttemptFailed, match="is not what its Content-Encoding says") as caught:
        unpack(coding, bytes(packed), 1000)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body", [b'{"error": 1}', b"<html>", b"\xff\xff\xff", b"\x1f\x8b\x08junk\0\0"]
)
def test_what_was_not_packed_is_malformed(coding: str, body: bytes) -> None:
    with pytest.raises(AttemptFailed, match="malformed"):
        unpack(coding, body, 1000)


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "x" * 100])
def test_an_unknown_coding_is_named(coding: str) -> None:
    with pytest.raises(AttemptFailed, match="is packed with") as caught:
        Decompressor(coding)
    assert repr(coding[:40]) in str(caught.value)
