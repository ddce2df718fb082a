"""Make small changes to the modules that decide what a call does: each must make a test fail.

usage: python -m campaigns.mutation [MODULE…] [--share 0.05] [--seed S] [--jobs 2]
                                    [--results FILE] [--only TEXT]

Each mutant (`campaigns/mutants.py`) lives in a process of its own, forked from this one, and dies
at the first test that fails; the files on the disk are never changed. The mutants that no test can
kill are listed in `mutants_equivalent.toml`, with the reason. With `--results FILE` each outcome is
saved there, and a later run continues from it: an outcome counts as long as the module and its
tests are the same. The exit status is 1 if a mutant survived that is not in that list.
"""

import argparse
import ast
import hashlib
import json
import multiprocessing
import os
import random
import resource
import sys
import time
import tomllib
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from multiprocessing.connection import wait
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from campaigns.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[1]
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
MEMORY = 4 * 1024**3
"""Bytes that a mutant may have: one that never ends may collect without end."""

FORK = multiprocessing.get_context("fork")
WRONG = ("survived", "killed, though called equivalent")

DISPATCH_TESTS = (
    "dispatch/test_dispatcher.py",
    "dispatch/test_breaks.py",
    "dispatch/test_hedging.py",
    "dispatch/test_probing.py",
    "runtime/test_on_time.py",
)
OWN = {
    "dispatch.adapter_call": (
        "dispatch/test_adapter_call.py",
        "runtime/test_isolation.py",
        "dispatch/test_limits_of_models.py",
    ),
    "resilience.breaker_states": (
        "resilience/test_circuit_breaker.py",
        "dispatch/test_retired.py",
        "resilience/test_circuit_breaker_model.py",
    ),
    "resilience.circuit_breaker": (
        "resilience/test_circuit_breaker.py",
        "dispatch/test_retired.py",
        "resilience/test_health.py",
        "resilience/test_circuit_breaker_model.py",
    ),
    "resilience.retry_budget": (
        "resilience/test_retry_budget.py",
        "resilience/test_circuit_breaker_model.py",
    ),
    "dispatch.policy": ("dispatch/test_policy.py", "diagnostics/test_explain.py"),
    "dispatch.dispatcher": (),
    "dispatch.in_flight": ("dispatch/test_retired.py", "dispatch/test_attempt.py"),
    "resilience.bulkhead": ("resilience/test_bulkhead.py",),
    "dispatch.attempt": ("dispatch/test_attempt.py", "runtime/test_isolation.py"),
    "dispatch.trail": ("observe/test_log.py", "test_events.py"),
    "resilience.triggers": ("resilience/test_triggers.py",),
    "resilience.timeouts": ("resilience/test_timeouts.py",),
}
"""The modules, and the tests beside `DISPATCH_TESTS` that must notice their changes."""


class Target(NamedTuple):
    """A module, and the tests that must notice what is changed in it."""

    name: str
    import_name: str
    path: Path
    tests: tuple[Path, ...]

    @property
    def digest(self) -> str:
        """Return a hash of the module and its tests."""
        return hashlib.sha256(
            b"\0".join(path.read_bytes() for path in (self.path, *self.tests))
        ).hexdigest()[:16]

    def mutants(self) -> list[Mutant]:
        """Return all mutants of one new tree."""
        return mutants_of(ast.parse(self.path.read_text("utf-8")), self.name)


def targets(names: Iterable[str]) -> list[Target]:
    """Return the modules of these names, or all."""
    chosen = tuple(names) or tuple(OWN)
    folder = ROOT / "core" / "standby"
    tests = {
        name: tuple(ROOT / "tests" / path for path in (*OWN[name], *DISPATCH_TESTS))
        for name in chosen
    }
    return [
        Target(name, f"standby.{name}", folder / f"{name.replace('.', '/')}.py", tests[name])
        for name in chosen
    ]


class _Changed(SourceFileLoader):
    """Makes a module of a changed tree."""

    def __init__(self, target: Target, tree: ast.Module) -> None:
        super().__init__(target.import_name, str(target.path))
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        """Return the changed code."""
        del fullname
        return compile(self._tree, self.path, "exec")


class _Finder:
    """Finds one module by its loader, before all other finders."""

    def __init__(self, loader: _Changed) -> None:
        self._loader = loader

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find the one module."""
        del path, target
        loader = self._loader
        return (
            spec_from_file_location(fullname, loader.path, loader=loader)
            if fullname == loader.name
            else None
        )


def run_tests(target: Target, index: int | None, seconds: int) -> None:
    """Run the tests of a module in this process, which ends with pytest's exit status.

    Args:
        target: The module.
        index: Which of its mutants to apply, `None` for no change.
        seconds: Limit of the processor time.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    tree = ast.parse(target.path.read_text("utf-8"))
    if index is not None:
        mutants_of(tree, target.name)[index].apply()
        sys.meta_path.insert(0, _Finder(_Changed(target, tree)))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    import pytest  # noqa: PLC0415 - only the processes that run tests need it

    options = (
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "campaigns.mutation_profile",
        "--rootdir",
        str(ROOT),
    )
    os._exit(pytest.main([*options, *map(str, target.tests)]))


class _Run(NamedTuple):
    process: Any
    name: str
    until: float


def run_mutants(
    target: Target, chosen: Iterable[tuple[str, int | None]], jobs: int, seconds: int
) -> Iterator[tuple[str, int | None]]:
    """Run the mutants, at most `jobs` at once.

    Args:
        target: The module.
        chosen: Names and indices of its mutants.
        jobs: The number of processes.
        seconds: Processor time of each; a process that only waits is killed after ten times as
            many seconds.

    Yields:
        Each mutant's name with pytest's exit status, `None` if it ran out of time.
    """
    waiting, running = deque(chosen), dict[int, _Run]()
    while waiting or running:
        while waiting and len(running) < jobs:
            name, index = waiting.popleft()
            process = FORK.Process(target=run_tests, args=(target, index, seconds))
            process.start()
            running[process.sentinel] = _Run(process, name, time.monotonic() + 10 * seconds)
        done = set(wait(list(running), timeout=0.5))
        for sentinel, each in tuple(running.items()):
            late = time.monotonic() > each.until
            if sentinel in done or late:
                each.process.kill()
                each.process.join()
                del running[sentinel]
                yield each.name, None if each.process.exitcode < 0 else each.process.exitcode


def seconds_for(target: Target) -> int:
    """Return the seconds of processor time that a mutant may take, from a run without a change.

    Raises:
        SystemExit: The tests fail without a change.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    [(_, status)] = run_mutants(target, [("", None)], 1, 600)
    if status != 0:
        raise SystemExit(
            f"{target.name}: its tests fail without a change: pytest ended with {status}"
        )
    return 10 + 3 * round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)


def sample(mutants: list[Mutant], share: float, seed: int) -> list[int]:
    """Choose a share of the mutants by their names, and return their indices.

    A smaller share is a part of a larger one, and most choices outlast a change of the module.
    """
    return [
        at
        for at, mutant in enumerate(mutants)
        if random.Random(f"{seed} {mutant.name}").random() < share
    ]


def read_equivalents() -> dict[str, str]:
    """Return the names of the mutants that no test can kill, each with the reason."""
    return tomllib.loads(EQUIVALENT.read_text("utf-8"))


class Results:
    """The outcome of each mutant, saved in a file if there is one."""

    def __init__(self, path: Path | None) -> None:
        """Read the file."""
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path is not None and path.exists() else []
        self._outcomes = {
            (row["digest"], row["name"]): row["outcome"] for row in map(json.loads, lines)
        }

    def get(self, target: Target, name: str) -> str | None:
        """Return an outcome of an earlier run."""
        return self._outcomes.get((target.digest, name))

    def add(self, target: Target, name: str, outcome: str) -> None:
        """Add an outcome, also to the file."""
        self._outcomes[target.digest, name] = outcome
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(
                    json.dumps({"digest": target.digest, "name": name, "outcome": outcome}) + "\n"
                )


def read_outcome(name: str, status: int | None) -> str:
    """Return a mutant's outcome by pytest's exit status.

    Raises:
        SystemExit: Pytest found no test to run.
    """
    if status in (4, 5):
        raise SystemExit(f"{name}: pytest found no test to run (exit status {status})")
    return {0: "survived", None: "timed out"}.get(status, "killed")


def compare_outcome(name: str, outcome: str, equivalents: Iterable[str]) -> str:
    """Compare an outcome with the list of those that no test can kill."""
    if name not in equivalents:
        return outcome
    return "equivalent" if outcome == "survived" else "killed, though called equivalent"


def run_campaign(target: Target, arguments: Any, results: Results) -> Iterator[tuple[str, str]]:
    """Yield the name and the outcome of each mutant that is chosen."""
    mutants = target.mutants()
    chosen = [
        at
        for at in sample(mutants, arguments.share, arguments.seed)
        if arguments.only in mutants[at].name
    ]
    known = {
        at: outcome
        for at in chosen
        if (outcome := results.get(target, mutants[at].name)) is not None
    }
    yield from ((mutants[at].name, outcome) for at, outcome in known.items())
    todo = [(mutants[at].name, at) for at in chosen if at not in known]
    seconds = seconds_for(target) if todo else 0
    for name, status in run_mutants(target, todo, arguments.jobs, seconds):
        outcome = read_outcome(name, status)
        results.add(target, name, outcome)
        yield name, outcome


def main() -> int:
    """Run the mutants, print the survivors and the counts, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help=f"{', '.join(OWN)}: all, if none is named"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, from 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results", type=Path)
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="mutants whose name contains this"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(OWN):
        parser.error(f"no such module: {', '.join(sorted(unknown))}; there are {', '.join(OWN)}")
    began, total, results, equivalents = (
        time.monotonic(),
        Counter[str](),
        Results(arguments.results),
        read_equivalents(),
    )
    for target in targets(arguments.modules):
        counts = Counter[str]()
        for name, ended in run_campaign(target, arguments, results):
            outcome = compare_outcome(name, ended, equivalents)
            counts[outcome] += 1
            if outcome in WRONG:
                print(f"{outcome}: {name}", flush=True)  # noqa: T201 - a command
        total += counts
        print(f"{target.name}: {_format_counts(counts)}", flush=True)  # noqa: T201 - a command
    print(f"in all: {_format_counts(total)}, in {time.monotonic() - began:.0f}s")  # noqa: T201 - a command
    return int(any(total[outcome] for outcome in WRONG))


def _format_counts(counts: Counter[str]) -> str:
    return ", ".join(
        [
            f"{counts.total()} mutants",
            *(f"{number} {outcome}" for outcome, number in sorted(counts.items())),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
