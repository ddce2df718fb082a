"""What works where no SDK is installed, nor the libraries that they send with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SDKS = ("anthropic", "google", "httpx", "httpx2", "openai", "pydantic", "requests")
PROGRAM = f"""
import sys
sys.modules.update(dict.fromkeys({SDKS}))  # importing one fails, as where nothing is installed
from standby.cli import main
main()
"""
FILE = """\
version: 1
chains:
  default: {models: [gemini-3.8-flash, gpt-5.6-sol, o3-mini, claude-opus-5-5]}
"""
KEYS = ("GEMINI_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models.yaml").write_text(FILE, encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, **dict.fromkeys(KEYS, "opens-nothing")}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(  # noqa: S603 - this interpreter
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def test_every_vendor_answers_by_key_and_is_fallen_back_from(folder: Path) -> None:
    done = run(folder, "selftest", "--json")
    assert done.returncode == 0, done.stderr
    models = {
        each["model"]: each["outcome"] for each in json.loads(done.stdout)["played"]["models"]
    }
    assert models == dict.fromkeys(
        ("gemini-3.8-flash", "gpt-5.6-sol", "o3-mini", "claude-opus-5-5"), "answers"
    )


def test_the_file_lacks_no_library(folder: Path) -> None:
    done = run(folder, "validate", "--all")
    assert (done.returncode, "no-sdk" in done.stdout + done.stderr) == (0, False)
