"""scripts/resolve: how it reads the resolver, what it writes, and what the probe accepts."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from campaigns.resolve import campaign, probe
from campaigns.resolve.campaign import (
    dependencies,
    find_version,
    format_conflict,
    format_page,
    read_requirements,
)

CONFLICT = """\
error: No solution found when resolving dependencies
  cause: Because crewai==1.15.30 depends on openai>=2.30.0,<3 and you require crewai==1.15.30, we
         can conclude that you require openai>=2.30.0,<3.
         And because you require openai>=3.0, we can conclude that your requirements are
         unsatisfiable.
"""


@pytest.mark.parametrize(
    ("output", "conflict"),
    [
        (CONFLICT, "openai>=3.0: crewai wants openai>=2.30.0,<3"),
        (
            "Because a[x]<=\n  0.7.10 depends on b>=1. And c==2 depends on\n d==3, we",
            "openai>=3.0: c wants d==3",
        ),
        ("nothing within 180 s", "openai>=3.0: nothing within 180 s"),
    ],
)
def test_the_pin_that_forbids_is_named(output: str, conflict: str) -> None:
    assert format_conflict(output, "openai>=3.0") == conflict


@pytest.mark.parametrize(
    ("requirement", "version"),
    [("crewai[openai]", "1.15.30"), ("Crewai", "1.15.30"), ("crew", ""), ("rewai", "")],
)
def test_the_version_is_the_requirements_own(requirement: str, version: str) -> None:
    assert (
        find_version(requirement, "crewai-tools==2.0\ncrewai==1.15.30\nopenai==2.54.0\n") == version
    )


def test_the_page_counts_what_resolves_and_answers() -> None:
    fine: dict[str, Any] = {
        "version": "1",
        "resolves": True,
        "standby": "yes",
        "openai_client": "yes",
        "openai": "3.0",
    }
    results = {
        "a": fine,
        "b": {"version": "2", "resolves": False, "note": "openai>=3.0: b wants openai<3"},
        "c": {**fine, "openai_client": "RuntimeError: no | answer"},
    }
    written = format_page(results, "2026-12-01")
    assert "on 2026-12-01:\n**1 of 3 resolve and answer.**" in written
    assert written.splitlines()[-3:] == [
        "| `a` | 1 | yes | yes | yes | 3.0 |  |",
        "| `b` | 2 | **no** | - | - | - | openai>=3.0: b wants openai<3 |",
        "| `c` | 1 | yes | yes | RuntimeError: no   answer | 3.0 |  |",
    ]


def test_the_page_in_the_docs_has_each_requirement() -> None:
    written = campaign.PAGE.read_text(encoding="utf-8")
    assert [
        line.split("`")[1] for line in written.splitlines() if line.startswith("| `")
    ] == read_requirements()
    assert "/home/" not in written
    assert "://" not in written


def test_what_is_required_is_read_from_the_project() -> None:
    assert {"aiohttp", "google-genai", "openai"} <= {
        each.partition(">")[0] for each in dependencies()
    }


def test_the_probe_gets_both_answers_here() -> None:
    command = [sys.executable, probe.__file__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert '"standby": "yes", "openai_client": "yes"' in done.stdout


@pytest.mark.parametrize(
    ("text", "kinds"),
    [("Porto.", ["server_error"]), (probe.ANSWER, [""]), (None, ["server_error"])],
)
def test_the_probe_takes_nothing_else_for_an_answer(text: Any, kinds: list[str]) -> None:
    assert probe.check_answer(text, kinds) != "yes"


def test_the_script_needs_uv_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "")
    command = ["/bin/sh", str(campaign.ROOT / "scripts" / "resolve")]
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run(  # noqa: S603 - ours
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        1,
        "scripts/resolve needs uv on the PATH: pip install uv\n",
    )
