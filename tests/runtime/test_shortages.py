"""What this process has run out of is named, and never blamed on a model."""

import asyncio
import errno
import os
import socket
import ssl
import threading
from typing import Any

import pytest

from standby.events import AttemptEnded
from standby.failures import Kind
from standby.http.transport import connection_failure
from standby.runtime.shortages import NoThreadError, describe_shortage
from standby.runtime.threads import blocking
from standby.settings import Hedge
from tests.support.playing import Plays, dispatch, failure, route, target
from tests.support.virtual_clock import run

NO_DESCRIPTOR = OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize(
    "error",
    [
        OSError(getattr(errno, name), "in words")
        for name in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL")
    ],
)
def test_the_systems_message_names_what_ran_out(error: OSError) -> None:
    meaning = "this process has used up what the system gives it"
    assert error.errno is not None
    assert describe_shortage(error) == f"{os.strerror(error.errno)}: {meaning}"


@pytest.mark.parametrize(
    ("error", "what"), [(NoThreadError(), "no further thread"), (MemoryError(), "no memory left")]
)
def test_threads_and_memory_run_out_too(error: BaseException, what: str) -> None:
    assert describe_shortage(error).startswith(f"{what}: this process")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "x"),
        OSError("without a number"),
        ConnectionResetError(errno.ECONNRESET, "x"),
        socket.gaierror(errno.EMFILE, "numbers of its own"),
        ssl.SSLError(errno.EMFILE, "numbers of its own"),
        RuntimeError("x"),
    ],
)
def test_any_other_error_is_no_shortage(error: BaseException) -> None:
    assert describe_shortage(error) == ""


def test_a_shortage_below_an_sdks_error_is_found() -> None:
    error = RuntimeError("Connection error.")
    error.__cause__ = NO_DESCRIPTOR
    failed = connection_failure(error).failure
    assert (failed.kind, failed.lasting) == (Kind.UNAVAILABLE, False)
    assert failed.message.startswith("not sent: Too many open files: this process")


def test_a_thread_that_cannot_start_is_a_shortage(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario() -> None:
        with pytest.raises(NoThreadError, match="can't start new thread"):
            await blocking(print)

    monkeypatch.setattr(threading.Thread, "start", fail)
    asyncio.run(scenario())


@pytest.mark.parametrize(
    "shortage", [NO_DESCRIPTOR, NoThreadError(), MemoryError(), failure("unavailable", "the pool")]
)
def test_a_shortage_means_next_and_teaches_nothing(shortage: Any) -> None:
    events: list[Any] = []
    first = target("a", Plays(shortage))
    chain = route(first, target("b", Plays("from b")), hedge=Hedge(after=1.0))

    async def scenario() -> str:
        for _ in range(20):
            reply = await dispatch(chain, events=events).run()
            assert reply.model == "b"
        now = asyncio.get_running_loop().time()
        return first.breaker.health(now).state

    budgets = first.budget, chain.hedges
    before = [budget.tokens for budget in budgets]
    assert (run(scenario()), [budget.tokens for budget in budgets]) == ("closed", before)
    ended = [each.attempt for each in events if isinstance(each, AttemptEnded)]
    assert {each.outcome for each in ended if each.model == "a"} == {"skipped"}
    assert {each.kind for each in ended if each.model == "a"} == {Kind.UNAVAILABLE}
