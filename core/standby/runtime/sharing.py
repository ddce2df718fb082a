"""Objects that are shared rather than copied, and that cannot be pickled."""

from typing import Any, NoReturn, Self


class Shared:
    """An object whose copies, deep ones too, are the object itself. It refuses to be pickled."""

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
