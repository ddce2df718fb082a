"""How much retries multiply the load on a model that fails.

Usage: `python -m campaigns.amplification --seconds 86400 --seed S`. Each call that fails asks its
budget for one extra attempt; no breaker helps. Exit status 1 where a bound is exceeded.
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

RANDOM_EXCESS = 0.002
"""Extra attempts that calls at random times may have more for each call.

Their busy phases deposit by calls, their quiet ones by time.
"""


@dataclass(frozen=True)
class Load:
    """The calls that came, and the extra attempts."""

    rate: float
    failures: float
    at_random: bool
    seconds: float
    calls: int
    extra: int

    @property
    def amplification(self) -> float:
        """Return the load for each call, once the first bucket is spent."""
        return 1 + max(0, self.extra - BUCKET) / self.calls

    @property
    def bound(self) -> float:
        """Return how many extra attempts there may be.

        They are a tenth of the calls or one in ten seconds, whichever is more, and the bucket.
        """
        return (
            BUCKET
            + max(SHARE * self.calls, self.seconds / MIN_RATE)
            + RANDOM_EXCESS * self.calls * self.at_random
        )

    def __str__(self) -> str:
        """Return a description of the calls and the load."""
        calls = (
            f"{self.calls:,} calls {'at random' if self.at_random else 'evenly'} at {self.rate:g}/s"
        )
        return f"{calls}, {self.failures:.0%} fail: {self.amplification:.4f} times the load"


def load(
    rate: float, failures: float, *, at_random: bool, seconds: float, rng: random.Random
) -> Load:
    """Let calls come to a model of which this share fails, retries included."""
    budget, began = RetryBudget(), 10_000.0
    now, calls, extra = began, 0, 0
    while now < began + seconds:
        calls += 1
        fails = rng.random() < failures
        if fails and budget.try_withdraw(now):
            extra += 1
            fails = rng.random() < failures
        if not fails:
            budget.deposit(now)
        now = now + rng.expovariate(rate) if at_random else began + calls / rate
    return Load(rate, failures, at_random, seconds, calls, extra)


def loads(seconds: float, seed: int) -> Iterator[Load]:
    """Yield the load for each rate and share of failures, with even and with random calls."""
    for rate in RATES:
        for failures in FAILURES:
            for at_random in (False, True):
                yield load(
                    rate, failures, at_random=at_random, seconds=seconds, rng=random.Random(seed)
                )


def main() -> int:
    """Print the worst load of each rate and those that exceed a bound; return the exit status."""
    parser = argparse.ArgumentParser(
        description="How much retries multiply the load on a model that fails."
    )
    parser.add_argument("--seconds", type=float, default=86_400.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = list(loads(options.seconds, options.seed))
    for rate in RATES:
        for at_random in (False, True):
            same_kind = [
                result for result in results if (result.rate, result.at_random) == (rate, at_random)
            ]
            print("worst:", max(same_kind, key=lambda result: result.amplification))  # noqa: T201 - a command
    exceeded = [result for result in results if result.extra > result.bound]
    for result in exceeded:
        print(f"{result.extra} extra attempts exceed the bound of {result.bound:.0f}: {result}")  # noqa: T201 - a command
    return min(len(exceeded), 1)


if __name__ == "__main__":
    sys.exit(main())
