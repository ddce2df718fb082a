"""Streams as callers use them: read, closed early, shared; on virtual time and on the wire."""

import asyncio
import contextvars
import gc
import random
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import msgspec
import pytest

from standby import AsyncStandby, ChainExhausted, Standby, StreamBroken
from standby.dispatch.attempt import CANCEL_GRACE
from standby.dispatch.dispatcher import Dispatcher
from standby.dispatch.stream_buffer import READ_AHEAD
from standby.dispatch.target import Route
from standby.errors import CallFailed
from standby.plugin import Chunk, End, ModelRequest
from standby.runtime.background_loop import run as run_privately
from standby.settings import Retry, StreamRules
from standby.streams import AsyncStream, Start, Stream
from standby.types import Finish, Reply, Usage
from tests.support.chains import loopback_chain
from tests.support.loopback import Loopback, openai_stream
from tests.support.playing import Plays, Streams, failure, request, route, target
from tests.support.virtual_clock import run

caller_name = contextvars.ContextVar("who", default="nobody")
END = End(
    finish=Finish.LENGTH,
    usage=Usage(input=3, output=2),
    response_model="m1-2026",
    id="r-1",
    provider_state="state",
)


def started_by(*adapters: Any, **rest: Any) -> tuple[Start, float]:
    targets = [target(f"m{number}", adapter, **rest) for number, adapter in enumerate(adapters, 1)]
    return starting(route(*targets))


def starting(chain: Route) -> tuple[Start, float]:
    """Return what `AsyncStream` takes."""
    dispatcher = Dispatcher(chain, emit=lambda _: None, jitter=random.Random(1))
    deadline = chain.chain.deadline
    return partial(dispatcher.start, request(), deadline), deadline


def texts(chunks: Any) -> list[str]:
    return [chunk.text for chunk in chunks if chunk.end is None]


async def collect(stream: AsyncStream) -> list[Chunk]:
    return [chunk async for chunk in stream]


class Counts:
    """Streams numbers without ever waiting, and counts how far it came."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sent = 0

    async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
        del call
        while self.sent < self.size:
            self.sent += 1
            yield Chunk(f"{self.sent} ")
        yield Chunk(end=End())

    @property
    def all(self) -> list[str]:
        return [f"{number} " for number in range(1, self.size + 1)]


# Read to the end


def test_chunks_arrive_as_they_come() -> None:
    async def scenario() -> list[tuple[float, str]]:
        now = asyncio.get_running_loop().time
        return [
            (now(), chunk.text)
            async for chunk in AsyncStream(*started_by(Streams("a", 1.0, "b", 2.0, "c", END)))
        ]

    assert run(scenario()) == [(0.0, "a"), (1.0, "b"), (3.0, "c"), (3.0, "")]


@pytest.mark.parametrize(
    "adapter",
    [Streams("Lis", "bon.", END), Plays(Reply(text="Lisbon.", **msgspec.structs.asdict(END)))],
)
def test_one_chunk_with_an_end_comes_last_and_together_they_are_the_reply(adapter: Any) -> None:
    async def scenario() -> tuple[list[Chunk], AsyncStream]:
        stream = AsyncStream(*started_by(adapter))
        return await collect(stream), stream

    chunks, stream = run(scenario())
    assert [chunk.end for chunk in chunks if chunk.end] == [chunks[-1].end] == [END]
    assert "".join(texts(chunks)) == stream.reply.text == "Lisbon."
    assert {
        name: getattr(stream.reply, name) for name in End.__struct_fields__
    } == msgspec.structs.asdict(END)
    assert stream.trail == stream.reply.trail
    assert stream.reply.model == "m1"


def test_no_model_is_called_before_the_first_read() -> None:
    async def scenario() -> None:
        for entered in (False, True):
            model = Streams("Lisbon.", END)
            stream = AsyncStream(*started_by(model))
            await asyncio.sleep(5)
            assert not model.calls
            if entered:
                async with stream:
                    await asyncio.sleep(5)
                    assert len(model.calls) == 1
            else:
                assert (await anext(stream)).text == "Lisbon."
            await stream.close()

    run(scenario())


# Who speaks, and what counts

CUT = failure("connection", "connection error: reset")
BROKEN_TWICE = (Streams("Ma", "drid", CUT), Streams("Pa", CUT), Streams("Lis", "bon.", END))


def breaking(*adapters: Any, timeout: float = 30.0, **rules: Any) -> tuple[Start, float]:
    """Return a chain without retries, with these rules for its streams."""
    targets = [
        target(f"m{number}", adapter, timeout=timeout) for number, adapter in enumerate(adapters, 1)
    ]
    return starting(route(*targets, stream=StreamRules(**rules), retry=Retry(attempts=1)))


async def seen(stream: AsyncStream) -> list[tuple[str | None, str]]:
    """Read slowly, so that the model is far ahead; return model and text after each chunk."""
    noted = [(stream.model, stream.text)]
    async for _ in stream:
        await asyncio.sleep(5)
        noted.append((stream.model, stream.text))
    return noted


def test_a_stream_has_the_model_that_was_read_last_and_the_text_that_counts() -> None:
    async def scenario() -> None:
        stream = AsyncStream(*breaking(*BROKEN_TWICE, on_break="restart"))
        steps = [(None, ""), ("m1", "Ma"), ("m1", "Madrid"), ("m2", ""), ("m2", "Pa")]
        steps += [("m3", ""), ("m3", "Lis"), ("m3", "Lisbon."), ("m3", "Lisbon.")]
        assert await seen(stream) == steps
        assert (stream.model, stream.text) == (stream.reply.model, stream.reply.text)

    run(scenario())


def test_a_buffered_stream_names_the_model_that_answered() -> None:
    async def scenario() -> None:
        stream = AsyncStream(*breaking(*BROKEN_TWICE, release="whole"))
        assert await seen(stream) == [(None, ""), ("m3", "Lisbon."), ("m3", "Lisbon.")]

    run(scenario())


def test_a_broken_stream_still_names_the_last_model() -> None:
    async def scenario() -> None:
        stream = AsyncStream(*started_by(Streams("Ma", "drid", CUT), Plays("Lisbon.")))
        with pytest.raises(StreamBroken):
            await seen(stream)
        assert (stream.model, stream.text) == ("m1", "Madrid")

    run(scenario())


def test_in_a_thread_too_model_and_text_are_those_of_the_last_chunk() -> None:
    with Stream(*breaking(*BROKEN_TWICE, on_break="restart")) as stream:
        noted: list[tuple[str | None, str]] = []
        for chunk in stream:
            noted.append((stream.model, stream.text))
            time.sleep(0.05 if len(noted) == 1 else 0)  # by now all of it is there
            assert chunk.reset == (stream.text == "")
    assert noted[:3] == [("m1", "Ma"), ("m1", "Madrid"), ("m2", "")]
    assert noted[-1] == ("m3", "Lisbon.") == (stream.model, stream.text)


def test_a_reset_that_could_not_be_put_comes_before_the_next_text() -> None:
    first = Streams(*["x"] * (READ_AHEAD + 1), CUT)  # the reader is behind, so that the reset waits
    chain = breaking(
        first, Streams("Paris", 20.0, CUT), Streams("Lisbon.", END), timeout=4.0, on_break="restart"
    )

    async def scenario() -> list[Chunk]:
        stream = AsyncStream(*chain)
        await stream.take(1)
        await asyncio.sleep(60)
        return await collect(stream)

    chunks = run(scenario())
    assert text_that_counts(chunks) == "Lisbon."


def text_that_counts(chunks: list[Chunk]) -> str:
    begins = max(at for at, chunk in enumerate(chunks) if chunk.reset)
    return "".join(texts(chunks[begins:]))


def test_there_is_no_reply_before_the_end() -> None:
    message = "the stream has no reply yet: read it to its end first"

    async def scenario() -> None:
        stream = AsyncStream(*started_by(Streams("Lisbon.", END)))
        with pytest.raises(RuntimeError, match=message):
            _ = stream.reply
        await anext(stream)
        await asyncio.sleep(1)
        with pytest.raises(RuntimeError, match=message):
            _ = stream.reply
        await anext(stream)
        assert stream.reply.text == "Lisbon."

    run(scenario())


def test_a_failure_before_the_first_text_is_only_on_the_trail() -> None:
    async def scenario() -> None:
        stream = AsyncStream(*started_by(Streams(" ", failure("timeout")), Streams("Lisbon.", END)))
        assert texts(await collect(stream)) == ["Lisbon."]
        assert [attempt.model for attempt in stream.trail] == ["m1", "m2"]

    run(scenario())


@pytest.mark.parametrize(
    ("pieces", "error", "seen"),
    [
        ((failure("timeout"),), ChainExhausted, []),
        (
            ("Lis", "bon", failure("connection", "connection error: reset")),
            StreamBroken,
            ["Lis", "bon"],
        ),
        (("Lis", "bon"), StreamBroken, ["Lis", "bon"]),
    ],
)
def test_a_failure_comes_after_the_chunks_before_it_and_then_the_stream_is_over(
    pieces: tuple[Any, ...], error: type[Exception], seen: list[str]
) -> None:
    async def scenario() -> None:
        stream, got = AsyncStream(*started_by(Streams(*pieces))), list[Chunk]()
        with pytest.raises(error) as caught:
            async for chunk in stream:
                got.append(chunk)
        assert texts(got) == seen
        assert getattr(caught.value, "partial", "") == "".join(seen)
        assert [attempt.outcome for attempt in stream.trail] == ["failed"]
        for _ in range(3):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        with pytest.raises(RuntimeError, match="no reply yet"):
            _ = stream.reply
        await stream.close()

    run(scenario())


def test_after_the_end_and_after_close_there_is_nothing_more() -> None:
    async def scenario() -> None:
        read, abandoned, untouched = (
            AsyncStream(*started_by(Streams("Lis", "bon.", END))) for _ in range(3)
        )
        await collect(read)
        await anext(abandoned)
        for stream in (read, abandoned, untouched):
            for _ in range(2):
                await stream.close()
            async with stream:
                assert await collect(stream) == []
        assert read.reply.text == "Lisbon."

    run(scenario())


def test_context_variables_of_the_first_reader_reach_the_model() -> None:
    seen: list[str] = []

    class Caller:
        async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
            del call
            for _ in range(2):
                seen.append(caller_name.get())
                yield Chunk("x")
            yield Chunk(end=END)

    async def scenario() -> None:
        token = caller_name.set("the caller")
        stream = AsyncStream(*started_by(Caller()))
        await anext(stream)
        caller_name.reset(token)
        await collect(stream)

    run(scenario())
    caller_name.set("the thread")
    list(Stream(*started_by(Caller())))
    assert seen == ["the caller"] * 2 + ["the thread"] * 2


# A slow reader


def test_a_slow_reader_costs_no_time_out_and_holds_the_model_up_only_when_much_is_unread() -> None:
    async def scenario() -> None:
        model = Counts(READ_AHEAD * 2)
        stream, got = AsyncStream(*started_by(model, timeout=30.0)), list[str]()
        for number in range(1, model.size + 1):
            got.append((await anext(stream)).text)
            await asyncio.sleep(0.01)
            assert model.sent <= READ_AHEAD + number + 1
        assert model.sent == READ_AHEAD * 2
        assert got == model.all

    run(scenario())


def test_what_is_unread_may_wait_for_longer_than_any_time_out() -> None:
    async def scenario() -> None:
        stream = AsyncStream(*started_by(Streams("a", "b", "c", END), timeout=1.0))
        got: list[str] = []
        async for chunk in stream:
            got.append(chunk.text)
            await asyncio.sleep(600)
        assert got == ["a", "b", "c", ""]

    run(scenario())


def test_a_slow_reader_in_a_thread_gets_every_chunk_and_holds_the_model_up_too() -> None:
    model = Counts(READ_AHEAD * 4)
    stream = Stream(*started_by(model))
    first = next(stream)
    time.sleep(0.05)
    assert model.sent <= READ_AHEAD * 2 + 1
    assert texts([first, *stream]) == model.all


# Left early


def test_close_cancels_the_attempts_and_waits_for_their_end() -> None:
    async def scenario() -> None:
        model = Streams("Lis", 600, END)
        stream = AsyncStream(*started_by(model))
        await anext(stream)
        await stream.close()
        assert model.closed == 1
        assert [attempt.outcome for attempt in stream.trail] == ["cancelled"]

    run(scenario())


def test_close_abandons_an_attempt_that_ignores_it() -> None:
    class Stubborn:
        async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
            del call
            yield Chunk("Lis")
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                await asyncio.sleep(10)

    async def scenario() -> None:
        stream = AsyncStream(*started_by(Stubborn()))
        await anext(stream)
        await stream.close()
        assert asyncio.get_running_loop().time() == CANCEL_GRACE
        await asyncio.sleep(20)

    run(scenario())


def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    async def scenario() -> None:
        model = Streams("a", 5.0, "b", 5.0, "c", END)
        stream, got = AsyncStream(*started_by(model)), list[str]()
        while "c" not in got:
            try:
                async with asyncio.timeout(0.7):
                    got.append((await anext(stream)).text)
            except TimeoutError:
                continue
        assert got == ["a", "b", "c"]
        assert len(await collect(stream)) == 1
        assert (model.closed, len(model.calls)) == (1, 1)

    run(scenario())


def test_cancelling_a_task_inside_the_context_closes_the_stream() -> None:
    async def scenario() -> None:
        model = Streams("a", 600, END)

        async def read() -> None:
            async with AsyncStream(*started_by(model)) as stream:
                await collect(stream)

        task = asyncio.create_task(read())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert model.closed == 1

    run(scenario())


def test_a_task_that_waits_for_a_chunk_is_released_by_close() -> None:
    async def scenario() -> None:
        stream = AsyncStream(*started_by(Streams("a", 600, END)))
        readers = [asyncio.create_task(collect(stream)) for _ in range(3)]
        await asyncio.sleep(1)
        await stream.close()
        assert sum(map(len, await asyncio.gather(*readers))) == 1

    run(scenario())


def test_a_model_that_cancels_itself_leaves_no_reader_waiting() -> None:
    class Cancels:
        async def stream(self, call: ModelRequest) -> AsyncIterator[Chunk]:
            del call
            yield Chunk("a")
            raise asyncio.CancelledError

    async def scenario() -> None:
        stream = AsyncStream(*started_by(Cancels()))
        await anext(stream)
        with pytest.raises((asyncio.CancelledError, StreamBroken)):
            await anext(stream)

    run(scenario())


def test_a_failure_that_is_not_read_is_not_logged_by_the_loop() -> None:
    contexts: list[Any] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: contexts.append(context)
        )
        stream = AsyncStream(*started_by(Streams(failure("timeout"))))
        async with stream:
            await asyncio.sleep(1)
        del stream
        gc.collect()
        await asyncio.sleep(1)

    run(scenario())
    assert contexts == []


# From several places


def test_several_tasks_share_a_stream_each_chunk_goes_to_one_and_all_end() -> None:
    async def scenario() -> None:
        stream = AsyncStream(*started_by(Streams("a", 1.0, "b", 1.0, "c", "d", END)))
        got = await asyncio.gather(*(collect(stream) for _ in range(3)))
        assert sorted(text for chunks in got for text in texts(chunks)) == ["a", "b", "c", "d"]
        assert sum(chunk.end is not None for chunks in got for chunk in chunks) == 1

    run(scenario())


@pytest.mark.parametrize("readers", [1, 2, 8])
def test_a_stream_may_be_read_from_other_threads_each_chunk_once(readers: int) -> None:
    model = Counts(500)
    stream, got = Stream(*started_by(model)), list[Chunk]()
    threads = [threading.Thread(target=lambda: got.extend(stream)) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(texts(got), key=int) == model.all
    assert len(got) == 501
    assert stream.reply.text == "".join(model.all)


def test_close_releases_a_thread_that_waits_for_a_chunk() -> None:
    model = Streams("a", 600, END)
    stream, got = Stream(*started_by(model)), list[Chunk]()

    def read() -> None:
        for chunk in stream:
            got.append(chunk)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    ended = time.monotonic() + 2
    while not got and time.monotonic() < ended:
        time.sleep(0.005)
    time.sleep(0.02)
    stream.close()
    thread.join(2)
    assert not thread.is_alive()
    assert (texts(got), list(stream), model.closed) == (["a"], [], 1)


def test_a_stream_belongs_to_the_loop_that_started_it() -> None:
    async def begin(stream: AsyncStream) -> None:
        await anext(stream)

    model = Streams("a", 600, END)
    stream = AsyncStream(*started_by(model))
    run_privately(begin(stream))
    with pytest.raises(
        RuntimeError, match="started on another event loop, or before a fork: call stream"
    ):
        asyncio.run(begin(stream))
    asyncio.run(stream.close())  # cancels it there, and does not wait
    ended = time.monotonic() + 2
    while not model.closed and time.monotonic() < ended:
        time.sleep(0.005)
    assert model.closed == 1


def test_a_stream_whose_loop_has_ended_is_collected_in_silence() -> None:
    async def begin() -> AsyncStream:
        stream = AsyncStream(*started_by(Streams("a", 600, END)))
        await anext(stream)
        return stream

    stream = asyncio.run(begin())
    asyncio.run(stream.close())
    del stream
    gc.collect()
    loop = asyncio.new_event_loop()
    stream = loop.run_until_complete(begin())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    del stream
    gc.collect()


# On the wire


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as running:
        response = openai_stream(["Lisbon, ", "says"], finish=None, done=False)
        running.script(msgspec.structs.replace(response, then="hang"))
        yield running


@contextmanager
def leaves(server: Loopback) -> Iterator[None]:
    yield
    gc.collect()
    assert len(server.requests) == 1
    assert server.requests[0].disconnected.wait(2)


def close(stream: Stream) -> None:
    next(stream)
    stream.close()


def drop(stream: Stream) -> None:
    next(stream)


def leave_the_loop(stream: Stream) -> None:
    for chunk in stream:
        assert chunk.text == "Lisbon, "
        break


def leave_the_context(stream: Stream) -> None:
    with stream:
        for _ in stream:
            return


def raise_in_the_context(stream: Stream) -> None:
    with pytest.raises(ZeroDivisionError), stream:
        next(stream)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "leave", [close, drop, leave_the_loop, leave_the_context, raise_in_the_context]
)
def test_leaving_early_closes_the_socket(server: Loopback, leave: Callable[[Stream], None]) -> None:
    with Standby(settings=loopback_chain(openai=server.url)) as client, leaves(server):
        leave(client.stream("hi"))


async def aclose(stream: AsyncStream) -> None:
    await anext(stream)
    await stream.close()


async def adrop(stream: AsyncStream) -> None:
    await anext(stream)


async def aleave_the_loop(stream: AsyncStream) -> None:
    async for chunk in stream:
        assert chunk.text == "Lisbon, "
        break


async def aleave_the_context(stream: AsyncStream) -> None:
    async with stream:
        async for _ in stream:
            return


async def araise_in_the_context(stream: AsyncStream) -> None:
    with pytest.raises(ZeroDivisionError):
        async with stream:
            await anext(stream)
            raise ZeroDivisionError


async def acancel(stream: AsyncStream) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5), stream:
            await collect(stream)


@pytest.mark.parametrize(
    "leave", [aclose, adrop, aleave_the_loop, aleave_the_context, araise_in_the_context, acancel]
)
async def test_leaving_early_closes_the_socket_in_asynchronous_code_too(
    server: Loopback, leave: Any
) -> None:
    async with AsyncStandby(settings=loopback_chain(openai=server.url)) as client:
        await leave(client.stream("hi"))
        gc.collect()
        assert await asyncio.to_thread(server.requests[0].disconnected.wait, 2)
        assert len(server.requests) == 1


def test_the_first_chunk_is_there_before_the_last_is_sent(server: Loopback) -> None:
    response = openai_stream(["Lis", "bon."])
    *first, last = response.pieces
    server.script(
        msgspec.structs.replace(
            response, pieces=(*first[:2], *((0.2, piece) for _, piece in [*first[2:], last]))
        )
    )
    with (
        Standby(settings=loopback_chain(openai=server.url)) as client,
        client.stream("hi") as stream,
    ):
        assert next(stream).text == "Lis"
        came = time.monotonic()
        assert texts(stream) == ["bon."]
        assert time.monotonic() - came > 0.15
        assert stream.reply.text == "Lisbon."


@pytest.mark.parametrize("closes_early", [True, False])
def test_a_stream_that_is_over_is_freed_however_it_ended(*, closes_early: bool) -> None:
    async def scenario() -> "weakref.ref[AsyncStream]":
        stream = AsyncStream(*started_by(Plays(failure("blocked"))))
        with suppress(CallFailed):
            async with stream:
                if not closes_early:
                    await anext(stream)
        return weakref.ref(stream)

    abandoned = run(scenario())
    gc.collect()
    assert abandoned() is None
