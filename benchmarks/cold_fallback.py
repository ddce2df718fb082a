"""What a fallback costs a new process: the first model answers 500, the second one replies.

usage: python benchmarks/cold_fallback.py CHECKOUT [--rounds N]

CHECKOUT is another version of this project with its environment in `.venv`; both run in turn, as
whole processes.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

import server
from ratios import Ratio, summary
from startup import ENVIRONMENT, seconds

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
LIMIT = 0.75
KEYS = {"GEMINI_API_KEY": "a-key-of-no-account", "OPENAI_API_KEY": "a-key-of-no-account"}


def main() -> int:
    """Print a table; the exit status is 1 if a ratio is above its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    ENVIRONMENT.update(KEYS)
    ours, theirs = sys.executable, str(arguments.checkout.resolve() / ".venv/bin/python")
    with server.run_server("--gemini-is-down") as url, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "models.yaml"
        file.write_text(MODELS.format(url=url), encoding="utf-8")
        commands = {
            "`Standby().chat(…)`": ["-c", CALL],
            "`standby ask`": ["-m", "standby", "ask", "hello", "--config", str(file)],
        }
        rows: dict[str, Ratio] = {}
        for name, command in commands.items():
            a, b = [ours, *command], [theirs, *command]
            with contextlib.chdir(folder):
                seconds(a), seconds(b)
                rows[name] = summary([(seconds(a), seconds(b)) for _ in range(arguments.rounds)])
    for name, ratio in rows.items():
        seconds_of_both = ratio.format_seconds("ms")
        print(f"| {name} | {ratio} | limit {LIMIT} | {seconds_of_both} |")
    return int(any(ratio.median > LIMIT for ratio in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
