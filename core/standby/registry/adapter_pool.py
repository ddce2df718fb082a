"""One client's adapters: one for each provider and event loop, made on first use."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any
from weakref import WeakValueDictionary, finalize

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.http.transport import unavailable
from standby.observe.log import report_broken_close
from standby.runtime.attempt_clock import clock_paused
from standby.runtime.isolation import Origin, guard
from standby.runtime.threads import blocking
from standby.settings import Provider

LONGEST_CLOSE = 1.0
"""Seconds that an adapter may take to close; after that it is abandoned."""


class _LoopAdapters(msgspec.Struct):
    """The adapters of one event loop, what closes each, and those being made.

    `closer` is the generator that closes them all; `closing` the tasks that close some, or all.
    """

    adapters: dict[Hashable, Any] = {}
    closers: dict[Hashable, Callable[[], Coroutine[Any, Any, None]]] = {}
    pending: dict[Hashable, asyncio.Task[Any]] = {}
    closer: AsyncGenerator[None, None] | None = None
    closing: set[asyncio.Task[None]] = msgspec.field(default_factory=set["asyncio.Task[None]"])


class AdapterHandle:
    """Gets a provider's adapter on the running event loop. Adapters without a handle are closed.

    A failure is not remembered: the next call tries again.
    """

    __slots__ = ("__weakref__", "_pool", "key", "name", "provider")

    def __init__(self, pool: "AdapterPool", name: str, provider: Provider) -> None:
        """Name the provider; its adapter is made on first use.

        Args:
            pool: Makes the adapter.
            name: The provider's name.
            provider: The provider.
        """
        self._pool = pool
        self.name = name
        self.provider = provider
        self.key = name, provider.account

    def __call__(self) -> Coroutine[Any, Any, Any]:
        """Return the adapter, the same object for all calls on this loop.

        Raises:
            AttemptFailed: `unavailable`, because the key or the SDK is missing or the client has
                been closed; or `contract`, because the adapter's constructor raised.
        """
        return self._pool.get(self)


def _unknown_origin(plugin: str) -> Origin:
    return Origin(plugin, "unknown distribution")


class AdapterPool:
    """Makes adapters on first use and closes them with their event loop."""

    def __init__(
        self,
        load: Callable[[Provider], type[Any]],
        origin: Callable[[str], Origin] = _unknown_origin,
    ) -> None:
        """Start empty.

        Args:
            load: Imports a provider's adapter class. It is slow, so it runs in a thread.
            origin: Returns where a plugin comes from.
        """
        self._load = load
        self._origin = origin
        self._loops: dict[asyncio.AbstractEventLoop, _LoopAdapters] = {}
        self._handles: WeakValueDictionary[Hashable, AdapterHandle] = WeakValueDictionary()

    def handle(self, name: str, provider: Provider) -> AdapterHandle:
        """Return what gets a provider's adapter; while it is held, the adapter stays open.

        Args:
            name: The provider's name.
            provider: The provider.

        Returns:
            The handle, the same object for all who ask for this provider.
        """
        handle = AdapterHandle(self, name, provider)
        shared = self._handles.setdefault(handle.key, handle)
        if shared is handle:
            finalize(handle, self._let_go, handle.key).atexit = False
        return shared

    async def get(self, handle: AdapterHandle) -> Any:
        """Return the adapter of a handle on the running event loop; see there.

        Args:
            handle: The handle.

        Returns:
            The adapter.
        """
        key, provider = handle.key, handle.provider
        own = self._loops.get(asyncio.get_running_loop())
        if own is not None and key in own.adapters:
            return own.adapters[key]
        if missing := missing_key(provider):
            raise unavailable(f"no key: set {missing}")
        task = self._start(own or await self._open_loop(), handle)
        with clock_paused():  # the time that an import takes is not the model's
            await asyncio.wait([task])  # one caller's cancellation leaves the task alone
        if task.cancelled():
            message = "the client was closed meanwhile"
            raise AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=message))
        return task.result()

    def origin(self, provider: Provider) -> Origin:
        """Return where a provider's plugin comes from.

        Args:
            provider: The provider.

        Returns:
            The plugin's origin.
        """
        return self._origin(provider.reference)

    async def close(self) -> None:
        """Close the running loop's adapters. Other loops close theirs when they shut down."""
        own = self._loops.get(asyncio.get_running_loop())
        if own is not None:
            await _close_all(own)

    def close_nowait(self) -> None:
        """Have every loop close its adapters, without waiting: for a client's finalizer."""
        for loop, adapters in tuple(self._loops.items()):
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_start_closing, adapters)

    def _start(self, own: _LoopAdapters, handle: AdapterHandle) -> asyncio.Task[Any]:
        """Return the one task that makes the adapter; all callers wait for the same one."""
        key = handle.key
        task = own.pending.get(key)
        if task is None:
            making = self._make(own, key, handle.name, handle.provider)
            task = own.pending[key] = asyncio.create_task(making)
            task.add_done_callback(partial(_forget, own, key))
        return task

    async def _make(self, own: _LoopAdapters, key: Hashable, name: str, provider: Provider) -> Any:
        adapter_class = await blocking(self._load, provider)
        origin = self.origin(provider)

        def fail(error: str) -> AttemptFailed:
            return AttemptFailed(origin.contract_violation(f"raised {error}"))

        with guard(fail, Exception):  # the attempt classifies any other `Exception`
            adapter = adapter_class(provider)
        own.adapters[key] = adapter
        own.closers[key] = partial(_close_adapter, name, origin, adapter)
        self._close_unused(own, key)  # its callers may have gone meanwhile, and the handle too
        return adapter

    def _let_go(self, key: Hashable) -> None:
        """Have every loop close the adapter of a handle that is gone."""
        for loop, own in tuple(self._loops.items()):
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._close_unused, own, key)

    def _close_unused(self, own: _LoopAdapters, key: Hashable) -> None:
        """Close an adapter on its loop, unless there is a handle again."""
        if key not in self._handles and own.adapters.pop(key, None) is not None:
            _start_task(own, own.closers.pop(key)())

    async def _open_loop(self) -> _LoopAdapters:
        """Tie the adapters to the running loop: `shutdown_asyncgens` closes the closer."""
        for closed in [loop for loop in tuple(self._loops) if loop.is_closed()]:
            self._loops.pop(closed, None)  # it was closed without `shutdown_asyncgens`
        loop = asyncio.get_running_loop()
        own = self._loops[loop] = _LoopAdapters()
        own.closer = self._close_at_exit(loop, own)
        await anext(own.closer)
        return own

    async def _close_at_exit(
        self, loop: asyncio.AbstractEventLoop, own: _LoopAdapters
    ) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            del self._loops[loop]  # first, so that later calls make new adapters
            for task in own.pending.values():
                task.cancel()
            closers = [*own.closers.values()]
            own.adapters.clear()  # whose handle goes while it is closed is not closed again
            async with AsyncExitStack() as stack:
                stack.push_async_callback(_wait_for_others, own.closing)
                for close in closers:
                    stack.push_async_callback(close)


def missing_key(provider: Provider) -> str:
    """Return the variables that must be set before a provider can be used.

    Args:
        provider: The provider; an `api_key` of `None` means that no key is needed.

    Returns:
        The variables, as `A_KEY or B_KEY`; "" if there is a key, or none is needed.
    """
    key = provider.api_key
    return key.origin if key is not None and not key else ""


def _start_closing(own: _LoopAdapters) -> None:
    _start_task(own, _close_all(own))


def _start_task(own: _LoopAdapters, closing: Coroutine[Any, Any, None]) -> None:
    # a reference is kept because a task without one may be garbage-collected before it runs
    task = asyncio.create_task(closing)
    own.closing.add(task)
    task.add_done_callback(own.closing.discard)


async def _wait_for_others(closing: set[asyncio.Task[None]]) -> None:
    """Wait for the tasks that close single adapters."""
    others = closing - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


async def _close_all(adapters: _LoopAdapters) -> None:
    if adapters.closer is not None:
        await adapters.closer.aclose()


def _forget(own: _LoopAdapters, key: Hashable, task: asyncio.Task[Any]) -> None:
    del own.pending[key]
    if not task.cancelled():
        task.exception()  # marks it as retrieved: the callers may have been cancelled


async def _close_adapter(name: str, origin: Origin, adapter: Any) -> None:
    """Close one adapter if it has `aclose`. An error is logged, and does not stop the others."""
    limit = asyncio.timeout(LONGEST_CLOSE)
    try:
        async with limit:
            if hasattr(adapter, "aclose"):
                await adapter.aclose()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelling():
            raise
        if limit.expired():
            error = TimeoutError(f"no end in {LONGEST_CLOSE:g}s")
        report_broken_close(name, origin, error)


def _is_cancelling() -> bool:
    """Say whether the running task is being cancelled, as opposed to an adapter's own error."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
