"""Where recorded answers lie: our own in this folder, and those of other projects beside the checkout.

What others recorded is never committed. `STANDBY_RECORDINGS` names its folder, empty it says that
there is none, and unset it is `../shared/recordings` beside the checkout. Where there is none, the
same tests read our own answers alone.
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
"""Shapes of our own writing: the words, ids and signatures are made up, the forms are the vendors' and the recorders'."""

VARIABLE = "STANDBY_RECORDINGS"
MISSING = f"no recorded traffic of others is here; {VARIABLE}=FOLDER names it. Our own answers hold the same rules"


def others() -> Path | None:
    """Return the folder of what others recorded; `None`: it is not here."""
    named = os.environ.get(VARIABLE)
    folder = Path(__file__).parents[3] / "shared" / "recordings" if named is None else Path(named)
    if named and not folder.is_dir():
        raise NotADirectoryError(
            f"{VARIABLE} names {named}, which is no folder; name the recordings' folder, or unset it"
        )
    return folder if named != "" and folder.is_dir() else None


OTHERS = others()


def folder(whose: str) -> Path:
    """Return the folder of our own answers, or of the others'; a test of what is not here is skipped."""
    if whose == "own":
        return OWN
    return OTHERS or pytest.skip(MISSING)


def path_of(name: str) -> Path:
    """Return where a recorded file lies, whoever wrote it."""
    return next(path for path in (OWN / name, (OTHERS or OWN) / name) if path.exists())


def body_of(name: str) -> bytes:
    """Return a recorded file's body, or a cassette's: `path.yaml#2` is the answer to its third request."""
    name, _, number = name.partition("#")
    if not name.endswith(".yaml"):
        return path_of(name).read_bytes()
    response: dict[str, Any] = cassette(name)[int(number or 0)]["response"]
    body = response.get("parsed_body") or response["body"]
    if isinstance(body, dict) and "string" in body:
        body = body["string"]
    if isinstance(body, dict):
        return msgspec.json.encode(body)
    raw = body.encode() if isinstance(body, str) else bytes(body)
    return zlib.decompress(raw, wbits=31) if raw.startswith(b"\x1f\x8b") else raw


@cache
def cassette(name: str) -> list[dict[str, Any]]:
    """Return a cassette's interactions."""
    loaded = yaml.load(path_of(name).read_bytes(), Loader=yaml.CSafeLoader)
    interactions: list[dict[str, Any]] = loaded["interactions"]
    return interactions
