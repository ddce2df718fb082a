"""Limits of models on their cards: checked before anything is sent, or adapted to."""

from typing import Any

import pytest

from standby.cards import EFFORTS, Card
from standby.dispatch.compatibility import adapt, incompatibility
from standby.failures import Kind
from standby.types import Media, Message, Reasoning, Request, Sampling, Text, ToolCall, ToolResult
from tests.support.playing import Plays, dispatch, get_message, request, target
from tests.support.playing import route as chain_of

PICTURE = Media(media_type="image/png", data="iVBORw0KGgo=")
USER = Message("user", (Text("hi"),))


def adapt_to(prompt: Request, **card: Any) -> Request:
    return adapt(prompt, target("m", None, card=Card(**card)))[0]


@pytest.mark.parametrize(
    ("supported", "prompt", "sent"),
    [
        (("low", "medium", "high"), "medium", "medium"),
        (("low", "medium", "high"), "none", "low"),
        (("low", "medium", "high"), "max", "high"),
        (("none", "high"), "minimal", "high"),  # little reasoning is not the same as none
        (("none", "high"), "none", "none"),
        (("none",), "high", "none"),
        (("none", "high"), "medium", "high"),
        (("low", "high"), "medium", "low"),  # of two equally near ones the cheaper one
        (EFFORTS, "xhigh", "xhigh"),
    ],
)
def test_the_nearest_supported_effort_is_sent(supported: Any, prompt: Any, sent: str) -> None:
    assert (
        adapt_to(request(reasoning_effort=prompt), efforts=supported).sampling.reasoning_effort
        == sent
    )


@pytest.mark.parametrize("efforts", [None, ()])
def test_an_effort_is_dropped_for_a_model_without_efforts(efforts: Any) -> None:
    prompt, dropped = adapt(
        request(reasoning_effort="high"), target("m", None, card=Card(efforts=efforts))
    )
    assert (prompt.sampling, dropped) == (Sampling(), ("reasoning_effort",))
    strict = target("m", None, card=Card(efforts=efforts), strict=True)
    assert get_message(incompatibility(request(reasoning_effort="high"), strict)) == (
        "m must not be sent reasoning_effort, and strict forbids leaving it out"
    )


@pytest.mark.parametrize(("limit", "sent"), [(None, 500), (500, 500), (499, 499), (1000, 500)])
def test_max_tokens_is_limited_to_the_models_output_limit(limit: int | None, sent: int) -> None:
    assert adapt_to(request(max_tokens=500), output_limit=limit).sampling.max_tokens == sent
    assert adapt_to(request(), output_limit=limit).sampling.max_tokens is None


def test_a_model_without_system_messages_gets_them_as_user_messages() -> None:
    prompt = Request((Message("system", (Text("Be brief."),)), USER))
    assert adapt_to(prompt, system=False).messages == (Message("user", (Text("Be brief."),)), USER)
    assert adapt_to(prompt).messages == prompt.messages


def test_a_model_without_prefill_cannot_continue_an_assistant_message() -> None:
    prompt = Request((USER, Message("assistant", (Text("Well,"),))))
    message = "m cannot continue the assistant's message: end with a message of the user"
    assert (
        get_message(incompatibility(prompt, target("m", None, card=Card(prefill=False)))) == message
    )
    assert incompatibility(prompt, target("m", None)) is None
    assert incompatibility(Request((USER,)), target("m", None, card=Card(prefill=False))) is None


def test_a_system_message_after_the_assistants_message_is_not_a_new_turn() -> None:
    prompt = Request(
        (USER, Message("assistant", (Text("Well,"),)), Message("system", (Text("Be brief."),)))
    )
    assert incompatibility(prompt, target("m", None, card=Card(prefill=False))) is not None


def test_a_prompt_that_is_too_long_by_any_count_is_not_sent() -> None:
    prompt = request("ab" * 4_004)
    problem = incompatibility(prompt, target("m", None, card=Card(context_window=1000)))
    assert problem is not None
    assert problem.kind is Kind.CONTEXT_TOO_LONG
    assert (
        problem.message
        == "the conversation has 1001 tokens at the least, and the context window of m holds 1000"
    )
    assert incompatibility(prompt, target("m", None, card=Card(context_window=1001))) is None
    assert incompatibility(prompt, target("m", None)) is None


@pytest.mark.parametrize("text", [" " * 100_000, ("-" * 200 + "\n") * 500])
def test_a_repeated_character_skips_no_model(text: str) -> None:
    assert (
        incompatibility(request(f"{text}."), target("m", None, card=Card(context_window=1000)))
        is None
    )


def test_results_of_tools_count_towards_the_length() -> None:
    call = Message("assistant", (ToolCall(id="1", name="f", arguments={}),))
    prompt = Request(
        (USER, call, Message("tool", (ToolResult(id="1", text="ab" * 4_000, name="f"),)))
    )
    assert (
        incompatibility(prompt, target("m", None, card=Card(context_window=900, tools=True)))
        is not None
    )


async def test_after_a_too_small_window_only_larger_or_unknown_windows_are_tried() -> None:
    first, second, third = Plays("one"), Plays("two"), Plays("three")
    prompt = request("ab" * 40_000)
    reply = await dispatch(
        chain_of(
            target("small", first, card=Card(context_window=5_000)),
            target("smaller", second, card=Card(context_window=4_000)),
            target("unknown", third),
        ),
        prompt,
    ).run()
    assert reply.text == "three"
    assert [(attempt.model, attempt.outcome, attempt.kind) for attempt in reply.trail] == [
        ("small", "skipped", Kind.CONTEXT_TOO_LONG),
        ("smaller", "skipped", Kind.UNSUPPORTED),
        ("unknown", "answered", None),
    ]
    assert first.calls == second.calls == []


@pytest.mark.parametrize(
    ("reads", "message"), [(None, "m cannot read an image in a tool's result"), (("image",), "")]
)
def test_a_picture_in_a_result_goes_only_to_a_model_that_reads_it_there(
    reads: Any, message: str
) -> None:
    call = Message("assistant", (ToolCall(id="1", name="f", arguments={}),))
    prompt = Request(
        (USER, call, Message("tool", (ToolResult(id="1", text="", name="f", media=(PICTURE,)),)))
    )
    card = Card(tools=True, reads=("image",), reads_in_results=reads)
    assert get_message(incompatibility(prompt, target("m", None, card=card))) == message


@pytest.mark.parametrize(("producer", "is_kept"), [("p/m", True), ("p/other", False), ("", True)])
def test_reasoning_goes_back_to_its_model_and_is_dropped_for_others(
    producer: str, *, is_kept: bool
) -> None:
    reasoning = Reasoning(text="hm", provider_state="secret", produced_by=producer)
    prompt = Request((USER, Message("assistant", (reasoning, Text("so"))), USER))
    parts = adapt_to(prompt).messages[1].parts
    assert parts == ((reasoning, Text("so")) if is_kept else (Text("so"),))
    assert len(prompt.messages[1].parts) == 2
