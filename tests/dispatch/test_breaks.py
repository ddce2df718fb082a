"""Streams on virtual time: when a chunk is released, and what follows when a stream then breaks."""

import asyncio
import contextlib
from typing import Any

import pytest

from standby.errors import ChainExhausted, DeadlineExceeded, StreamBroken
from standby.failures import Kind
from standby.plugin import End
from standby.settings import StreamRules
from standby.types import Chunk, Finish, Reply
from tests.support.playing import Plays, Streams, dispatch, failure, route, target
from tests.support.virtual_clock import run

CUT = failure("connection", "connection error: reset")
RESTART = StreamRules(on_break="restart")


class Reader:
    """Collects chunks as a caller does: a reset discards the earlier ones."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.resets = 0

    async def put(self, chunk: Chunk) -> None:
        if chunk.reset:
            self.resets += 1
            self.texts.clear()
        self.texts.append(chunk.text)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def run_stream(*targets: Any, buffered: bool = False, **chain: Any) -> tuple[Reply, Reader, float]:
    reader = Reader()
    if buffered:
        chain["stream"] = StreamRules(release="whole")

    async def scenario() -> tuple[Reply, float]:
        reply = await dispatch(route(*targets, **chain), put=reader.put).run()
        return reply, asyncio.get_running_loop().time()

    reply, took = run(scenario())
    return reply, reader, took


def run_breaking(*targets: Any, **chain: Any) -> tuple[StreamBroken, Reader]:
    reader = Reader()
    with pytest.raises(StreamBroken) as caught:
        run(dispatch(route(*targets, **chain), put=reader.put).run())
    return caught.value, reader


def test_a_break_before_the_first_text_is_invisible() -> None:
    reply, reader, _ = run_stream(
        target("a", Streams(" ", CUT)), target("b", Streams("Lis", "bon.", End()))
    )
    assert (reply.model, reader.text, reader.resets) == ("b", "Lisbon.", 0)


def test_a_break_after_the_first_text_raises_and_calls_no_other_model() -> None:
    second = Plays("never")
    error, reader = run_breaking(target("a", Streams("Lis", CUT)), target("b", second))
    assert (error.partial, reader.text, second.calls) == ("Lis", "Lis", [])
    assert (error.failure.kind, error.trail[0].then) == (Kind.CONNECTION, "stop")


def test_restart_calls_the_next_model_from_the_beginning_with_a_reset_chunk() -> None:
    timeout = failure("timeout", "timeout: no token for 30s")
    reply, reader, _ = run_stream(
        target("a", Streams("Lis", timeout)),
        target("b", Streams("Por", "to.", End())),
        stream=RESTART,
    )
    assert (reply.text, reader.text, reader.resets) == ("Porto.", "Porto.", 1)
    assert [(attempt.model, attempt.outcome) for attempt in reply.trail] == [
        ("a", "failed"),
        ("b", "answered"),
    ]


def test_restart_may_call_the_same_model_again() -> None:
    class Second(Streams):
        async def stream(self, call: Any) -> Any:
            self.pieces = ("Lis", CUT) if not self.calls else ("Lisbon.", End())
            async for chunk in super().stream(call):
                yield chunk

    reply, reader, _ = run_stream(target("a", Second()), stream=RESTART)
    assert (reply.text, reader.text, reader.resets) == ("Lisbon.", "Lisbon.", 1)


def test_restart_with_a_model_that_does_not_stream() -> None:
    reply, reader, _ = run_stream(
        target("a", Streams("Lis", failure("timeout"))),
        target("b", Plays("Porto.")),
        stream=RESTART,
    )
    assert (reply.text, reader.text, reader.resets) == ("Porto.", "Porto.", 1)


def test_when_no_model_can_restart_the_caller_gets_the_partial_text() -> None:
    error, reader = run_breaking(
        target("a", Streams("Lis", failure("timeout"))),
        target("b", Plays(failure("timeout"))),
        stream=RESTART,
    )
    assert (error.partial, reader.text, reader.resets) == ("Lis", "Lis", 0)
    assert [attempt.model for attempt in error.trail] == ["a", "b"]


def test_the_partial_text_is_what_came_after_the_last_restart() -> None:
    error, reader = run_breaking(
        target("a", Streams("Lis", failure("timeout"))),
        target("b", Streams("Por", failure("timeout"))),
        stream=RESTART,
    )
    assert (error.partial, reader.text, reader.resets) == ("Por", "Por", 1)


def test_a_block_after_the_first_text_ends_a_restart_too() -> None:
    error, _ = run_breaking(
        target("a", Streams("Lis", failure("blocked"))), target("b", Plays("never")), stream=RESTART
    )
    assert (error.failure.kind, error.partial) == (Kind.BLOCKED, "Lis")


def test_a_buffered_stream_hides_every_break() -> None:
    reply, reader, _ = run_stream(
        target("a", Streams(*"forty tokens of sixty", CUT)),
        target("b", Streams("Lis", "bon.", End())),
        buffered=True,
    )
    assert (reply.model, reader.texts, reader.resets) == ("b", ["Lisbon."], 0)


def test_a_buffered_stream_releases_nothing_if_all_models_fail() -> None:
    reader = Reader()
    with pytest.raises(ChainExhausted):
        buffered = StreamRules(release="whole")
        run(
            dispatch(
                route(target("a", Streams("Lis", failure("timeout"))), stream=buffered),
                put=reader.put,
            ).run()
        )
    assert reader.texts == []


def test_the_first_token_must_come_in_time() -> None:
    reply, _, took = run_stream(
        target("a", Streams(20, "late", End()), first_token_timeout=10.0),
        target("b", Streams(4, "in time", End())),
    )
    assert (reply.text, took) == ("in time", 14.0)
    assert reply.trail[0].text == "timeout: no first token in 10s"


def test_white_space_is_not_a_first_token() -> None:
    reply, _, took = run_stream(
        target("a", Streams(1, " ", 20, "late", End()), first_token_timeout=10.0),
        target("b", Plays("in time")),
    )
    assert (reply.text, took) == ("in time", 10.0)


def test_a_stall_is_noticed_on_time_whatever_came_before() -> None:
    reply, _, took = run_stream(
        target(
            "a",
            Streams(1, "x", 2, "y", 2, "z", 600),
            first_token_timeout=60.0,
            idle_timeout=7.0,
            timeout=300.0,
        ),
        target("b", Plays("whole")),
        buffered=True,
    )
    assert (reply.text, took) == ("whole", 12.0)
    assert reply.trail[0].text == "timeout: no token for 7s"


def test_a_stream_that_keeps_talking_is_bounded_by_the_timeout() -> None:
    reply, _, took = run_stream(
        target(
            "a",
            Streams(*(piece for _ in range(100) for piece in (1, "x"))),
            timeout=30.0,
            idle_timeout=5.0,
        ),
        target("b", Plays("whole")),
        buffered=True,
    )
    assert (reply.text, took) == ("whole", 30.0)
    assert reply.trail[0].text == "timeout: no complete answer in 30s"


def test_a_slow_reader_costs_the_model_no_time() -> None:
    async def scenario() -> Reply:
        async def put(chunk: Chunk) -> None:
            del chunk
            await asyncio.sleep(20)

        chain = route(
            target("a", Streams("x", 1, "y", 1, "z", End()), idle_timeout=5.0, timeout=10.0)
        )
        return await dispatch(chain, put=put).run()

    assert run(scenario()).text == "xyz"


def test_the_deadline_limits_a_slow_reader_too() -> None:
    async def scenario() -> float:
        async def put(chunk: Chunk) -> None:
            del chunk
            await asyncio.sleep(600)

        with pytest.raises(StreamBroken, match="within the deadline of 30s"):
            await dispatch(route(target("a", Streams("x", End()))), put=put, deadline=30.0).run()
        return asyncio.get_running_loop().time()

    assert run(scenario()) == 30.0


def test_each_model_leaves_time_for_those_after_it() -> None:
    chain = route(*(target(name, Plays(600), timeout=100.0) for name in "abc"), deadline=30.0)
    with pytest.raises(DeadlineExceeded) as caught:
        run(dispatch(chain).run())
    assert [(attempt.start, attempt.duration) for attempt in caught.value.trail] == [
        (0.0, 20.0),
        (20.0, 5.0),
        (25.0, 5.0),
    ]


def test_a_short_deadline_is_shared_equally() -> None:
    chain = route(*(target(name, Plays(600), timeout=100.0) for name in "abc"), deadline=3.0)
    with pytest.raises(DeadlineExceeded) as caught:
        run(dispatch(chain).run())
    assert [attempt.start for attempt in caught.value.trail] == [0.0, 1.0, 2.0]


def test_after_a_slow_reader_of_a_broken_stream_the_next_models_share_the_time_left() -> None:
    class Slow(Reader):
        async def put(self, chunk: Chunk) -> None:
            await asyncio.sleep(0.0 if self.texts else 14.0)
            await super().put(chunk)

    chain = (
        target("a", Streams("Lis", failure("timeout"))),
        target("b", Plays(600)),
        target("c", Plays("Porto.")),
    )
    reply = run(dispatch(route(*chain, stream=RESTART, deadline=20.0), put=Slow().put).run())
    assert [attempt.start for attempt in reply.trail] == [0.0, 14.0, 17.0]


def test_a_pause_that_would_use_up_the_reserve_means_next() -> None:
    chain = route(
        target("a", Plays(failure("rate_limited", retry_after=2.0))),
        target("b", Plays("Lisbon.")),
        deadline=3.0,
    )
    assert [attempt.model for attempt in run(dispatch(chain).run()).trail] == ["a", "b"]


def test_a_plugin_that_swallows_cancellation_is_abandoned_after_50_ms_and_reported() -> None:
    class Stubborn:
        async def complete(self, call: Any) -> Reply:
            del call
            for _ in range(100):
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    continue
            return Reply(text="at last")

    async def scenario() -> tuple[Reply, float, list[str]]:
        emitted: list[Any] = []
        chain = route(
            target("a", Stubborn(), timeout=30.0), target("b", Plays("Lisbon.")), deadline=60.0
        )
        reply = await dispatch(chain, events=emitted).run()
        took = asyncio.get_running_loop().time()
        await asyncio.sleep(2000)
        return reply, took, [type(event).__name__ for event in emitted]

    reply, took, emitted = run(scenario())
    assert (reply.model, round(took, 6)) == ("b", 30.05)
    assert "Abandoned" in emitted


def test_no_text_of_an_abandoned_plugin_reaches_the_caller() -> None:
    class Stubborn(Streams):
        async def stream(self, call: Any) -> Any:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(600)
            async for chunk in super().stream(call):
                yield chunk

    async def scenario(reader: Reader) -> None:
        late = Stubborn(5, "too late", End())
        with pytest.raises(DeadlineExceeded):
            await dispatch(route(target("a", late), deadline=3.0), put=reader.put).run()
        await asyncio.sleep(60)
        assert late.closed == 1

    reader = Reader()
    run(scenario(reader))
    assert reader.texts == []


def test_a_plugin_that_cancels_itself_violates_its_contract() -> None:
    class CancelsItself:
        async def complete(self, call: Any) -> Reply:
            del call
            raise asyncio.CancelledError

    reply = run(dispatch(route(target("a", CancelsItself()), target("b", Plays("Lisbon.")))).run())
    assert (reply.trail[0].kind, reply.trail[0].text) == (
        Kind.CONTRACT,
        "the plugin of provider 'p' cancelled itself",
    )


def test_a_plugin_that_raises_generator_exit_violates_its_contract() -> None:
    reply = run(
        dispatch(route(target("a", Plays(GeneratorExit())), target("b", Plays("Lisbon.")))).run()
    )
    assert (reply.trail[0].kind, reply.trail[0].text) == (
        Kind.CONTRACT,
        "the plugin of provider 'p' raised GeneratorExit",
    )


def test_a_truncated_stream_is_marked() -> None:
    reply, _, _ = run_stream(target("a", Streams("Lis", End(finish=Finish.LENGTH))))
    assert (reply.finish, reply.trail[0].kind) == (Finish.LENGTH, Kind.TRUNCATED)
