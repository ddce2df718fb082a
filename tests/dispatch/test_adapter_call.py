"""One call of an adapter ends with a complete reply, or one failure without secrets and prompts."""

import asyncio
import contextlib
import inspect
import time
import traceback
from typing import Any

import msgspec
import pytest

from standby.cards import Card
from standby.dispatch.adapter_call import AdapterCall
from standby.dispatch.redaction import LONGEST_NAME, LONGEST_TEXT, SHORTEST_KEY
from standby.dispatch.stream_gate import StreamGate
from standby.dispatch.target import Target
from standby.errors import AttemptFailed, StreamBroken
from standby.failures import Kind
from standby.inputs.schemas import parse_schema
from standby.plugin import End
from standby.resilience.bulkhead import Bulkhead
from standby.resilience.timeouts import AttemptTimer
from standby.runtime.isolation import Origin
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


async def call(model: Target, question: Request, gate: StreamGate | None = None) -> Reply:
    timer = AttemptTimer(model, asyncio.get_running_loop().time, float("inf"))
    return await AdapterCall(model, question, timer, gate or StreamGate(None)).run()


def run_failing(
    adapter: Any, gate: StreamGate | None = None, question: str = QUESTION, **settings: Any
) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        run(call(target("a", adapter, **settings), request(question), gate))
    return caught.value


async def ignore(_: Chunk) -> None:
    pass


def collecting_gate() -> tuple[StreamGate, list[Chunk]]:
    chunks: list[Chunk] = []

    def put(chunk: Chunk, _: Target) -> None:
        chunks.append(chunk)

    return StreamGate(put), chunks


def test_the_reply_has_the_names_of_the_model_and_the_cards_disclaimer() -> None:
    reply = run(
        call(target("a", Plays("Lisbon."), card=Card(disclaimer="a small model")), request())
    )
    assert (reply.model, reply.provider, reply.disclaimer) == ("a", "p", "a small model")


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_a_reply_of_white_space_is_empty(text: str) -> None:
    error = run_failing(Plays(Reply(text=text, finish=Finish.LENGTH)))
    assert (error.failure.kind, str(error)) == (
        Kind.EMPTY,
        "empty: a reply without text, finish length",
    )


def test_a_stream_makes_a_complete_reply() -> None:
    end = End(finish=Finish.STOP, usage=Usage(input=3, output=2), response_model="a-2026")
    reply = run(call(target("a", Streams("Lis", "bon.", end)), request()))
    assert (reply.text, reply.usage, reply.response_model) == (
        "Lisbon.",
        Usage(input=3, output=2),
        "a-2026",
    )


def test_a_complete_reply_makes_a_stream() -> None:
    gate, chunks = collecting_gate()
    run(call(target("a", Plays("Lisbon.")), request(), gate))
    assert [chunk.text for chunk in chunks] == ["Lisbon."]


def test_nothing_is_released_before_the_first_visible_text() -> None:
    gate, chunks = collecting_gate()
    error = run_failing(Streams("", " \n", failure("overloaded")), gate)
    assert error.failure.kind is Kind.OVERLOADED
    assert not chunks
    assert not gate.released


def test_leading_white_space_comes_with_the_first_visible_text() -> None:
    gate, chunks = collecting_gate()
    reply = run(call(target("a", Streams(" ", "\n", "Lis", " ", "bon", End())), request(), gate))
    assert [chunk.text for chunk in chunks] == [" \nLis", " ", "bon"]
    assert reply.text == gate.partial == " \nLis bon"


def test_a_stream_without_an_end_marker_is_cut() -> None:
    stream = Streams("Lis")
    error = run_failing(stream)
    assert (error.failure.kind, str(error)) == (
        Kind.MALFORMED,
        "the stream ended without its end marker",
    )
    assert stream.closed == 1


@pytest.mark.parametrize(
    ("finish", "kind"), [(Finish.LENGTH, Kind.TRUNCATED), (Finish.STOP, Kind.SCHEMA_MISMATCH)]
)
def test_half_an_answer_is_truncated_only_where_the_model_met_its_limit(
    finish: Finish, kind: Kind
) -> None:
    half = Reply(text='{"city": "Lis', finish=finish, usage=Usage(output=9))
    schema = parse_schema({"type": "object", "title": "City"})
    question = msgspec.structs.replace(request(), schema=schema)
    with pytest.raises(AttemptFailed) as caught:
        run(call(target("a", Plays(half)), question))
    assert caught.value.failure.kind is kind


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        (None, "the plugin of provider 'p' "),
        (Origin("acme", "standby-acme", "1.2"), "plugin 'acme' (standby-acme 1.2) "),
    ],
)
def test_a_plugin_that_breaks_its_promise_is_named_with_its_distribution(
    origin: Origin | None, named: str
) -> None:
    error = run_failing(Plays(ZeroDivisionError("no")), origin=origin)
    assert error.failure.kind is Kind.CONTRACT
    assert str(error).startswith(f"{named}raised ZeroDivisionError")


def test_nothing_is_read_after_the_end_marker() -> None:
    stream = Streams("Lisbon.", End(), "and more", failure("server_error"))
    assert run(call(target("a", stream), request())).text == "Lisbon."
    assert stream.closed == 1


def test_a_stream_that_breaks_after_its_first_text_raises_with_the_partial_text() -> None:
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


def test_a_stream_that_outlives_the_deadline_raises_with_the_partial_text_too() -> None:
    with pytest.raises(StreamBroken) as caught:
        run(dispatch(route(target("a", Streams("Lis", 600))), put=ignore, deadline=3.0).run())
    assert (caught.value.failure.kind, caught.value.partial) == (Kind.DEADLINE, "Lis")


def test_a_stall_after_the_first_text_is_reported_as_an_incomplete_answer() -> None:
    with pytest.raises(StreamBroken) as caught:
        run(dispatch(route(target("a", Streams("Lis", 600), timeout=2.0)), put=ignore).run())
    assert caught.value.failure.text == "timeout: no complete answer in 2s"


@pytest.mark.parametrize(
    ("exception", "kind", "text"),
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
def test_each_exception_of_an_adapter_becomes_a_failure(
    exception: Exception, kind: Kind, text: str
) -> None:
    error = run_failing(Plays(exception))
    assert (error.failure.kind, str(error)) == (kind, text)
    assert error.__cause__ is exception


@pytest.mark.parametrize("value", [None, {"text": "hi"}, b"hi", []])
def test_a_result_that_is_not_a_reply_violates_the_contract(value: object) -> None:
    if value is None:
        adapter: object = Plays(*[None])
    else:
        adapter = Plays(value)
    error = run_failing(adapter)
    assert error.failure.kind is Kind.CONTRACT
    assert "complete() returned a" in str(error)


def test_keys_and_the_callers_prompt_are_removed_from_every_text() -> None:
    message = f"400: bad key sk-canary-1 for the prompt '{QUESTION}', sk-canary-1!"
    error = run_failing(
        Plays(failure("invalid_request", message)), secrets=(Secret("sk-canary-1"),)
    )
    assert str(error) == "400: bad key *** for the prompt '[…]', ***!"
    error = run_failing(Plays(RuntimeError(message)), secrets=(Secret("sk-canary-1"),))
    assert "canary" not in str(error)
    assert "capital" not in str(error)


@pytest.mark.parametrize("field", ["message", "code", "id"])
def test_no_text_of_a_failure_has_a_key_or_the_prompt(field: str) -> None:
    fields = {"message": "no", field: f"bad_sk-canary-1_{QUESTION}"}
    broken = failure("invalid_request", **fields)
    error = run_failing(Plays(broken), secrets=(Secret("sk-canary-1"),))
    assert getattr(error.failure, field) == "bad_***_[…]"


@pytest.mark.parametrize(
    ("field", "longest"), [("message", LONGEST_TEXT), ("code", LONGEST_NAME), ("id", LONGEST_NAME)]
)
def test_every_text_of_a_failure_is_cut(field: str, longest: int) -> None:
    huge = failure("server_error", **{"message": "no", field: "x" * 2**23})
    assert getattr(run_failing(Plays(huge)).failure, field) == "x" * longest + " […]"


@pytest.mark.parametrize("field", ["response_model", "id"])
@pytest.mark.parametrize("streams", [False, True])
def test_what_a_reply_puts_on_the_trail_has_no_key_and_is_cut(field: str, *, streams: bool) -> None:
    name = "sk-canary-1 " + "x" * 2**23
    adapter = Streams("Lisbon.", End(**{field: name}))
    model = target(
        "a",
        adapter if streams else Plays(Reply(text="Lisbon.", **{field: name})),
        secrets=(Secret("sk-canary-1"),),
    )
    reply = run(call(model, request()))
    assert getattr(reply, field).startswith("*** xxx")
    assert len(getattr(reply, field)) == LONGEST_NAME + len(" […]")


def _caused(text: str, *, deep: bool) -> Exception:
    """Return an error of an adapter whose cause, or that cause's own, has a text."""
    error = AttemptFailed(failure("server_error", "no"))
    error.__cause__ = ValueError(text)
    if deep:
        error.__cause__ = ValueError("no")
        error.__cause__.__cause__ = RuntimeError(text)
    return error


@pytest.mark.parametrize("deep", [False, True])
def test_a_cause_that_shows_a_key_is_dropped(*, deep: bool) -> None:
    for text, has_cause in (("key sk-canary-1", False), ("no", True)):
        error = run_failing(Plays(_caused(text, deep=deep)), secrets=(Secret("sk-canary-1"),))
        assert (error.__cause__ is not None) is has_cause
        assert "canary" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("key", ["k", "EMPTY", ""])
def test_a_text_that_is_too_short_for_a_key_is_not_removed(key: str) -> None:
    message = "the kitchen is EMPTY and broken"
    assert len(key) < SHORTEST_KEY
    assert (
        str(run_failing(Plays(failure("server_error", message)), secrets=(Secret(key),))) == message
    )


def test_the_shortest_possible_key_is_removed() -> None:
    key = "k" * SHORTEST_KEY
    assert (
        str(run_failing(Plays(failure("server_error", f"bad key {key}")), secrets=(Secret(key),)))
        == "bad key ***"
    )


def test_a_short_prompt_is_not_removed() -> None:
    assert str(run_failing(Plays(failure("server_error", "an error")), question="an")) == "an error"


def test_cancelling_closes_the_stream() -> None:
    async def scenario() -> int:
        stream = Streams("Lis", 600)
        task = asyncio.create_task(call(target("a", stream), request()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return stream.closed

    assert run(scenario()) == 1


WRONG_CALL = ToolCall(id="1", name="f", arguments="x")  # type: ignore[arg-type] # the point


@pytest.mark.parametrize(
    "fields",
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
def test_a_reply_with_a_field_of_another_type_violates_the_contract(fields: Any) -> None:
    error = run_failing(Plays(Reply(**{"text": "Lisbon.", **fields})))
    assert error.failure.kind is Kind.CONTRACT
    assert "raised TypeError: Reply: " in str(error)


@pytest.mark.parametrize("first", ["Lisbon.", failure("overloaded"), ValueError("broken")])
def test_the_permit_is_released_however_the_attempt_ends(first: Any) -> None:
    async def scenario() -> list[str]:
        model = target("a", Plays(first, "Porto."), permits=Bulkhead(1))
        with contextlib.suppress(AttemptFailed):
            await call(model, request())
        return [(await call(model, request())).text for _ in range(2)]

    assert run(scenario()) == ["Porto.", "Porto."]


def test_without_a_permit_the_model_is_not_called() -> None:
    async def scenario() -> tuple[str, Kind, int]:
        model, permits = Plays("never"), Bulkhead(1)
        await permits.acquire()
        with pytest.raises(AttemptFailed) as caught:
            await call(target("a", model, permits=permits), request())
        return str(caught.value), caught.value.failure.kind, len(model.calls)

    assert run(scenario()) == (
        "as many calls are in flight as its concurrency allows",
        Kind.UNAVAILABLE,
        0,
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_a_streams_tool_calls_are_in_its_reply_and_released_at_its_end(*, streamed: bool) -> None:
    weather = ToolCall(id="1", name="weather_of", arguments={"city": "Lisboa"})

    class Calls:
        async def stream(self, call: Any) -> Any:
            del call
            yield Chunk(tool_call=weather)
            yield Chunk(end=End())

    gate, chunks = collecting_gate()
    reply = run(call(target("a", Calls()), request(), gate if streamed else None))
    [tool_call] = reply.tool_calls
    assert (tool_call.name, tool_call.arguments, tool_call.produced_by) == (
        "weather_of",
        {"city": "Lisboa"},
        "p/a",
    )
    assert [chunk.tool_call for chunk in chunks] == ([tool_call] if streamed else [])


def test_the_failure_of_a_synchronous_adapter_says_how_to_write_it() -> None:
    class Blocks:
        def complete(self, call: Any) -> Reply:
            del call
            return Reply(text="Lisbon.")

    error = run_failing(Blocks())
    assert error.failure.kind is Kind.CONTRACT
    assert "complete() returned a Reply: write it as 'async def' without 'yield'" in str(error)


def test_the_failure_of_a_stream_without_yield_says_how_to_write_it() -> None:
    class Returns:
        async def stream(self, call: Any) -> Any:
            del call
            return [Chunk("Lisbon.")]

    error = run_failing(Returns())
    assert error.failure.kind is Kind.CONTRACT
    assert "stream() returned a coroutine: write it as 'async def' with 'yield'" in str(error)


def test_a_coroutine_in_the_place_of_a_reply_is_closed() -> None:
    coroutine = ignore(Chunk("Lisbon."))
    assert "complete() returned a coroutine, not a Reply" in str(run_failing(Plays(coroutine)))
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


def test_a_stream_that_never_waits_lets_other_tasks_run_every_twenty_milliseconds() -> None:
    class Busy:
        async def stream(self, call: Any) -> Any:
            del call
            for _ in range(100):
                time.sleep(0.002)  # noqa: ASYNC251 - it blocks the loop, that is the point
                yield Chunk("x")
            yield Chunk(end=End())

    async def scenario() -> int:
        turns, task = 0, asyncio.create_task(call(target("a", Busy()), request()))
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert 5 < asyncio.run(scenario()) < 50


def test_a_failure_with_a_field_of_another_type_violates_the_contract() -> None:
    wrong = failure("overloaded", status="503")
    error = run_failing(Plays(wrong))
    assert error.failure.kind is Kind.CONTRACT
    assert "raised TypeError: Failure: " in str(error)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_streams_reasoning_is_in_its_reply(*, streamed: bool) -> None:
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

    reply = run(call(target("a", Thinks()), request(), collecting_gate()[0] if streamed else None))
    assert (reply.reasoning, reply.text) == ("Well, so.", "Lisbon.")


@pytest.mark.parametrize("chained", [True, False])
def test_the_causes_of_an_expected_failure_keep_no_frames(*, chained: bool) -> None:
    causes: list[BaseException] = []

    def look_up() -> None:
        try:
            dict[str, str]().popitem()
        except KeyError as error:
            causes.append(error)
            if chained:
                raise ValueError from error
            raise ValueError  # noqa: B904 - the KeyError is its context

    class Chained:
        async def complete(self, call: Any) -> Any:
            del call
            try:
                look_up()
            except ValueError as error:
                causes.append(error)
                raise AttemptFailed(failure("overloaded")) from error

    run_failing(Chained())
    assert [error.__traceback__ for error in causes] == [None, None]
