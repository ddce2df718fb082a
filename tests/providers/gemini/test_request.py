from typing import Any

import pytest

from standby.plugin import Role
from standby_gemini.request import build_body
from tests.providers.gemini.requests import model_request


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text} for text in texts]}


def model(*texts: str) -> dict[str, Any]:
    return {"role": "model", "parts": [{"text": text} for text in texts]}


def test_a_question_is_the_smallest_body() -> None:
    assert build_body(model_request(("user", "Which city?"))) == {"contents": [user("Which city?")]}


def test_system_messages_become_one_instruction_wherever_they_stood() -> None:
    body = build_body(
        model_request(
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
def test_consecutive_turns_of_one_role_are_merged(
    turns: list[tuple[Role, str]], contents: list[Any]
) -> None:
    assert build_body(model_request(*turns))["contents"] == contents


def test_an_empty_turn_is_omitted_and_its_neighbours_are_merged() -> None:
    assert build_body(model_request(("user", "a"), ("assistant", ""), ("user", "b")))[
        "contents"
    ] == [user("a", "b")]


def test_system_messages_alone_become_the_users_turn() -> None:
    assert build_body(model_request(("system", "Say something."))) == {
        "contents": [user("Say something.")]
    }


def test_sampling_parameters_get_geminis_names() -> None:
    body = build_body(
        model_request(
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
    assert build_body(model_request(options=options))["generationConfig"] == {
        "thinkingConfig": config
    }
