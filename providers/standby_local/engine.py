"""The engines of this process: one for each setup, with one thread and one queue each.

All event loops share them. An engine's thread loads the weights and then runs one job after the
other. A single thread, rather than one for each request, has three advantages: a request that is
cancelled in the queue never reaches the engine; a hundred waiting requests need no hundred threads;
and the process waits for one thread at its end. The engine aborts the process if its thread is
killed.
"""

import atexit
import ctypes
import os
import queue
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any

from standby.plugin import AttemptFailed, Failure, Kind
from standby_local.library import Server, load
from standby_local.options import Setup

SHUTDOWN_GRACE = 10.0
"""Seconds that the process waits for an engine at its end.

The engine stops after its current batch or token.
"""


class Job:
    """One answer to generate."""

    def __init__(self, body: dict[str, Any], deliver: Callable[[object], None]) -> None:
        """Keep the request.

        Args:
            body: The request's body, in the engine's form.
            deliver: Called in the engine's thread: with each chunk, then with `None` or an
                `AttemptFailed`. It raises `RuntimeError` once its event loop is closed.
        """
        self._body = body
        self._deliver = deliver
        self._stopped = Event()

    def stop(self) -> None:
        """Make the job end soon, or never begin; callable from any thread at any time."""
        self._stopped.set()

    def run(self, server: Server) -> None:
        """Generate the answer, and deliver its chunks and its end.

        Args:
            server: The loaded model.
        """
        if self._stopped.is_set():
            return
        try:
            server.handle_chat_completions(self._body, self._receive)
        except Exception as error:  # noqa: BLE001 - the engine's thread survives any error
            # without the error's message: the engine quotes the request in it
            failed = AttemptFailed(
                Failure(kind=Kind.SERVER_ERROR, message=f"the engine raised {type(error).__name__}")
            )
            failed.__cause__ = error
            self.finish(failed)
        else:
            self.finish(None)

    def finish(self, error: AttemptFailed | None) -> None:
        """Deliver the end.

        Args:
            error: The failure; `None` for success.
        """
        with suppress(RuntimeError):  # the caller's event loop is closed
            self._deliver(error)

    def _receive(self, chunk: object) -> bool:
        """Deliver a chunk; return True to stop the engine, which would swallow an exception."""
        if self._stopped.is_set():
            return True
        try:
            self._deliver(chunk)
        except RuntimeError:  # the caller's event loop is closed
            return True
        return False


class Engines:
    """The engines of a process, by their setup."""

    def __init__(self) -> None:
        """Start without any engine."""
        self._lock = Lock()
        self._engines: dict[Setup, _Engine] = {}
        self._forked = False

    def submit(self, setup: Setup, job: Job) -> None:
        """Put a job at the end of the engine's queue; load the engine first if necessary.

        Args:
            setup: The engine's setup.
            job: The answer to generate.
        """
        with self._lock:
            engine = self._engines.get(setup)
            is_new = engine is None
            if engine is None:
                engine = self._engines[setup] = _Engine(setup, self._remove, forked=self._forked)
            engine.jobs.put(job)
        if is_new:
            self._start(engine, setup)

    def close(self) -> None:
        """Stop every engine, and wait for each at most `SHUTDOWN_GRACE` seconds."""
        with self._lock:
            engines = list(self._engines.values())
            self._engines.clear()
        for engine in engines:
            engine.stop()
        for engine in engines:
            engine.ended.wait(SHUTDOWN_GRACE)

    def reset_after_fork(self) -> None:
        """Start again in a forked child, where none of the parent's threads runs."""
        self._lock = Lock()
        if self._engines:
            self._engines = {}
            self._forked = True
            _skip_exit_handlers()

    def _start(self, engine: "_Engine", setup: Setup) -> None:
        """Start an engine outside the lock: under gevent a start lets other greenlets run."""
        try:
            engine.thread.start()
        except RuntimeError:  # the system has no thread left
            self._remove(setup)
            raise

    def _remove(self, setup: Setup) -> None:
        """Remove an engine that could not be loaded, so that the next request tries again."""
        with self._lock:
            self._engines.pop(setup, None)


class _Engine:
    """One loaded model's thread and its queue.

    `forked` says that the parent of this process had an engine. Destroying a server would then wait
    for ever for threads that only the parent has. So it is never destroyed: the thread that holds
    it never ends.
    """

    def __init__(self, setup: Setup, remove: Callable[[Setup], None], *, forked: bool) -> None:
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.ended = Event()
        self._remove = remove
        self._forked = forked
        self._current: Job | None = None
        self._stopped = False
        self.thread = Thread(target=self._run, args=(setup,), name="standby-local", daemon=True)

    def stop(self) -> None:
        """Stop the current job, and then the engine."""
        self._stopped = True
        current = self._current
        if current is not None:
            current.stop()
        self.jobs.put(None)

    def _run(self, setup: Setup) -> None:
        try:
            server = load(setup)
        except AttemptFailed as error:
            self._remove(setup)
            self._fail_waiting(error)
            self.ended.set()
            return
        self._run_jobs(server)
        if not self._forked:
            # Destroys the server, in 0.03 s. Only this frame holds it, so a forked child keeps it.
            del server
        self.ended.set()
        if self._forked:
            Event().wait()

    def _run_jobs(self, server: Server) -> None:
        while (job := self.jobs.get()) is not None:
            self._current = job
            if self._stopped:
                job.stop()
            job.run(server)
            self._current = None
            del job  # the thread holds no prompt while it waits

    def _fail_waiting(self, error: AttemptFailed) -> None:
        while not self.jobs.empty():
            job = self.jobs.get()
            if job is not None:
                failed = AttemptFailed(error.failure)
                failed.__cause__ = error.__cause__
                job.finish(failed)


def _skip_exit_handlers() -> None:
    """Make this forked child end right after Python.

    The library's own exit handlers would wait for the parent's threads.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):  # glibc; elsewhere such a child may hang at its end
        libc.on_exit(libc["_exit"], None)


ENGINES = Engines()
"""The engines of this process; they stay loaded until it ends."""

atexit.register(ENGINES.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ENGINES.reset_after_fork)
