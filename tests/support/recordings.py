"""The folders of recorded answers: our own in `tests/answers`, other projects' beside the checkout.

Other projects' recordings are never committed. `STANDBY_RECORDINGS` names their folder; if it is
empty there is none, and if it is unset the folder is `../shared/recordings` beside the checkout.
Without the folder, the same tests read only our own answers.
"""

import os
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

OWN = Path(__file__).parents[1] / "answers"
"""Answers of our own: texts, ids and signatures are invented, the forms are the vendors' own."""

VARIABLE = "STANDBY_RECORDINGS"
MISSING = (
    f"the recorded traffic of other projects is missing; {VARIABLE}=FOLDER names it. "
    "Our own answers test the same rules"
)


def find_others() -> Path | None:
    """Return the folder of other projects' recordings, or `None`."""
    named = os.environ.get(VARIABLE)
    folder = Path(__file__).parents[3] / "shared" / "recordings" if named is None else Path(named)
    if named and not folder.is_dir():
        raise NotADirectoryError(
            f"{VARIABLE} names {named}, which is not a folder; "
            "name the recordings' folder, or unset it"
        )
    return folder if named != "" and folder.is_dir() else None


OTHERS = find_others()


def get_folder(owner: str) -> Path:
    """Return the folder of our own answers, or of the others'; skip the test without it."""
    if owner == "own":
        return OWN
    return OTHERS or pytest.skip(MISSING)


def find_path(name: str) -> Path:
    """Return the path of a recorded file, our own or another's."""
    return next(path for path in (OWN / name, (OTHERS or OWN) / name) if path.exists())


def read_body(name: str) -> bytes:
    """Read a recorded file's body, or a cassette's: `path.yaml#2` is its third answer."""
    name, _, number = name.partition("#")
    if not name.endswith(".yaml"):
        return find_path(name).read_bytes()
    response: dict[str, Any] = read_cassette(name)[int(number or 0)]["response"]
    body = response.get("parsed_body") or response["body"]
    if isinstance(body, dict) and "string" in body:
        body = body["string"]
    if isinstance(body, dict):
        return msgspec.json.encode(body)
    raw = body.encode() if isinstance(body, str) else bytes(body)
    return zlib.decompress(raw, wbits=31) if raw.startswith(b"\x1f\x8b") else raw


@cache
def read_cassette(name: str) -> list[dict[str, Any]]:
    """Read a cassette's interactions."""
    loaded = yaml.load(find_path(name).read_bytes(), Loader=yaml.CSafeLoader)
    interactions: list[dict[str, Any]] = loaded["interactions"]
    return interactions
