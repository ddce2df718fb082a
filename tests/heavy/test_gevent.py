"""gevent's monkey patch after a client was made: greenlets share one thread of the system."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gevent", reason="scripts/integrations runs these, where gevent is")

HEAD = """
import asyncio, json, os, pathlib, subprocess, sys, time
from standby import AsyncStandby, ConfigError, Standby
from standby.events import AttemptStarted
from standby.observe.observers import Observers
seen = []

def slow_sink(event):
    time.sleep(0.02)

CONFIG = {"version": 1, "models": {"m1": {"provider": "scripted", "options": {"reply": "Lisbon."}}}}
CONFIG["chains"] = {"default": {"models": ["m1"], "deadline": "5s"}}
file = pathlib.Path(sys.argv[1])
file.write_text(json.dumps(CONFIG))
client = Standby(file, sinks=[slow_sink], warm_up=False)
observers = Observers([("one", lambda event: seen.append(event.model))])

import gevent
from gevent import monkey
monkey.patch_all()

def at_once(work, times=6):
    greenlets = [gevent.spawn(work) for _ in range(times)]
    gevent.joinall(greenlets, raise_error=True)
    return [greenlet.value for greenlet in greenlets]

def ask():
    return client.chat("hi").text
"""

NOT_OURS = ("MonkeyPatchWarning", "patch_all()", "monkey.")


@pytest.fixture
def run_program(tmp_path: Path) -> Callable[[str], tuple[str, str]]:
    return partial(run_with_file, tmp_path / "models.yaml")


def run_with_file(file: Path, body: str) -> tuple[str, str]:
    """Return what a program prints, and its complaints; each warning of ours is one."""
    command = [
        sys.executable,
        "-W",
        "always::RuntimeWarning",
        "-c",
        HEAD + textwrap.dedent(body),
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)  # noqa: S603 - ours
    complaints = [
        line for line in done.stderr.splitlines() if not any(mark in line for mark in NOT_OURS)
    ]
    return done.stdout.strip(), "\n".join(complaints)


def test_six_greenlets_are_answered_at_once_without_a_warning(run_program: Any) -> None:
    assert run_program("print(*at_once(ask))") == (" ".join(["Lisbon."] * 6), "")


def test_an_event_loop_of_the_caller_is_still_warned_about(run_program: Any) -> None:
    body = """
    async def main():
        print(client.settings.chains["default"].deadline)
        try:
            client.chat("hi", deadline=0.2)
        except Exception as error:
            print(type(error).__name__)

    asyncio.run(main())
    """
    output, complaints = run_program(body)
    assert output == "5.0\nDeadlineExceeded"
    assert "RuntimeWarning: Standby blocks the event loop that it is called from" in complaints


def test_another_greenlets_event_loop_delays_a_call_and_breaks_none(run_program: Any) -> None:
    body = """
    other = gevent.spawn(asyncio.run, asyncio.sleep(0.5))
    gevent.sleep(0.1)
    print(*at_once(ask), other.ready())
    print(ask())
    """
    assert run_program(body) == ("Lisbon. " * 6 + "True\nLisbon.", "")


def test_asynchronous_calls_in_one_greenlet_are_answered(run_program: Any) -> None:
    body = """
    async def main():
        async with AsyncStandby(CONFIG) as own:
            print(*[(await own.chat("hi")).text for _ in range(2)])

    at_once(lambda: asyncio.run(main()), times=1)
    print(ask())
    """
    assert run_program(body) == ("Lisbon. Lisbon.\nLisbon.", "")


def test_reloads_by_two_greenlets_wait_for_each_other(run_program: Any) -> None:
    body = """
    def reload():
        try:
            client.reload()
            return "reloaded"
        except ConfigError as error:
            return type(error).__name__

    print(*at_once(reload, times=2))
    file.write_text("[")
    print(*at_once(reload, times=2))
    print(ask())
    """
    assert run_program(body) == ("reloaded reloaded\nConfigError ConfigError\nLisbon.", "")


def test_observers_receive_the_events_of_all_greenlets(run_program: Any) -> None:
    body = """
    event = AttemptStarted(call="c", chain="default", model="m", at=0.0)
    at_once(lambda: observers(event))
    observers.close()
    print(*seen)
    """
    assert run_program(body) == ("m m m m m m", "")


def test_subprocesses_beside_calls_switch_no_greenlet_in_the_middle_of_a_fork(
    run_program: Any,
) -> None:
    body = """
    forking = []
    os.register_at_fork(
        before=lambda: forking.append(1),
        after_in_parent=forking.pop,
        after_in_child=forking.clear,
    )

    def refuse_overlap(event, _):
        if event == "os.fork" and forking:
            raise RuntimeError("a fork began inside another one")

    sys.addaudithook(refuse_overlap)

    def both():
        observers(AttemptStarted(call="c", chain="default", model="m", at=0.0))
        child = subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True)
        return ask() + child.stdout.decode().strip()

    print(*at_once(both))
    print(*at_once(both))
    """
    assert run_program(body) == ("\n".join([" ".join(["Lisbon.7"] * 6)] * 2), "")


def test_a_child_forked_between_calls_makes_its_own(run_program: Any) -> None:
    body = """
    print(*at_once(ask))
    sys.stdout.flush()
    if not (pid := os.fork()):
        print("child", *at_once(ask, times=2), flush=True)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    print(*at_once(ask, times=2))
    """
    six = " ".join(["Lisbon."] * 6)
    assert run_program(body) == (f"{six}\nchild Lisbon. Lisbon.\nLisbon. Lisbon.", "")
