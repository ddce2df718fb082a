"""Compare the breaker and the budget with the reference, at random.

Usage: `python -m campaigns.breaker --steps N --seed S`. Each seed is a world of `LENGTH` steps;
seed follows seed until there were N steps. A violation names its seed, and `--steps 1 --seed S`
repeats its world. Exit status 1 if there was a violation.
"""

import argparse
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator

from standby.settings import BreakerSettings
from tests.support.beside import (
    MOODS,
    BreakersBeside,
    BudgetsBeside,
    random_breaker_step,
    random_budget_step,
)

LENGTH = 200
"""Steps of one world; few, because the reference reads its whole history for every question."""

SETTINGS = (
    BreakerSettings(),
    BreakerSettings(failures=1, open=1.0, open_limit=300.0),
    BreakerSettings(failures=3, open=10.0, open_limit=10.0),
    BreakerSettings(failures=100, open=20.0, open_limit=15.0),
)


def world(seed: int) -> Callable[[], None]:
    """Return a function that takes the next step of this seed's world.

    Three worlds in four are a breaker's, one is a budget's.
    """
    rng = random.Random(seed)
    if seed % 4:
        breakers, mood = BreakersBeside(rng.choice(SETTINGS), seed), rng.choice(MOODS)
        return lambda: random_breaker_step(breakers, mood, rng)
    budgets = BudgetsBeside(
        rng.choice((1, 5, 35)), rng.choice((4, 8)), fills_with_time=rng.random() < 0.8
    )
    return lambda: random_budget_step(budgets, rng)


def violations(steps: int, seed: int) -> Iterator[str]:
    """Take so many steps, in whole worlds; yield each violation."""
    for offset in range(-(-steps // LENGTH)):
        step = world(seed + offset)
        for number in range(LENGTH):
            try:
                step()
            except AssertionError as error:
                frame = traceback.extract_tb(error.__traceback__)[-1]
                location = f"{frame.name}, line {frame.lineno}"
                yield f"seed {seed + offset}, step {number}: {frame.line} ({location}): {error}"
                break


def main() -> int:
    """Take the steps, print the violations, and return the exit status."""
    parser = argparse.ArgumentParser(
        description="Compare the breaker and the budget with the reference, at random."
    )
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    count = 0
    for violation in violations(options.steps, options.seed):
        count += 1
        print(violation)  # noqa: T201 - a command
    worlds = -(-options.steps // LENGTH)
    steps, seconds = worlds * LENGTH, time.perf_counter() - began
    seeds = f"seeds {options.seed} to {options.seed + worlds - 1}"
    rate = f"{steps / seconds:,.0f} steps/s"
    print(f"{steps:,} steps, {seeds}: {count} violations ({rate})")  # noqa: T201 - a command
    return min(count, 1)


if __name__ == "__main__":
    sys.exit(main())
