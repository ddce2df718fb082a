from pathlib import Path

from tests.config.lint.files import ACME, chain, codes, lint_file, triggers


def test_the_hint_of_a_pattern_quotes_the_vendor_and_names_the_kind(tmp_path: Path) -> None:
    [problem] = lint_file(
        tmp_path, triggers("t: {message: 503 service unavailable, then: next}")
    ).problems
    assert (
        problem.message
        == "'503 service unavailable' matches nothing that 'large' or 'flash' is known to say"
    )
    assert (
        problem.hint
        == f"'large' says '{ACME[0]}'; kind: overloaded recognises it whatever its text"
    )


def test_the_texts_of_an_own_endpoint_are_unknown(tmp_path: Path) -> None:
    before = "providers:\n  mine: {plugin: acme, base_url: 'http://127.0.0.1:1'}\n"
    before += "triggers:\n  t: {message: the hut burns, then: next}\n"
    assert codes(tmp_path, chain("mine/x", before=before)) == []
