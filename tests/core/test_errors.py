"""The exceptions: their tree, their words, their data, and that they travel between processes."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import standby
from standby import errors
from standby.errors import (
    AttemptFailed,
    CallFailed,
    ChainExhausted,
    ConfigError,
    DeadlineExceeded,
    Problem,
    RequestError,
    StandbyError,
    Stopped,
    StreamBroken,
)
from standby.types import Attempt
from tests.playing import failure

FAILURE = failure("blocked", "no", status=400, code="SAFETY")
TRAIL = [Attempt(model="a", provider="p", outcome="failed", start=0.0, duration=1.0)]
PROBLEMS = [Problem(code="a", message="one"), Problem(code="b", message="two")]

EVERY: list[tuple[StandbyError, str, dict[str, Any]]] = [
    (ConfigError(PROBLEMS), "error  one\nerror  two", {"problems": tuple(PROBLEMS)}),
    (RequestError("wrong"), "wrong", {"index": None}),
    (RequestError("message 3: wrong", 3), "message 3: wrong", {"index": 3}),
    (AttemptFailed(FAILURE), "400 SAFETY. no", {"failure": FAILURE}),
    (ChainExhausted("none", TRAIL, 2.5), "none", {"trail": tuple(TRAIL), "retry_after": 2.5}),
    (ChainExhausted("none"), "none", {"trail": (), "retry_after": None}),
    (Stopped(FAILURE, TRAIL), "400 SAFETY. no", {"failure": FAILURE, "trail": tuple(TRAIL)}),
    (DeadlineExceeded("late", TRAIL), "late", {"trail": tuple(TRAIL)}),
    (
        StreamBroken(FAILURE, "Lis", TRAIL),
        "the stream broke after 3 characters: 400 SAFETY. no",
        {"failure": FAILURE, "partial": "Lis", "trail": tuple(TRAIL)},
    ),
]
NAMES = [type(error).__name__ for error, _, _ in EVERY]


@pytest.mark.parametrize(("error", "message", "data"), EVERY, ids=NAMES)
def test_an_error_has_a_message_and_its_data(error: StandbyError, message: str, data: dict[str, Any]) -> None:
    assert str(error) == message
    assert vars(error) == data


@pytest.mark.parametrize("error", [error for error, _, _ in EVERY], ids=NAMES)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301
def test_an_error_survives_copying_and_another_process(error: StandbyError, again: Callable[[Any], Any]) -> None:
    error.add_note("seen by nobody yet")
    other = again(error)
    assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))
    del error.__notes__


def test_the_tree_is_the_one_drawn_at_the_top() -> None:
    parents = {
        name: value.__mro__[1].__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert parents == {
        "StandbyError": "Exception",
        "ConfigError": "StandbyError",
        "RequestError": "StandbyError",
        "CallFailed": "StandbyError",
        "ChainExhausted": "CallFailed",
        "Stopped": "CallFailed",
        "DeadlineExceeded": "CallFailed",
        "StreamBroken": "CallFailed",
        "AttemptFailed": "StandbyError",
    }
    drawn = (errors.__doc__ or "").replace("(", " ").split()
    assert set(parents) <= set(drawn)


def test_every_error_that_a_caller_meets_is_public() -> None:
    assert all(hasattr(standby, name) for name in {*NAMES, CallFailed.__name__} - {"AttemptFailed"})


def test_the_words_handed_out_are_in_no_message() -> None:
    assert "Lis" not in str(StreamBroken(FAILURE, "Lis"))


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem(code="c", message="wrong"), "error  wrong"),
        (Problem(code="c", message="wrong", file="m.yaml"), "m.yaml  error  wrong"),
        (Problem(code="c", message="wrong", file="m.yaml", line=3, column=5), "m.yaml:3:5  error  wrong"),
        (Problem(code="c", message="odd", severity="warning", hint="look"), "warning  odd; look"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, line: str) -> None:
    assert str(problem) == line
