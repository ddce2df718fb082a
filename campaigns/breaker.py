"""The breaker and the budget against the reference, by lot: `python -m campaigns.breaker --steps N --seed S`.

Each seed is a world of `LENGTH` steps; seed follows seed until there were N steps. A violation
names its seed, and `--steps 1 --seed S` plays its world again. Exit status 1 if there was any.
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
    any_breaker_step,
    any_budget_step,
)

LENGTH = 200
"""Steps of one world: the reference tells its whole story for every question."""

SETTINGS = (
    BreakerSettings(),
    BreakerSettings(failures=1, open=1.0, open_limit=300.0),
    BreakerSettings(failures=3, open=10.0, open_limit=10.0),
    BreakerSettings(failures=100, open=20.0, open_limit=15.0),
)


def world(seed: int) -> Callable[[], None]:
    """Return what takes the next step of this seed's world: three in four are a breaker's, one a budget's."""
    dice = random.Random(seed)
    if seed % 4:
        both, mood = BreakersBeside(dice.choice(SETTINGS), seed), dice.choice(MOODS)
        return lambda: any_breaker_step(both, mood, dice)
    budgets = BudgetsBeside(
        dice.choice((1, 5, 35)), dice.choice((4, 8)), trickles=dice.random() < 0.8
    )
    return lambda: any_budget_step(budgets, dice)


def walk(steps: int, seed: int) -> Iterator[str]:
    """Take so many steps, in whole worlds; yield each violation."""
    for offset in range(-(-steps // LENGTH)):
        step = world(seed + offset)
        for number in range(LENGTH):
            try:
                step()
            except AssertionError as error:
                frame = traceback.extract_tb(error.__traceback__)[-1]
                yield f"seed {seed + offset}, step {number}: {frame.line} ({frame.name}, line {frame.lineno}): {error}"
                break


def main() -> int:
    """Take the steps, print what was wrong, and return the exit status."""
    parser = argparse.ArgumentParser(
        description="The breaker and the budget against the reference, by lot."
    )
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.perf_counter()
    violations = 0
    for violation in walk(asked.steps, asked.seed):
        violations += 1
        print(violation)  # noqa: T201 - what it is for
    worlds = -(-asked.steps // LENGTH)
    took = time.perf_counter() - began
    steps, rate = f"{worlds * LENGTH:,} steps", worlds * LENGTH / took
    last = asked.seed + worlds - 1
    print(f"{steps}, seeds {asked.seed} to {last}: {violations} violations ({rate:,.0f} steps/s)")  # noqa: T201 - as above
    return min(violations, 1)


if __name__ == "__main__":
    sys.exit(main())
