"""A model's reasoning: part of the reply, returned to that model, and no obstacle to a fallback."""

from typing import Any

import pytest

from standby.plugin import (
    Chunk,
    End,
    Failure,
    Kind,
    Message,
    ModelRequest,
    Reasoning,
    Reply,
    Text,
    ToolCall,
)
from standby.settings import Retry
from standby.types import Finish
from tests.support.playing import Plays, Streams, dispatch, route, target

CALL = ToolCall(id="1", name="f", arguments={})
BROKEN = Failure(kind=Kind.SERVER_ERROR, status=500, message="broken")


class StreamsChunks(Streams):
    """An adapter that streams these chunks, and raises these failures."""

    async def stream(self, call: ModelRequest) -> Any:
        self.calls.append(call)
        for piece in self.pieces:
            if isinstance(piece, Failure):
                from standby.plugin import AttemptFailed  # noqa: PLC0415 - only here

                raise AttemptFailed(piece)
            yield piece


async def run_stream(*targets: Any, **chain: Any) -> tuple[list[Chunk], Reply]:
    released: list[Chunk] = []

    async def put(chunk: Chunk) -> None:
        released.append(chunk)

    reply = await dispatch(route(*targets, **chain), put=put).run()
    return released, reply


END = Chunk(end=End(id="answer-1", provider_state="state"))


async def test_reasoning_comes_with_the_first_text_and_later_in_chunks_of_its_own() -> None:
    pieces = [
        Chunk(reasoning="Hm. "),
        Chunk(reasoning="So: "),
        Chunk("Lis"),
        Chunk(reasoning="really?"),
        Chunk("bon"),
        END,
    ]
    released, reply = await run_stream(target("m", StreamsChunks(*pieces)))
    assert released == [
        Chunk("Lis", reasoning="Hm. So: "),
        Chunk(reasoning="really?"),
        Chunk("bon"),
    ]
    assert (reply.text, reply.reasoning, reply.provider_state, reply.id) == (
        "Lisbon",
        "Hm. So: really?",
        "state",
        "answer-1",
    )


async def test_a_failure_during_reasoning_is_invisible() -> None:
    first = StreamsChunks(Chunk(reasoning="Hm. "), BROKEN)
    released, reply = await run_stream(
        target("one", first),
        target("two", StreamsChunks(Chunk("Lisbon"), END)),
        retry=Retry(attempts=1),
    )
    assert released == [Chunk("Lisbon")]
    assert (reply.model, reply.reasoning) == ("two", "")


async def test_reasoning_before_a_tool_call_comes_first() -> None:
    end = Chunk(end=End(finish=Finish.TOOL_CALLS))
    released, reply = await run_stream(
        target("m", StreamsChunks(Chunk(reasoning="Hm."), Chunk(tool_call=CALL), end))
    )
    assert [(chunk.reasoning, chunk.tool_call is not None) for chunk in released] == [
        ("Hm.", False),
        ("", True),
    ]
    assert reply.reasoning == "Hm."


async def test_a_reply_of_reasoning_alone_is_empty() -> None:
    adapter = StreamsChunks(Chunk(reasoning="Hm."), END)
    reply = await dispatch(
        route(target("one", adapter), target("two", Plays("Lisbon")), retry=Retry(attempts=1))
    ).run()
    assert [attempt.kind for attempt in reply.trail] == [Kind.EMPTY, None]


@pytest.mark.parametrize("streams", [False, True])
async def test_the_next_message_has_the_provider_state_of_its_model(*, streams: bool) -> None:
    complete = Reply(text="Lisbon", reasoning="Hm.", provider_state="state", id="answer-1")
    adapter = (
        StreamsChunks(Chunk(reasoning="Hm."), Chunk("Lisbon"), END) if streams else Plays(complete)
    )
    reply = await dispatch(route(target("mine", adapter, vendor_id="large"))).run()
    reasoning = Reasoning(text="Hm.", provider_state="state", produced_by="p/large")
    assert reply.message == Message("assistant", (reasoning, Text("Lisbon")))
    assert [attempt.id for attempt in reply.trail] == ["answer-1"]


async def test_without_provider_state_the_next_message_is_the_text_alone() -> None:
    reply = await dispatch(route(target("m", Plays(Reply(text="Lisbon", reasoning="Hm."))))).run()
    assert reply.message == Message("assistant", (Text("Lisbon"),))


def test_a_repr_shows_no_reasoning() -> None:
    assert repr(Reasoning(text="secret", provider_state="secret")) == "Reasoning(<6 characters>)"


async def test_the_trail_has_the_vendors_id_of_a_request_that_failed() -> None:
    failed_request = Failure(kind=Kind.OVERLOADED, status=503, message="busy", id="req_7")
    reply = await dispatch(
        route(
            target("one", Plays(failed_request)),
            target("two", Plays("Lisbon")),
            retry=Retry(attempts=1),
        )
    ).run()
    assert [attempt.id for attempt in reply.trail] == ["req_7", ""]
