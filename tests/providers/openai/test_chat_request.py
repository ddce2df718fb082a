from typing import Any

import pytest

from standby.plugin import Message, ModelRequest, Text
from standby_openai.chat_request import build_body
from tests.providers.openai.requests import CARDS, model_request

UNSTREAMED = {"stream": False, "max_tokens": "max_tokens"}


def test_a_question_is_the_smallest_body() -> None:
    assert build_body(model_request(("user", "Which city?")), **UNSTREAMED) == {
        "model": "o3-mini",
        "messages": [{"role": "user", "content": "Which city?"}],
    }


def test_every_turn_keeps_its_position_and_role() -> None:
    turns = [
        ("system", "Be brief."),
        ("user", "a"),
        ("system", "Be kind."),
        ("assistant", "b"),
        ("assistant", ""),
        ("user", "c"),
    ]
    body = build_body(model_request(*turns), **UNSTREAMED)  # type: ignore[arg-type] # roles
    assert [(message["role"], message["content"]) for message in body["messages"]] == turns


def test_the_parts_of_a_message_are_one_text() -> None:
    request = model_request()
    message = Message("user", (Text("Which "), Text("city?")))
    request = ModelRequest(
        request=type(request.request)((message,)),
        model=request.model,
        card=request.card,
        options=request.options,
        timeout=request.timeout,
    )
    assert build_body(request, **UNSTREAMED)["messages"] == [
        {"role": "user", "content": "Which city?"}
    ]


def test_sampling_parameters_get_openais_names() -> None:
    body = build_body(
        model_request(
            model="an-unknown-model",
            temperature=0.0,
            top_p=0.9,
            max_tokens=100,
            stop=("END",),
            seed=0,
            presence_penalty=0.5,
            frequency_penalty=-0.5,
        ),
        **UNSTREAMED,
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
def test_every_openai_model_gets_max_completion_tokens(name: str, endpoint: str) -> None:
    body = build_body(model_request(model=name, max_tokens=100), stream=False, max_tokens=endpoint)
    assert body["max_completion_tokens"] == 100
    assert "max_tokens" not in body


@pytest.mark.parametrize("endpoint", ["max_tokens", "max_completion_tokens"])
def test_a_model_without_a_card_gets_its_endpoints_parameter_name(endpoint: str) -> None:
    body = build_body(
        model_request(model="an-unknown-model", max_tokens=100),
        stream=False,
        max_tokens=endpoint,
    )
    assert {name for name in body if name.startswith("max_")} == {endpoint}


def test_a_stream_requests_its_usage() -> None:
    body = build_body(model_request(), stream=True, max_tokens="max_tokens")
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize("options", [{"reasoning_effort": "low"}, {"service_tier": "flex"}])
def test_options_are_sent_unchanged(options: dict[str, Any]) -> None:
    body = build_body(model_request(options=options), **UNSTREAMED)
    assert options.items() <= body.items()
