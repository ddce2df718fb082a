from pathlib import Path

import pytest

from tests.config.lint.files import chain, codes, lint_file


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (
            "plain, small",
            "'small' lacks what 'plain' before it has: pdf, context (500 tokens, not 1000)",
        ),
        ("large, hut", "'hut' lacks what 'large' before it has: image, pdf, tools, schema"),
    ],
)
def test_a_loss_lists_all_that_is_missing(models: str, message: str, tmp_path: Path) -> None:
    assert message in [problem.message for problem in lint_file(tmp_path, chain(models)).problems]


def test_a_strict_model_is_skipped_where_another_drops(tmp_path: Path) -> None:
    text = chain("picky, flash", before="models:\n  picky: {strict: true}\n")
    reported = [str(problem) for problem in lint_file(tmp_path, text).problems]
    assert reported == [
        (
            "m.yaml:6:14  info  'picky' is skipped where a request has temperature, top_p; "
            "strict says so"
        )
    ]


def test_a_parameter_of_tools_is_not_reported_where_there_are_none(tmp_path: Path) -> None:
    refuses = "{refuses: [parallel_tool_calls]}"
    assert (
        codes(
            tmp_path,
            chain(
                "mine", before=f"models:\n  mine: {{model: hut, provider: home, card: {refuses}}}\n"
            ),
        )
        == []
    )


def test_a_parameter_of_tools_is_reported_where_there_are_tools(tmp_path: Path) -> None:
    card = "{refuses: [parallel_tool_calls], tools: true}"
    text = chain("mine", before=f"models:\n  mine: {{model: hut, provider: home, card: {card}}}\n")
    assert codes(tmp_path, text) == ["drops:6"]


def test_a_default_deadline_that_leaves_no_time_is_no_warning(tmp_path: Path) -> None:
    text = chain("large, flash", before="models:\n  large: {timeout: 3m}\n")
    [problem] = lint_file(tmp_path, text).problems
    assert (problem.code, problem.severity) == ("no-time", "info")
