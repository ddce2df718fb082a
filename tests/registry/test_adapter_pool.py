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
from standby.registry.adapter_pool import LONGEST_CLOSE, AdapterHandle, AdapterPool
from standby.runtime.attempt_clock import ATTEMPT_CLOCK
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


class Pool(AdapterPool):
    """A pool whose handles are all held."""

    def __init__(self, load: Callable[[Provider], type[Any]]) -> None:
        super().__init__(load)
        self.held: list[AdapterHandle] = []

    async def use(self, name: str, provider: Provider) -> Any:
        handle = self.handle(name, provider)
        self.held.append(handle)
        return await handle()


def end_imports() -> None:
    """Wait for the threads of imports: the last lines of each still know its loop."""
    for thread in threading.enumerate():
        if thread.name == "standby-blocking":
            thread.join(5)


async def test_an_adapter_is_made_once_for_concurrent_calls() -> None:
    vendor = Vendor()
    adapters = Pool(vendor.load)
    got = await asyncio.gather(*(adapters.use("mine", A) for _ in range(50)))
    assert len({id(each) for each in got}) == len(vendor.created) == vendor.imports["a"] == 1
    assert got[0].provider is A
    assert await adapters.use("mine", A) is got[0]
    await adapters.close()


class Clock:
    """An attempt's clock that counts its pauses."""

    def __init__(self) -> None:
        self.pauses: list[str] = []

    def pause(self) -> None:
        self.pauses.append("pause")

    def resume(self) -> None:
        self.pauses.append("resume")

    def remaining(self) -> float:
        return 60.0


async def test_an_attempts_clock_stands_while_its_adapter_is_made_and_only_then() -> None:
    vendor, clock = Vendor(), Clock()
    token = ATTEMPT_CLOCK.set(clock)
    try:
        handle = AdapterPool(vendor.load).handle("a", A)
        await handle()
        await handle()
    finally:
        ATTEMPT_CLOCK.reset(token)
    assert clock.pauses == ["pause", "resume"]


async def test_each_provider_has_its_own_adapter() -> None:
    adapters = Pool(Vendor().load)
    names = ("one", "two")
    one, two = await asyncio.gather(*(adapters.use(name, A) for name in names))
    assert one is not two
    await adapters.close()


def test_each_loop_has_its_own_adapters_and_neither_is_kept_alive() -> None:
    vendor = Vendor()
    adapters = Pool(vendor.load)
    loops = []

    async def use() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        assert await adapters.use("mine", A) is await adapters.use("mine", A)

    for number in range(1, 6):
        asyncio.run(use())
        assert len(vendor.created) == len(vendor.closed) == number
    end_imports()
    gc.collect()
    assert [loop() for loop in loops[:-1]] == [
        None
    ] * 4  # the last one is known to `blocking` until the next one needs it


def test_a_loop_without_shutdown_is_released_by_the_next() -> None:
    adapters = Pool(Vendor().load)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(adapters.use("mine", A))
    loop.close()
    loop_reference = weakref.ref(loop)
    del loop
    asyncio.run(adapters.use("mine", A))
    end_imports()
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
    adapters = Pool(vendor.load)
    outcomes = await asyncio.gather(
        *(adapters.use("mine", A) for _ in range(3)), return_exceptions=True
    )
    assert outcomes == [mishap] * 3
    assert await adapters.use("mine", A) is vendor.created[0]
    await adapters.close()
    assert vendor.closed == vendor.created


async def test_an_import_that_fails_is_tried_again_by_the_next_call() -> None:
    mishaps: list[Exception] = [AttemptFailed(failure("unavailable", "install it"))]

    def importing() -> None:
        if mishaps:
            raise mishaps.pop()

    adapters = Pool(Vendor(importing=importing).load)
    with pytest.raises(AttemptFailed, match="install it"):
        await adapters.use("mine", A)
    assert await adapters.use("mine", A)
    await adapters.close()


async def test_an_import_that_hangs_delays_its_own_provider_only() -> None:
    go_on = threading.Event()
    vendor = Vendor(importing=lambda: None)

    def load(provider: Provider) -> type[Any]:
        loaded = vendor.load(provider)
        if provider.plugin == "a":
            go_on.wait(5)
        return loaded

    adapters = Pool(load)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await adapters.use("slow", A)
    assert (await adapters.use("quick", B)).provider is B
    assert vendor.imports == {"a": 1, "b": 1}
    waiting = asyncio.create_task(adapters.use("slow", A))
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

    adapters = Pool(load)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await adapters.use("mine", A)
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
    adapters = Pool(vendor.load)
    provider = Provider(plugin="a", api_key=key, base_url=url)
    if not message:
        await adapters.use("mine", provider)
        assert vendor.imports["a"] == 1
        await adapters.close()
        return
    with pytest.raises(AttemptFailed) as caught:
        await adapters.use("mine", provider)
    assert (str(caught.value), caught.value.failure.kind) == (message, Kind.UNAVAILABLE)
    assert vendor.imports["a"] == 0


async def test_after_closing_a_later_call_makes_a_new_one() -> None:
    vendor = Vendor()
    adapters = Pool(vendor.load)
    await adapters.close()
    first = await adapters.use("mine", A)
    await adapters.close()
    assert vendor.closed == [first]
    assert await adapters.use("mine", A) is not first
    await adapters.close()
    await adapters.close()
    assert vendor.closed == vendor.created


def test_closing_on_one_loop_leaves_the_others_alone() -> None:
    vendor = Vendor()
    adapters = Pool(vendor.load)

    async def use_and_close() -> None:
        await adapters.use("mine", A)
        await adapters.close()

    async def main() -> None:
        own_adapter = await adapters.use("mine", A)
        await asyncio.to_thread(asyncio.run, use_and_close())
        assert len(vendor.closed) == 1
        assert own_adapter not in vendor.closed
        assert await adapters.use("mine", A) is own_adapter

    asyncio.run(main())
    assert len(vendor.closed) == 2


async def test_a_call_that_waits_while_the_client_closes_fails_and_nothing_stays_open() -> None:
    go_on = threading.Event()
    vendor = Vendor(importing=lambda: go_on.wait(5) and None)
    adapters = Pool(vendor.load)
    waiting = asyncio.create_task(adapters.use("mine", A))
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
        adapters = Pool(lambda provider: vendors[provider.plugin].load(provider))
        for name in ("good", "bad", "plain"):
            vendors.setdefault("plain", good)
            await adapters.use(name, Provider(plugin=name))
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

    adapters = Pool(lambda _: Plain)
    assert isinstance(await adapters.use("mine", A), Plain)
    await adapters.close()


# What nothing names any more


async def settled() -> None:
    """Wait until all tasks but this one have ended."""
    gc.collect()
    await asyncio.sleep(0)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:  # type: ignore[operator]
        await asyncio.wait(others)


def test_one_provider_has_one_handle() -> None:
    adapters = AdapterPool(Vendor().load)
    one, same = adapters.handle("mine", A), adapters.handle("mine", Provider(plugin="a"))
    assert one is same
    assert adapters.handle("mine", B) is not one
    assert adapters.handle("yours", A) is not one


async def test_an_adapter_without_a_handle_is_closed() -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)
    kept, dropped = adapters.handle("kept", B), adapters.handle("dropped", A)
    stays, goes = await kept(), await dropped()
    also = adapters.handle("dropped", A)
    del dropped
    await settled()
    assert vendor.closed == [], "one of two who asked still has the handle"
    del also
    await settled()
    assert vendor.closed == [goes]
    assert await kept() is stays
    await adapters.close()
    assert vendor.closed == [goes, stays]


async def test_forty_accounts_in_turn_leave_one_adapter() -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)
    for number in range(40):
        handle = adapters.handle("mine", Provider(plugin="a", api_key=Secret(str(number))))
        await handle()
    await settled()
    assert len(vendor.created) == 40
    assert vendor.closed == vendor.created[:-1]
    await adapters.close()
    assert vendor.closed == vendor.created


async def test_an_adapter_that_is_named_again_at_once_stays() -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)
    handle = adapters.handle("mine", A)
    first = await handle()
    del handle
    handle = adapters.handle("mine", A)
    await settled()
    assert (vendor.closed, await handle()) == ([], first)
    await adapters.close()


async def test_an_adapter_that_is_made_for_nobody_is_closed() -> None:
    go_on = threading.Event()
    vendor = Vendor(importing=lambda: go_on.wait(5) and None)
    adapters = AdapterPool(vendor.load)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await adapters.handle("mine", A)()
    gc.collect()
    go_on.set()
    await settled()
    assert len(vendor.created) == 1
    assert vendor.closed == vendor.created
    await adapters.close()


def test_an_adapter_is_closed_on_each_of_its_loops() -> None:
    vendor = Vendor()
    adapters = AdapterPool(vendor.load)
    handles = [adapters.handle("mine", A)]

    async def use(both: threading.Barrier) -> None:
        await handles[0]()
        await asyncio.to_thread(both.wait, 5)
        await asyncio.to_thread(both.wait, 5)
        await settled()

    both = threading.Barrier(3)
    threads = [threading.Thread(target=asyncio.run, args=(use(both),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    both.wait(5)
    assert (len(vendor.created), vendor.closed) == (2, [])
    handles.clear()
    both.wait(5)
    for thread in threads:
        thread.join()
    assert sorted(map(id, vendor.closed)) == sorted(map(id, vendor.created))


async def test_closing_waits_for_adapters_that_are_being_closed_and_closes_none_twice() -> None:
    vendor = Vendor(closing=0.02)
    adapters = AdapterPool(vendor.load)
    first, second = adapters.handle("one", A), adapters.handle("two", B)
    await first()
    await second()
    del first
    await asyncio.sleep(0)
    closing = asyncio.create_task(adapters.close())
    await asyncio.sleep(0)
    del second
    await closing
    await settled()
    assert vendor.closed in (vendor.created, vendor.created[::-1])
