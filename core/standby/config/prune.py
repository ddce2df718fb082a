"""Removes what is `None` from a tree, and remembers where the rest stood in the file."""

from typing import Any

import msgspec

from standby.config.finding import Location, Node


class Pruned(msgspec.Struct):
    """A value without its `None` parts.

    Attributes:
        value: The value.
        kept: For each list, by its location in the file, the indices of the items that are left.

    """

    value: Any
    kept: dict[Location, list[int]]

    def original_location(self, location: Location) -> Location:
        """Return where the file has the value that is at a location now.

        Args:
            location: A location in the pruned value.

        Returns:
            The location in the file.

        """
        original: Location = ()
        for step in location:
            is_index = isinstance(step, int) and original in self.kept
            original = (*original, self.kept[original][int(step)] if is_index else step)
        return original


def prune(value: Node) -> Pruned:
    """Remove what is `None` from mappings and lists.

    Args:
        value: The tree.

    Returns:
        A copy without those parts.

    """
    kept: dict[Location, list[int]] = {}
    return Pruned(value=_prune(value, (), kept), kept=kept)


def clear_at(tree: Any, location: Location) -> None:
    """Set the value at a location of a tree to `None`.

    The root stays, and so does a tree that no longer has the location's parents.

    Args:
        tree: The tree to change.
        location: The location.

    """
    for step in location[:-1]:
        tree = tree[step]
        if tree is None:
            return
    if location:
        tree[location[-1]] = None


def _prune(value: Node, location: Location, kept: dict[Location, list[int]]) -> Any:
    if isinstance(value, dict):
        pairs = {key: item for key, item in value.items() if item is not None}
        return {key: _prune(item, (*location, key), kept) for key, item in pairs.items()}
    if isinstance(value, list):
        kept[location] = [at for at, item in enumerate(value) if item is not None]
        return [_prune(value[at], (*location, at), kept) for at in kept[location]]
    return value
