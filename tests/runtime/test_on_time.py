"""Calls of `Standby` end on time, whatever a plugin does to the event loop; on real threads."""

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from standby import DeadlineExceeded, Settings, Standby, StreamBroken
from standby.events import Event, LoopBlocked
from standby.settings import Chain, Model
from standby.streams import GRACE
from tests.support.busy import SLACK

PLUGIN = """
import asyncio
import time

from standby.plugin import Chunk, ProviderInfo, Reply, blocking, hookimpl

RELEASED = []
OPTIONS = {"type": "object", "properties": {"does": {"type": "string"}}}


@hookimpl
def standby_provider():
    return ProviderInfo(adapter="standby_rude:Rude", options=OPTIONS)


class Rude:
    def __init__(self, provider):
        pass

    async def complete(self, call):
        await getattr(self, call.options["does"])()
        return Reply(text="at last")

    async def stream(self, call):
        yield Chunk("first ")
        await getattr(self, call.options["does"])()

    async def blocks(self):
        while not RELEASED:
            time.sleep(0.01)

    async def blocks_in_a_thread(self):
        await blocking(asyncio.run, self.blocks())

    async def waits(self):
        await asyncio.sleep(60)

    async def swallows(self):
        while True:
            try:
                await asyncio.sleep(0.3)
            except asyncio.CancelledError:
                await asyncio.sleep(0.3)
                return
"""


@pytest.fixture(autouse=True)
def _rude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    info = tmp_path / "standby_rude-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: standby-rude\nVersion: 1.0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        "[standby.plugins]\nrude = standby_rude\n", encoding="utf-8"
    )
    (tmp_path / "standby_rude.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    release()  # all tests of this process share the background loop
    sys.modules.pop("standby_rude", None)


def release() -> None:
    """Release the plugin that blocks; otherwise it blocks for ever."""
    sys.modules["standby_rude"].RELEASED.append("now")  # type: ignore[attr-defined]


def client(does: str, sinks: list[Event] | None = None) -> Standby:
    settings = Settings(
        models={"rude": Model(provider="rude", options={"does": does})},
        chains={"default": Chain(models=("rude",), deadline=0.8)},
    )
    return Standby(
        settings=settings,
        environ={},
        sinks=[(sinks if sinks is not None else []).append],
        warm_up=False,
    )


@pytest.mark.parametrize("does", ["waits", "blocks_in_a_thread", "swallows", "blocks"])
def test_a_blocking_call_ends_on_time(does: str) -> None:
    standby = client(does)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"no complete reply within the deadline of 0\.8s"):
        standby.chat("Which city?")
    assert time.monotonic() - began < 0.8 + GRACE + SLACK
    release()
    standby.close()


@pytest.mark.parametrize("does", ["waits", "blocks"])
def test_a_blocking_stream_ends_on_time(does: str) -> None:
    standby = client(does)
    began = time.monotonic()
    with (
        pytest.raises((DeadlineExceeded, StreamBroken), match=r"within the deadline of 0\.8s"),
        standby.stream("Which city?") as stream,
    ):
        list(stream)
    assert time.monotonic() - began < 0.8 + 2 * GRACE + SLACK
    release()
    standby.close()


def test_the_plugin_that_blocks_is_named(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Event] = []
    standby = client("blocks", seen)
    with (
        caplog.at_level(logging.ERROR, "standby"),
        pytest.raises(DeadlineExceeded, match="the event loop is blocked, the log says by"),
    ):
        standby.chat("Which city?")
    give_up = time.monotonic() + 10
    while not any(isinstance(event, LoopBlocked) for event in seen) and time.monotonic() < give_up:
        time.sleep(0.01)
    release()
    standby.close()
    (blocked,) = [event for event in seen if isinstance(event, LoopBlocked)]
    assert blocked.code.startswith("standby_rude.blocks, line ")
    assert any("standby_rude.blocks" in record.getMessage() for record in caplog.records)


def test_after_the_block_the_client_works_again() -> None:
    standby = client("blocks")
    with pytest.raises(DeadlineExceeded):
        standby.chat("Which city?")
    release()
    assert standby.chat("Which city?", deadline=10).text == "at last"
    standby.close()
