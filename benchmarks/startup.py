"""What starting costs, measured in whole processes.

`import standby` is compared with asyncio, `standby validate` with the libraries that it needs.

usage: python benchmarks/startup.py [--rounds N]
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from ratios import Ratio, summary

MODELS = str(Path(__file__).parents[1] / "config" / "models.yaml")
PYTHON = sys.executable
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}
"""With the bytecode that an installed package has; both sides alike."""


def seconds(command: list[str]) -> float:
    """Run a command as a process of its own."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)  # noqa: S603 - the commands below
    return time.perf_counter() - began


def compare(a: list[str], b: list[str], rounds: int) -> Ratio:
    """Run both in turn, after one run each that does not count."""
    seconds(a), seconds(b)
    return summary([(seconds(a), seconds(b)) for _ in range(rounds)])


def main() -> int:
    """Print a table; the exit status is 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    rows = {
        "`import standby` against `import asyncio`": (
            compare([PYTHON, "-c", "import standby"], [PYTHON, "-c", "import asyncio"], rounds),
            1.5,
        ),
        "`standby validate` against `import jsonschema, yaml, click`": (
            compare(
                [PYTHON, "-m", "standby", "validate", MODELS],
                [PYTHON, "-c", "import jsonschema, yaml, click"],
                rounds,
            ),
            1.6,
        ),
    }
    for name, (ratio, limit) in rows.items():
        seconds_of_both = ratio.format_seconds("ms")
        print(f"| {name} | {ratio} | limit {limit} | {seconds_of_both} |")
    return int(any(ratio.median > limit for ratio, limit in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
