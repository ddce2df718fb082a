"""Twice as large a file costs about twice as much to load and to lint."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from standby.config import load
from standby.registry.plugins import Registry

Shape = Callable[[int], dict[str, Any]]


def triggers(count: int) -> dict[str, Any]:
    return {f"t{number}": {"message": f"word {number}", "then": "next"} for number in range(count)}


SHAPES: dict[str, Shape] = {
    "models": lambda count: {
        "chains": {"default": {"models": [f"openai/m{number}" for number in range(count)]}},
    },
    "one model many times": lambda count: {
        "chains": {"default": {"models": ["gemini-2.5-pro"] * count}},
    },
    "entries": lambda count: {
        "models": {
            f"m{number}": {"provider": "openai", "model": f"x{number}"} for number in range(count)
        },
        "chains": {"default": {"models": [f"m{number}" for number in range(count)]}},
    },
    "models beside triggers": lambda count: {
        "triggers": triggers(20),
        "chains": {"default": {"models": [f"openai/m{number}" for number in range(count)]}},
    },
    "chains beside triggers": lambda count: {
        "triggers": triggers(20),
        "chains": {f"c{number}": {"models": ["openai/m"]} for number in range(count)},
    },
}


def count_calls(function: Callable[[], Any]) -> int:
    """Return how many functions a function calls, those in C included."""
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_cost_grows_with_the_size_and_not_with_its_square(shape: Shape, tmp_path: Path) -> None:
    registry = Registry()

    def lint(count: int) -> None:
        config = {"version": 1, **shape(count)}
        loaded = load(config, registry, {}, cwd=tmp_path, today=date(2026, 1, 1), lints=True)
        assert loaded.settings is not None

    lint(10)  # imports
    small, large = (count_calls(lambda count=count: lint(count)) for count in (100, 200))  # type: ignore[misc]
    assert large < 2.2 * small
