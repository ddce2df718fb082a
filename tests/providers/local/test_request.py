"""A request in the engine's words."""

import pytest

from standby.plugin import Message, Request, Text
from standby_local.request import TEMPERATURE, body_of
from tests.providers.local.calls import request


def test_messages_keep_their_order_and_roles() -> None:
    body = body_of(
        request(("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")),
        **LIMITS,
    )
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Bye"),
    ]


def test_parts_become_lines() -> None:
    body = body_of(Request((Message("user", (Text("one"), Text("two"))),)), **LIMITS)
    assert body["messages"] == [{"role": "user", "content": "one\ntwo"}]


def test_what_the_request_leaves_open_is_left_out_but_for_two_defaults() -> None:
    body = body_of(request(("user", "Hi")), **LIMITS)
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
    assert body_of(request(("user", "Hi"), **{name: value}), **LIMITS)[name] == value


def test_stop_words_become_a_list() -> None:
    assert body_of(request(("user", "Hi"), stop=("a", "b")), **LIMITS)["stop"] == ["a", "b"]


def test_no_answer_is_longer_than_the_context() -> None:
    assert body_of(request(("user", "Hi"), max_tokens=10**12), **LIMITS)["max_tokens"] == 4096


LIMITS = {"context": 4096, "max_tokens": 100}
