"""The adapters of one client: made on first use, one for each provider and event loop, closed with the loop."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from standby.errors import AttemptFailed
from standby.failures import Failure, Kind
from standby.policy import Provider
from standby.threads import blocking


class _Kept(msgspec.Struct):
    """What one event loop holds: its adapters, and the generator that closes them when the loop shuts down."""

    adapters: dict[str, Any]
    keeper: AsyncGenerator[None, None]
    making: asyncio.Lock


class Adapters:
    """Gets adapters by their provider. `load` imports a plugin's adapter class; it is slow and runs in a thread."""

    def __init__(self, load: Callable[[str], type[Any]]) -> None:
        """Hold nothing yet."""
        self._load = load
        self._loops: dict[asyncio.AbstractEventLoop, _Kept] = {}

    async def get(self, name: str, provider: Provider) -> Any:
        """Return the provider's adapter on this loop; raises `AttemptFailed` (`unavailable`) that says what is missing."""
        kept = self._loops.get(asyncio.get_running_loop())
        if kept is not None and name in kept.adapters:
            return kept.adapters[name]
        if provider.api_key is not None and not provider.api_key and provider.base_url is None:
            raise AttemptFailed(Failure(kind=Kind.UNAVAILABLE, message=f"no key: set {provider.api_key.origin}"))
        if kept is None:
            kept = await self._begin()
        async with kept.making:
            if name not in kept.adapters:
                adapter = await blocking(self._load, provider.plugin)
                kept.adapters[name] = adapter(provider)
        return kept.adapters[name]

    async def import_all(self, plugins: tuple[str, ...]) -> None:
        """Import the adapters of models that stand by, so that the first outage does not pay for it."""
        for plugin in plugins:
            try:
                await blocking(self._load, plugin)
            except AttemptFailed:
                continue  # the call that needs it will say so

    async def close(self) -> None:
        """Close what belongs to this loop; other loops close their own when they shut down."""
        kept = self._loops.pop(asyncio.get_running_loop(), None)
        if kept is not None:
            await kept.keeper.aclose()

    async def _begin(self) -> _Kept:
        """Tie the adapters' end to the loop's: `shutdown_asyncgens` closes the keeper, and the keeper closes them."""
        for loop in tuple(self._loops):  # weak keys would not do: the keeper's finaliser holds its loop
            if loop.is_closed():
                self._loops.pop(loop, None)
        adapters: dict[str, Any] = {}
        kept = _Kept(adapters, _keep(adapters), asyncio.Lock())
        self._loops[asyncio.get_running_loop()] = kept
        await anext(kept.keeper)
        return kept


async def _keep(adapters: dict[str, Any]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        while adapters:
            _, adapter = adapters.popitem()
            if hasattr(adapter, "aclose"):
                await adapter.aclose()
