"""Blocking work in threads of our own: daemons, so that one that hangs keeps nobody from leaving."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 64
"""Threads at once on one event loop; more calls wait for their turn without blocking the loop."""

_turns: "dict[asyncio.AbstractEventLoop, asyncio.Semaphore]" = {}


async def blocking(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a daemon thread and await its result.

    Context variables are carried over. When the awaiting task is cancelled it leaves at once; the thread goes on to its end
    unheard, and its turn is free again when it gets there.
    """
    loop = asyncio.get_running_loop()
    turn = _turn(loop)
    await turn.acquire()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result, error = context.run(function, *args, **kwargs), None
        except BaseException as raised:  # noqa: BLE001 - whatever it is belongs to the caller
            result, error = None, raised
        _tell(loop, _finish, done, turn, result, error)

    threading.Thread(target=work, name="standby-blocking", daemon=True).start()
    return await done


def _turn(loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    if loop not in _turns:
        for closed in [known for known in _turns if known.is_closed()]:
            del _turns[closed]
        _turns[loop] = asyncio.Semaphore(AT_ONCE)
    return _turns[loop]


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise  # otherwise the loop has ended, and nobody waits any more


def _finish(done: "asyncio.Future[Any]", turn: asyncio.Semaphore, result: Any, error: BaseException | None) -> None:
    turn.release()
    if done.cancelled():
        return
    if isinstance(error, StopIteration):  # a future refuses to hold one
        error = RuntimeError("the blocking function raised StopIteration")
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
