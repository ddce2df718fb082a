"""Compare two pieces of work as a ratio.

Their rounds alternate in one run. The result is the median of the rounds' ratios and the 95 %
interval of that median.
"""

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable

import msgspec

Work = Callable[[], Awaitable[object]]


class Ratio(msgspec.Struct, frozen=True):
    """The median of A/B with its interval, and the median seconds of A and of B.

    The interval comes from order statistics, so it assumes no distribution.
    """

    median: float
    low: float
    high: float
    a: float
    b: float

    def __str__(self) -> str:
        """Return `0.93 x (0.91 to 0.95)`."""
        return f"{self.median:.2f} x ({self.low:.2f} to {self.high:.2f})"

    def format_seconds(self, unit: str, digits: int = 0) -> str:
        """Return `12 ms against 15 ms`.

        Args:
            unit: `us` or `ms`.
            digits: Digits behind the decimal point.

        Returns:
            The seconds of A and of B in this unit.
        """
        scale = {"us": 1e6, "ms": 1e3}[unit]
        return f"{self.a * scale:.{digits}f} {unit} against {self.b * scale:.{digits}f} {unit}"


async def compare(a: Work, b: Work, *, rounds: int, calls: int) -> Ratio:
    """Time `calls` calls of each in every round, in turn, after one round that does not count."""
    await timed(a, calls)
    await timed(b, calls)
    pairs: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            second, first = await timed(b, calls), await timed(a, calls)
        else:
            first, second = await timed(a, calls), await timed(b, calls)
        pairs.append((first, second))
    return summary(pairs)


async def timed(work: Work, calls: int) -> float:
    """Return the seconds of one call, over `calls` calls one after the other."""
    began = time.perf_counter()
    for _ in range(calls):
        await work()
    await asyncio.sleep(0)
    return (time.perf_counter() - began) / calls


def summary(pairs: list[tuple[float, float]]) -> Ratio:
    """Fold the pairs of seconds into one ratio."""
    ratios = sorted(a / b for a, b in pairs)
    spread = 0.98 * math.sqrt(len(ratios))  # ranks around the median that hold it with 95 %
    low = max(0, math.floor(len(ratios) / 2 - spread))
    high = min(len(ratios) - 1, math.ceil(len(ratios) / 2 + spread))
    return Ratio(
        median=statistics.median(ratios),
        low=ratios[low],
        high=ratios[high],
        a=statistics.median(a for a, _ in pairs),
        b=statistics.median(b for _, b in pairs),
    )
