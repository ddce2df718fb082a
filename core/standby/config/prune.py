"""Values left out leave no gap in a list, and what moves up still knows where it stands in the file."""

from typing import Any

import msgspec

from standby.config.finding import Location, Node


class Pruned(msgspec.Struct):
    """A value without the parts that are `None`; `kept` says which items of a list are left."""

    value: Any
    kept: dict[Location, list[int]]

    def in_file(self, location: Location) -> Location:
        """Return where the file says what stands at `location` now."""
        written: Location = ()
        for step in location:
            at = (
                self.kept[written][step] if isinstance(step, int) and written in self.kept else step
            )
            written = (*written, at)
        return written


def prune(value: Node) -> Pruned:
    """Take out what is `None`, in mappings and in lists."""
    kept: dict[Location, list[int]] = {}
    return Pruned(value=_thin(value, (), kept), kept=kept)


def clear_at(tree: Any, location: Location) -> None:
    """Put `None` at a location of a tree; the whole, and what is no longer there, cannot be left out."""
    for step in location[:-1]:
        tree = tree[step]
        if tree is None:
            return
    if location:
        tree[location[-1]] = None


def _thin(value: Node, location: Location, kept: dict[Location, list[int]]) -> Any:
    if isinstance(value, dict):
        return {
            key: _thin(item, (*location, key), kept)
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        kept[location] = [at for at, item in enumerate(value) if item is not None]
        return [_thin(value[at], (*location, at), kept) for at in kept[location]]
    return value
