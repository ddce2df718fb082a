"""What a value or a key that does not fit is meant to be, as the file writes it."""

from pathlib import Path
from typing import Any

import pytest

from standby.config import load
from standby.config.suggestions import suggest_duration, suggest_level
from tests.config.files import KEYS, TODAY, catalogue, read

CHAIN = "version: 1\nchains:\n  default:\n    models: [large-3]\n"


def hints(folder: Path, text: str, **environ: str) -> list[str]:
    return [problem.hint for problem in read(folder, text, {**KEYS, **environ}).problems]


def test_for_an_item_that_is_a_mapping_a_name_is_suggested(tmp_path: Path) -> None:
    text = CHAIN.replace("[large-3]", "[{model: large-3}]")
    assert hints(tmp_path, text) == ["write the name alone: - large-3"]


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [
        ("3 minutes", "write 3m"),
        ("180", "write 180s"),
        ("1.5", "write 1500ms"),
        ("3m30s", "write 210s"),
        ("1h 30m", "write 90m"),
        ("1:30", "write 90s"),
        ("1:00:00", "write 1h"),
        ("20 Sekunden", "write 20s"),
        ("20sec", "write 20s"),
        ("2 hours", "write 2h"),
        ("250 milliseconds", "write 250ms"),
        ("3M", "write 3m"),
        ("0s", ""),
        ("-3s", ""),
        ("soon", ""),
        ("3 months", ""),
        ("3 days", ""),
        ("90h", ""),
        ("", ""),
    ],
)
def test_a_duration_in_other_forms_is_suggested_in_the_files(value: str, suggestion: str) -> None:
    assert suggest_duration(value) == suggestion


def test_a_boolean_is_not_a_duration() -> None:
    assert suggest_duration(True) == ""


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("hedge: 10s", "write hedge: {after: 10s}"),
        ("hedge: 10 seconds", "write hedge: {after: 10s}"),
        ("hedge: 10", "write hedge: {after: 10s}"),
        ("retry: 3", "write retry: {attempts: 3}"),
        ("stream: whole", "write stream: {release: whole}"),
        ("deadline: 3 minutes", "write 3m"),
        ("timeout: 9s", "'timeout' is a key of a model: write it there, below models:"),
        ("attempts: 9", "'attempts' belongs in a chain: retry: {attempts: …}"),
        ("providers: {}", "'providers' belongs at the top of the file"),
    ],
)
def test_a_line_of_a_chain_gets_a_suggestion(line: str, hint: str, tmp_path: Path) -> None:
    assert hints(tmp_path, f"{CHAIN}    {line}\n") == [hint]


def test_a_variables_value_is_in_no_hint(tmp_path: Path) -> None:
    suggested = hints(tmp_path, f"{CHAIN}    deadline: ${{SPAN}}\n", SPAN="3 minutes")
    assert suggested == ["write a number above 0 and a unit: 500ms, 30s, 3m, 1h"]


def test_a_missing_version_is_suggested_with_its_value(tmp_path: Path) -> None:
    assert hints(tmp_path, CHAIN.removeprefix("version: 1\n")) == ["add 'version: 1'"]


def test_for_statuses_in_one_text_a_list_is_suggested(tmp_path: Path) -> None:
    trigger = "triggers:\n  busy: {then: next, status: '503, 502'}\n"
    assert hints(tmp_path, CHAIN + trigger) == ["write a list: [503, 502]"]


def test_for_an_unknown_key_no_level_is_suggested() -> None:
    assert suggest_level("temperature", ("chains", "default")) == ""


def test_a_hedge_after_the_deadline_is_only_a_warning(tmp_path: Path) -> None:
    text = CHAIN.replace("]", ", bolt/flash]") + "    deadline: 20s\n    hedge: {after: 30s}\n"
    assert [problem.severity for problem in read(tmp_path, text).problems] == ["warning"]


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ({"models": "large-3, flash"}, "'large-3, flash' is not a list; write a list: ['a', 'b']"),
        ({"models": {"a": 1}}, "this is not a list; write a list: ['a', 'b']"),
        ({"models": ["large-3"], "fallback": "x"}, "'x' is not true or false; write True or False"),
    ],
)
def test_a_dictionary_gets_a_dictionarys_advice(chain: Any, message: str, tmp_path: Path) -> None:
    config = {"version": 1, "chains": {"default": chain}}
    (problem,) = load(config, catalogue(), KEYS, cwd=tmp_path, today=TODAY).problems
    assert f"{problem.message}; {problem.hint}" == message
    assert problem.file.startswith("chains.default.")
