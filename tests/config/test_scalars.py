import pytest

from standby.config.durations import DURATION
from standby.config.scalars import convert_scalars, format_durations, parse_durations

BOOLEAN = {"type": "boolean"}
INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
TEXT = {"type": "string"}
SPAN = {"type": "string", "pattern": DURATION}
ROOT = {"$defs": {"Integer": INTEGER, "Span": SPAN}}


@pytest.mark.parametrize(
    "true", ["true", "True", "TRUE", "yes", "Yes", "on", "ON", "1", " true ", "true\r"]
)
def test_yes_in_any_form_is_true_where_a_boolean_belongs(true: str) -> None:
    assert convert_scalars(true, BOOLEAN, ROOT) is True


@pytest.mark.parametrize("false", ["false", "False", "no", "NO", "off", "Off", "0"])
def test_no_in_any_form_is_false_where_a_boolean_belongs(false: str) -> None:
    assert convert_scalars(false, BOOLEAN, ROOT) is False


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("3", INTEGER, 3),
        ("-3", INTEGER, -3),
        ("010", INTEGER, 10),
        (" 3\n", INTEGER, 3),
        ("3.0", INTEGER, "3.0"),
        ("0x1f", INTEGER, "0x1f"),
        ("1_000", INTEGER, "1_000"),
        ("\u0663", INTEGER, "\u0663"),
        ("9" * 5000, INTEGER, "9" * 5000),
        ("0.5", NUMBER, 0.5),
        ("3", NUMBER, 3.0),
        ("1e3", NUMBER, "1e3"),
        ("nan", NUMBER, "nan"),
        ("maybe", BOOLEAN, "maybe"),
        ("1", TEXT, "1"),
        ("yes", TEXT, "yes"),
        (" x ", TEXT, " x "),
        ("1", {}, "1"),
        ("2", {"enum": [1, 2]}, 2),
        ("1", {"const": 1}, 1),
        ("true", {"enum": [True]}, True),
        ("0.5", {"enum": [0.5]}, 0.5),
        ("3", {"type": ["integer", "null"]}, 3),
        ("3", {"$ref": "#/$defs/Integer"}, 3),
        ("3", {"$ref": "#/$defs/Missing"}, "3"),
        ("3", {"anyOf": [TEXT, {"items": INTEGER}, INTEGER]}, 3),
        ("3", {"allOf": [INTEGER]}, 3),
        (" 3s\n", SPAN, "3s"),
        (["3", "x"], {"anyOf": [TEXT, {"type": "array", "items": INTEGER}]}, [3, "x"]),
        (["3"], {"type": "array"}, ["3"]),
        ({"a": "3", "b": "3"}, {"properties": {"a": INTEGER}}, {"a": 3, "b": "3"}),
        (
            {"a": "3", "b": "yes"},
            {"properties": {"a": INTEGER}, "additionalProperties": BOOLEAN},
            {"a": 3, "b": True},
        ),
        ({"a": "3"}, {"properties": {"a": True}, "additionalProperties": False}, {"a": "3"}),
        (None, INTEGER, None),
        (True, INTEGER, True),
    ],
)
def test_a_text_is_converted_to_the_schemas_type_or_stays(
    text: object, schema: dict[str, object], value: object
) -> None:
    converted = convert_scalars(text, schema, ROOT)
    assert (converted, type(converted)) == (value, type(value))


SPANS = {
    "properties": {"a": {"$ref": "#/$defs/Span"}},
    "additionalProperties": {"properties": {"b": SPAN}},
}


def test_durations_become_seconds_and_back() -> None:
    tree = {"a": "3m", "x": {"b": "500ms", "c": "3m"}}
    in_code = {"a": 180.0, "x": {"b": 0.5, "c": "3m"}}
    assert parse_durations(tree, SPANS, ROOT) == in_code
    assert format_durations(in_code, SPANS, ROOT) == tree


def test_what_is_not_a_duration_stays() -> None:
    assert parse_durations({"a": "soon", "x": {"b": "3s\n"}}, SPANS, ROOT) == {
        "a": "soon",
        "x": {"b": "3s\n"},
    }
    assert format_durations({"a": True, "x": {"b": None}}, SPANS, ROOT) == {
        "a": True,
        "x": {"b": None},
    }
