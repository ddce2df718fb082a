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


class Thinks(Streams):
    """Streams chunks as they stand, and raises failures."""

    async def stream(self, call: ModelRequest) -> Any:
        self.calls.append(call)
        for piece in self.pieces:
            if isinstance(piece, Failure):
                from standby.plugin import AttemptFailed  # noqa: PLC0415 - only here

                raise AttemptFailed(piece)
            yield piece


async def streamed(*targets: Any, **chain: Any) -> tuple[list[Chunk], Reply]:
    out: list[Chunk] = []

    async def put(chunk: Chunk) -> None:
        out.append(chunk)

    reply = await dispatch(route(*targets, **chain), put=put).run()
    return out, reply


END = Chunk(end=End(id="answer-1", provider_state="state"))


async def test_thoughts_come_with_the_first_words_and_as_they_are_after_them() -> None:
    pieces = [
        Chunk(reasoning="Hm. "),
        Chunk(reasoning="So: "),
        Chunk("Lis"),
        Chunk(reasoning="really?"),
        Chunk("bon"),
        END,
    ]
    out, reply = await streamed(target("m", Thinks(*pieces)))
    assert out == [Chunk("Lis", reasoning="Hm. So: "), Chunk(reasoning="really?"), Chunk("bon")]
    assert (reply.text, reply.reasoning, reply.provider_state, reply.id) == (
        "Lisbon",
        "Hm. So: really?",
        "state",
        "answer-1",
    )


async def test_a_model_that_fails_while_it_thinks_is_followed_by_the_next_unseen() -> None:
    first = Thinks(Chunk(reasoning="Hm. "), BROKEN)
    out, reply = await streamed(
        target("one", first), target("two", Thinks(Chunk("Lisbon"), END)), retry=Retry(attempts=1)
    )
    assert out == [Chunk("Lisbon")]
    assert (reply.model, reply.reasoning) == ("two", "")


async def test_thoughts_before_a_tool_call_come_with_it() -> None:
    end = Chunk(end=End(finish=Finish.TOOL_CALLS))
    out, reply = await streamed(
        target("m", Thinks(Chunk(reasoning="Hm."), Chunk(tool_call=CALL), end))
    )
    assert [(chunk.reasoning, chunk.tool_call is not None) for chunk in out] == [
        ("Hm.", False),
        ("", True),
    ]
    assert reply.reasoning == "Hm."


async def test_a_reply_that_is_thought_alone_is_empty() -> None:
    adapter = Thinks(Chunk(reasoning="Hm."), END)
    reply = await dispatch(
        route(target("one", adapter), target("two", Plays("Lisbon")), retry=Retry(attempts=1))
    ).run()
    assert [attempt.kind for attempt in reply.trail] == [Kind.EMPTY, None]


@pytest.mark.parametrize("streams", [False, True])
async def test_the_next_message_holds_what_only_the_model_itself_can_read(*, streams: bool) -> None:
    whole = Reply(text="Lisbon", reasoning="Hm.", provider_state="state", id="answer-1")
    adapter = Thinks(Chunk(reasoning="Hm."), Chunk("Lisbon"), END) if streams else Plays(whole)
    reply = await dispatch(route(target("mine", adapter, vendor_id="large"))).run()
    thought = Reasoning(text="Hm.", provider_state="state", produced_by="p/large")
    assert reply.message == Message("assistant", (thought, Text("Lisbon")))
    assert [attempt.id for attempt in reply.trail] == ["answer-1"]


async def test_where_nothing_is_private_the_next_message_is_its_words_alone() -> None:
    reply = await dispatch(route(target("m", Plays(Reply(text="Lisbon", reasoning="Hm."))))).run()
    assert reply.message == Message("assistant", (Text("Lisbon"),))


def test_a_repr_shows_no_thought() -> None:
    assert repr(Reasoning(text="secret", provider_state="secret")) == "Reasoning(<6 characters>)"


async def test_the_trail_has_the_vendors_id_of_a_request_that_failed() -> None:
    failed = Failure(kind=Kind.OVERLOADED, status=503, message="busy", id="req_7")
    reply = await dispatch(
        route(target("one", Plays(failed)), target("two", Plays("Lisbon")), retry=Retry(attempts=1))
    ).run()
    assert [attempt.id for attempt in reply.trail] == ["req_7", ""]
