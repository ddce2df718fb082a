"""Limits of models on their cards: checked before anything is sent, or adapted to."""

from typing import Any

import pytest

from standby.cards import EFFORTS, Card
from standby.dispatch.compatibility import adapt, incompatibility
from standby.failures import Kind
from standby.types import Media, Message, Reasoning, Request, Sampling, Text, ToolCall, ToolResult
from tests.support.playing import Plays, dispatch, request, target, why
from tests.support.playing import route as chain_of

PICTURE = Media(media_type="image/png", data="iVBORw0KGgo=")
USER = Message("user", (Text("hi"),))


def fitted(asked: Request, **card: Any) -> Request:
    return adapt(asked, target("m", None, card=Card(**card)))[0]


@pytest.mark.parametrize(
    ("taken", "asked", "sent"),
    [
        (("low", "medium", "high"), "medium", "medium"),
        (("low", "medium", "high"), "none", "low"),
        (("low", "medium", "high"), "max", "high"),
        (("none", "high"), "minimal", "high"),  # to think little is not the same as not to think
        (("none", "high"), "none", "none"),
        (("none",), "high", "none"),
        (("none", "high"), "medium", "high"),
        (("low", "high"), "medium", "low"),  # of two that are as near, the cheaper one
        (EFFORTS, "xhigh", "xhigh"),
    ],
)
def test_of_the_efforts_that_a_model_takes_the_nearest_is_sent(
    taken: Any, asked: Any, sent: str
) -> None:
    assert fitted(request(reasoning_effort=asked), efforts=taken).sampling.reasoning_effort == sent


@pytest.mark.parametrize("efforts", [None, ()])
def test_a_model_that_takes_no_effort_is_sent_none_and_the_trail_says_so(efforts: Any) -> None:
    asked, dropped = adapt(
        request(reasoning_effort="high"), target("m", None, card=Card(efforts=efforts))
    )
    assert (asked.sampling, dropped) == (Sampling(), ("reasoning_effort",))
    strict = target("m", None, card=Card(efforts=efforts), strict=True)
    assert why(incompatibility(request(reasoning_effort="high"), strict)) == (
        "m must not be sent reasoning_effort, and strict forbids to leave it out"
    )


@pytest.mark.parametrize(("limit", "sent"), [(None, 500), (500, 500), (499, 499), (1000, 500)])
def test_more_tokens_than_a_model_can_give_are_not_asked_of_it(
    limit: int | None, sent: int
) -> None:
    assert fitted(request(max_tokens=500), output_limit=limit).sampling.max_tokens == sent
    assert fitted(request(), output_limit=limit).sampling.max_tokens is None


def test_where_there_are_no_system_messages_they_are_the_users() -> None:
    asked = Request((Message("system", (Text("Be brief."),)), USER))
    assert fitted(asked, system=False).messages == (Message("user", (Text("Be brief."),)), USER)
    assert fitted(asked).messages == asked.messages


def test_a_conversation_that_ends_with_the_assistants_words_is_not_for_every_model() -> None:
    asked = Request((USER, Message("assistant", (Text("Well,"),))))
    words = "m cannot continue the assistant's message: end with a message of the user"
    assert why(incompatibility(asked, target("m", None, card=Card(prefill=False)))) == words
    assert incompatibility(asked, target("m", None)) is None
    assert incompatibility(Request((USER,)), target("m", None, card=Card(prefill=False))) is None


def test_a_system_message_behind_the_assistants_words_ends_no_turn() -> None:
    asked = Request(
        (USER, Message("assistant", (Text("Well,"),)), Message("system", (Text("Be brief."),)))
    )
    assert incompatibility(asked, target("m", None, card=Card(prefill=False))) is not None


def test_what_is_too_long_by_any_count_is_not_sent() -> None:
    asked = request("ab" * 4_004)
    misfit = incompatibility(asked, target("m", None, card=Card(context_window=1000)))
    assert misfit is not None
    assert misfit.kind is Kind.CONTEXT_TOO_LONG
    assert (
        misfit.message
        == "the conversation has 1001 tokens at the least, and the context window of m holds 1000"
    )
    assert incompatibility(asked, target("m", None, card=Card(context_window=1001))) is None
    assert incompatibility(asked, target("m", None)) is None


@pytest.mark.parametrize("text", [" " * 100_000, ("-" * 200 + "\n") * 500])
def test_a_character_said_again_and_again_skips_nobody(text: str) -> None:
    assert (
        incompatibility(request(f"{text}."), target("m", None, card=Card(context_window=1000)))
        is None
    )


def test_results_of_tools_count_towards_the_length() -> None:
    call = Message("assistant", (ToolCall(id="1", name="f", arguments={}),))
    asked = Request(
        (USER, call, Message("tool", (ToolResult(id="1", text="ab" * 4_000, name="f"),)))
    )
    assert (
        incompatibility(asked, target("m", None, card=Card(context_window=900, tools=True)))
        is not None
    )


async def test_after_a_too_small_window_only_larger_or_unknown_windows_are_tried() -> None:
    first, second, third = Plays("one"), Plays("two"), Plays("three")
    asked = request("ab" * 40_000)
    reply = await dispatch(
        chain_of(
            target("small", first, card=Card(context_window=5_000)),
            target("smaller", second, card=Card(context_window=4_000)),
            target("unknown", third),
        ),
        asked,
    ).run()
    assert reply.text == "three"
    assert [(attempt.model, attempt.outcome, attempt.kind) for attempt in reply.trail] == [
        ("small", "skipped", Kind.CONTEXT_TOO_LONG),
        ("smaller", "skipped", Kind.UNSUPPORTED),
        ("unknown", "answered", None),
    ]
    assert first.calls == second.calls == []


@pytest.mark.parametrize(
    ("reads", "words"), [(None, "m cannot read an image in a tool's result"), (("image",), "")]
)
def test_a_picture_in_a_result_goes_only_to_a_model_that_reads_it_there(
    reads: Any, words: str
) -> None:
    call = Message("assistant", (ToolCall(id="1", name="f", arguments={}),))
    asked = Request(
        (USER, call, Message("tool", (ToolResult(id="1", text="", name="f", media=(PICTURE,)),)))
    )
    card = Card(tools=True, reads=("image",), reads_in_results=reads)
    assert why(incompatibility(asked, target("m", None, card=card))) == words


@pytest.mark.parametrize(("maker", "kept"), [("p/m", True), ("p/other", False), ("", True)])
def test_thoughts_go_back_to_who_had_them_and_are_left_out_for_others(
    maker: str, *, kept: bool
) -> None:
    thought = Reasoning(text="hm", provider_state="secret", produced_by=maker)
    asked = Request((USER, Message("assistant", (thought, Text("so"))), USER))
    parts = fitted(asked).messages[1].parts
    assert parts == ((thought, Text("so")) if kept else (Text("so"),))
    assert len(asked.messages[1].parts) == 2
