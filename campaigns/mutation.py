"""Change the modules that decide what a call does, one small change at a time: some test must fail each time.

usage: python -m campaigns.mutation [MODULE…] [--share 0.05] [--seed S] [--jobs 2] [--results FILE] [--only TEXT]

Each mutant (`campaigns/mutants.py`) lives in a process of its own, forked from this one, and dies
at the first test that fails; the files on the disk are never changed. Those that no test can kill
stand in `mutants_equivalent.toml`, with the reason. With `--results FILE` each outcome is noted
there, and a later run goes on where this one ended: what it finds there is not run again while the
module and its tests are the same. The exit status is 1 if a mutant survived that is not in that
list.
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

WALKS = (
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
"""The modules, and the tests beside `WALKS` that are about each: it is these that must notice."""


class Target(NamedTuple):
    """A module, and the tests that must notice what is changed in it."""

    name: str
    import_name: str
    path: Path
    tests: tuple[Path, ...]

    @property
    def digest(self) -> str:
        """Return what is another as soon as the module or one of its tests is."""
        return hashlib.sha256(
            b"\0".join(path.read_bytes() for path in (self.path, *self.tests))
        ).hexdigest()[:16]

    def mutants(self) -> list[Mutant]:
        """Return all its mutants, of one tree."""
        return mutants_of(ast.parse(self.path.read_text("utf-8")), self.name)


def targets(names: Iterable[str]) -> list[Target]:
    """Return the modules of these names, or all."""
    chosen = tuple(names) or tuple(OWN)
    folder = ROOT / "core" / "standby"
    tests = {name: tuple(ROOT / "tests" / path for path in (*OWN[name], *WALKS)) for name in chosen}
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
    """Finds one module by its loader, before anybody else does."""

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


def live(target: Target, index: int | None, seconds: int) -> None:
    """In a process of its own, run the tests of a module with its `index`th change, or none; exit as pytest does."""
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


class _Life(NamedTuple):
    process: Any
    name: str
    until: float


def lives(
    target: Target, chosen: Iterable[tuple[str, int | None]], jobs: int, seconds: int
) -> Iterator[tuple[str, int | None]]:
    """Run the mutants, at most `jobs` at once; yield each name with pytest's exit status, `None` if it ran out of time.

    `seconds` are of processor time; where one waits without an end, it is stopped after ten times
    as many.
    """
    waiting, running = deque(chosen), dict[int, _Life]()
    while waiting or running:
        while waiting and len(running) < jobs:
            name, index = waiting.popleft()
            process = FORK.Process(target=live, args=(target, index, seconds))
            process.start()
            running[process.sentinel] = _Life(process, name, time.monotonic() + 10 * seconds)
        done = set(wait(list(running), timeout=0.5))
        for sentinel, each in tuple(running.items()):
            late = time.monotonic() > each.until
            if sentinel in done or late:
                each.process.kill()
                each.process.join()
                del running[sentinel]
                yield each.name, None if each.process.exitcode < 0 else each.process.exitcode


def seconds_for(target: Target) -> int:
    """Run the tests unchanged, and return the seconds of processor time that a mutant may take; raises if they fail."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    [(_, status)] = lives(target, [("", None)], 1, 600)
    if status != 0:
        raise SystemExit(
            f"{target.name}: its tests fail without a change: pytest ended with {status}"
        )
    return 10 + 3 * round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)


def sample(mutants: list[Mutant], share: float, seed: int) -> list[int]:
    """Choose mutants by their names, so that a smaller share is a part of a larger one, and most survive a change."""
    return [
        at
        for at, mutant in enumerate(mutants)
        if random.Random(f"{seed} {mutant.name}").random() < share
    ]


def equivalent() -> dict[str, str]:
    """Return the names of the mutants that no test can kill, each with the reason."""
    return tomllib.loads(EQUIVALENT.read_text("utf-8"))


class Results:
    """What became of each mutant: in a file too, if there is one."""

    def __init__(self, path: Path | None) -> None:
        """Read the file."""
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path is not None and path.exists() else []
        self._known = {
            (row["digest"], row["name"]): row["outcome"] for row in map(json.loads, lines)
        }

    def known(self, target: Target, name: str) -> str | None:
        """Return an outcome of an earlier run."""
        return self._known.get((target.digest, name))

    def note(self, target: Target, name: str, outcome: str) -> None:
        """Keep an outcome."""
        self._known[target.digest, name] = outcome
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(
                    json.dumps({"digest": target.digest, "name": name, "outcome": outcome}) + "\n"
                )


def outcome_of(name: str, status: int | None) -> str:
    """Say what became of a mutant by how pytest ended; raises for an end that says nothing of it."""
    if status in (4, 5):
        raise SystemExit(f"{name}: pytest found no test to run (exit status {status})")
    return {0: "survived", None: "timed out"}.get(status, "killed")


def judged(name: str, outcome: str, called: Iterable[str]) -> str:
    """Compare an outcome with the list of those that no test can kill."""
    if name not in called:
        return outcome
    return "equivalent" if outcome == "survived" else "killed, though called equivalent"


def campaign(target: Target, arguments: Any, results: Results) -> Iterator[tuple[str, str]]:
    """Yield each mutant of a module that is chosen, and what became of it."""
    mutants = target.mutants()
    chosen = [
        at
        for at in sample(mutants, arguments.share, arguments.seed)
        if arguments.only in mutants[at].name
    ]
    known = {
        at: outcome
        for at in chosen
        if (outcome := results.known(target, mutants[at].name)) is not None
    }
    yield from ((mutants[at].name, outcome) for at, outcome in known.items())
    todo = [(mutants[at].name, at) for at in chosen if at not in known]
    seconds = seconds_for(target) if todo else 0
    for name, status in lives(target, todo, arguments.jobs, seconds):
        outcome = outcome_of(name, status)
        results.note(target, name, outcome)
        yield name, outcome


def main() -> int:
    """Run the mutants, print those that survive and how many there were, and return the exit status."""
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
    began, total, results, called = (
        time.monotonic(),
        Counter[str](),
        Results(arguments.results),
        equivalent(),
    )
    for target in targets(arguments.modules):
        counted = Counter[str]()
        for name, ended in campaign(target, arguments, results):
            outcome = judged(name, ended, called)
            counted[outcome] += 1
            if outcome in WRONG:
                print(f"{outcome}: {name}", flush=True)  # noqa: T201 - a command
        total += counted
        print(f"{target.name}: {_words(counted)}", flush=True)  # noqa: T201 - a command
    print(f"in all: {_words(total)}, in {time.monotonic() - began:.0f}s")  # noqa: T201 - a command
    return int(any(total[outcome] for outcome in WRONG))


def _words(counted: Counter[str]) -> str:
    return ", ".join(
        [
            f"{counted.total()} mutants",
            *(f"{number} {outcome}" for outcome, number in sorted(counted.items())),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
