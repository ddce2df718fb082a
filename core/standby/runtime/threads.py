"""Blocking work in threads of our own: daemons, so that one that hangs keeps nobody from leaving."""

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    import asyncio

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 64
"""Threads at once on one event loop; more calls wait for their turn without blocking the loop."""

_turns: "dict[asyncio.AbstractEventLoop, asyncio.Semaphore]" = {}


async def blocking(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a daemon thread and await its result.

    Context variables are carried over. When the awaiting task is cancelled it leaves at once; the
    thread goes on to its end unheard, and its turn is free again when it gets there.
    """
    import asyncio  # noqa: PLC0415 - every manifest imports this module, and `standby validate` needs no event loop

    loop = asyncio.get_running_loop()
    turn = _turns.get(loop) or _turn(loop, asyncio.Semaphore(AT_ONCE))
    await turn.acquire()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result, error = context.run(function, *args, **kwargs), None
        except BaseException as raised:  # noqa: BLE001 - whatever it is belongs to the caller
            result, error = None, raised
        _tell(loop, _finish, done, turn, result, error)

    try:
        threading.Thread(target=work, name="standby-blocking", daemon=True).start()
    except RuntimeError:  # the system has no thread left
        turn.release()
        raise
    return await done


def _turn(loop: "asyncio.AbstractEventLoop", turn: "asyncio.Semaphore") -> "asyncio.Semaphore":
    for known in list(_turns):  # a copy: loops of other threads come and go meanwhile
        if known.is_closed():
            _turns.pop(known, None)
    return _turns.setdefault(loop, turn)


def _tell(loop: "asyncio.AbstractEventLoop", callback: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise  # otherwise the loop has ended, and nobody waits any more


def _finish(
    done: "asyncio.Future[Any]", turn: "asyncio.Semaphore", result: Any, error: BaseException | None
) -> None:
    turn.release()
    if done.cancelled():
        return
    if isinstance(error, StopIteration):  # a future refuses to hold one
        error = RuntimeError("the blocking function raised StopIteration")
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
