"""A request as the engine's body."""

import pytest

from standby.plugin import Message, Request, Text
from standby_local.request import TEMPERATURE, build_body
from tests.providers.local.requests import conversation


def test_messages_keep_their_order_and_roles() -> None:
    body = build_body(
        conversation(
            ("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")
        ),
        **LIMITS,
    )
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Bye"),
    ]


def test_parts_become_lines() -> None:
    body = build_body(Request((Message("user", (Text("one"), Text("two"))),)), **LIMITS)
    assert body["messages"] == [{"role": "user", "content": "one\ntwo"}]


def test_unset_parameters_are_omitted_except_two_defaults() -> None:
    body = build_body(conversation(("user", "Hi")), **LIMITS)
    assert {
        name
        for name in body
        if name not in ("messages", "stream", "stream_options", "return_progress")
    } == {
        "temperature",
        "max_tokens",
    }
    assert (body["temperature"], body["max_tokens"]) == (TEMPERATURE, 100)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.0),
        ("top_p", 0.0),
        ("top_k", 1),
        ("max_tokens", 7),
        ("seed", 0),
        ("presence_penalty", 0.0),
        ("frequency_penalty", -1.0),
    ],
)
def test_each_sampling_parameter_is_passed_on_even_at_zero(name: str, value: float) -> None:
    assert build_body(conversation(("user", "Hi"), **{name: value}), **LIMITS)[name] == value


def test_stop_sequences_become_a_list() -> None:
    assert build_body(conversation(("user", "Hi"), stop=("a", "b")), **LIMITS)["stop"] == ["a", "b"]


def test_no_answer_is_longer_than_the_context() -> None:
    assert (
        build_body(conversation(("user", "Hi"), max_tokens=10**12), **LIMITS)["max_tokens"] == 4096
    )


LIMITS = {"context": 4096, "max_tokens": 100}
