"""`scripts/shape` measures the code; these limits keep its shape."""

import runpy
from typing import Any

import pytest

from tests.docs.documents import ROOT

SHAPE: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "shape"))
FIGURES, PLACES = SHAPE["figures"](ROOT)


@pytest.mark.parametrize(
    ("figure", "most"),
    [
        ("modules at the root of core/standby", 14),
        ("layers", 8),
        ("import depth", 12),
        ("largest module", 400),
        ("lines > 100", 0),
        ("functions > 50 lines", 0),
        ("retired words", 60),
    ],
)
def test_the_shape_is_kept(figure: str, most: int) -> None:
    assert FIGURES[figure] <= most, PLACES


def test_at_most_one_function_of_a_hundred_is_complex() -> None:
    assert float(FIGURES["complexity > 10"].split("(")[1].split()[0]) <= 1.0, PLACES


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("def f(told): ...", ["told"]),
        ("# as it is told", ["told", "as it is"]),
        ("x = whole", ["whole"]),
        ('"""Return the whole reply."""', []),
        ("class Verdict: ...", ["verdict"]),
        ("is_wholesome = 1", []),
    ],
)
def test_retired_words_are_found_in_names_and_texts(source: str, counted: list[str]) -> None:
    assert [word for _, word in SHAPE["words"](source)] == counted


def test_a_longest_chain_of_imports_is_counted_in_modules() -> None:
    assert SHAPE["depth"]({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"c"}}) == 3


def test_branches_count_boolean_operators_too() -> None:
    tree = SHAPE["ast"].parse("def f(a, b):\n    if a and b:\n        return [x for x in a if x]\n")
    assert SHAPE["branches"](tree.body[0]) == 5
