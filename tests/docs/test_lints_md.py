"""lints.md has an example for each code, with that code alone and the message shown."""

import sys
from datetime import date
from pathlib import Path

import pytest

from standby.config import load
from standby.config.explanations import PAGE
from standby.config.ignore_comments import SILENCEABLE, UNUSED
from standby.errors import Problem
from standby.registry.plugins import Registry
from tests.docs.distributions import Install, house_rules
from tests.docs.documents import blocks

DOCUMENT = "lints.md"
TODAY = date(2026, 11, 24)
EXAMPLES = {block.heading: block.text for block in blocks(DOCUMENT, language="yaml")}
MESSAGES = {block.heading: block.text for block in blocks(DOCUMENT, language="text")}
INTRODUCTION = "Lints"
ROOT = Path(__file__).parents[2]
ALSO_ALLOWED = {"no-key", "loss", "drops"}
"""Codes that an example may also have: there are no keys here, and models differ."""
ENVIRON = {"doubtful-key": {"OPENAI_API_KEY": "YOUR_API_KEY"}}
"""The environment of an example, empty by default."""


def lint(folder: Path, text: str, code: str = "") -> tuple[Problem, ...]:
    (folder / "models.yaml").write_text(text, encoding="utf-8")
    environ = ENVIRON.get(code, {})
    return load(
        Path("models.yaml"), Registry(), environ, cwd=folder, today=TODAY, lints=True
    ).problems


def test_the_shipped_page_is_this_one() -> None:
    assert PAGE.read_bytes() == (ROOT / DOCUMENT).read_bytes(), "cp lints.md core/standby/lints.md"


def test_each_code_that_can_be_silenced_has_a_section() -> None:
    assert sorted(set(EXAMPLES) - {INTRODUCTION}) == sorted((*SILENCEABLE, UNUSED))
    assert set(MESSAGES) == set(EXAMPLES) - {INTRODUCTION}


@pytest.fixture(autouse=True)
def _house_rules(install: Install) -> None:
    install(*house_rules())


@pytest.fixture(autouse=True)
def _without_the_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "no-sdk" in request.node.name:
        monkeypatch.setitem(sys.modules, "xllamacpp", None)


@pytest.mark.parametrize("code", MESSAGES)
def test_each_example_has_its_code_on_its_line_and_no_other(code: str, tmp_path: Path) -> None:
    problems = lint(tmp_path, EXAMPLES[code], code)
    messages = [f"{problem}  [{code}]" for problem in problems if problem.code == code]
    assert "\n".join(messages) == MESSAGES[code].rstrip("\n")
    assert {problem.code for problem in problems} <= ALSO_ALLOWED | {code}


@pytest.mark.parametrize("code", sorted(set(MESSAGES) - {UNUSED}))
def test_a_comment_above_the_line_silences_each(code: str, tmp_path: Path) -> None:
    [problem] = [
        problem for problem in lint(tmp_path, EXAMPLES[code], code) if problem.code == code
    ]
    lines = EXAMPLES[code].splitlines()
    lines.insert(problem.line - 1, f"# standby: ignore[{code}] for a reason")
    problems = lint(tmp_path, "\n".join(lines), code)
    assert not {problem.code for problem in problems} & {code, UNUSED}


def test_the_introduction_has_no_silenced_code_left(tmp_path: Path) -> None:
    assert {problem.code for problem in lint(tmp_path, EXAMPLES[INTRODUCTION])} <= {
        "no-key",
        "drops",
    }
