from typing import Any

import pytest

from standby.config.schema import schema
from standby.config.validation import validate
from tests.config.files import OPTIONS

BUDGET = {"budget": 5}


def format_findings(value: Any, schema: dict[str, Any] = OPTIONS, **rest: Any) -> list[str]:
    problems = validate(value, schema, **rest)
    return [
        f"{'.'.join(map(str, finding.location))}: {finding.problem.message}; {finding.problem.hint}"
        for finding in problems
    ]


@pytest.mark.parametrize(
    "value", [{}, BUDGET, {"effort": "low", "loud": True, "stop": ["a"], "free": [1], "level": 3}]
)
def test_what_fits_has_no_findings(value: Any) -> None:
    assert format_findings(value) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"effort": "hihg"}, "effort: effort: 'hihg' is not known; did you mean 'high'?"),
        ({"effort": "none"}, "effort: effort: 'none' is not known; one of low, high"),
        (
            {"budget": "lots"},
            "budget: budget: 'lots' is not a whole number; write a number, like 3",
        ),
        ({"budget": -1}, "budget: budget: -1 is out of range; write at least 0"),
        ({"budget": 101}, "budget: budget: 101 is out of range; write at most 100"),
        ({"share": 0}, "share: share: 0 is out of range; write more than 0"),
        ({"share": 1}, "share: share: 1 is out of range; write less than 1"),
        ({"share": "x"}, "share: share: 'x' is not a number; write a number, like 0.5"),
        ({"loud": "maybe"}, "loud: loud: 'maybe' is not true or false; write true or false"),
        (
            {"stop": {"a": 1}},
            "stop: stop: this is not a text or a list; write one text after the ':'",
        ),
        ({"stop": [1]}, "stop.0: stop[0]: 1 is not a text; write one text after the ':'"),
        ({"wait": "3s"}, "wait: wait: '3s' is not well formed; write it like 250ms"),
        ({"mode": "fancy"}, "mode: mode: 'fancy' is not known; write plain"),
        ({"day": "soon"}, "day: day: 'soon' is not a date; write it like 2026-12-01"),
        ({"mail": "me"}, "mail: mail: 'me' does not fit; the rule is format: email"),
        (
            {"limit": "x"},
            "limit: limit: 'x' is not a whole number or true or false; write a number, like 3",
        ),
        ({"even": 3}, "even: even: 3 does not fit; the rule is multipleOf: 2"),
        (
            {"zzz": 1},
            "zzz: unknown key 'zzz'; a key of the file is one of "
            + ", ".join(OPTIONS["properties"]),
        ),
        ({"buget": 1}, "buget: unknown key 'buget'; did you mean 'budget'?"),
        (
            {"effort": "low", **BUDGET},
            ": the file: 'effort' and 'budget' do not go together; keep one of them",
        ),
    ],
)
def test_each_rule_has_its_message(value: Any, expected: str) -> None:
    assert format_findings(value) == [expected]


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        (
            {},
            {"required": ["a", "b"]},
            ["a: the file has no 'a'; add 'a:'", "b: the file has no 'b'; add 'b:'"],
        ),
        ([], {"minItems": 1}, [": the file is empty; write at least one"]),
        ({}, {"minProperties": 1}, [": the file is empty; write at least one"]),
        ("", {"minLength": 1}, [": the file is empty; write it, or remove it"]),
        ("x", {"pattern": "^y$"}, [": the file: 'x' is not well formed; it must match ^y$"]),
        (
            {"a": 1},
            {"additionalProperties": False},
            ["a: unknown key 'a'; a key of the file is one of none"],
        ),
        (
            {},
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            [": the file has neither 'a' nor 'b'; add one of them"],
        ),
        (
            {"a": 1, "b": 1},
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            [": the file: 'a' and 'b' do not go together; keep one of them"],
        ),
        (
            "x",
            {"type": "object"},
            [
                (
                    ": the file: 'x' is not a mapping of keys; write 'key: value' lines, "
                    "indented below it"
                )
            ],
        ),
        (
            3,
            {"anyOf": [{"type": "string"}, {"type": "array"}]},
            [": the file: 3 is not a text or a list; write one text after the ':'"],
        ),
        (
            "x",
            {"anyOf": [{"type": "string", "minLength": 2}, {"type": "array"}]},
            [": the file is too short; write at least 2"],
        ),
        (
            [],
            {"anyOf": [{"enum": ["a"]}, {"type": "array", "minItems": 1}]},
            [": the file is empty; write at least one"],
        ),
        (
            "x",
            {"not": {"type": "string"}},
            [": the file: 'x' does not fit; the rule is not: {'type': 'string'}"],
        ),
        (
            3,
            {"type": ["string", "null"]},
            [": the file: 3 is not a text or nothing; write one text after the ':'"],
        ),
        (3, {"type": "null"}, [": the file: 3 is not nothing; see 'standby schema'"]),
    ],
)
def test_each_rule_about_a_list_or_mapping_has_its_message(
    value: Any, schema: dict[str, Any], expected: list[str]
) -> None:
    assert format_findings(value, schema) == expected


def test_a_key_that_is_there_misspelt_is_not_missing_as_well() -> None:
    schema = {
        "required": ["models", "then"],
        "properties": {"models": {}, "then": {}},
        "additionalProperties": False,
    }
    assert format_findings({"modles": 1, "then": 1}, schema) == [
        "modles: unknown key 'modles'; did you mean 'models'?"
    ]


def test_the_caller_decides_on_location_owner_and_format() -> None:
    expected = format_findings(
        {"budget": "secret", "zzz": 1},
        location=("models", 0, "options"),
        owner="acme",
        format_value=lambda location, _: f"<{location[-1]}>",
    )
    assert expected == [
        "models.0.options.zzz: unknown key 'zzz'; an option of 'acme' is one of "
        + ", ".join(OPTIONS["properties"]),
        (
            "models.0.options.budget: models[0].options.budget: <budget> is not a whole number; "
            "write a number, like 3"
        ),
    ]


def test_a_choice_names_what_its_alternatives_stand_for() -> None:
    [finding] = validate(
        {
            "version": 1,
            "models": {"a": {"breaker": "maybe"}},
            "chains": {"default": {"models": ["a"]}},
        },
        schema(),
    )
    message = "models.a.breaker: 'maybe' is not true or false or a mapping of keys"
    assert (finding.problem.code, finding.problem.message) == ("bad-type", message)
