"""How a rule of the suite speaks: it holds, it does not (and what to do about it), or it does not apply."""

from typing import NoReturn
from unittest import (
    SkipTest,
)  # pytest takes it for a skip of its own, and nobody needs pytest for it


def require(holds: object, words: str) -> None:
    """Raise `AssertionError` with the words, unless the rule holds."""
    if not holds:
        raise AssertionError(words)


def skip(why: str) -> NoReturn:
    """Leave the rule out."""
    raise SkipTest(why)
