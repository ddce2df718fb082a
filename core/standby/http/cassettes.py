"""Recorded answers, read from the cassettes of VCR and its kin, in YAML or JSON.

Read are vcrpy's (`interactions`; `body: {string: …}`, or httpx's `content`), go-vcr's (`code`, a
text as `body`), those of Ruby's VCR, Betamax and R's vcr (`http_interactions`; `body: {encoding,
string or base64_string}`), and those that keep JSON bodies decoded (`parsed_body`).
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from standby.http.bodies import get_list, get_object

LARGEST = 2**25
"""Bytes that a packed body may unpack to; no model's answer comes near it."""

_GZIP = b"\x1f\x8b"
_BYTES = re.compile("[\x00-\xff]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""What no text holds, and packed bytes do."""

_MEMBERS = 100
"""Parts of one packed body; servers write one."""

_PACKINGS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})


class RecordedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a cassette.

    The names of `headers` are in lower case. `body` is what went over the wire: packed as its
    `content-encoding` says, which is left out where the recorder has unpacked the body.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def unpacked(self, limit: int = LARGEST) -> bytes:
        """Return the body without its packing.

        Args:
            limit: The bytes that it may unpack to.

        Raises:
            ValueError: It is broken, too large, or packed in a way that Python's own library does
                not know.
        """
        return unpack(self.body, self.headers.get("content-encoding", ""), limit)


def answers_in(data: bytes) -> list[RecordedAnswer]:
    """Read a cassette's answers, in order.

    Raises:
        ValueError: It is neither YAML nor JSON, or is not a cassette; the words go behind the
            file's name.
    """
    turns = turns_in(_loaded(data))
    if turns is None:
        raise ValueError("is no cassette: it has no list 'interactions' or 'http_interactions'")
    return [_answer(get_object(turn)) for turn in turns]


def turns_in(value: Any) -> list[Any] | None:
    """Return the interactions of a cassette; `None`: it is not one."""
    held = get_object(value)
    found = held.get("interactions", held.get("http_interactions"))
    return get_list(found) if isinstance(found, list) else None


def _loaded(data: bytes) -> Any:
    import yaml  # noqa: PLC0415 - only a cassette needs it

    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return _loader()(data).get_single_data()
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as error:
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from error


@cache
def _loader() -> Any:
    """Make a safe loader that knows how Ruby writes bytes and objects: both become plain values."""
    import yaml  # noqa: PLC0415 - only a cassette needs it

    class Loader(yaml.SafeLoader):
        pass

    def plain(loader: Any, _suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    loader: Any = Loader
    loader.add_constructor("!binary", yaml.SafeLoader.construct_yaml_binary)
    loader.add_multi_constructor("!ruby/", plain)
    return loader


# One answer


def _answer(turn: Mapping[str, Any]) -> RecordedAnswer:
    request, response = get_object(turn.get("request")), get_object(turn.get("response"))
    headers = dict(_headers(response.get("headers")))
    codings = _codings(headers.get("content-encoding", ""))
    body = _body(response, codings)
    if codings and not _is_packed(body, codings[-1]):
        del headers["content-encoding"]  # the recorder has unpacked it
    url = str(request.get("uri") or request.get("url") or "")
    return RecordedAnswer(url=url, status=_status(response), headers=headers, body=body)


def _headers(value: Any) -> Iterator[tuple[str, str]]:
    """Yield names and first values of a mapping, or of a list of pairs."""
    pairs = get_object(value).items() if isinstance(value, dict) else map(get_list, get_list(value))
    for name, stated in (pair for pair in pairs if len(pair) == 2):  # noqa: PLR2004 - a pair
        first = next(iter(get_list(stated)), "") if isinstance(stated, list) else stated
        yield str(name).lower(), str(first)


def _status(response: Mapping[str, Any]) -> int:
    status = response.get("status")
    for holder in (response, get_object(status)):
        for stated in (holder.get("code"), holder.get("status_code")):
            if stated is not None and str(stated).isdecimal():
                return int(stated)
    number = str(status).partition(" ")[0]
    return int(number) if number.isdecimal() else 0


def _body(response: Mapping[str, Any], codings: Sequence[str]) -> bytes:
    body: Any = (
        response.get("parsed_body") or response.get("body") or response.get("content") or b""
    )
    if isinstance(body, dict) and "base64_string" in body:
        return _from_base64(str(get_object(body)["base64_string"]))
    if isinstance(body, dict) and "string" in body:
        held = get_object(body)
        body = held["string"] or b""
        if held.get("encoding") == "base64":
            return _from_base64(str(body))
    if isinstance(body, str):
        return _bytes_of(body, codings)
    return body if isinstance(body, bytes) else _encode(body)


def _bytes_of(text: str, codings: Sequence[str]) -> bytes:
    """Return a body that was kept as a text; of a packed one, each character stands for a byte."""
    if _BYTES.fullmatch(text) and (
        text.startswith(_GZIP.decode("latin-1")) or (codings and _CONTROL.search(text))
    ):
        return text.encode("latin-1")
    paired = text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )  # YAML keeps JSON's two halves apart
    return paired.encode()


def _encode(value: Any) -> bytes:
    """Encode a body that was kept decoded; YAML's aliases can make one of any size."""
    size, left = 0, [value]
    while left:
        each = left.pop()
        size += len(each) if isinstance(each, str | bytes) else 1
        left += get_object(each).values() if isinstance(each, dict) else get_list(each)
        if size > LARGEST:
            raise ValueError(f"holds a body of more than {LARGEST} bytes")
    return msgspec.json.encode(value)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"holds a body that is no base64: {error}") from error


# Packed bodies


def unpack(body: bytes, coding: str, limit: int = LARGEST) -> bytes:
    """Undo a body's packing, as its `Content-Encoding` says; one that is packed with gzip shows that by itself.

    Args:
        body: The bytes as they were sent, or unpacked by whoever recorded them.
        coding: The header's value; empty: there is none.
        limit: The bytes that it may unpack to.

    Raises:
        ValueError: The body is broken, too large, or packed in a way that Python's own library does
            not know.
    """
    for each in reversed(_codings(coding) or ["gzip"]):
        if not _is_packed(body, each):
            continue
        if each not in ("gzip", "x-gzip", "deflate"):
            raise ValueError(
                f"holds a body that is packed with {each}, which Python's own library cannot unpack: "
                "record it again with the request header 'Accept-Encoding: gzip'"
            )
        body = _inflated(body, _window(body, each), limit)
    return body


def _codings(stated: str) -> list[str]:
    """Return the packings that a `Content-Encoding` names, the outermost last."""
    return [each for word in stated.split(",") if (each := word.strip().lower()) in _PACKINGS]


def _is_packed(body: bytes, coding: str) -> bool:
    """Say whether a body is packed so; recorders often keep the header, and the body unpacked."""
    if coding in ("gzip", "x-gzip"):
        return body.startswith(_GZIP)
    try:
        return "\x00" in body.decode() or (coding == "deflate" and _has_zlib_header(body))
    except UnicodeDecodeError:
        return True


def _window(body: bytes, coding: str) -> int:
    """Return zlib's word for the format: gzip, zlib (RFC 1950), or the bare deflate (RFC 1951) that some servers send."""
    if coding != "deflate":
        return zlib.MAX_WBITS | 16
    return zlib.MAX_WBITS if _has_zlib_header(body) else -zlib.MAX_WBITS


def _has_zlib_header(body: bytes) -> bool:
    return (
        len(body) > 1
        and body[0] & 15 == zlib.DEFLATED
        and int.from_bytes(body[:2], "big") % 31 == 0
    )


def _inflated(body: bytes, window: int, limit: int) -> bytes:
    """Unpack the members of a body, and never more than `limit` bytes."""
    unpacked, left = bytearray(), body
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(window)
        try:
            unpacked += member.decompress(left, limit + 1 - len(unpacked))
        except zlib.error as error:
            raise ValueError(f"holds a packed body that is broken: {error}") from error
        if len(unpacked) > limit:
            raise ValueError(f"holds a packed body that unpacks to more than {limit} bytes")
        if not member.eof:
            raise ValueError("holds a packed body that is cut off")
        left = member.unused_data
        if not left.startswith(_GZIP):  # what is behind the last member is no part of it
            return bytes(unpacked)
    raise ValueError(f"holds a packed body of more than {_MEMBERS} parts")
