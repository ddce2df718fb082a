from typing import Any

import pytest

from standby.plugin import Role
from standby_gemini.request import body_of
from tests.providers.gemini.calls import call


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text} for text in texts]}


def model(*texts: str) -> dict[str, Any]:
    return {"role": "model", "parts": [{"text": text} for text in texts]}


def test_a_question_is_the_smallest_body() -> None:
    assert body_of(call(("user", "Which city?"))) == {"contents": [user("Which city?")]}


def test_system_messages_become_one_instruction_wherever_they_stood() -> None:
    body = body_of(
        call(
            ("system", "Be brief."),
            ("user", "a"),
            ("system", "Be kind."),
            ("assistant", "b"),
            ("user", "c"),
        )
    )
    assert body == {
        "contents": [user("a"), model("b"), user("c")],
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
    }


@pytest.mark.parametrize(
    ("turns", "contents"),
    [
        ([("user", "a"), ("user", "b")], [user("a", "b")]),
        ([("user", "a"), ("system", "s"), ("user", "b")], [user("a", "b")]),
        (
            [("user", "a"), ("assistant", "b"), ("assistant", "c"), ("user", "d")],
            [user("a"), model("b", "c"), user("d")],
        ),
        ([("assistant", "a"), ("user", "b")], [model("a"), user("b")]),
    ],
)
def test_turns_of_one_role_in_a_row_are_one(
    turns: list[tuple[Role, str]], contents: list[Any]
) -> None:
    assert body_of(call(*turns))["contents"] == contents


def test_an_empty_turn_is_left_out_and_its_neighbours_are_one() -> None:
    assert body_of(call(("user", "a"), ("assistant", ""), ("user", "b")))["contents"] == [
        user("a", "b")
    ]


def test_a_conversation_of_system_messages_alone_is_asked_as_the_user() -> None:
    assert body_of(call(("system", "Say something."))) == {"contents": [user("Say something.")]}


def test_sampling_parameters_get_geminis_names() -> None:
    body = body_of(
        call(
            temperature=0.0,
            top_p=0.9,
            top_k=40,
            max_tokens=100,
            stop=("END",),
            seed=0,
            presence_penalty=0.5,
            frequency_penalty=-0.5,
        )
    )
    assert body["generationConfig"] == {
        "temperature": 0.0,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 100,
        "stopSequences": ("END",),
        "seed": 0,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
    }


@pytest.mark.parametrize(
    ("options", "config"),
    [
        ({"thinking_budget": 0}, {"thinkingBudget": 0}),
        ({"thinking_budget": -1}, {"thinkingBudget": -1}),
        ({"thinking_level": "low"}, {"thinkingLevel": "LOW"}),
    ],
)
def test_thinking_is_configured_by_the_options(
    options: dict[str, Any], config: dict[str, Any]
) -> None:
    assert body_of(call(options=options))["generationConfig"] == {"thinkingConfig": config}
