import string

import pytest

from standby.config.finding import format_plain_value, format_value_at, suggest
from standby.config.schema import schema
from standby.types import Sampling

KEYS = sorted(
    {key for part in (schema(), *schema()["$defs"].values()) for key in part.get("properties", {})}
    | set(Sampling.__struct_fields__)
)


def typos(word: str) -> list[str]:
    """Return the word with one letter dropped, doubled, swapped with the next, or another one."""
    cut = [(word[:at], word[at:]) for at in range(len(word))]
    misspelt = [a + b[1:] for a, b in cut] + [a + b[0] + b for a, b in cut]
    misspelt += [a + b[1] + b[0] + b[2:] for a, b in cut if len(b) > 1]
    misspelt += [a + letter + b[1:] for a, b in cut for letter in string.ascii_lowercase[::7]]
    return [typo for typo in misspelt if typo not in KEYS]


def test_the_right_key_is_suggested_for_a_typo() -> None:
    pairs = [(typo, key) for key in KEYS for typo in typos(key)]
    right = sum(suggest(typo, KEYS) == f"did you mean {key!r}?" for typo, key in pairs)
    assert len(pairs) > 1000
    assert right / len(pairs) >= 0.95


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Large-3", "did you mean 'large-3'?"),
        ("LARGE-3", "did you mean 'large-3'?"),
        ("large3", "did you mean 'large-3'?"),
        ("zebra", ""),
        ("", ""),
    ],
)
def test_the_most_similar_name_is_suggested_if_any_is(name: str, expected: str) -> None:
    assert suggest(name, ["small-3", "large-3"]) == expected


def test_only_a_scalar_is_shown() -> None:
    tree = {"a": ["x", {"b": "y"}]}
    assert [
        format_value_at(tree, location)
        for location in [("a", 0), ("a", 1, "b"), ("a",), ("a", 7), ("a", 0, "b"), ("z",)]
    ] == [
        "'x'",
        "'y'",
        "this",
        "this",
        "this",
        "this",
    ]
    assert format_plain_value(("a",), 3) == "3"
    assert format_plain_value(("a",), [3]) == "this"
