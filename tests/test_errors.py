"""The exceptions: their tree, messages and data, and their way between processes."""

import copy
import json
import multiprocessing
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import pytest

import standby
from standby import Settings, Standby, errors
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
from standby.failures import Attempt
from standby.settings import Chain
from standby.testing import scripted_model
from tests.support.playing import failure

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


def pickle_and_load(error: Any, protocol: int) -> Any:
    return pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - made here


AGAIN = [
    copy.copy,
    copy.deepcopy,
    *(partial(pickle_and_load, protocol=each) for each in range(pickle.HIGHEST_PROTOCOL + 1)),
]


class CustomFailure(CallFailed):
    """What an application makes of one of them."""

    def __init__(self, order: int, *, customer: str) -> None:
        super().__init__(f"order {order} has no text", TRAIL)
        self.order = order
        self.customer = customer


@pytest.mark.parametrize(("error", "message", "data"), EVERY, ids=NAMES)
def test_an_error_has_a_message_and_its_data(
    error: StandbyError, message: str, data: dict[str, Any]
) -> None:
    assert str(error) == message
    assert vars(error) == data


@pytest.mark.parametrize("error", [error for error, _, _ in EVERY], ids=NAMES)
@pytest.mark.parametrize("again", AGAIN)
def test_an_error_survives_copying_and_another_process(
    error: StandbyError, again: Callable[[Any], Any]
) -> None:
    error.add_note("seen by nobody yet")
    other = again(error)
    assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))
    del error.__notes__


@pytest.mark.parametrize("error", [error for error, _, _ in EVERY], ids=NAMES)
def test_an_error_can_be_made_again_from_its_arguments_as_json(error: StandbyError) -> None:
    """So do queues like Celery carry an exception."""
    other = type(error)(*json.loads(json.dumps(error.args)))
    assert (str(other), repr(other), vars(other)) == (str(error), repr(error), vars(error))


def test_a_trail_that_came_later_is_among_the_arguments() -> None:
    error = ChainExhausted("none")
    error.trail = tuple(TRAIL)
    assert ChainExhausted(*error.args).trail == tuple(TRAIL)
    assert repr(error) == "ChainExhausted('none')"


@pytest.mark.parametrize("again", AGAIN)
def test_one_of_several_arguments_and_one_whose_message_was_added_to_survive(
    again: Callable[[Any], Any],
) -> None:
    several, longer = StandbyError("a", 1), ChainExhausted("none", TRAIL)
    longer.args = ("none, added a framework",)
    for error in (several, longer):
        other = again(error)
        assert (str(other), repr(other), other.args, vars(other)) == (
            str(error),
            repr(error),
            error.args,
            vars(error),
        )
    assert (several.args, str(longer)) == (("a", 1), "none, added a framework")


@pytest.mark.parametrize("again", AGAIN)
def test_a_subclass_of_an_applications_own_survives_too(again: Callable[[Any], Any]) -> None:
    other = again(CustomFailure(7, customer="c"))
    assert (type(other), str(other), vars(other)) == (
        CustomFailure,
        "order 7 has no text",
        vars(CustomFailure(7, customer="c")),
    )


@pytest.mark.parametrize("again", AGAIN[1:])  # a shallow copy has the very causes
def test_standbys_own_causes_are_included_and_others_are_not(again: Callable[[Any], Any]) -> None:
    attempt = AttemptFailed(FAILURE)
    attempt.__cause__ = Connected("sk-canary")
    error = ChainExhausted("none", TRAIL)
    error.__cause__ = ExceptionGroup(
        "the attempts", [attempt, AttemptFailed(failure("timeout")), Connected("sk-canary")]
    )
    group = again(error).__cause__
    assert (group.message, [str(each) for each in group.exceptions]) == (
        "the attempts",
        ["400 SAFETY. no", "it failed"],
    )
    assert [each.failure for each in group.exceptions] == [FAILURE, failure("timeout")]
    assert group.exceptions[0].__cause__ is None
    stopped = Stopped(FAILURE)
    stopped.__cause__ = attempt
    assert again(stopped).__cause__.failure == FAILURE
    stopped.__cause__ = ExceptionGroup("others", [Connected("sk-canary")])
    assert again(stopped).__cause__ is None


class Connected(Exception):
    """What a vendor's SDK raises: it holds what nobody can pickle, and what nobody should."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.socket = threading.Lock()


def exhaust(number: int) -> None:
    """Ask a chain that fails, in a process of a pool."""
    down = scripted_model({"fail": {"kind": "timeout", "message": f"timeout: no answer {number}"}})
    with Standby(
        settings=Settings(models={"m": down}, chains={"default": Chain(models=("m",))}), environ={}
    ) as client:
        client.chat("Which city?")


def test_errors_arrive_from_the_processes_of_a_pool() -> None:
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, context) as pool,
        pytest.raises(ChainExhausted, match="no answer 1") as one,
    ):
        pool.submit(exhaust, 1).result(timeout=60)
    with context.Pool(1) as processes, pytest.raises(ChainExhausted, match="no answer 2") as other:
        processes.apply_async(exhaust, (2,)).get(timeout=60)
    for error in (one.value, other.value):
        assert [(attempt.model, attempt.kind) for attempt in error.trail] == [("m", "timeout")]


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


def test_no_message_has_the_text_that_was_released() -> None:
    assert "Lis" not in str(StreamBroken(FAILURE, "Lis"))


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem(code="c", message="wrong"), "error  wrong"),
        (Problem(code="c", message="wrong", file="m.yaml"), "m.yaml  error  wrong"),
        (
            Problem(code="c", message="wrong", file="m.yaml", line=3, column=5),
            "m.yaml:3:5  error  wrong",
        ),
        (Problem(code="c", message="odd", severity="warning", hint="look"), "warning  odd; look"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, line: str) -> None:
    assert str(problem) == line
