from typing import Any

import pytest

from standby.plugin import Message, ModelRequest, Text
from standby_openai.request import body_of
from tests.providers.openai.calls import CARDS, call

WHOLE = {"stream": False, "max_tokens": "max_tokens"}


def test_a_question_is_the_smallest_body() -> None:
    assert body_of(call(("user", "Which city?")), **WHOLE) == {
        "model": "o3-mini",
        "messages": [{"role": "user", "content": "Which city?"}],
    }


def test_every_turn_keeps_its_place_and_its_role() -> None:
    turns = [
        ("system", "Be brief."),
        ("user", "a"),
        ("system", "Be kind."),
        ("assistant", "b"),
        ("assistant", ""),
        ("user", "c"),
    ]
    body = body_of(call(*turns), **WHOLE)  # type: ignore[arg-type] # roles
    assert [(message["role"], message["content"]) for message in body["messages"]] == turns


def test_the_parts_of_a_message_are_one_text() -> None:
    asked = call()
    message = Message("user", (Text("Which "), Text("city?")))
    asked = ModelRequest(
        request=type(asked.request)((message,)),
        model=asked.model,
        card=asked.card,
        options=asked.options,
        timeout=asked.timeout,
    )
    assert body_of(asked, **WHOLE)["messages"] == [{"role": "user", "content": "Which city?"}]


def test_sampling_parameters_get_openais_names() -> None:
    body = body_of(
        call(
            model="a-model-of-ones-own",
            temperature=0.0,
            top_p=0.9,
            max_tokens=100,
            stop=("END",),
            seed=0,
            presence_penalty=0.5,
            frequency_penalty=-0.5,
        ),
        **WHOLE,
    )
    assert {name: value for name, value in body.items() if name not in {"model", "messages"}} == {
        "temperature": 0.0,
        "top_p": 0.9,
        "max_tokens": 100,
        "stop": ("END",),
        "seed": 0,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
    }


@pytest.mark.parametrize(
    "name", [name for name, card in CARDS.items() if "api" not in (card.wire or {})]
)
@pytest.mark.parametrize("endpoint", ["max_tokens", "max_completion_tokens"])
def test_every_model_of_openais_own_is_asked_with_max_completion_tokens(
    name: str, endpoint: str
) -> None:
    body = body_of(call(model=name, max_tokens=100), stream=False, max_tokens=endpoint)
    assert body["max_completion_tokens"] == 100
    assert "max_tokens" not in body


@pytest.mark.parametrize("endpoint", ["max_tokens", "max_completion_tokens"])
def test_a_model_without_a_card_is_asked_as_its_endpoint_wants_it(endpoint: str) -> None:
    body = body_of(
        call(model="a-model-of-ones-own", max_tokens=100), stream=False, max_tokens=endpoint
    )
    assert {name for name in body if name.startswith("max_")} == {endpoint}


def test_a_stream_asks_for_its_usage() -> None:
    body = body_of(call(), stream=True, max_tokens="max_tokens")
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize("options", [{"reasoning_effort": "low"}, {"service_tier": "flex"}])
def test_options_are_sent_as_they_are(options: dict[str, Any]) -> None:
    body = body_of(call(options=options), **WHOLE)
    assert options.items() <= body.items()
