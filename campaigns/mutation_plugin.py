"""What pytest is given under `python -m campaigns.mutation`: a profile and a choice of tests.

Under the profile Hypothesis runs the same examples each time, keeps none, and makes none smaller:
a mutant must die at once, and must not leave its counterexamples to later test runs.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import Phase, settings

settings.register_profile(
    "mutation",
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)

SLOW = 0.5
"""Seconds: a test that takes longer than this runs after all the others."""


class Profile:
    """Load the Hypothesis profile."""

    def pytest_collection(self) -> None:
        """Load it after `conftest.py` has loaded its own."""
        settings.load_profile("mutation")


class Coverage(Profile):
    """Note which lines of some modules each test executes, and how long the test takes.

    The lines that are executed outside every test, at import, are kept under the name "".
    """

    def __init__(self, paths: Iterable[str]) -> None:
        """Take the paths of the modules."""
        self._test = ""
        self.lines: dict[str, dict[str, set[int]]] = {path: {} for path in paths}
        self.failures: list[str] = []
        self.seconds: dict[str, float] = {}

    def start(self) -> None:
        """Trace this thread and those that are started later."""
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        return self._trace_line if frame.f_code.co_filename in self.lines else None

    def _trace_line(self, frame: FrameType, event: str, argument: Any) -> Any:
        del argument
        if event == "line":
            lines = self.lines[frame.f_code.co_filename]
            lines.setdefault(self._test, set()).add(frame.f_lineno)
        return self._trace_line

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note the test that runs, with its set-up and its tear-down."""
        self._test, start = item.nodeid, time.monotonic()
        try:
            return (yield)  # type: ignore[return-value]  # what a wrapper hands on
        finally:
            self.seconds[item.nodeid] = time.monotonic() - start
            self._test = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be collected."""
        if report.failed:
            self.failures.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that fails."""
        if report.failed:
            self.failures.append(report.nodeid)


class Selection(Profile):
    """Run only some tests, the slow ones last, each with a limit of its own."""

    def __init__(self, seconds: dict[str, float]) -> None:
        """Take the tests to run, with the seconds that each takes without a change."""
        self._seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop the other tests."""
        chosen = [item for item in items if item.nodeid in self._seconds]
        items[:] = sorted(chosen, key=lambda item: self._seconds[item.nodeid] > SLOW)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Let a signal end this process if the test computes, or waits, for too long."""
        seconds = 10 * self._seconds[item.nodeid]
        signal.setitimer(signal.ITIMER_VIRTUAL, 3 + seconds)
        signal.setitimer(signal.ITIMER_REAL, 10 + seconds)
