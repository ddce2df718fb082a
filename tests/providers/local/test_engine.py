"""Engines, their one thread, and their queue."""

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from standby.plugin import AttemptFailed, Kind
from standby_local.engine import Engines, Job
from standby_local.options import Setup

SHORT = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "stream": True}


class Sayer:
    """A server that says two chunks, as far as it is let, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.said = 0

    def handle_chat_completions(
        self, body: dict[str, Any], hear: Callable[[object], bool], /
    ) -> object:
        del body
        if self.error is not None:
            raise self.error
        for number in range(2):
            self.said += 1
            if hear({"number": number}):
                break
        return None


def test_a_job_tells_each_chunk_and_then_the_end() -> None:
    told: list[object] = []
    Job({}, told.append).run(Sayer())
    assert told == [{"number": 0}, {"number": 1}, None]


def test_a_job_stopped_before_it_began_never_reaches_the_engine() -> None:
    server, told = Sayer(), list[object]()
    job = Job({}, told.append)
    job.stop()
    job.run(server)
    assert (server.said, told) == (0, [])


def test_a_stopped_job_stops_the_engine_at_the_next_chunk() -> None:
    server = Sayer()
    job = Job({}, lambda _: job.stop())
    job.run(server)
    assert server.said == 2  # it is told so when it comes with the second


def test_a_job_whose_event_loop_is_closed_stops_the_engine() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    server = Sayer()
    Job({}, lambda _: loop.call_soon_threadsafe(print) and None).run(server)
    assert server.said == 1


def test_what_the_engine_raises_is_a_failure_without_its_words() -> None:
    told: list[object] = []
    Job({}, told.append).run(Sayer(ValueError("parse error; last read: the prompt itself")))
    (failed,) = told
    assert isinstance(failed, AttemptFailed)
    assert (failed.failure.kind, failed.failure.text) == (
        Kind.SERVER_ERROR,
        "the engine raised ValueError",
    )
    assert isinstance(failed.__cause__, ValueError)


def test_an_engine_that_cannot_be_loaded_tells_every_job_and_is_tried_anew(tmp_path: Path) -> None:
    engines = Engines()
    setup = Setup(path=str(tmp_path / "none.gguf"), threads=1, context=512)
    for _ in range(2):
        told: SimpleQueue[object] = SimpleQueue()
        for _ in range(3):
            engines.ask(setup, Job(SHORT, told.put))
        words = [str(told.get(timeout=10)) for _ in range(3)]
        assert all(f"the engine cannot load {setup.path}" in each for each in words)


def test_closing_stops_the_running_job_and_waits_for_the_engine(weights: Path) -> None:
    engines = Engines()
    begun = threading.Event()
    story = {
        **SHORT,
        "messages": [{"role": "user", "content": "Tell me a long story."}],
        "max_tokens": 1000,
    }
    engines.ask(
        Setup(path=str(weights), threads=1, context=1024), Job(story, lambda _: begun.set())
    )
    assert begun.wait(30)
    (engine,) = engines._engines.values()
    engines.close()
    assert engine.ended.is_set()


def run_script(code: str, weights: Path) -> subprocess.CompletedProcess[str]:
    head = f"""
    import os, sys, threading
    from standby_local.engine import ENGINES, Job
    from standby_local.options import Setup
    SETUP = Setup(path={str(weights)!r}, threads=1, context=1024)
    def ask(text, limit, at_first=False):
        told, enough = [], threading.Event()
        def tell(item):
            told.append(item)
            if at_first or item is None:
                enough.set()
        body = {{"messages": [{{"role": "user", "content": text}}], "max_tokens": limit, "stream": True}}
        ENGINES.ask(SETUP, Job(body, tell))
        assert enough.wait(30), "no answer"
        return told
    """
    script = textwrap.dedent(head) + textwrap.dedent(code)
    command = [
        sys.executable,
        "-W",
        "ignore:This process:DeprecationWarning",
        "-c",
        script,
    ]  # the engine's own threads
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own code


def test_a_process_may_end_in_the_middle_of_an_answer(weights: Path) -> None:
    done = run_script("ask('Tell me a long story.', 500, at_first=True)", weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system has no fork")
def test_a_forked_child_loads_an_engine_of_its_own_and_ends(weights: Path) -> None:
    code = """
    ask('Hi', 2)
    child = os.fork()
    if child == 0:
        assert len(ask('Hi', 2)) > 1
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    assert len(ask('Hi', 2)) > 1
    print(status)
    """
    done = run_script(code, weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system has no fork")
def test_a_forked_child_that_asks_nothing_ends(weights: Path) -> None:
    code = """
    ask('Hi', 2)
    child = os.fork()
    if child == 0:
        sys.exit(0)
    print(os.waitpid(child, 0)[1])
    """
    done = run_script(code, weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
