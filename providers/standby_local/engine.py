"""The engines of this process: one for each set-up, shared by all event loops, each with one thread and one queue.

An engine's thread loads the weights and then runs one job after the other. That, rather than a
thread for each call, keeps three promises: a call that is cancelled while it waits never reaches
the engine; a hundred waiting calls hold no hundred threads; and at the process's end there is one
thread to wait for. The engine aborts the process if its thread is cut off.
"""

import atexit
import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from standby.plugin import AttemptFailed, Failure, Kind
from standby_local.library import Server, load
from standby_local.options import Setup

LONGEST_GOODBYE = 10.0
"""Seconds that the process's end waits for an engine; it stops after the batch or the token it is at."""


class Job:
    """One answer to draw. `tell` is called in the engine's thread: with each chunk, then with `None` or an `AttemptFailed`."""

    def __init__(self, body: dict[str, Any], tell: Callable[[object], None]) -> None:
        """Keep what to ask, and whom to tell."""
        self._body = body
        self._tell = tell
        self._stopped = Event()

    def stop(self) -> None:
        """Have it end soon, or never begin; any thread may say so, at any time."""
        self._stopped.set()

    def run(self, server: Server) -> None:
        """Draw the answer."""
        if self._stopped.is_set():
            return
        try:
            server.handle_chat_completions(self._body, self._hear)
        except Exception as error:  # noqa: BLE001 - whatever the engine raises, its thread goes on
            # its words are left out: the engine quotes the request in them
            failed = AttemptFailed(
                Failure(kind=Kind.SERVER_ERROR, message=f"the engine raised {type(error).__name__}")
            )
            failed.__cause__ = error
            self.end(failed)
        else:
            self.end(None)

    def end(self, result: AttemptFailed | None) -> None:
        """Tell the last thing there is to tell."""
        with suppress(RuntimeError):  # the event loop that asked is closed
            self._tell(result)

    def _hear(self, chunk: object) -> bool:
        """Pass a chunk on; true stops the engine, which would swallow what is raised here."""
        if self._stopped.is_set():
            return True
        try:
            self._tell(chunk)
        except RuntimeError:  # the event loop that asked is closed
            return True
        return False


class Engines:
    """The engines of a process, by their set-up."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._lock = Lock()
        self._engines: dict[Setup, _Engine] = {}
        self._forked = False

    def ask(self, setup: Setup, job: Job) -> None:
        """Put a job at the end of the engine's queue; the engine is loaded first if need be."""
        with self._lock:
            engine = self._engines.get(setup)
            if engine is None:
                engine = self._engines[setup] = _Engine(setup, self._drop, forked=self._forked)
            engine.jobs.put(job)

    def close(self) -> None:
        """Stop every engine, and wait for it."""
        with self._lock:
            engines = list(self._engines.values())
            self._engines.clear()
        for engine in engines:
            engine.stop()
        for engine in engines:
            engine.ended.wait(LONGEST_GOODBYE)

    def forget(self) -> None:
        """In a forked child, where no thread of the parent's runs, begin anew."""
        self._lock = Lock()
        if self._engines:
            self._engines = {}
            self._forked = True
            _skip_exit_handlers()

    def _drop(self, setup: Setup) -> None:
        """Take an engine that could not be loaded out, so that the next call tries again."""
        with self._lock:
            self._engines.pop(setup, None)


class _Engine:
    """One loaded model's thread and its queue.

    `forked`: the parent of this process had an engine. The library then waits for ever for threads
    that only the parent has when a server is destroyed, so none is: the thread that holds it never
    ends.
    """

    def __init__(self, setup: Setup, drop: Callable[[Setup], None], *, forked: bool) -> None:
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.ended = Event()
        self._drop = drop
        self._forked = forked
        self._running: Job | None = None
        self._stopped = False
        Thread(target=self._work, args=(setup,), name="standby-local", daemon=True).start()

    def stop(self) -> None:
        """End the running job, and then the engine."""
        self._stopped = True
        running = self._running
        if running is not None:
            running.stop()
        self.jobs.put(None)

    def _work(self, setup: Setup) -> None:
        try:
            server = load(setup)
        except AttemptFailed as error:
            self._drop(setup)
            self._refuse(error)
            self.ended.set()
            return
        self._serve(server)
        if not self._forked:
            # 0.03 s; this frame held it alone, so that in a forked child nobody ever lets go of it
            del server
        self.ended.set()
        if self._forked:
            Event().wait()

    def _serve(self, server: Server) -> None:
        while (job := self.jobs.get()) is not None:
            self._running = job
            if self._stopped:
                job.stop()
            job.run(server)
            self._running = None
            del job  # the thread holds no prompt while it waits

    def _refuse(self, error: AttemptFailed) -> None:
        while not self.jobs.empty():
            job = self.jobs.get()
            if job is not None:
                failed = AttemptFailed(error.failure)
                failed.__cause__ = error.__cause__
                job.end(failed)


def _skip_exit_handlers() -> None:
    """Have this forked child end right after Python has: the library's own exit handlers wait for its parent's threads."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):  # glibc; elsewhere such a child may hang at its very end
        libc.on_exit(libc["_exit"], None)


ENGINES = Engines()
"""The engines of this process; they stay loaded to its end."""

atexit.register(ENGINES.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=ENGINES.forget)
