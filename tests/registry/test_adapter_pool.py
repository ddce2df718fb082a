"""Adapters are made once for each provider and loop, and closed with the loop."""

import asyncio
import gc
import logging
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from standby.errors import AttemptFailed
from standby.failures import Kind
from standby.registry.adapter_pool import LONGEST_CLOSE, AdapterPool
from standby.settings import Provider, Secret
from tests.support import virtual_clock
from tests.support.playing import failure

A = Provider(plugin="a")
B = Provider(plugin="b")


class Vendor:
    """A plugin's adapter class that counts its imports, its adapters, and those it has closed."""

    def __init__(
        self,
        *mishaps: BaseException,
        importing: Callable[[], None] = lambda: None,
        closing: Any = 0.0,
    ) -> None:
        self.mishaps = list(mishaps)
        self.importing = importing
        self.closing = closing
        self.imports: Counter[str] = Counter()
        self.created: list[Any] = []
        self.closed: list[Any] = []

    def load(self, provider: Provider) -> type[Any]:
        self.imports[provider.plugin] += 1
        self.importing()
        vendor = self

        class Adapter:
            def __init__(self, provider: Provider) -> None:
                self.provider = provider
                if vendor.mishaps:
                    raise vendor.mishaps.pop(0)
                vendor.created.append(self)

            async def aclose(self) -> None:
                if isinstance(vendor.closing, Exception):
                    raise vendor.closing
                await asyncio.sleep(vendor.closing)
                vendor.closed.append(self)

        return Adapter


async def test_an_adapter_is_made_once_for_concurrent_calls() -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)
    got = await asyncio.gather(*(adapters.get("mine", A) for _ in range(50)))
    assert len({id(each) for each in got}) == len(vendor.created) == vendor.imports["a"] == 1
    assert got[0].provider is A
    assert await adapters.get("mine", A) is got[0]
    await adapters.close()


async def test_each_provider_has_its_own_adapter() -> None:
    adapters = AdapterPool(Vendor().load)
    names = ("one", "two")
    one, two = await asyncio.gather(*(adapters.get(name, A) for name in names))
    assert one is not two
    await adapters.close()


def test_each_loop_has_its_own_adapters_and_neither_is_kept_alive() -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)
    loops = []

    async def use() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        assert await adapters.get("mine", A) is await adapters.get("mine", A)

    for number in range(1, 6):
        asyncio.run(use())
        assert len(vendor.created) == len(vendor.closed) == number
    gc.collect()
    assert [loop() for loop in loops[:-1]] == [
        None
    ] * 4  # the last one is known to `blocking` until the next one needs it


def test_a_loop_without_shutdown_is_released_by_the_next() -> None:
    adapters = AdapterPool(Vendor().load)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(adapters.get("mine", A))
    loop.close()
    loop_reference = weakref.ref(loop)
    del loop
    asyncio.run(adapters.get("mine", A))  # type: ignore[arg-type] # a coroutine
    gc.collect()
    assert loop_reference() is None


@pytest.mark.parametrize(
    "mishap",
    [AttemptFailed(failure("unavailable", "no proxy")), ValueError("no URL"), KeyError("x")],
)
async def test_a_constructor_that_raises_is_called_again_by_the_next_call(
    mishap: Exception,
) -> None:
    vendor = Vendor(mishap)
    adapters = AdapterPool(vendor.load)
    outcomes = await asyncio.gather(
        *(adapters.get("mine", A) for _ in range(3)), return_exceptions=True
    )
    assert outcomes == [mishap] * 3
    assert await adapters.get("mine", A) is vendor.created[0]
    await adapters.close()
    assert vendor.closed == vendor.created


async def test_an_import_that_fails_is_tried_again_by_the_next_call() -> None:
    mishaps: list[Exception] = [AttemptFailed(failure("unavailable", "install it"))]

    def importing() -> None:
        if mishaps:
            raise mishaps.pop()

    adapters = AdapterPool(Vendor(importing=importing).load)
    with pytest.raises(AttemptFailed, match="install it"):
        await adapters.get("mine", A)
    assert await adapters.get("mine", A)
    await adapters.close()


async def test_an_import_that_hangs_delays_its_own_provider_only() -> None:
    go_on = threading.Event()
    vendor = Vendor(importing=lambda: None)

    def load(provider: Provider) -> type[Any]:
        loaded = vendor.load(provider)
        if provider.plugin == "a":
            go_on.wait(5)
        return loaded

    adapters = AdapterPool(load)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await adapters.get("slow", A)
    assert (await adapters.get("quick", B)).provider is B
    assert vendor.imports == {"a": 1, "b": 1}
    waiting = asyncio.create_task(adapters.get("slow", A))
    await asyncio.sleep(0)
    go_on.set()
    assert (await waiting).provider is A
    assert vendor.imports["a"] == 1
    await adapters.close()


async def test_a_failure_without_waiting_callers_is_not_logged_by_the_loop() -> None:
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    go_on = threading.Event()

    def load(_: Provider) -> type[Any]:
        go_on.wait(5)
        raise AttemptFailed(failure("unavailable"))

    adapters = AdapterPool(load)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await adapters.get("mine", A)
    go_on.set()
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0.001)
    gc.collect()
    await asyncio.sleep(0)
    assert errors == []
    await adapters.close()


@pytest.mark.parametrize(
    ("key", "url", "message"),
    [
        (Secret("", "A_KEY or B_KEY"), None, "no key: set A_KEY or B_KEY"),
        (Secret("", "A_KEY"), "http://127.0.0.1:9", "no key: set A_KEY"),
        (None, "http://127.0.0.1:9", ""),
        (Secret("k"), None, ""),
        (None, None, ""),
    ],
)
async def test_nothing_is_imported_without_the_key(key: Any, url: Any, message: str) -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)
    provider = Provider(plugin="a", api_key=key, base_url=url)
    if not message:
        await adapters.get("mine", provider)
        assert vendor.imports["a"] == 1
        await adapters.close()
        return
    with pytest.raises(AttemptFailed) as caught:
        await adapters.get("mine", provider)
    assert (str(caught.value), caught.value.failure.kind) == (message, Kind.UNAVAILABLE)
    assert vendor.imports["a"] == 0


async def test_after_closing_a_later_call_makes_a_new_one() -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)
    await adapters.close()
    first = await adapters.get("mine", A)
    await adapters.close()
    assert vendor.closed == [first]
    assert await adapters.get("mine", A) is not first
    await adapters.close()
    await adapters.close()
    assert vendor.closed == vendor.created


def test_closing_on_one_loop_leaves_the_others_alone() -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)

    async def use_and_close() -> None:
        await adapters.get("mine", A)
        await adapters.close()

    async def main() -> None:
        own_adapter = await adapters.get("mine", A)
        await asyncio.to_thread(asyncio.run, use_and_close())
        assert len(vendor.closed) == 1
        assert own_adapter not in vendor.closed
        assert await adapters.get("mine", A) is own_adapter

    asyncio.run(main())
    assert len(vendor.closed) == 2


async def test_a_call_that_waits_while_the_client_closes_fails_and_nothing_stays_open() -> None:
    go_on = threading.Event()
    vendor = Vendor(importing=lambda: go_on.wait(5) and None)
    adapters = AdapterPool(vendor.load)
    waiting = asyncio.create_task(adapters.get("mine", A))
    await asyncio.sleep(0.01)
    await adapters.close()
    go_on.set()
    with pytest.raises(AttemptFailed, match="the client was closed meanwhile"):
        await waiting
    assert vendor.created == vendor.closed == []


@pytest.mark.parametrize(
    ("closing", "message"),
    [
        (
            RuntimeError("already gone"),
            (
                "plugin 'bad' (unknown distribution): the adapter of provider 'bad' did not close: "
                "RuntimeError: already gone"
            ),
        ),
        (
            3600.0,
            (
                "plugin 'bad' (unknown distribution): the adapter of provider 'bad' did not close: "
                "TimeoutError: no end in 1s"
            ),
        ),
    ],
)
def test_an_adapter_that_does_not_close_is_logged_and_stops_no_other(
    closing: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Vendor(closing=closing), Vendor()
    vendors = {"bad": bad, "good": good}

    async def scenario() -> float:
        adapters = AdapterPool(lambda provider: vendors[provider.plugin].load(provider))
        for name in ("good", "bad", "plain"):
            vendors.setdefault("plain", good)
            await adapters.get(name, Provider(plugin=name))
        began = asyncio.get_running_loop().time()
        await adapters.close()
        return asyncio.get_running_loop().time() - began

    with caplog.at_level(logging.ERROR, "standby"):
        assert virtual_clock.run(scenario()) == (LONGEST_CLOSE if isinstance(closing, float) else 0)
    assert [record.getMessage() for record in caplog.records] == [message]
    assert good.closed == good.created[::-1]


async def test_an_adapter_may_lack_aclose() -> None:
    class Plain:
        def __init__(self, provider: Provider) -> None:
            del provider

    adapters = AdapterPool(lambda _: Plain)
    assert isinstance(await adapters.get("mine", A), Plain)
    await adapters.close()
