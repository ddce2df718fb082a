"""Measure the users' agent on Agno's own fallback, on standby, and on the present wrapper.

Prints a markdown table.

usage: python -m tests.heavy.beside_agno [--fault NAME]
"""

import argparse
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import cast

import msgspec

from standby.resilience import health
from tests.heavy.replica import Got, Run, Tools, build_agent, got, take_turn, within
from tests.heavy.replica_faults import ALL, FAULTS, OUTAGES, REPORTED_BY_STANDBY, STREAMED
from tests.heavy.replica_models import KEY, SETUPS
from tests.heavy.replica_servers import FaultAnswer, Step, World

LIMIT = 6.0
"""Seconds after which a turn counts as a hang."""
CUSTOMER = "U03"
NOWHERE = "http://127.0.0.1:9"
AT: tuple[Step, ...] = ("first call", "after the tool", "second turn")


class Case(msgspec.Struct, frozen=True):
    """One fault, and where and how it is tried."""

    name: str
    fault: FaultAnswer | None = None
    steps: tuple[Step, ...] = AT
    modes: tuple[bool, ...] = (False, True)
    photo: bool = False


class Cell(msgspec.Struct, frozen=True):
    """One conversation: `got` at the turn of the fault, and the most often that a tool ran.

    `has_history`: the history was complete afterwards. `named`: the run names the right model.
    """

    got: Got
    tool_runs: int
    has_history: bool
    named: bool | None
    seconds: float


CASES = (
    *(Case(name, fault) for name, fault in FAULTS.items()),
    *(Case(name, fault, modes=(True,)) for name, fault in STREAMED.items()),
    *(Case(name, steps=("any",)) for name in OUTAGES),
    Case("503, with a photo", ALL["503 UNAVAILABLE"], photo=True),
)


def measure(case: Case, subject: str, step: Step, *, streamed: bool) -> Cell:
    """Hold one conversation of two runs, and judge the turn at which the fault is."""
    health.forget()
    tools = Tools()
    with World() as world, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        first = NOWHERE if case.name == "connection refused" else world.gemini.url
        key = None if case.name == "missing key" else KEY
        setup = SETUPS[subject](first, world.openai.url, Path(folder), key=key)
        agent = build_agent(setup.model, Path(folder) / "history.db", tools, setup.fallbacks)
        runs: list[Run] = []
        answerers: list[str] = []
        for turn in (1, 2):
            world.recover()
            if case.fault and (turn == 2) == (step == "second turn"):
                world.fail(case.fault, step, too_long=case.name == "context too long")
            photo = case.photo and turn == 1

            def work(turn: int = turn, photo: bool = photo) -> Run:
                return take_turn(agent, CUSTOMER, turn, streamed=streamed, photo=photo)

            runs.append(within(LIMIT, work))
            requests = world.answered.get(CUSTOMER, [])
            answerers.append(requests[-1][0] if requests else "")
    at = 1 if step == "second turn" else 0
    result = got(runs[at], CUSTOMER, at + 1)
    named = runs[at].named == answerers[at] if result == "complete answer" else None
    of_others = sum(
        count for (_, customer), count in tools.tool_runs.items() if customer != CUSTOMER
    )
    tool_runs = max(tools.tool_runs.values(), default=0) + of_others
    return Cell(result, tool_runs, _has_history(world, at), named, runs[at].seconds)


def _has_history(world: World, at: int) -> bool:
    """Say whether every request of the second turn had the question and the result of the first."""
    if "no customer" in world.answered:
        return False
    requests = world.answered.get(CUSTOMER, [])
    second = [parsed for _, parsed in requests if len(parsed.user_texts) == 2]
    if at == 1:
        return True
    return bool(second) and all(parsed.tool_results for parsed in second)


def rows(case: Case) -> Iterator[tuple[str, list[Cell]]]:
    for subject in SETUPS:
        where = product(case.steps, case.modes)
        yield subject, [measure(case, subject, step, streamed=streamed) for step, streamed in where]


def line(name: str, subject: str, cells: Sequence[Cell]) -> str:
    result = ", ".join(
        f"{count} {kind}" for kind, count in Counter(cell.got for cell in cells).most_common()
    )
    named = [cell.named for cell in cells if cell.named is not None]
    right = f"{sum(named)} of {len(named)}" if named else "-"
    history = f"{sum(cell.has_history for cell in cells)} of {len(cells)}"
    tool_runs, seconds = max(cell.tool_runs for cell in cells), max(cell.seconds for cell in cells)
    return f"| {name} | {subject} | {result} | {tool_runs} | {history} | {right} | {seconds:.1f} |"


def summary(all_cells: dict[str, list[Cell]]) -> Iterator[str]:
    kinds = cast("list[Got]", sorted({cell.got for cells in all_cells.values() for cell in cells}))
    yield f"| what the user got | {' | '.join(all_cells)} |"
    yield f"|---|{'---|' * len(all_cells)}"
    for kind in kinds:
        counts = (str(sum(cell.got == kind for cell in cells)) for cells in all_cells.values())
        yield f"| {kind} | {' | '.join(counts)} |"
    history = (
        f"{sum(cell.has_history for cell in cells)} of {len(cells)}" for cells in all_cells.values()
    )
    yield f"| *the history was whole afterwards* | {' | '.join(history)} |"
    named = (
        [cell.named for cell in cells if cell.named is not None] for cells in all_cells.values()
    )
    right = " | ".join(f"{sum(each)} of {len(each)}" for each in named)
    yield f"| *the run names the model that answered* | {right} |"


def main(arguments: Sequence[str]) -> int:
    """Print the rows as they come, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=[case.name for case in CASES])
    only = parser.parse_args(arguments).fault
    logging.disable(logging.CRITICAL)  # Agno logs every error, with the text of the conversation
    sums: dict[str, dict[bool, list[Cell]]] = {subject: {True: [], False: []} for subject in SETUPS}
    sys.stdout.write(
        "| fault | who | what the user got | runs of a tool "
        "| history whole | named rightly | seconds at most |\n"
    )
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    for case in CASES:
        for subject, cells in rows(case) if only in (None, case.name) else ():
            sys.stdout.write(line(case.name, subject, cells) + "\n")
            sys.stdout.flush()
            sums[subject][case.name in REPORTED_BY_STANDBY] += cells
    sys.stdout.write(
        "\n" + "\n".join(summary({subject: cells[False] for subject, cells in sums.items()})) + "\n"
    )
    sys.stdout.write(
        f"\nwithout {', '.join(REPORTED_BY_STANDBY)}: "
        "these are the user's own, so that an error is the right answer.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
