"""Files that are not files, too large, or malicious: a clear error within a second and 64 MiB.

Each is loaded in a process of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from standby.config.yaml_file import LARGEST

SECONDS = 2.0
"""On a machine that runs two tests at a time; alone, each of these takes less than one."""
MEMORY = 64 * 2**20

VALID = b"version: 1\nchains: {default: {models: [o3-mini]}}\n"


def lines(*parts: str) -> bytes:
    return "\n".join(parts).encode()


def many(line: str, count: int) -> str:
    return "\n".join(line.format(number) for number in range(count))


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b" \n" * 1000, "empty"),
    "tabs": (b"version: 1\nchains:\n\tdefault: {}\n", "syntax"),
    "binary": (bytes(range(256)) * 64, "not-utf-8"),
    "NUL": (b"\0" * 1000, "syntax"),
    "UTF-16": (VALID.decode().encode("utf-16"), "not-utf-8"),
    "UTF-16 without a mark": (VALID.decode().encode("utf-16-le"), "syntax"),
    "UTF-32": (VALID.decode().encode("utf-32"), "not-utf-8"),
    "10 MB": (VALID * 200_000, "too-large"),
    "a long line": (b"version: 1\nx: " + b"a" * (LARGEST - 100), "unknown-key"),
    "a long key": (b"a" * (LARGEST - 100) + b": 1", "syntax"),
    "a long key, in quotes": (b'"' + b"a" * 1000 + b'": 1', "unknown-key"),
    "a large text": (b"version: 1\nx: |\n" + b"  abcdefgh\n" * 90_000, "unknown-key"),
    "brackets": (
        b"[" * (LARGEST - 10),
        "too-large|syntax",
    ),  # some libyamls have a limit of their own
    "braces": (b"{a: " * 200_000, "too-large"),
    "anchors": (b"&a " * 200_000, "syntax"),
    "values": (b"[" + b"a," * 500_000 + b"]", "too-large"),
    "line ends": (b"\n" * (LARGEST - 10), "empty"),
    "comments": (b"#\n" * 500_000, "empty"),
    "words that say key": (b"# " + b"key" * 300_000 + b"\n" + VALID, ""),
    "a variable without an end": (b'version: "' + b"${" * 400_000 + b'"\n', "bad-variable"),
    "a default without an end": (b'version: "${A:-' + b"x" * 900_000 + b'"\n', "bad-variable"),
    "unknown keys": (lines("version: 1", many("triggerz{}: x", 9_000)), "unknown-key"),
    "unset variables": (
        lines("version: 1", "chains: {default: {models: [", many('"${{A{}}}",', 9_000), "]}}"),
        "unset-variable",
    ),
    "unknown models": (
        lines("version: 1", "chains: {default: {models: [", many("model-{},", 9_000), "]}}"),
        "unknown-model",
    ),
    "unknown triggers": (
        lines(
            "version: 1\ntriggers:",
            many("  outage-{}: {{status: 503, then: next}}", 2_000),
            "chains: {default: {models: [o3-mini], triggers: [",
            many("outaje-{},", 3_000),
            "]}}",
        ),
        "unknown-trigger",
    ),
    "misfits": (
        lines("version: 1\nmodels:", many("  m{}: {{timeout: never}}", 3_000)),
        "bad-duration",
    ),
}
"""What each file says, and the code that it is refused with; "" for a valid file."""


CHILD = """
import json, sys, time
from datetime import date
from pathlib import Path
from standby.config import load
from standby.registry.plugins import Registry

began, path = time.process_time(), Path(sys.argv[1])
environ, today = {"OPENAI_API_KEY": "a-key"}, date(2026, 11, 20)
loaded = load(path, Registry(), environ, cwd=path.parent, today=today)
seconds = time.process_time() - began
status = Path("/proc/self/status").read_text().splitlines()
most = next(line for line in status if line.startswith("VmHWM"))
lengths = [len(str(problem)) + len(problem.excerpt) for problem in loaded.problems]
print(json.dumps({
    "seconds": seconds,
    "memory": int(most.split()[1]) * 1024,
    "errors": sorted({problem.code for problem in loaded.problems if problem.severity == "error"}),
    "longest": max(lengths, default=0),
}))
"""
"""Loads a file; prints the codes, the seconds and the memory.

`ru_maxrss` would count what the parent had before the exec.
"""


def measure(path: Path) -> dict[str, Any]:
    """Load a file in a process of its own; return the codes, the seconds and the memory."""
    command = [sys.executable, "-c", CHILD, str(path)]
    process = subprocess.run(command, capture_output=True, text=True, check=True, timeout=15)  # noqa: S603 - this interpreter
    result: dict[str, Any] = json.loads(process.stdout)
    return result


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_refused_soon_and_in_little_memory(name: str, tmp_path: Path) -> None:
    data, code = FILES[name]
    (tmp_path / "m.yaml").write_bytes(data)
    check_limits(measure(tmp_path / "m.yaml"), code)


def check_limits(result: dict[str, Any], code: str) -> None:
    assert (
        any(each in result["errors"] for each in code.split("|"))
        if code
        else result["errors"] == []
    )
    assert result["seconds"] < SECONDS
    assert result["memory"] < MEMORY
    assert result["longest"] < 2_000


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    os.mknod(path, 0o600 | 0o140000)


def make_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def make_large_hole(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(2**40)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (make_fifo, "no-file"),
        (make_socket, "no-file"),
        (Path.mkdir, "no-file"),
        (make_link_to_itself, "no-file"),
        (make_large_hole, "too-large"),
    ],
)
def test_what_is_not_a_text_file_is_refused_soon(
    make: Callable[[Path], None], code: str, tmp_path: Path
) -> None:
    make(tmp_path / "m.yaml")
    check_limits(measure(tmp_path / "m.yaml"), code)
