"""A scripted model's options: exactly those that the schema accepts can be played."""

from typing import Any

import jsonschema
import pytest

import standby_scripted
from standby.plugin import AttemptFailed, Failure, Finish, Kind
from standby_scripted.script import parse_duration, parse_steps

VALID: list[dict[str, Any]] = [
    {"reply": "We will be right back."},
    {"reply": ["We will ", "be right back."]},
    {"script": [{"reply": "one"}, {"hang": True}]},
    {"script": [{"delay": "1.5m", "reply": "late", "finish": "length"}]},
    {
        "script": [
            {
                "fail": {
                    "kind": "rate_limited",
                    "status": 429,
                    "code": "slow",
                    "message": "no",
                    "retry_after": "2s",
                }
            }
        ]
    },
]

INVALID: list[dict[str, Any]] = [
    {},
    {"reply": "one", "script": [{"reply": "two"}]},
    {"reply": 3},
    {"reply": []},
    {"script": []},
    {"script": [{"replly": "one"}]},
    {"script": [{"delay": 2, "reply": "no unit"}]},
    {"script": [{"delay": "2", "reply": "no unit"}]},
    {"script": [{"fail": {"status": 503}}]},
    {"script": [{"fail": {"kind": "overworked"}}]},
    {"script": [{"fail": {"kind": "overloaded", "retry_after": 2}}]},
    {"script": [{"reply": "one", "finish": "blocked"}]},
]


def accepted_by_schema(options: dict[str, Any]) -> bool:
    schema = standby_scripted.standby_provider().options
    return jsonschema.Draft202012Validator(schema).is_valid(options)


@pytest.mark.parametrize("options", VALID)
def test_options_that_the_schema_accepts_can_be_played(options: dict[str, Any]) -> None:
    assert accepted_by_schema(options)
    assert parse_steps("m", options)


@pytest.mark.parametrize("options", INVALID)
def test_options_that_the_schema_refuses_are_unavailable(options: dict[str, Any]) -> None:
    assert not accepted_by_schema(options)
    with pytest.raises(AttemptFailed, match="the scripted model 'm' ") as caught:
        parse_steps("m", options)
    assert caught.value.failure.kind is Kind.UNAVAILABLE


def test_a_wrong_step_is_named_by_its_position() -> None:
    with pytest.raises(AttemptFailed, match=r"script\[1\]\.fail\.kind"):
        parse_steps("m", {"script": [{"reply": "one"}, {"fail": {"kind": "overworked"}}]})


def test_a_failure_carries_all_that_the_script_says() -> None:
    fail = {
        "kind": "rate_limited",
        "status": 429,
        "code": "slow",
        "message": "too many",
        "retry_after": "500ms",
    }
    (step,) = parse_steps("m", {"script": [{"fail": fail}]})
    assert step.fail is not None
    expected = Failure(
        kind=Kind.RATE_LIMITED, status=429, code="slow", message="too many", retry_after=0.5
    )
    assert step.fail.failure == expected
    assert step.finish_reason is Finish.STOP


@pytest.mark.parametrize(
    ("duration", "expected"), [("250ms", 0.25), ("2s", 2.0), ("1.5m", 90.0), ("1h", 3600.0)]
)
def test_durations_are_spelt_as_in_models_yaml(duration: str, expected: float) -> None:
    assert parse_duration(duration) == expected
