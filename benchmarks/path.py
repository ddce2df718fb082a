"""The way of one healthy call through the core: functions, and changes of module.

usage: python benchmarks/path.py [--list]

A model of the scripted plugin answers at once; the third call is traced. Functions with a name
count, and only those of the core: a plugin's, a library's and comprehensions do not.
"""

import argparse
import asyncio
import sys
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import standby
from standby import AsyncStandby

CORE = Path(standby.__file__).parent
CONFIG = {
    "version": 1,
    "providers": {"script": {"plugin": "scripted"}},
    "models": {"instant": {"provider": "script", "options": {"reply": "Lisbon."}}},
    "chains": {"default": {"models": ["instant"]}},
}
MOST_CHANGES, MOST_FUNCTIONS = 60, 100


async def traced() -> list[tuple[str, str]]:
    """Return the functions that a call enters or goes on in, in order: each with its module."""
    entered: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        path = Path(code.co_filename)
        is_function = event == "call" and not code.co_name.startswith("<")
        if is_function and path.is_relative_to(CORE):
            entered.append((path.relative_to(CORE).as_posix(), code.co_qualname))

    async with AsyncStandby(CONFIG, warm_up=False) as client:
        for _ in range(2):
            await client.chat("What is the capital of Portugal?")
        sys.setprofile(note)
        try:
            await client.chat("What is the capital of Portugal?")
        finally:
            sys.setprofile(None)
    return entered


def main() -> int:
    """Print the figures; the exit status is 1 if one is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the functions, in order")
    options = parser.parse_args()
    entered = asyncio.run(traced())
    changes = sum(one[0] != other[0] for one, other in pairwise(entered))
    functions, modules = len(set(entered)), len({module for module, _ in entered})
    print(f"changes of module: {changes} (limit {MOST_CHANGES})")
    print(f"functions: {functions} (limit {MOST_FUNCTIONS}), in {modules} modules")
    if options.list:
        print(*(f"{module}: {name}" for module, name in entered), sep="\n")
    return int(changes > MOST_CHANGES or functions > MOST_FUNCTIONS)


if __name__ == "__main__":
    sys.exit(main())
