"""One call of an adapter ends with a complete reply, or one failure without secrets and prompts."""

import asyncio
import contextlib
from typing import Any

import pytest

from standby.cards import Card
from standby.dispatch.adapter_call import AdapterCall
from standby.dispatch.redaction import LONGEST_TEXT, SHORTEST_KEY
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.errors import AttemptFailed, StreamBroken
from standby.failures import Kind
from standby.plugin import End
from standby.resilience.bulkhead import Bulkhead
from standby.resilience.timeouts import AttemptTimer
from standby.settings import Secret
from standby.types import Chunk, Finish, Reply, Request, ToolCall, Usage
from tests.support.playing import (
    QUESTION,
    Plays,
    Streams,
    dispatch,
    failure,
    request,
    route,
    target,
)
from tests.support.virtual_clock import run


async def call(one: Target, question: Request, gate: StreamGate | None = None) -> Reply:
    timer = AttemptTimer(one, asyncio.get_running_loop().time, float("inf"))
    return await AdapterCall(one, question, timer, gate or StreamGate(None)).run()


def failed(
    adapter: Any, gate: StreamGate | None = None, question: str = QUESTION, **rest: Any
) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        run(call(target("a", adapter, **rest), request(question), gate))
    return caught.value


async def ignore(_: Chunk) -> None:
    pass


def collecting() -> tuple[StreamGate, list[Chunk]]:
    chunks: list[Chunk] = []

    def put(chunk: Chunk, _: Target) -> None:
        chunks.append(chunk)

    return StreamGate(put), chunks


def test_the_reply_bears_the_entrys_names_and_the_cards_disclaimer() -> None:
    reply = run(
        call(target("a", Plays("Lisbon."), card=Card(disclaimer="a small model")), request())
    )
    assert (reply.model, reply.provider, reply.disclaimer) == ("a", "p", "a small model")


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_reply_that_says_nothing_is_empty(text: str) -> None:
    error = failed(Plays(Reply(text=text, finish=Finish.LENGTH)))
    assert (error.failure.kind, str(error)) == (
        Kind.EMPTY,
        "empty: a reply without text, finish length",
    )


def test_a_whole_reply_is_made_from_a_stream() -> None:
    end = End(finish=Finish.STOP, usage=Usage(input=3, output=2), response_model="a-2026")
    reply = run(call(target("a", Streams("Lis", "bon.", end)), request()))
    assert (reply.text, reply.usage, reply.response_model) == (
        "Lisbon.",
        Usage(input=3, output=2),
        "a-2026",
    )


def test_a_stream_is_made_from_a_whole_reply() -> None:
    gate, chunks = collecting()
    run(call(target("a", Plays("Lisbon.")), request(), gate))
    assert [chunk.text for chunk in chunks] == ["Lisbon."]


def test_nothing_is_released_before_something_means_something() -> None:
    gate, chunks = collecting()
    error = failed(Streams("", " \n", failure("overloaded")), gate)
    assert error.failure.kind is Kind.OVERLOADED
    assert not chunks
    assert not gate.released


def test_white_space_that_was_held_back_comes_with_the_first_word() -> None:
    gate, chunks = collecting()
    reply = run(call(target("a", Streams(" ", "\n", "Lis", " ", "bon", End())), request(), gate))
    assert [chunk.text for chunk in chunks] == [" \nLis", " ", "bon"]
    assert reply.text == gate.partial == " \nLis bon"


def test_a_stream_that_merely_ends_is_cut() -> None:
    stream = Streams("Lis")
    error = failed(stream)
    assert (error.failure.kind, str(error)) == (
        Kind.MALFORMED,
        "the stream ended without its end marker",
    )
    assert stream.closed == 1


def test_what_comes_after_the_end_is_not_read() -> None:
    stream = Streams("Lisbon.", End(), "and more", failure("server_error"))
    assert run(call(target("a", stream), request())).text == "Lisbon."
    assert stream.closed == 1


def test_a_stream_that_breaks_after_its_first_words_is_an_error_with_the_partial_text() -> None:
    second = Plays("never")
    chain = route(
        target("a", Streams("Lis", failure("connection", "connection error: reset"))),
        target("b", second),
    )
    with pytest.raises(StreamBroken) as caught:
        run(dispatch(chain, put=ignore).run())
    assert caught.value.partial == "Lis"
    assert str(caught.value) == "the stream broke after 3 characters: connection error: reset"
    assert caught.value.trail[0].then == "stop"
    assert not second.calls


def test_a_stream_that_outlives_the_deadline_after_its_first_words_is_broken_too() -> None:
    with pytest.raises(StreamBroken) as caught:
        run(dispatch(route(target("a", Streams("Lis", 600))), put=ignore, deadline=3.0).run())
    assert (caught.value.failure.kind, caught.value.partial) == (Kind.DEADLINE, "Lis")


def test_a_stall_after_the_first_words_says_that_the_answer_is_not_complete() -> None:
    with pytest.raises(StreamBroken) as caught:
        run(dispatch(route(target("a", Streams("Lis", 600), timeout=2.0)), put=ignore).run())
    assert caught.value.failure.text == "timeout: no complete answer in 2s"


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (ConnectionResetError("reset by peer"), Kind.CONNECTION, "connection error: reset by peer"),
        (TimeoutError("too slow"), Kind.TIMEOUT, "timeout: too slow"),
        (TimeoutError(), Kind.TIMEOUT, "timeout: the adapter gave up"),
        (ValueError("oops"), Kind.CONTRACT, "the plugin of provider 'p' raised ValueError: oops"),
        (
            KeyError("choices"),
            Kind.CONTRACT,
            "the plugin of provider 'p' raised KeyError: 'choices'",
        ),
    ],
)
def test_whatever_an_adapter_raises_becomes_a_failure(
    raised: Exception, kind: Kind, text: str
) -> None:
    error = failed(Plays(raised))
    assert (error.failure.kind, str(error)) == (kind, text)
    assert error.__cause__ is raised


@pytest.mark.parametrize("nonsense", [None, {"text": "hi"}, b"hi", []])
def test_a_reply_that_is_none_breaks_the_contract(nonsense: object) -> None:
    if nonsense is None:
        adapter: object = Plays(*[None])
    else:
        adapter = Plays(nonsense)
    error = failed(adapter)
    assert error.failure.kind is Kind.CONTRACT
    assert "complete() returned a" in str(error)


def test_keys_and_the_callers_own_words_are_cut_out_of_every_text() -> None:
    told = f"400: bad key sk-canary-1 for the prompt '{QUESTION}', sk-canary-1!"
    error = failed(Plays(failure("invalid_request", told)), secrets=(Secret("sk-canary-1"),))
    assert str(error) == "400: bad key *** for the prompt '[…]', ***!"
    error = failed(Plays(RuntimeError(told)), secrets=(Secret("sk-canary-1"),))
    assert "canary" not in str(error)
    assert "capital" not in str(error)


@pytest.mark.parametrize("key", ["k", "EMPTY", ""])
def test_a_key_that_is_too_short_to_be_one_does_not_tear_holes_into_the_text(key: str) -> None:
    told = "the kitchen is EMPTY and broken"
    assert len(key) < SHORTEST_KEY
    assert str(failed(Plays(failure("server_error", told)), secrets=(Secret(key),))) == told


def test_the_shortest_key_that_may_be_one_is_cut_out() -> None:
    key = "k" * SHORTEST_KEY
    assert (
        str(failed(Plays(failure("server_error", f"bad key {key}")), secrets=(Secret(key),)))
        == "bad key ***"
    )


def test_a_short_prompt_does_not_tear_holes_into_the_text() -> None:
    assert str(failed(Plays(failure("server_error", "an error")), question="an")) == "an error"


def test_a_long_text_is_cut() -> None:
    error = failed(Plays(failure("server_error", "x" * 100_000)))
    assert len(str(error)) == LONGEST_TEXT + len(" […]") == 2_004


def test_cancelling_closes_the_stream() -> None:
    async def story() -> int:
        stream = Streams("Lis", 600)
        task = asyncio.create_task(call(target("a", stream), request()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return stream.closed

    assert run(story()) == 1


WRONG_CALL = ToolCall(id="1", name="f", arguments="x")  # type: ignore[arg-type] # the point


@pytest.mark.parametrize(
    "wrong",
    [
        {"finish": "stopped"},
        {"finish": 1},
        {"text": b"Lisbon."},
        {"id": None},
        {"trail": [1]},
        {"tool_calls": (WRONG_CALL,)},
        {"usage": Usage(input="3")},  # type: ignore[arg-type] # the point
    ],
)
def test_a_reply_with_a_field_of_another_type_breaks_the_contract(wrong: Any) -> None:
    error = failed(Plays(Reply(**{"text": "Lisbon.", **wrong})))
    assert error.failure.kind is Kind.CONTRACT
    assert "raised TypeError: Reply: " in str(error)


@pytest.mark.parametrize("first", ["Lisbon.", failure("overloaded"), ValueError("broken")])
def test_a_turn_is_given_back_however_the_attempt_has_ended(first: Any) -> None:
    async def story() -> list[str]:
        one = target("a", Plays(first, "Porto."), permits=Bulkhead(1))
        with contextlib.suppress(AttemptFailed):
            await call(one, request())
        return [(await call(one, request())).text for _ in range(2)]

    assert run(story()) == ["Porto.", "Porto."]


def test_without_a_turn_the_model_is_not_asked() -> None:
    async def story() -> tuple[str, Kind, int]:
        model, turns = Plays("never"), Bulkhead(1)
        await turns.acquire()
        with pytest.raises(AttemptFailed) as caught:
            await call(target("a", model, permits=turns), request())
        return str(caught.value), caught.value.failure.kind, len(model.calls)

    assert run(story()) == (
        "as many calls are in flight as its concurrency allows",
        Kind.UNAVAILABLE,
        0,
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_a_streams_tool_calls_are_a_part_of_its_reply_and_go_out_at_its_end(
    *, streamed: bool
) -> None:
    weather = ToolCall(id="1", name="weather_of", arguments={"city": "Lisboa"})

    class Calls:
        async def stream(self, asks: Any) -> Any:
            del asks
            yield Chunk(tool_call=weather)
            yield Chunk(end=End())

    gate, chunks = collecting()
    reply = run(call(target("a", Calls()), request(), gate if streamed else None))
    [called] = reply.tool_calls
    assert (called.name, called.arguments, called.produced_by) == (
        "weather_of",
        {"city": "Lisboa"},
        "p/a",
    )
    assert [chunk.tool_call for chunk in chunks] == ([called] if streamed else [])


def test_an_adapter_that_cannot_be_awaited_is_told_how_it_is_written() -> None:
    class Blocks:
        def complete(self, call: Any) -> Reply:
            del call
            return Reply(text="Lisbon.")

    error = failed(Blocks())
    assert error.failure.kind is Kind.CONTRACT
    assert "complete() returned a Reply: write it as 'async def' without 'yield'" in str(error)


@pytest.mark.parametrize("streamed", [False, True])
def test_what_a_stream_thinks_is_a_part_of_its_reply(*, streamed: bool) -> None:
    class Thinks:
        async def stream(self, call: Any) -> Any:
            del call
            for chunk in (
                Chunk(reasoning="Well, "),
                Chunk(reasoning="so."),
                Chunk("Lis"),
                Chunk("bon."),
                Chunk(end=End()),
            ):
                yield chunk

    reply = run(call(target("a", Thinks()), request(), collecting()[0] if streamed else None))
    assert (reply.reasoning, reply.text) == ("Well, so.", "Lisbon.")


@pytest.mark.parametrize("stated", [True, False])
def test_what_lies_below_an_expected_failure_has_no_frames(*, stated: bool) -> None:
    below: list[BaseException] = []

    def look_up() -> None:
        try:
            dict[str, str]().popitem()
        except KeyError as error:
            below.append(error)
            if stated:
                raise ValueError from error
            raise ValueError  # noqa: B904 - what it came of is its context

    class Chained:
        async def complete(self, call: Any) -> Any:
            del call
            try:
                look_up()
            except ValueError as error:
                below.append(error)
                raise AttemptFailed(failure("overloaded")) from error

    failed(Chained())
    assert [error.__traceback__ for error in below] == [None, None]
