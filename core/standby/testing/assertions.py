"""How a rule of the suite ends: it holds, it does not hold, or it does not apply."""

from typing import NoReturn
from unittest import SkipTest  # pytest accepts it as a skip, and the kit does not need pytest


def require(condition: object, message: str) -> None:
    """Fail the rule unless a condition holds.

    Args:
        condition: Any value; what counts is whether it is true.
        message: What is wrong, and what to do about it.

    Raises:
        AssertionError: The condition is false.
    """
    if not condition:
        raise AssertionError(message)


def skip(reason: str) -> NoReturn:
    """Skip the rule.

    Args:
        reason: Why it does not apply.

    Raises:
        SkipTest: Always.
    """
    raise SkipTest(reason)
