"""Change the modules that decide what a call does, one small change at a time: some test must fail.

usage: python -m campaigns.mutation [MODULE…] [--share 0.05] [--seed S] [--jobs 3]
                                    [--results FILE] [--only TEXT]

First the tests run unchanged, and each line of the modules is noted with the tests that execute it;
a test that fails is left out.
Then each mutant (`campaigns/mutants.py`) runs in a process of its own, forked from this one, with
the tests that execute its lines. It ends at the first test that fails. The files on the disk are
never changed.

Mutants that no test can kill stand in `mutants_equivalent.toml`, each with the reason. The exit
status is 1 if another mutant survives. With `--results FILE` each outcome is noted there, and a
later run goes on where this one ended: a mutant in the file does not run again while its module
and the module's tests stay the same.
"""

import argparse
import ast
import importlib
import json
import multiprocessing
import os
import random
import resource
import sys
import time
import tomllib
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple, NoReturn

from campaigns.mutants import Mutant, mutants_of
from campaigns.mutation_targets import OWN, ROOT, Target, targets

EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
MEMORY = 4 * 1024**3
"""Bytes of memory that a mutant may have: one that never ends may allocate without end."""

FORK = multiprocessing.get_context("fork")
WRONG = ("survived", "killed, though called equivalent")
LOADED = "ignore::pytest.PytestAssertRewriteWarning"
OPTIONS = ("-q", "-p", "no:cacheprovider", "-W", LOADED, "--rootdir", str(ROOT))


class _Loader(SourceFileLoader):
    """Load a module from a changed tree."""

    def __init__(self, target: Target, tree: ast.Module) -> None:
        super().__init__(target.import_name, str(target.path))
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        """Return the changed code."""
        del fullname
        return compile(self._tree, self.path, "exec")


class _Finder:
    """Find one module by its loader, before the other finders do."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find the one module."""
        del path, target
        loader = self._loader
        if fullname != loader.name:
            return None
        return spec_from_file_location(fullname, loader.path, loader=loader)


class Baseline:
    """What the tests do without a change: which of them execute which line, and for how long."""

    def __init__(self, chosen: list[Target]) -> None:
        """Take the modules whose tests are to run."""
        self._targets = chosen

    @cached_property
    def _run(self) -> tuple[dict[str, dict[str, set[int]]], dict[str, float]]:
        """Run the tests at the first use, and load their packages into this process.

        Raises:
            SystemExit: No test ran.
        """
        receiver, sender = FORK.Pipe(duplex=False)
        process = FORK.Process(target=_run_baseline, args=(self._targets, sender))
        process.start()
        sender.close()
        try:
            failures, lines, seconds, packages = receiver.recv()
        except EOFError:
            raise SystemExit("the tests without a change ended early") from None
        process.join()
        if not seconds:
            raise SystemExit(f"no test ran without a change: {', '.join(failures)}")
        for name in failures:
            seconds.pop(name, None)
            print(f"left out, fails without a change: {name}", file=sys.stderr)  # noqa: T201
        with warnings.catch_warnings(action="ignore"):
            for name in packages:
                with suppress(ImportError):  # some are not found under their names
                    importlib.import_module(name)
        return lines, seconds

    def tests(self, target: Target, mutant: Mutant) -> dict[str, float]:
        """Return the tests that execute a mutant's lines, each with its seconds.

        Lines that are executed when the module is imported matter to all its tests.
        """
        lines, seconds = self._run
        files = {path.relative_to(ROOT).as_posix() for path in target.tests}
        own = {name: took for name, took in seconds.items() if name.partition("::")[0] in files}
        executed = lines[str(target.path)]
        if not executed.get("", set()).isdisjoint(mutant.lines):
            return own
        return {
            name: took
            for name, took in own.items()
            if not executed.get(name, set()).isdisjoint(mutant.lines)
        }


def _run_baseline(chosen: list[Target], sender: Connection) -> NoReturn:
    """In a process of its own: run all tests of the modules; send what `Baseline` keeps."""
    _prepare()
    import pytest  # noqa: PLC0415 - only the processes that run tests need it

    from campaigns.mutation_plugin import Coverage  # noqa: PLC0415

    plugin = Coverage([str(target.path) for target in chosen])
    plugin.start()
    tests = dict.fromkeys(str(path) for target in chosen for path in target.tests)
    status = pytest.main([*OPTIONS, *tests], plugins=[plugin])
    failures = plugin.failures or ([f"exit status {status}"] if status > 1 else [])
    sender.send((failures, plugin.lines, plugin.seconds, _packages()))
    sender.close()
    os._exit(0)


def _packages() -> list[str]:
    """Return the loaded modules of Python and of installed packages."""
    installed = (sys.prefix, sys.base_prefix)
    return [
        name
        for name, module in tuple(sys.modules.items())
        if str(getattr(module, "__file__", None)).startswith(installed)
    ]


def _prepare() -> None:
    """Limit this process, and turn off its output."""
    sys.dont_write_bytecode = False
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)


def run_mutant(target: Target, index: int, tests: dict[str, float]) -> NoReturn:
    """In a process of its own: run tests of a module with one change; exit as pytest does."""
    _prepare()
    tree = ast.parse(target.path.read_text("utf-8"))
    mutants_of(tree, target.name)[index].apply()
    sys.meta_path.insert(0, _Finder(_Loader(target, tree)))
    import pytest  # noqa: PLC0415 - only the processes that run tests need it

    from campaigns.mutation_plugin import Selection  # noqa: PLC0415

    files = {name.partition("::")[0] for name in tests}
    chosen = [str(path) for path in target.tests if path.relative_to(ROOT).as_posix() in files]
    os._exit(pytest.main(["-x", *OPTIONS, *chosen], plugins=[Selection(tests)]))


class Job(NamedTuple):
    """A mutant to run: its name, its position in its module, and its tests with their seconds."""

    name: str
    position: int
    tests: dict[str, float]


class _Running(NamedTuple):
    process: Any
    name: str
    until: float


def run_mutants(
    target: Target, jobs: Iterable[Job], processes: int
) -> Iterator[tuple[str, int | None]]:
    """Run mutants of a module.

    Args:
        target: The module.
        jobs: The mutants.
        processes: How many run at once.

    Yields:
        Each mutant's name, with pytest's exit status; `None` if it ran out of time.
    """
    waiting, running = deque(jobs), dict[int, _Running]()
    while waiting or running:
        while waiting and len(running) < processes:
            job = waiting.popleft()
            process = FORK.Process(target=run_mutant, args=(target, job.position, job.tests))
            process.start()
            until = time.monotonic() + 120 + 10 * sum(job.tests.values())
            running[process.sentinel] = _Running(process, job.name, until)
        done = set(wait(list(running), timeout=0.5))
        for sentinel, each in tuple(running.items()):
            if sentinel in done or time.monotonic() > each.until:
                each.process.kill()
                each.process.join()
                del running[sentinel]
                yield each.name, None if each.process.exitcode < 0 else each.process.exitcode


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


def run_campaign(
    target: Target, arguments: Any, results: Results, baseline: Baseline
) -> Iterator[tuple[str, str]]:
    """Yield the chosen mutants of a module, each with its outcome."""
    mutants = target.mutants()
    chosen = [
        at
        for at in sample(mutants, arguments.share, arguments.seed)
        if arguments.only in mutants[at].name
    ]
    jobs = list[Job]()
    for at in chosen:
        name = mutants[at].name
        if (outcome := results.get(target, name)) is not None:
            yield name, outcome
        elif tests := baseline.tests(target, mutants[at]):
            jobs.append(Job(name, at, tests))
        else:
            yield name, "survived"
    for name, status in run_mutants(target, jobs, arguments.jobs):
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
    parser.add_argument("--jobs", type=int, default=3, help="processes; some of them only wait")
    parser.add_argument("--results", type=Path)
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="mutants whose name contains this"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(OWN):
        parser.error(f"no such module: {', '.join(sorted(unknown))}; there are {', '.join(OWN)}")
    start, total = time.monotonic(), Counter[str]()
    results, equivalents = Results(arguments.results), read_equivalents()
    chosen = targets(arguments.modules)
    baseline = Baseline(chosen)
    for target in chosen:
        counts, began = Counter[str](), time.monotonic()
        for name, ended in run_campaign(target, arguments, results, baseline):
            outcome = compare_outcome(name, ended, equivalents)
            counts[outcome] += 1
            if outcome in WRONG:
                print(f"{outcome}: {name}", flush=True)  # noqa: T201 - a command
        total += counts
        seconds = time.monotonic() - began
        print(f"{target.name}: {_format_counts(counts)}, in {seconds:.0f}s", flush=True)  # noqa: T201
    print(f"in all: {_format_counts(total)}, in {time.monotonic() - start:.0f}s")  # noqa: T201 - a command
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
