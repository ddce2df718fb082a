"""Run the command line in this process or, where a process's end matters, in its own."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from standby.cli import main

SCRIPTED = """\
version: 1
models:
  well: {provider: scripted, options: {reply: [Lis, bon.]}}
  gone:
    provider: scripted
    options: {script: [{fail: {kind: model_missing, status: 404, message: no such model}}]}
  cut:
    provider: scripted
    options:
      script: [{reply: Lis, fail: {kind: connection, message: "connection error: reset"}}]
  blocked:
    provider: scripted
    options: {script: [{fail: {kind: blocked, message: a filter said no}}]}
  hangs: {provider: scripted, options: {script: [{hang: true}]}}
triggers:
  retired: {status: 404, then: next}
chains:
  default: {models: [gone, well]}
  healthy: {models: [well]}
  cut: {models: [cut, well]}
  stops: {models: [blocked, well]}
  fails: {models: [gone]}
  hangs: {models: [hangs]}
"""


class Result(msgspec.Struct, frozen=True):
    """What a run came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


Run = Callable[..., Result]


class Cli:
    """Runs `main` as the console script does: arguments and standard input in, a result out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, stdin: bytes | None = b"") -> Result:
        input_stream = (
            None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        )
        self._monkeypatch.setattr(sys, "argv", ["standby", *arguments])
        self._monkeypatch.setattr(sys, "stdin", input_stream)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        assert "Traceback" not in out + err
        return Result(ended.value.code, out, err)


def process(*arguments: str, stdin: str = "", **environ: str) -> Result:
    """Run in a process of its own, in the working directory."""
    result = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "standby", *arguments],
        input=stdin,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in result.stdout + result.stderr
    return Result(result.returncode, result.stdout, result.stderr)


def terminal(*arguments: str, columns: int = 80, **environ: str) -> str:
    """Run on a terminal of so many columns; return all that it shows, standard error too."""
    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    }
    started = subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "standby", *arguments],
        env={**kept, "TERM": "xterm-256color", **environ},
        stdin=subprocess.DEVNULL,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    output = b""
    with started, suppress(OSError):  # a terminal whose programs have ended cannot be read
        while block := os.read(outside, 65536):
            output += block
    os.close(outside)
    assert b"Traceback" not in output
    return output.decode().replace("\r\n", "\n")


def write_scripted() -> None:
    """Put a file of scripted models where it is found."""
    write(SCRIPTED)


def write(text: str, name: str = "models.yaml") -> None:
    """Write a file into the working directory."""
    Path(name).write_text(text, encoding="utf-8")


def mask_times(text: str) -> str:
    return re.sub(r"(in|after) \d+\.\ds", r"\1 0.0s", text)
