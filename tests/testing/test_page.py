"""The suite of plugins.md passes, run by pytest as an author runs it; and the check prints what the page shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from standby import plugin
from tests.docs.distributions import put, written
from tests.docs.documents import only

SUITE = "The conformance suite"
ACME = "A plugin for an HTTP API"


@pytest.fixture
def acme(tmp_path: Path) -> Path:
    project = {
        "name": "standby-acme",
        "version": "0.1.0",
        "entry-points": {plugin.GROUP: {"acme": "standby_acme"}},
    }
    put(tmp_path, project, written(ACME) | written(SUITE))
    return tmp_path


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=90
    )  # noqa: S603 - this interpreter


def test_the_suite_of_the_page_passes_under_pytest_without_a_plugin_of_pytests(acme: Path) -> None:
    ran = python(
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
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"\d+ passed, 3 skipped", ran.stdout), ran.stdout


def test_the_check_prints_what_the_page_shows(acme: Path) -> None:
    ran = python(acme, "-m", "standby", "plugins", "check", "acme")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.sub(r"\d+ modules? in \d+ ms", "1 module in 1 ms", ran.stdout) == only(
        "plugins.md", SUITE, "text"
    )
