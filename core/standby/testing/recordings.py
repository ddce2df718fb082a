"""Recorded answers, read from a VCR cassette, as the loopback server plays them.

Both spellings are read: that of vcrpy (`status: {code: 200}`, `body: {string: …}`), and the one of cassettes that keep JSON
bodies decoded (`parsed_body`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from standby.bodies import list_in, object_in
from standby.testing.loopback import Answer

_FRAMING = {"content-length", "transfer-encoding", "connection", "keep-alive", "set-cookie"}
"""Headers of the connection that was recorded; the server has its own, and cookies are nobody's business."""

_GZIP = b"\x1f\x8b"


def replayed(path: str | Path, *, containing: str = "") -> list[Answer]:
    """Return a cassette's answers in order, those whose request's URL contains the text; raises `OSError`, `ValueError`."""
    loaded: Any = yaml.safe_load(Path(path).read_bytes())
    if not isinstance(object_in(loaded).get("interactions"), list):
        raise ValueError(f"{path} is no cassette: it has no list 'interactions'")  # noqa: TRY004 - the file's value is wrong
    return [_answer(turn["response"]) for turn in list_in(loaded["interactions"]) if containing in _url(turn["request"])]


def _answer(response: Mapping[str, Any]) -> Answer:
    body = _body(response)
    headers = {name.lower(): _first(value) for name, value in object_in(response.get("headers")).items()}
    if headers.get("content-encoding") and not body.startswith(_GZIP):
        del headers["content-encoding"]  # the recorder has unpacked it
    kept = {name: value for name, value in headers.items() if name not in _FRAMING}
    streamed = "stream" in headers.get("content-type", "")
    return Answer(status=_status(response), pieces=((0.0, body),), headers=kept, framing="chunked" if streamed else "length")


def _url(request: Mapping[str, Any]) -> str:
    return str(request.get("uri") or request.get("url") or "")


def _status(response: Mapping[str, Any]) -> int:
    status: Any = response.get("code") or response["status"]
    return int(object_in(status)["code"] if isinstance(status, dict) else str(status).partition(" ")[0])


def _body(response: Mapping[str, Any]) -> bytes:
    body: Any = response.get("parsed_body") or response.get("body") or b""
    if isinstance(body, dict) and "string" in body:
        body = object_in(body)["string"]
    if isinstance(body, bytes):
        return body
    return str(body).encode() if isinstance(body, str) else msgspec.json.encode(body)


def _first(value: Any) -> str:
    return str(next(iter(list_in(value)), "") if isinstance(value, list) else value)
