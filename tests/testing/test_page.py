"""The suite in plugins.md passes under pytest, and `plugins check` prints what the page shows."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from standby import plugin
from tests.docs.distributions import put, written
from tests.docs.documents import only

SUITE = "The conformance suite"
ACME = "A plugin for an HTTP API"
EXAMPLES = "Examples of the kit"


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    project = {
        "name": "standby-acme",
        "version": "0.1.0",
        "entry-points": {plugin.GROUP: {"acme": "standby_acme"}},
    }
    put(tmp_path, project, written(ACME) | written(SUITE) | written(EXAMPLES))
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 90}
    return subprocess.run(command, cwd=folder, env=environ, check=False, **options)  # noqa: S603 - this interpreter


def test_the_suite_of_the_page_passes_under_pytest_without_pytest_plugins(acme: Path) -> None:
    process = python(
        acme,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "test_acme.py",
    )
    assert process.returncode == 0, process.stdout
    assert re.search(r"\d+ passed, 3 skipped", process.stdout), process.stdout


@pytest.mark.parametrize("file", [name for name in written(EXAMPLES) if name.endswith(".py")])
def test_each_example_of_the_kit_passes(acme: Path, file: str) -> None:
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio")
    process = python(acme, "-m", "pytest", *options, file)
    assert process.returncode == 0, process.stdout
    assert "1 passed" in process.stdout


def test_each_function_of_the_kit_that_needs_one_has_an_example() -> None:
    examples = "".join(written(EXAMPLES).values())
    names = {"Loopback", "read_cassette", "isolated_registry", "scripted_model", "fresh_health"}
    assert {name for name in names if f"{name}(" not in examples} == set()


def test_the_check_prints_what_the_page_shows(acme: Path) -> None:
    process = python(acme, "-m", "standby", "plugins", "check", "acme")
    assert process.returncode == 0, process.stdout + process.stderr
    assert re.sub(r"\d+ modules? in \d+ ms", "1 module in 1 ms", process.stdout) == only(
        "plugins.md", SUITE, "text"
    )
