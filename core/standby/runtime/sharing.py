"""What is shared rather than copied: a copy is the object itself, and nothing of it can be sent elsewhere."""

from typing import Any, NoReturn, Self


class Shared:
    """Copies to itself, deeply too; pickling is refused."""

    def __copy__(self) -> Self:
        """Return the object itself."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the object itself."""
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled; raises `TypeError`."""
        name = type(self).__name__
        raise TypeError(
            f"{name} cannot be pickled: it holds connections and keys; make one in each process"
        )
