from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.config.files import KEYS
from tests.config.lint.files import chain, lint_file
from tests.docs.distributions import put


def urls(url: str, environ: Mapping[str, str] = KEYS, *, folder: Path) -> list[str]:
    before = f"providers:\n  mine: {{plugin: lone, base_url: '{url}'}}\n"
    problems = lint_file(folder, chain("large", before=before), environ).problems
    return [f"{p.message}; {p.hint}" for p in problems if p.code == "base-url"]


def test_a_url_is_corrected_and_its_secrets_are_never_shown(tmp_path: Path) -> None:
    environ = {**KEYS, "BASE": "http://user:a-password@h:4321/ask?key=a-secret", "HOST": "h:4321"}
    literal = urls(environ["BASE"], folder=tmp_path)
    assert len(literal) == 1
    assert literal[0].endswith("write http://h:4321/v1, and put the key into api_key")
    loaded = lint_file(tmp_path, (tmp_path / "m.yaml").read_text(encoding="utf-8"))
    assert "a-" not in "".join(problem.excerpt for problem in loaded.problems)
    [by_variable] = urls("${BASE}", environ, folder=tmp_path)
    assert "(BASE, environment)" in by_variable
    assert "4321" not in by_variable
    [in_part] = urls("http://${HOST}", environ, folder=tmp_path)
    assert in_part.endswith("(HOST, environment); end it with /v1")


def test_several_problems_of_a_url_are_one_warning_that_names_each(tmp_path: Path) -> None:
    [reported] = urls("http://0.0.0.0:4321?x=1", folder=tmp_path)
    assert "has a query" in reported
    assert "listen on" in reported
    assert reported.endswith("write http://127.0.0.1:4321/v1")


def test_a_missing_library_is_reported_once_with_what_installs_it(tmp_path: Path) -> None:
    problems = lint_file(tmp_path, chain("wolf, owl")).problems
    [problem] = [problem for problem in problems if problem.code == "no-sdk"]
    assert problem.message == "'wolf' needs 'nowhere_at.all', which is not installed: it is skipped"
    assert problem.hint == "pip install 'nowhere-at>=1,<2'"
    assert problem.severity == "warning"


def test_a_library_of_another_version_is_reported_like_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    put(
        tmp_path,
        {"name": "nowhere-at", "version": "0.9", "entry-points": {"standby.plugins": {}}},
        {"nowhere_at/all.py": ""},
    )
    problems = lint_file(tmp_path, chain("wolf, owl")).problems
    [problem] = [problem for problem in problems if problem.code == "no-sdk"]
    assert (
        problem.message
        == "'wolf' needs 'nowhere_at.all', and version 0.9 is installed: it is skipped"
    )
    assert problem.hint == "pip install 'nowhere-at>=1,<2'"


@pytest.mark.parametrize(
    "key", ["YOUR_API_KEY", '"4eC39HqLyjWDarjtT1zdp7dc"', "Bearer 4eC39HqLyjWDarjtT1zdp7dc"]
)
def test_an_invalid_key_is_named_by_its_variable(key: str, tmp_path: Path) -> None:
    problems = lint_file(tmp_path, chain("large, plain, flash"), {**KEYS, "ACME_KEY": key}).problems
    [problem] = [problem for problem in problems if problem.code == "doubtful-key"]
    assert (problem.severity, problem.line) == ("warning", 4)
    assert problem.message.startswith("the key in ACME_KEY ")
    assert key.strip('"').removeprefix("Bearer ") not in f"{problem}{problem.excerpt}"


def test_a_key_of_the_file_is_reported_on_its_line(tmp_path: Path) -> None:
    before = "providers:\n  mine: {plugin: acme, api_key: '${MINE}'}\n"
    problems = lint_file(
        tmp_path, chain("mine/x", before=before), {**KEYS, "MINE": "changeme"}
    ).problems
    [problem] = [problem for problem in problems if problem.code == "doubtful-key"]
    assert (problem.line, problem.message) == (3, "the key in MINE is a placeholder")


def test_a_key_for_a_custom_endpoint_may_be_any_text(tmp_path: Path) -> None:
    before = "providers:\n  mine: {plugin: acme, api_key: '${MINE}', base_url: 'http://h'}\n"
    problems = lint_file(
        tmp_path, chain("mine/x", before=before), {**KEYS, "MINE": "none"}
    ).problems
    assert [problem for problem in problems if problem.code == "doubtful-key"] == []
