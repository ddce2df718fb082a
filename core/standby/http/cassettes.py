"""Recorded answers, read from the cassettes of VCR and similar libraries, in YAML or JSON.

The formats are those of vcrpy (`interactions`; `body: {string: …}`, or `content` for httpx), go-vcr
(`code`, a text as `body`), Ruby's VCR, Betamax and R's vcr (`http_interactions`; `body: {encoding,
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
"""Characters that packed bytes have, and no text has."""

_MOST_MEMBERS = 100
"""Members of one gzip body; servers write one."""

_CODINGS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})
_SUPPORTED_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class RecordedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a cassette.

    Attributes:
        url: The URL of the request; "" where the cassette has none.
        status: The HTTP status; 0 where the cassette has none.
        headers: The headers, with names in lower case. There is no `content-encoding` where the
            recorder has unpacked the body.
        body: The bytes that were sent, packed as the `content-encoding` says.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def unpack(self, limit: int = LARGEST) -> bytes:
        """Return the unpacked body.

        Args:
            limit: The most bytes that it may unpack to.

        Returns:
            The body.

        Raises:
            ValueError: It is broken, too large, or packed in a way that Python's own library does
                not know.
        """
        return unpack(self.body, self.headers.get("content-encoding", ""), limit)


def read_answers(data: bytes) -> list[RecordedAnswer]:
    """Read the answers of a cassette.

    Args:
        data: The file.

    Returns:
        The answers, in order.

    Raises:
        ValueError: It is neither YAML nor JSON, or not a cassette. The message is to follow the
            file's name.
    """
    interactions = find_interactions(_parse(data))
    if interactions is None:
        raise ValueError("is not a cassette: it has no list 'interactions' or 'http_interactions'")
    return [_read_answer(get_object(interaction)) for interaction in interactions]


def find_interactions(value: Any) -> list[Any] | None:
    """Return the interactions of a parsed cassette.

    Args:
        value: The value of its YAML or JSON.

    Returns:
        The list; `None` where the value is not a cassette.
    """
    cassette = get_object(value)
    interactions = cassette.get("interactions", cassette.get("http_interactions"))
    return get_list(interactions) if isinstance(interactions, list) else None


def _parse(data: bytes) -> Any:
    import yaml  # noqa: PLC0415 - only a cassette needs it

    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return _loader()(data).get_single_data()
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as error:
        raise ValueError(f"is not YAML: {' '.join(str(error).split())}") from error


@cache
def _loader() -> Any:
    """Return a safe loader that reads Ruby's bytes and objects as plain values."""
    import yaml  # noqa: PLC0415 - only a cassette needs it

    class Loader(yaml.SafeLoader):
        pass

    def construct_plain(loader: Any, _suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    loader: Any = Loader
    loader.add_constructor("!binary", yaml.SafeLoader.construct_yaml_binary)
    loader.add_multi_constructor("!ruby/", construct_plain)
    return loader


# One answer


def _read_answer(interaction: Mapping[str, Any]) -> RecordedAnswer:
    request = get_object(interaction.get("request"))
    response = get_object(interaction.get("response"))
    headers = dict(_read_headers(response.get("headers")))
    codings = _parse_codings(headers.get("content-encoding", ""))
    body = _read_body(response, codings)
    if codings and not _is_packed(body, codings[-1]):
        del headers["content-encoding"]  # the recorder has unpacked it
    url = str(request.get("uri") or request.get("url") or "")
    return RecordedAnswer(url=url, status=_read_status(response), headers=headers, body=body)


def _read_headers(value: Any) -> Iterator[tuple[str, str]]:
    """Yield names and first values of a mapping, or of a list of pairs."""
    pairs = get_object(value).items() if isinstance(value, dict) else map(get_list, get_list(value))
    for name, values in (pair for pair in pairs if len(pair) == 2):  # noqa: PLR2004 - a pair
        first = next(iter(get_list(values)), "") if isinstance(values, list) else values
        yield str(name).lower(), str(first)


def _read_status(response: Mapping[str, Any]) -> int:
    status = response.get("status")
    for holder in (response, get_object(status)):
        for code in (holder.get("code"), holder.get("status_code")):
            if code is not None and str(code).isdecimal():
                return int(code)
    number = str(status).partition(" ")[0]
    return int(number) if number.isdecimal() else 0


def _read_body(response: Mapping[str, Any], codings: Sequence[str]) -> bytes:
    bodies = (response.get(field) for field in ("parsed_body", "body", "content"))
    body: Any = next(filter(None, bodies), b"")
    if isinstance(body, dict):
        recorded = get_object(body)
        if "base64_string" in recorded:
            return _decode_base64(str(recorded["base64_string"]))
        body = recorded.get("string", recorded) or b""
        if recorded.get("encoding") == "base64" and isinstance(body, str):
            return _decode_base64(body)
    if isinstance(body, str):
        return _encode_text(body, codings)
    return body if isinstance(body, bytes) else _encode_json(body)


def _encode_text(text: str, codings: Sequence[str]) -> bytes:
    """Return the bytes of a body that was kept as a text.

    In the text of a packed body each character stands for a byte.
    """
    looks_packed = text.startswith(_GZIP.decode("latin-1")) or (codings and _CONTROL.search(text))
    if looks_packed and _BYTES.fullmatch(text):
        return text.encode("latin-1")
    utf16 = text.encode("utf-16", "surrogatepass")  # YAML keeps JSON's two surrogates apart
    return utf16.decode("utf-16", "replace").encode()


def _encode_json(value: Any) -> bytes:
    """Encode a body that was kept decoded; YAML's aliases can give it any size."""
    size, pending = 0, [value]
    while pending:
        item = pending.pop()
        size += len(item) if isinstance(item, str | bytes) else 1
        pending += get_object(item).values() if isinstance(item, dict) else get_list(item)
        if size > LARGEST:
            raise ValueError(f"holds a body of more than {LARGEST} bytes")
    return msgspec.json.encode(value)


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"holds a body that is not base64: {error}") from error


# Packed bodies


def unpack(body: bytes, coding: str, limit: int = LARGEST) -> bytes:
    """Undo the packing of a body, as its `Content-Encoding` says; gzip is recognised without one.

    Args:
        body: The bytes as they were sent, or already unpacked by the recorder.
        coding: The header's value; "" where there is none.
        limit: The most bytes that it may unpack to.

    Returns:
        The unpacked body.

    Raises:
        ValueError: The body is broken, too large, or packed in a way that Python's own library does
            not know.
    """
    for each in reversed(_parse_codings(coding) or ["gzip"]):
        if not _is_packed(body, each):
            continue
        if each not in _SUPPORTED_CODINGS:
            raise ValueError(
                f"holds a body that is packed with {each}, which Python's own library cannot "
                "unpack: record it again with the request header 'Accept-Encoding: gzip'"
            )
        body = _inflate(body, _window_bits(body, each), limit)
    return body


def _parse_codings(header: str) -> list[str]:
    """Return the codings of a `Content-Encoding`, the outermost last."""
    return [each for name in header.split(",") if (each := name.strip().lower()) in _CODINGS]


def _is_packed(body: bytes, coding: str) -> bool:
    """Return whether a body is packed so; some recorders unpack it but keep the header."""
    if coding in ("gzip", "x-gzip"):
        return body.startswith(_GZIP)
    try:
        return "\x00" in body.decode() or (coding == "deflate" and _has_zlib_header(body))
    except UnicodeDecodeError:
        return True


def _window_bits(body: bytes, coding: str) -> int:
    """Return the `wbits` of the format.

    It is gzip, zlib (RFC 1950), or the bare deflate (RFC 1951) that some servers send.
    """
    if coding != "deflate":
        return zlib.MAX_WBITS | 16
    return zlib.MAX_WBITS if _has_zlib_header(body) else -zlib.MAX_WBITS


def _has_zlib_header(body: bytes) -> bool:
    header = body[:2]
    if len(header) < 2:  # noqa: PLR2004 - the header's size
        return False
    return header[0] & 15 == zlib.DEFLATED and int.from_bytes(header, "big") % 31 == 0


def _inflate(body: bytes, window_bits: int, limit: int) -> bytes:
    """Unpack the members of a body, and never more than `limit` bytes."""
    unpacked, rest = bytearray(), body
    for _ in range(_MOST_MEMBERS):
        member = zlib.decompressobj(window_bits)
        try:
            unpacked += member.decompress(rest, limit + 1 - len(unpacked))
        except zlib.error as error:
            raise ValueError(f"holds a packed body that is broken: {error}") from error
        if len(unpacked) > limit:
            raise ValueError(f"holds a packed body that unpacks to more than {limit} bytes")
        if not member.eof:
            raise ValueError("holds a packed body that is cut off")
        rest = member.unused_data
        if not rest.startswith(_GZIP):  # bytes behind the last member do not belong to the body
            return bytes(unpacked)
    raise ValueError(f"holds a packed body of more than {_MOST_MEMBERS} parts")
