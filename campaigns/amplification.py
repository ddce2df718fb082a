"""How much retries multiply the load on a model that fails: `python -m campaigns.amplification --seconds 86400 --seed S`.

Each call that fails asks its budget for one extra attempt; no breaker helps. Exit status 1 where a
bound is broken.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from standby.resilience.retry_budget import MIN_RATE, RetryBudget

BUCKET = 35
SHARE = 0.1

RATES = (0.1, 1.0, 10.0)
FAILURES = (0.01, 0.05, 0.1, 0.11, 0.12, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)

CHANCE = 0.002
"""What calls that come by chance may have more for each call: a busy spell earns by calls, a quiet one by time."""


@dataclass(frozen=True)
class Load:
    """What came, and what was asked beyond it."""

    rate: float
    failures: float
    by_chance: bool
    seconds: float
    calls: int
    extra: int

    @property
    def amplification(self) -> float:
        """Return the load for each call, once the first bucket is spent."""
        return 1 + max(0, self.extra - BUCKET) / self.calls

    @property
    def bound(self) -> float:
        """Return how many extra attempts there may be: a tenth of the calls, or one in ten seconds, and the bucket."""
        return (
            BUCKET
            + max(SHARE * self.calls, self.seconds / MIN_RATE)
            + CHANCE * self.calls * self.by_chance
        )

    def __str__(self) -> str:
        """Describe it."""
        calls = (
            f"{self.calls:,} calls {'by chance' if self.by_chance else 'evenly'} at {self.rate:g}/s"
        )
        return f"{calls}, {self.failures:.0%} fail: {self.amplification:.4f} times the load"


def load(
    rate: float, failures: float, *, by_chance: bool, seconds: float, dice: random.Random
) -> Load:
    """Let calls come to a model of which this share fails, retries included."""
    budget, began = RetryBudget(), 10_000.0
    now, calls, extra = began, 0, 0
    while now < began + seconds:
        calls += 1
        fails = dice.random() < failures
        if fails and budget.try_withdraw(now):
            extra += 1
            fails = dice.random() < failures
        if not fails:
            budget.deposit(now)
        now = now + dice.expovariate(rate) if by_chance else began + calls / rate
    return Load(rate, failures, by_chance, seconds, calls, extra)


def loads(seconds: float, seed: int) -> Iterator[Load]:
    """Go through rates, shares of failures, and both ways in which calls come."""
    for rate in RATES:
        for failures in FAILURES:
            for by_chance in (False, True):
                yield load(
                    rate, failures, by_chance=by_chance, seconds=seconds, dice=random.Random(seed)
                )


def main() -> int:
    """Print the worst of each rate and what is beyond its bound; return the exit status."""
    parser = argparse.ArgumentParser(
        description="How much retries multiply the load on a model that fails."
    )
    parser.add_argument("--seconds", type=float, default=86_400.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    seen = list(loads(asked.seconds, asked.seed))
    for rate in RATES:
        for by_chance in (False, True):
            alike = [each for each in seen if (each.rate, each.by_chance) == (rate, by_chance)]
            print("worst:", max(alike, key=lambda each: each.amplification))  # noqa: T201 - what it is for
    broken = [each for each in seen if each.extra > each.bound]
    for each in broken:
        print(f"beyond its bound of {each.bound:.0f} extra attempts, with {each.extra}: {each}")  # noqa: T201 - as above
    return min(len(broken), 1)


if __name__ == "__main__":
    sys.exit(main())
