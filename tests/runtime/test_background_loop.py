"""The loop under `Standby`: what it carries and refuses, Ctrl-C, and the exit of the process."""

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from standby.runtime import background_loop
from standby.runtime.background_loop import run
from tests.support.busy import SLACK
from tests.support.loopback import Loopback, hang, openai_answers, openai_reply

caller_name = contextvars.ContextVar("who", default="nobody")

PYTHON = (sys.executable, "-W", "error::ResourceWarning", "-W", "error::RuntimeWarning", "-c")
CLIENT = """
import asyncio, atexit, os, sys, threading, time
from standby import Settings, Standby
from standby.settings import Chain, Model, Provider, Retry, Secret

steps = [{"reply": ["Lisbon, ", "says the script."]}, {"hang": True}]
server = Provider(plugin="openai", base_url=f"{sys.argv[1]}/v1", api_key=Secret("k"))
script = Model(provider="scripted", options={"script": steps})
chain = Chain(models=("m",), retry=Retry(attempts=1))
client = Standby(
    settings=Settings(
        providers={"server": server},
        models={"m": Model(provider="server"), "script": script},
        chains={"default": chain, "script": Chain(models=("script",))},
    )
)
"""


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as running:
        running.answer = openai_answers("Lisbon.")
        yield running


@pytest.fixture
def reset_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_loop, "_warned", False)


# The end of a loop, in this process


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A background loop of the test's own, in the place of the process's."""
    loop_thread = background_loop._BackgroundLoop()
    monkeypatch.setattr(background_loop, "_current", loop_thread)
    yield loop_thread
    loop_thread.pid = os.getpid()
    loop_thread.shut_down()


def start_in_thread(
    coroutine: Coroutine[Any, Any, Any],
) -> tuple[threading.Thread, list[BaseException]]:
    """Run it from a daemon thread; what the thread raises is in the list."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            run(coroutine)
        except BaseException as error:  # noqa: BLE001 - whatever it is
            raised.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, raised


def test_the_end_cancels_calls_closes_generators_and_wakes_no_daemon_thread(fresh: Any) -> None:
    scenario: list[str] = []
    start_program = threading.Event()

    async def generator() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            scenario.append("closed")

    async def call() -> None:
        try:
            scenario.append(str(await anext(kept)))
            start_program.set()
            await asyncio.sleep(600)
        finally:
            scenario.append("cancelled")

    kept = generator()
    thread, raised = start_in_thread(call())
    assert start_program.wait(2)
    served_by = fresh.thread
    fresh.shut_down()
    fresh.shut_down()
    assert scenario == ["1", "cancelled", "closed"]
    assert (served_by.is_alive(), fresh.loop.is_closed()) == (False, True)
    thread.join(0.05)
    late, later = start_in_thread(value(7))
    late.join(0.05)
    assert (thread.is_alive(), raised, late.is_alive(), later) == (True, [], True, [])
    with pytest.raises(
        RuntimeError, match="called while the process exits, after its event loop has ended"
    ):
        run(value(7))


def test_after_the_end_no_thread_and_no_call_starts(fresh: Any) -> None:
    fresh.shut_down()
    fresh.wake()  # by a caller whose call has begun before the end
    late = value(7)
    with pytest.raises(RuntimeError, match="called while the process exits"):
        fresh.submit(late)
    late.close()
    assert (fresh.thread, fresh.loop.is_closed()) == (None, True)


def test_the_end_waits_for_nothing_that_blocks_the_loop(fresh: Any) -> None:
    release, blocked = threading.Event(), threading.Event()

    async def block() -> None:
        blocked.set()
        release.wait(30)

    start_in_thread(block())
    assert blocked.wait(2)
    began = time.monotonic()
    fresh.shut_down()
    assert time.monotonic() - began < 2 * background_loop.SHUTDOWN_TIMEOUT + SLACK
    assert not fresh.loop.is_closed()
    release.set()
    fresh.thread.join(2)
    for _ in range(10):  # nothing may be left to run in another test
        fresh.loop.call_soon(fresh.loop.stop)
        fresh.loop.run_forever()
    fresh.loop.close()


def test_the_loop_of_another_process_is_parked_and_not_used(fresh: Any) -> None:
    assert run(value(7)) == 7
    fresh.pid = -1
    with background_loop._starting:  # by a thread of the parent
        background_loop._after_fork()
        assert run(value(7)) == 7
    fresh.shut_down()
    assert background_loop._current is not fresh
    assert fresh in background_loop._parked
    assert fresh.loop.is_running()
    background_loop._parked.remove(fresh)
    background_loop._current.shut_down()


# The end of a process


def command(body: str, url: str) -> list[str]:
    return [*PYTHON, CLIENT + textwrap.dedent(body) + "\nprint(time.time(), flush=True)", url]


def run_program(body: str, url: str = "http://127.0.0.1:9") -> tuple[int, str, str, float]:
    """Return exit status, output, standard error, and the seconds between last line and end."""
    done = subprocess.run(  # noqa: S603 - ours
        command(body, url), capture_output=True, text=True, timeout=20, check=False
    )
    *output, last = done.stdout.splitlines()
    return done.returncode, "\n".join(output), done.stderr, time.time() - float(last)


async def value(result: Any) -> Any:
    await asyncio.sleep(0)
    return result


def test_it_returns_what_the_coroutine_returns_and_raises_what_it_raises() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("mine")

    assert run(value(7)) == 7
    with pytest.raises(KeyError, match="mine"):
        run(fail())


def test_all_calls_share_one_daemon_thread() -> None:
    async def thread() -> threading.Thread:
        return threading.current_thread()

    first = run(thread())
    assert run(thread()) is first
    assert first.daemon
    assert first is not threading.current_thread()


def test_context_variables_are_carried_over() -> None:
    async def ask() -> str:
        return await asyncio.create_task(value(caller_name.get()))

    caller_name.set("the caller")
    assert run(ask()) == "the caller"


def test_called_from_its_own_thread_it_raises_at_once() -> None:
    async def ask_inside() -> Any:
        return run(value(7))

    with pytest.raises(
        RuntimeError,
        match="from inside its own event loop and would wait for itself; use AsyncStandby",
    ):
        run(ask_inside())


@pytest.mark.usefixtures("reset_warning")
def test_in_a_running_loop_it_works_and_warns_once_at_the_callers_line() -> None:
    async def ask() -> list[int]:
        def chat() -> int:  # stands for the client's method between the caller and run()
            return run(value(7))

        return [chat() for _ in range(3)]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert asyncio.run(ask()) == [7] * 3
    assert [str(warning.message) for warning in caught] == [
        "Standby blocks the event loop that it is called from; use AsyncStandby there"
    ]
    assert (caught[0].category, caught[0].filename) == (RuntimeWarning, __file__)


@pytest.mark.usefixtures("reset_warning")
def test_another_greenlets_loop_is_not_the_callers() -> None:
    async def find_loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    asyncio._set_running_loop(run(find_loop()))  # as gevent's greenlets see it: they are one thread
    try:
        assert run(value(7)) == 7
    finally:
        asyncio._set_running_loop(None)


def test_the_loop_waits_until_another_greenlets_loop_has_ended(
    fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = asyncio.new_event_loop()
    still_running = [other, other, None]
    monkeypatch.setattr(background_loop, "_running_loop", lambda: still_running.pop(0))
    assert fresh.submit(value(7)).result(5) == 7
    assert still_running == []
    other.close()


@pytest.mark.usefixtures("reset_warning")
def test_a_warning_that_is_an_error_leaves_no_coroutine_behind() -> None:
    async def ask() -> Any:
        return run(value(7))

    with pytest.raises(RuntimeWarning, match="use AsyncStandby there"):
        asyncio.run(ask())


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_a_plugin_that_wants_the_process_to_exit_reaches_the_caller_and_the_loop_lives_on(
    error: BaseException,
) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise error

    with pytest.raises(type(error)):
        run(fail())
    assert run(value(7)) == 7


@contextmanager
def start_program(body: str, url: str) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(command(body, url), stdout=-1, stderr=-1, text=True)  # noqa: S603 - ours
    with program:
        try:
            yield program
        finally:
            program.kill()


def interrupt(program: subprocess.Popen[str], server: Loopback, number: int = 1) -> None:
    """Press Ctrl-C while the given request hangs; its socket must close."""
    while len(server.requests) < number:
        assert program.poll() is None, program.communicate()
        time.sleep(0.01)
    program.send_signal(signal.SIGINT)
    assert server.requests[number - 1].disconnected.wait(2)


def test_ctrl_c_cancels_the_call_closes_its_socket_and_the_program_continues(
    server: Loopback,
) -> None:
    server.script(hang(), hang(), openai_reply("Lisbon."))
    body = """
        stream = client.stream("hi")
        for call in (lambda: client.chat("hi"), lambda: next(stream)):
            try:
                call()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
        print(list(stream), client.chat("hi").text)
    """
    with start_program(body, server.url) as program:
        interrupt(program, server)
        interrupt(program, server, 2)
        output, complaints = program.communicate(timeout=10)
    assert (output.splitlines()[:-1], complaints, program.returncode) == (
        ["interrupted", "interrupted", "[] Lisbon."],
        "",
        0,
    )


def test_ctrl_c_ends_a_program_at_once_with_one_traceback_and_nothing_else(
    server: Loopback,
) -> None:
    server.script(hang())
    body = """
        with client.stream("hi") as stream:
            next(stream)
    """
    with start_program(body, server.url) as program:
        interrupt(program, server)
        began = time.monotonic()
        _, complaints = program.communicate(timeout=10)
    assert time.monotonic() - began < SLACK
    assert program.returncode == -signal.SIGINT
    assert complaints.count("Traceback") == 1
    assert complaints.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "client.close()",
        "client.chat('hi', chain='script')",
        # a connection at rest, one in use
        "client.chat('hi'); stream = client.stream('hi'); next(stream)",
        pytest.param(
            # makes the loop while the process exits
            "atexit.register(client.chat, 'hi', chain='script')",
            marks=pytest.mark.skipif(
                sys.version_info[:2] == (3, 12), reason="Python 3.12 starts no thread at the exit"
            ),
        ),
        # comes before the loop's own end
        "client.chat('hi', chain='script'); atexit.register(client.close)",
    ],
)
def test_a_process_leaves_an_open_client_in_silence_and_at_once(
    server: Loopback, body: str
) -> None:
    status, _, complaints, lived = run_program(body, server.url)
    assert (status, complaints, lived < SLACK) == (0, "", True)


def test_an_exit_handler_after_the_loops_end_gets_an_error() -> None:
    body = "atexit.register(client.close); client.chat('hi', chain='script')"
    status, _, complaints, lived = run_program(body)
    message = (
        "RuntimeError: Standby was called while the process exits, after its event loop has ended"
    )
    assert complaints.rstrip().endswith(message)
    assert (status, lived < SLACK) == (0, True)


@pytest.mark.parametrize(
    "work",
    [
        "client.chat('hi')",
        "client.chat('hi', chain='script')",
        "list(client.stream('hi', chain='script'))",
        "while True: client.close()",  # the next call comes when the loop has ended
    ],
)
def test_a_process_leaves_a_busy_daemon_thread_in_silence_and_at_once(
    server: Loopback, work: str
) -> None:
    server.script(hang())
    status, _, complaints, lived = run_program(
        f"""
        def work():
            {work}

        client.chat("hi", chain="script")
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.3 if "script" in {work!r} else 1)
        """,
        server.url,
    )
    assert (status, complaints, lived < SLACK) == (0, "", True)


@pytest.mark.parametrize("hold", ["time.sleep(30)", "await ignore()"])
def test_what_cannot_be_cancelled_delays_the_exit_by_two_seconds_at_most(hold: str) -> None:
    status, _, complaints, lived = run_program(
        f"""
        from standby.runtime.background_loop import run

        async def ignore():
            while True:
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    pass

        async def hold():
            {hold}

        threading.Thread(target=lambda: run(hold()), daemon=True).start()
        time.sleep(0.1)
        """
    )
    assert (status, complaints, lived < 2 + SLACK) == (0, "", True)
