"""A fork of a process that uses the library: silent, both sides get answers, nothing is lost."""

import os
import subprocess
import sys
import textwrap

import pytest

from tests.support.loopback import Loopback, openai_answers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

WARNS = sys.version_info >= (3, 12)
COUNTS_TOO_LATE = sys.version_info[:2] == (3, 13)
"""Python 3.13.0 counts the threads after they have resumed; later versions do not."""

NOWHERE = "http://127.0.0.1:9"

HEAD = """
import asyncio, os, sys, threading, time, warnings
from standby import AsyncStandby, Settings, Standby
from standby.settings import Chain, Model, Provider, Retry, Secret
from standby.runtime.background_loop import run

steps = [{"reply": ["Lisbon, ", "says the script."]}, {"hang": True}]
server = Provider(plugin="openai", base_url=f"{sys.argv[1]}/v1", api_key=Secret("k"))
script = Model(provider="scripted", options={"script": steps})
chain = Chain(models=("m",), retry=Retry(attempts=1))
settings = Settings(
    providers={"server": server},
    models={"m": Model(provider="server"), "script": script},
    chains={"default": chain, "script": Chain(models=("script",))},
)
client = Standby(settings=settings)

def fork(child):
    "Fork, run `child` in the child, and wait for it."
    sys.stdout.flush()
    if not (pid := os.fork()):
        child()
        sys.stdout.flush()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
"""


def run_program(body: str, url: str = NOWHERE, *flags: str) -> tuple[str, str]:
    """Return output and standard error of a program in which each warning is an error."""
    command = [sys.executable, "-W", "error", *flags, "-c", HEAD + textwrap.dedent(body), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - ours
    return done.stdout.strip(), done.stderr


def warning_flags() -> tuple[str, ...]:
    return ("-W", "ignore:This process:DeprecationWarning") if COUNTS_TOO_LATE else ()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_both_sides_of_a_fork_make_calls_repeatedly(host: str) -> None:
    with Loopback() as server:
        server.answer = openai_answers("Lisbon.")
        body = """
        def ask():
            print(client.chat("hi").text, client.chat("hi").text)

        for _ in range(3):
            ask()
            fork(lambda: (ask(), fork(ask), ask()))
        fork(ask)
        ask()
        """
        assert run_program(body, server.url.replace("127.0.0.1", host)) == (
            ("Lisbon. Lisbon.\n" * 14).strip(),
            "",
        )


def test_many_forks_right_after_a_call_are_all_silent() -> None:
    body = """
        async def turn():
            return 1

        for _ in range(300):
            run(turn())
            fork(lambda: None)
        print("done")
    """
    assert run_program(body) == ("done", "")


def test_a_process_may_end_right_after_a_fork() -> None:
    body = """
        print(client.chat("hi", chain="script").text)
        fork(lambda: print("child"))
        fork(lambda: sys.exit(7))
    """
    assert run_program(body) == ("Lisbon, says the script.\nchild", "")


def test_a_stream_of_the_parent_continues_there_and_fails_in_the_child() -> None:
    body = """
        with client.stream("hi", chain="script") as stream:
            next(stream)

            def read_in_child():
                try:
                    list(stream)
                except RuntimeError as error:
                    print(error)
                stream.close()

            fork(read_in_child)
            print(*(chunk.text for chunk in stream), stream.reply.text)
    """
    message = "this stream was started on another event loop, or before a fork: call stream() again"
    assert run_program(body, NOWHERE, *warning_flags()) == (
        f"{message}\nsays the script.  Lisbon, says the script.",
        "",
    )


def test_what_is_under_way_continues_in_the_parent_before_the_next_call() -> None:
    body = """
        done = threading.Event()

        async def leave_something_behind():
            async def work():
                await asyncio.sleep(0.1)
                done.set()
            global task
            task = asyncio.create_task(work())

        run(leave_something_behind())
        fork(lambda: print(done.is_set()))
        print(done.wait(5))
    """
    assert run_program(body, NOWHERE, *warning_flags()) == ("False\nTrue", "")


def test_calls_of_other_threads_live_through_many_forks() -> None:
    body = """
        async def turn():
            await asyncio.sleep(0.001)
            return 1

        seen = []

        def work():
            seen.append(sum(run(turn()) for _ in range(100)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            fork(lambda: None)
        print(seen)
    """
    assert run_program(body, NOWHERE, "-W", "ignore:This process:DeprecationWarning") == (
        "[100, 100, 100, 100]",
        "",
    )


def test_a_blocked_loop_delays_a_fork_by_a_quarter_of_a_second_and_python_warns() -> None:
    body = """
        begun = threading.Event()

        async def block():
            begun.set()
            time.sleep(1)
            return "done"

        warnings.simplefilter("always")
        work = lambda: print(run(block()), run(asyncio.sleep(0, "and on")))
        threading.Thread(target=work).start()
        begun.wait()
        began = time.monotonic()
        fork(lambda: None)
        print(0.2 < time.monotonic() - began < 0.8)
    """
    output, complaints = run_program(body)
    assert output == "True\ndone and on"
    assert ("is multi-threaded" in complaints) is WARNS


def test_code_on_the_loop_may_fork() -> None:
    body = """
        async def forks():
            fork(lambda: None)
            return "forked"

        print(run(forks()), run(forks()))
    """
    assert run_program(body, NOWHERE, "-W", "ignore:This process:DeprecationWarning") == (
        "forked forked",
        "",
    )


def test_the_watchdog_of_an_asynchronous_client_is_silent_and_continues() -> None:
    body = """
        import logging
        logging.basicConfig(format="%(message)s", level=logging.WARNING)

        async def main():
            async with AsyncStandby(settings=settings) as client:
                print((await client.chat("hi", chain="script")).text)
                fork(lambda: None)
                call = asyncio.create_task(client.chat("hi", chain="script"))
                await asyncio.sleep(0.1)
                time.sleep(1.6)
                call.cancel()

        asyncio.run(main())
    """
    output, complaints = run_program(body)
    assert output == "Lisbon, says the script."
    assert "multi-threaded" not in complaints
    assert "__main__.main" in complaints


def test_observers_receive_every_event_on_both_sides() -> None:
    body = """
        from standby.events import Answered
        from standby.observe.observers import Observers
        from tests.observe.test_observers import event

        seen = []
        observers = Observers([("one", lambda one: seen.append(one.model))])

        def emit(*numbers):
            for number in numbers:
                observers(event(number))
            observers.close()
            print(*seen)

        observers(event(1))
        fork(lambda: emit(2, 3))
        emit(4)
        emit(5)
    """
    assert run_program(body) == ("m1 m2 m3\nm1 m4\nm1 m4 m5", "")


def test_a_slow_observer_delays_no_fork_and_receives_events_in_order() -> None:
    body = """
        from standby.observe.observers import Observers
        from tests.observe.test_observers import event

        seen = []

        def slow(one):
            time.sleep(0.4 if one.model == "m1" else 0)
            seen.append(one.model)

        observers = Observers([("slow", slow)])
        for number in range(1, 4):
            observers(event(number))
        for number in range(4, 7):
            fork(lambda: None)
            observers(event(number))
        observers.close(5)
        print(*seen)
    """
    assert run_program(body, NOWHERE, "-W", "ignore:This process:DeprecationWarning") == (
        "m1 m2 m3 m4 m5 m6",
        "",
    )
