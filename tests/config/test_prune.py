from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from standby.config.finding import Location
from standby.config.prune import clear_at, prune

TREES = st.recursive(
    st.none() | st.text("ab", min_size=1, max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("xy", min_size=1, max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)


def leaves(tree: Any, location: Location = ()) -> list[tuple[Location, Any]]:
    if isinstance(tree, dict):
        return [leaf for key, item in tree.items() for leaf in leaves(item, (*location, key))]
    if isinstance(tree, list):
        return [leaf for at, item in enumerate(tree) for leaf in leaves(item, (*location, at))]
    return [(location, tree)]


@given(TREES)
@settings(max_examples=100)
def test_what_is_left_has_its_location_in_the_file(tree: Any) -> None:
    pruned = prune(tree)
    assert [
        (pruned.original_location(location), leaf)
        for location, leaf in leaves(pruned.value)
        if leaf is not None
    ] == [(location, leaf) for location, leaf in leaves(tree) if leaf is not None]


def test_a_list_closes_up_and_a_mapping_loses_its_key() -> None:
    pruned = prune({"a": ["x", None, "y"], "b": None})
    assert pruned.value == {"a": ["x", "y"]}
    assert pruned.original_location(("a", 1)) == ("a", 2)
    assert pruned.original_location(("a", 1, "options")) == ("a", 2, "options")


def test_what_is_cleared_is_none() -> None:
    tree = {"a": [{"b": "c"}, "d"], "e": None}
    clear_at(tree, ("a", 0, "b"))
    clear_at(tree, ("e", "f"))
    clear_at(tree, ())
    assert tree == {"a": [{"b": None}, "d"], "e": None}
