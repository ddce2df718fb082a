"""Runs blocking work in daemon threads, so that work that hangs delays no exit."""

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from standby.runtime.shortages import NoThreadError

if TYPE_CHECKING:
    import asyncio

P = ParamSpec("P")
T = TypeVar("T")

MAX_THREADS = 64
"""Threads at once on one event loop; further calls wait for a slot without blocking the loop."""

_slots: "dict[asyncio.AbstractEventLoop, asyncio.Semaphore]" = {}


async def blocking(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a daemon thread and await its result.

    Context variables are carried over. A cancelled caller leaves at once; the thread then runs to
    its end, its result is dropped, and only then is its slot free again.

    Args:
        function: The function to call.
        args: Its positional arguments.
        kwargs: Its named arguments.

    Returns:
        What the function returns. What it raises is raised here.

    Raises:
        NoThreadError: The system starts no further thread.
    """
    # every manifest imports this module, and `standby validate` needs no event loop
    import asyncio  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    slots = _slots.get(loop) or _add_slots(loop, asyncio.Semaphore(MAX_THREADS))
    await slots.acquire()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result, error = context.run(function, *args, **kwargs), None
        except BaseException as raised:  # noqa: BLE001 - whatever it is belongs to the caller
            result, error = None, raised
        _call_in_loop(loop, _finish, done, slots, result, error)

    try:
        threading.Thread(target=work, name="standby-blocking", daemon=True).start()
    except RuntimeError as error:
        slots.release()
        raise NoThreadError(str(error)) from error
    return await done


def _add_slots(
    loop: "asyncio.AbstractEventLoop", slots: "asyncio.Semaphore"
) -> "asyncio.Semaphore":
    for other in list(_slots):  # a copy: loops of other threads come and go meanwhile
        if other.is_closed():
            _slots.pop(other, None)
    return _slots.setdefault(loop, slots)


def _call_in_loop(
    loop: "asyncio.AbstractEventLoop", callback: Callable[..., None], *args: Any
) -> None:
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise  # a closed loop has nothing left that waits


def _finish(
    done: "asyncio.Future[Any]",
    slots: "asyncio.Semaphore",
    result: Any,
    error: BaseException | None,
) -> None:
    slots.release()
    if done.cancelled():
        return
    if isinstance(error, StopIteration):  # a future refuses to hold one
        error = RuntimeError("the blocking function raised StopIteration")
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
