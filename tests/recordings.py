"""Recorded traffic of the vendors, read where it lies: beside the project, never in it."""

import zlib
from pathlib import Path
from typing import Any

import msgspec
import yaml

RECORDINGS = Path(__file__).parents[1] / ".." / "shared" / "recordings"
MISSING = "the recorded traffic (../shared/recordings) is not here"


def body_of(name: str) -> bytes:
    """Return a recorded file's body, or a cassette's: `path.yaml#2` is the answer to its third request."""
    name, _, number = name.partition("#")
    if not name.endswith(".yaml"):
        return (RECORDINGS / name).read_bytes()
    cassette = yaml.load((RECORDINGS / name).read_bytes(), Loader=yaml.CSafeLoader)
    response: dict[str, Any] = cassette["interactions"][int(number or 0)]["response"]
    body = response.get("parsed_body") or response["body"]
    if isinstance(body, dict) and "string" in body:
        body = body["string"]
    if isinstance(body, dict):
        return msgspec.json.encode(body)
    raw = body.encode() if isinstance(body, str) else bytes(body)
    return zlib.decompress(raw, wbits=31) if raw.startswith(b"\x1f\x8b") else raw


def stream_of(name: str) -> bytes:
    """Return a recorded stream as it was on the wire; a list of chunks gets its framing back."""
    body = body_of(name)
    if not name.endswith(".chunks.txt"):
        return body
    lines = [line for line in body.splitlines() if line]
    return b"".join(b"data: " + line + b"\n\n" for line in lines) + b"data: [DONE]\n\n"
