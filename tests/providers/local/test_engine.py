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


class FakeServer:
    """A server that sends two chunks unless it is stopped, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.sent = 0

    def handle_chat_completions(
        self, body: dict[str, Any], receive: Callable[[object], bool], /
    ) -> object:
        del body
        if self.error is not None:
            raise self.error
        for number in range(2):
            self.sent += 1
            if receive({"number": number}):
                break
        return None


def test_a_job_delivers_each_chunk_and_then_the_end() -> None:
    delivered: list[object] = []
    Job({}, delivered.append).run(FakeServer())
    assert delivered == [{"number": 0}, {"number": 1}, None]


def test_a_job_stopped_before_it_began_never_reaches_the_engine() -> None:
    server, delivered = FakeServer(), list[object]()
    job = Job({}, delivered.append)
    job.stop()
    job.run(server)
    assert (server.sent, delivered) == (0, [])


def test_a_stopped_job_stops_the_engine_at_the_next_chunk() -> None:
    server = FakeServer()
    job = Job({}, lambda _: job.stop())
    job.run(server)
    assert server.sent == 2  # it learns of it with the second chunk


def test_a_job_whose_event_loop_is_closed_stops_the_engine() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    server = FakeServer()
    Job({}, lambda _: loop.call_soon_threadsafe(print) and None).run(server)
    assert server.sent == 1


def test_an_engine_error_is_a_failure_without_its_message() -> None:
    delivered: list[object] = []
    Job({}, delivered.append).run(
        FakeServer(ValueError("parse error; last read: the prompt itself"))
    )
    (failed,) = delivered
    assert isinstance(failed, AttemptFailed)
    assert (failed.failure.kind, failed.failure.text) == (
        Kind.SERVER_ERROR,
        "the engine raised ValueError",
    )
    assert isinstance(failed.__cause__, ValueError)


def test_an_engine_that_cannot_be_loaded_fails_every_job_and_is_retried(tmp_path: Path) -> None:
    engines = Engines()
    setup = Setup(path=str(tmp_path / "none.gguf"), threads=1, context=512)
    for _ in range(2):
        delivered: SimpleQueue[object] = SimpleQueue()
        for _ in range(3):
            engines.submit(setup, Job(SHORT, delivered.put))
        messages = [str(delivered.get(timeout=10)) for _ in range(3)]
        assert all(f"the engine cannot load {setup.path}" in each for each in messages)


def test_closing_stops_the_running_job_and_waits_for_the_engine(weights: Path) -> None:
    engines = Engines()
    started = threading.Event()
    scenario = {
        **SHORT,
        "messages": [{"role": "user", "content": "Tell me a long story."}],
        "max_tokens": 1000,
    }
    engines.submit(
        Setup(path=str(weights), threads=1, context=1024), Job(scenario, lambda _: started.set())
    )
    assert started.wait(30)
    (engine,) = engines._engines.values()
    engines.close()
    assert engine.ended.is_set()


def run_script(code: str, weights: Path) -> subprocess.CompletedProcess[str]:
    head = f"""
    import os, sys, threading
    from standby_local.engine import ENGINES, Job
    from standby_local.options import Setup
    SETUP = Setup(path={str(weights)!r}, threads=1, context=1024)
    def generate(text, limit, first_chunk_only=False):
        delivered, finished = [], threading.Event()
        def deliver(item):
            delivered.append(item)
            if first_chunk_only or item is None:
                finished.set()
        messages = [{{"role": "user", "content": text}}]
        body = {{"messages": messages, "max_tokens": limit, "stream": True}}
        ENGINES.submit(SETUP, Job(body, deliver))
        assert finished.wait(30), "no answer"
        return delivered
    """
    script = textwrap.dedent(head) + textwrap.dedent(code)
    # the warning is about the engine's own threads
    options = ["-W", "ignore:This process:DeprecationWarning"]
    command = [sys.executable, *options, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own code


def test_a_process_may_end_in_the_middle_of_an_answer(weights: Path) -> None:
    done = run_script("generate('Tell me a long story.', 500, first_chunk_only=True)", weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system has no fork")
def test_a_forked_child_loads_an_engine_of_its_own_and_ends(weights: Path) -> None:
    code = """
    generate('Hi', 2)
    child = os.fork()
    if child == 0:
        assert len(generate('Hi', 2)) > 1
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    assert len(generate('Hi', 2)) > 1
    print(status)
    """
    done = run_script(code, weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system has no fork")
def test_a_forked_child_without_requests_ends(weights: Path) -> None:
    code = """
    generate('Hi', 2)
    child = os.fork()
    if child == 0:
        sys.exit(0)
    print(os.waitpid(child, 0)[1])
    """
    done = run_script(code, weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
