"""What a fallback costs a new process: the first model answers 500, the second one replies.

usage: python benchmarks/cold_fallback.py [CHECKOUT] [--rounds N]

It is compared with the import of both vendors' SDKs: time, and CPU; and with CHECKOUT, another
version of this project with its environment in `.venv`: time, and memory. Both sides run in turn,
as whole processes.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import server
from ratios import Ratio, summary
from startup import ENVIRONMENT

MODELS = """\
version: 1
providers:
  mine: {{plugin: gemini, base_url: {url}}}
  yours: {{plugin: openai, base_url: {url}/v1}}
models:
  first: {{provider: mine, model: gemini-2.5-pro}}
  second: {{provider: yours, model: o3-mini}}
chains: {{default: {{models: [first, second]}}}}
"""
CALL = (
    "from standby import Standby; reply = Standby().chat('hello'); "
    "assert reply.model == 'second', reply"
)
SDKS = "import openai, google.genai"
KEYS = {"GEMINI_API_KEY": "a-key-of-no-account", "OPENAI_API_KEY": "a-key-of-no-account"}


class Cost(msgspec.Struct, frozen=True):
    """What one process took: seconds, seconds of CPU, and the most memory in MB."""

    wall: float
    cpu: float
    memory: float


def measure(command: list[str]) -> Cost:
    """Run a command as a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)  # noqa: S603 - the commands below
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.perf_counter() - began, cpu, usage.ru_maxrss / 1024)


def compare(a: list[str], b: list[str], rounds: int) -> list[tuple[Cost, Cost]]:
    """Run both in turn, after one run each that does not count."""
    measure(a), measure(b)
    return [(measure(a), measure(b)) for _ in range(rounds)]


def main() -> int:
    """Print a table; the exit status is 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    ENVIRONMENT.update(KEYS)
    rows: list[tuple[str, Ratio, float]] = []
    with server.run_server("--gemini-is-down") as url, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models.yaml").write_text(MODELS.format(url=url), encoding="utf-8")
        with contextlib.chdir(folder):
            call = [sys.executable, "-c", CALL]
            pairs = compare(call, [sys.executable, "-c", SDKS], arguments.rounds)
            wall = summary([(a.wall, b.wall) for a, b in pairs])
            cpu = summary([(a.cpu, b.cpu) for a, b in pairs])
            rows.append((f"first fallback, against `{SDKS}`", wall, 0.5))
            rows.append(("its CPU", cpu, 0.4))
            if arguments.checkout:
                other = str(arguments.checkout.resolve() / ".venv/bin/python")
                pairs = compare(call, [other, "-c", CALL], arguments.rounds)
                wall = summary([(a.wall, b.wall) for a, b in pairs])
                memory = summary([(a.memory, b.memory) for a, b in pairs])
                rows.append(("first fallback, against the other version", wall, 0.75))
                rows.append(("its memory", memory, 0.55))
    for name, ratio, limit in rows:
        is_memory = name == "its memory"
        both = (
            f"{ratio.a:.0f} MB against {ratio.b:.0f} MB"
            if is_memory
            else ratio.format_seconds("ms")
        )
        print(f"| {name} | {ratio} | limit {limit} | {both} |")
    return int(any(ratio.median > limit for _, ratio, limit in rows))


if __name__ == "__main__":
    sys.exit(main())
