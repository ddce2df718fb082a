"""The adapters of one client: made on first use, one for each provider and event loop, closed with the loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.http.transport import unavailable
from standby.observe.log import report_broken_close
from standby.runtime.isolation import Origin, guard
from standby.runtime.threads import blocking
from standby.settings import Provider

LONGEST_CLOSE = 1.0
"""Seconds that an adapter may take to close; one that hangs keeps nobody from leaving."""


class _Kept(msgspec.Struct):
    """What one event loop holds: its adapters, those that are being made, and the generator that closes them all."""

    adapters: dict[Hashable, Any] = {}
    making: dict[Hashable, asyncio.Task[Any]] = {}
    closing: AsyncExitStack = msgspec.field(default_factory=AsyncExitStack)
    keeper: AsyncGenerator[None, None] | None = None
    ending: asyncio.Task[None] | None = None


def _unknown(plugin: str) -> Origin:
    return Origin(plugin, "unknown distribution")


class AdapterPool:
    """Gets adapters by their provider.

    `load` imports a plugin's adapter class; it is slow and runs in a thread. `origin` says where a
    plugin comes from.
    """

    def __init__(
        self, load: Callable[[str], type[Any]], origin: Callable[[str], Origin] = _unknown
    ) -> None:
        """Hold nothing yet."""
        self._load = load
        self._origin = origin
        self._loops: dict[asyncio.AbstractEventLoop, _Kept] = {}

    async def get(self, name: str, provider: Provider) -> Any:
        """Return the provider's adapter on this loop; raises `AttemptFailed` (`unavailable`) that says what is missing."""
        kept = self._loops.get(asyncio.get_running_loop())
        if kept is not None and (name, provider.account) in kept.adapters:
            return kept.adapters[name, provider.account]
        if missing := missing_key(provider):
            raise unavailable(f"no key: set {missing}")
        making = self._making(kept or await self._begin(), name, provider)
        await asyncio.wait([making])  # it is not cancelled with one of those who wait for it
        if making.cancelled():
            words = "the client was closed meanwhile"
            raise AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=words))
        return making.result()

    def origin(self, provider: Provider) -> Origin:
        """Say where the provider's plugin comes from."""
        return self._origin(provider.reference)

    async def import_adapters(self, providers: Iterable[Provider]) -> None:
        """Import the adapters of models that stand by, so that the first outage does not pay for it."""
        for plugin in {
            provider.reference: None for provider in providers if not missing_key(provider)
        }:
            try:
                await blocking(self._load, plugin)
            except Exception:  # noqa: BLE001, S112 - the call that needs it will say so
                continue

    async def close(self) -> None:
        """Close what belongs to this loop; other loops close their own when they shut down."""
        kept = self._loops.get(asyncio.get_running_loop())
        if kept is not None:
            await _ended(kept)

    def close_nowait(self) -> None:
        """Close what belongs to any loop, without waiting: for the finaliser of a client that nobody holds any more."""
        for loop, kept in tuple(self._loops.items()):
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_end, kept)

    def _making(self, kept: _Kept, name: str, provider: Provider) -> asyncio.Task[Any]:
        """Return the one task that makes the adapter; a failure is forgotten, so that the next call tries anew."""
        which = name, provider.account
        making = kept.making.get(which)
        if making is None:
            making = kept.making[which] = asyncio.create_task(self._make(kept, name, provider))
            making.add_done_callback(partial(_forget, kept, which))
        return making

    async def _make(self, kept: _Kept, name: str, provider: Provider) -> Any:
        adapter_class = await blocking(self._load, provider.reference)
        origin = self.origin(provider)
        with guard(
            lambda words: AttemptFailed(origin.contract_violation(f"raised {words}")), Exception
        ):  # an attempt sorts those
            adapter = adapter_class(provider)
        kept.adapters[name, provider.account] = adapter
        kept.closing.push_async_callback(_close, name, origin, adapter)
        return adapter

    async def _begin(self) -> _Kept:
        """Tie the adapters' end to the loop's: `shutdown_asyncgens` closes the keeper, and the keeper closes them."""
        for closed in [loop for loop in tuple(self._loops) if loop.is_closed()]:
            self._loops.pop(closed, None)  # nobody shut it down
        loop = asyncio.get_running_loop()
        kept = self._loops[loop] = _Kept()
        kept.keeper = self._keep(loop, kept)
        await anext(kept.keeper)
        return kept

    async def _keep(
        self, loop: asyncio.AbstractEventLoop, kept: _Kept
    ) -> AsyncGenerator[None, None]:
        async with kept.closing:
            try:
                yield
            finally:
                del self._loops[loop]  # first of all: whoever calls from now on begins anew
                for making in kept.making.values():
                    making.cancel()


def _end(kept: _Kept) -> None:
    kept.ending = asyncio.create_task(
        _ended(kept)
    )  # held, because a task that nobody holds may be collected before it ran


async def _ended(kept: _Kept) -> None:
    if kept.keeper is not None:
        await kept.keeper.aclose()


def _forget(kept: _Kept, which: Hashable, making: asyncio.Task[Any]) -> None:
    del kept.making[which]
    if not making.cancelled():
        making.exception()  # seen: those who waited for it may have left


async def _close(name: str, origin: Origin, adapter: Any) -> None:
    """Close one adapter, if it can be closed; what goes wrong is told, and stops neither the others nor the caller."""
    limit = asyncio.timeout(LONGEST_CLOSE)
    try:
        async with limit:
            if hasattr(adapter, "aclose"):
                await adapter.aclose()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # the caller's
        report_broken_close(
            name,
            origin,
            TimeoutError(f"no end in {LONGEST_CLOSE:g}s") if limit.expired() else error,
        )


def missing_key(provider: Provider) -> str:
    """Return what must be set; "" if there is a key, or none is needed (`None`: an endpoint of one's own may want none)."""
    key = provider.api_key
    return key.origin if key is not None and not key else ""
